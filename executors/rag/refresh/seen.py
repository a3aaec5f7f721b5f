"""Which files need not be hashed again: size and times of each when it was last hashed.

A line says that a file of this name, size and times had this digest; it carries a checksum of its
own, so that a torn or damaged line is only a file hashed once more. The log grows by what changed
and is written anew when half of it is out of date.
"""

from __future__ import annotations

import json
import os
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

from advisor.files import sha256_file, write_text

SEEN = "seen.jsonl"
CLOCK_NS = 2_000_000_000
"""A file changed less than two seconds before it was hashed may have changed again since without
its times telling; FAT counts in steps of two seconds."""


@dataclass(frozen=True, slots=True)
class Sight:
    """A file as it was when it was hashed at `at_ns`."""

    size: int
    mtime_ns: int
    ctime_ns: int
    digest: str
    at_ns: int

    def still(self, about: os.stat_result) -> bool:
        """Whether the file can only be the one that was hashed."""
        now = (about.st_size, about.st_mtime_ns, about.st_ctime_ns)
        settled = max(self.mtime_ns, self.ctime_ns) + CLOCK_NS < self.at_ns
        return settled and now == (self.size, self.mtime_ns, self.ctime_ns)


class Seen:
    """The digests of files, hashed only where that is needed."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / SEEN
        self._known: dict[str, Sight] = {}
        self._fresh: dict[str, Sight] = {}
        self._lines = 0
        for line in _lines(self._path):
            self._lines += 1
            sum_, _, plain = line.partition(" ")
            if sum_ == _checksum(plain):
                name, *rest = json.loads(plain)
                self._known[name] = Sight(*rest)

    def digest(self, path: Path, name: str) -> str:
        """SHA-256 of a file; empty when it cannot be read."""
        try:
            about = path.stat()
            known = self._fresh.get(name) or self._known.get(name)
            if known is not None and known.still(about):
                return known.digest
            at_ns = time.time_ns()
            digest = sha256_file(path)
        except OSError:
            return ""
        times = (about.st_size, about.st_mtime_ns, about.st_ctime_ns)
        self._fresh[name] = Sight(*times, digest, at_ns)
        return digest

    def save(self, names: set[str]) -> None:
        """Keep what was hashed; `names` are the files there are.

        Raises:
            OSError: it could not be written.
        """
        self._known |= self._fresh
        if self._lines + len(self._fresh) > 2 * len(names) + 100:
            kept = {name: sight for name, sight in self._known.items() if name in names}
            write_text(self._path, "".join(_line(*pair) for pair in kept.items()))
            return
        with self._path.open("a", encoding="utf-8", newline="\n") as stream:
            stream.writelines(_line(*pair) for pair in self._fresh.items())


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").split("\n")[:-1]
    except (OSError, UnicodeDecodeError):
        return []


def _line(name: str, sight: Sight) -> str:
    held = (name, sight.size, sight.mtime_ns, sight.ctime_ns, sight.digest, sight.at_ns)
    plain = json.dumps(held)
    return f"{_checksum(plain)} {plain}\n"


def _checksum(plain: str) -> str:
    return f"{zlib.crc32(plain.encode()):08x}"
