"""A folder kept in versions: swapped in one step, proved by digests, old ones kept while read.

current.json             which version counts
versions/<name>.json     a version: its record, and the SHA-256 of every file it is made of;
                         its name is the digest of this file, readers hold a shared lock on it
parts/<name>/…           the files; a part belongs to any number of versions and never changes
lock                     held by the one writer

A writer builds a part in `.writing-…`, renames it, writes the version, and swaps `current.json`
last: killed at any moment it leaves the version before. Whatever no version needs is garbage and
is collected by the next writer; a version that somebody still reads is not.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from advisor.files import canonical, sha256_bytes, sha256_file
from executors.locks import lock_alone, lock_shared

SCHEMA_VERSION = 2
CURRENT = "current.json"
FACTS = "facts.json"
PARTS = "parts"
VERSIONS = "versions"
_WRITING = ".writing-"
_TRIES = 100


class Damaged(Exception):
    """A file of the current version is missing or not the one that was written."""

    def __init__(self, path: Path, name: str, *, missing: bool) -> None:
        super().__init__(name)
        self.path, self.name, self.missing = path, name, missing


class Busy(Exception):
    """Another process writes here."""


@dataclass(slots=True)
class Opened:
    """One version, held against collection until it is closed or the process ends."""

    folder: Path
    name: str
    record: Mapping[str, Any]
    handle: int | None

    def close(self) -> None:
        if self.handle is not None:
            os.close(self.handle)
            self.handle = None

    def __del__(self) -> None:
        with suppress(OSError):
            self.close()


def current(folder: Path) -> str | None:
    """The name of the version that counts; None where there is none.

    Raises:
        Damaged: `current.json` is not readable.
    """
    path = folder / CURRENT
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["version"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        raise Damaged(path, CURRENT, missing=False) from None


def open_current(folder: Path) -> Opened | None:
    """The version that counts, held; None where there is none or it is of the first form.

    Raises:
        Damaged: its record is missing or changed.
    """
    for attempt in range(_TRIES):
        name = current(folder)
        if name is None or (folder / name).is_dir():
            return None
        path = folder / VERSIONS / f"{name}.json"
        try:
            handle = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
        except PermissionError:  # a reader without the right to write still reads
            handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        except FileNotFoundError:
            # Collected between the two looks, unless it is still the one that counts.
            if attempt and current(folder) == name:
                raise Damaged(path, path.name, missing=True) from None
            continue
        lock_shared(handle)
        if _still(path, handle):
            content = path.read_bytes()
            if sha256_bytes(content)[:16] != name:
                os.close(handle)
                raise Damaged(path, path.name, missing=False)
            return Opened(folder, name, json.loads(content), handle)
        os.close(handle)
    raise Damaged(folder / CURRENT, CURRENT, missing=True)


def prove(folder: Path, files: Mapping[str, str]) -> None:
    """Prove files to be the ones written.

    Args:
        files: path below `folder` → SHA-256.

    Raises:
        Damaged: the first that is missing or changed.
    """
    for name, digest in files.items():
        path = folder / name
        if not path.is_file():
            raise Damaged(path, path.name, missing=True)
        if sha256_file(path) != digest:
            raise Damaged(path, path.name, missing=False)


def intact(folder: Path) -> bool:
    """Whether every file of the current version is there as it was written."""
    try:
        name = current(folder)
        if name is None:
            return False
        if (folder / name).is_dir():
            content = (folder / name / FACTS).read_bytes()
            if sha256_bytes(content)[:16] != name:
                return False
            prove(folder / name, json.loads(content)["files"])
            return True
        opened = open_current(folder)
        if opened is None:
            return False
        prove(folder, opened.record["files"])
    except (Damaged, OSError, ValueError, KeyError):
        return False
    return True


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Hold the folder as its one writer; what an earlier writer left half done is removed.

    Raises:
        Busy: another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not lock_alone(handle):
            raise Busy(str(folder))
        for left in folder.glob(f"{_WRITING}*"):
            shutil.rmtree(left, ignore_errors=True)
        yield
    finally:
        os.close(handle)


@contextmanager
def new_part(folder: Path) -> Iterator[Path]:
    """An empty folder to write a part into; gone again at the end unless `keep_part` took it."""
    work = Path(tempfile.mkdtemp(prefix=_WRITING, dir=folder))
    work.chmod(0o755)
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def keep_part(folder: Path, work: Path) -> tuple[str, dict[str, str]]:
    """Make a written folder a part, named by what is in it.

    Returns:
        Its name, and path below `folder` → SHA-256 of its files.
    """
    digests = {file.name: sha256_file(file) for file in sorted(work.iterdir())}
    name = sha256_bytes(canonical(digests))[:16]
    for file in work.iterdir():
        _to_disk(file)
    _to_disk(work)
    target = folder / PARTS / name
    target.parent.mkdir(exist_ok=True)
    # One of that name may be left from a writer that was killed; its bytes may never have
    # reached the disk, so the fresh one takes its place unless it holds exactly these.
    if target.exists() and _holds(target, digests):
        return name, {f"{PARTS}/{name}/{file}": digest for file, digest in digests.items()}
    shutil.rmtree(target, ignore_errors=True)
    work.rename(target)
    _to_disk(target.parent)
    return name, {f"{PARTS}/{name}/{file}": digest for file, digest in digests.items()}


def publish(folder: Path, record: Mapping[str, Any]) -> str:
    """Write a version and make it the one that counts.

    Args:
        record: JSON; `files` holds the digest of every file by its path below `folder`.

    Returns:
        The version's name; equal records have equal names.
    """
    content = canonical(record)
    name = sha256_bytes(content)[:16]
    (folder / VERSIONS).mkdir(exist_ok=True)
    path = folder / VERSIONS / f"{name}.json"
    # A version that is there already may be held by readers: its file must stay the same one.
    if not path.is_file() or path.read_bytes() != content:
        _swap(path, content)
    pointer = {"schema_version": SCHEMA_VERSION, "version": name}
    _swap(folder / CURRENT, json.dumps(pointer).encode())
    return name


def collect(folder: Path, keep: str | None = None) -> None:
    """Remove versions that nobody reads, and the files that no version needs.

    Args:
        keep: one more version that stays, for readers that do not lock.
    """
    stays = {current(folder), keep}
    needed: set[str] = set()
    for path in (folder / VERSIONS).glob("*.json"):
        if path.stem in stays or not _removed_unread(path):
            with suppress(OSError, ValueError, KeyError):
                named = json.loads(path.read_bytes())["files"]
                needed |= {file.split("/")[1] for file in named}
    for home in folder.glob(f"{PARTS}/*"):
        if home.name not in needed:
            shutil.rmtree(home, ignore_errors=True)
    for home in folder.iterdir():
        # The first form kept each version in a folder of its own.
        if home.is_dir() and (home / FACTS).is_file() and home.name not in stays:
            shutil.rmtree(home, ignore_errors=True)


def _removed_unread(path: Path) -> bool:
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return not path.exists()
    try:
        if not lock_alone(handle):
            return False
        if sys.platform != "win32":
            path.unlink(missing_ok=True)
            return True
    finally:
        os.close(handle)
    try:  # Windows removes no open file; a reader that came in between makes this fail
        path.unlink(missing_ok=True)
    except OSError:
        return False
    return True


def _still(path: Path, handle: int) -> bool:
    """Whether the file that was locked is the one of that name and not one just removed."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _holds(home: Path, digests: Mapping[str, str]) -> bool:
    try:
        prove(home, digests)
    except Damaged:
        return False
    return True


def _swap(path: Path, content: bytes) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    _to_disk(part)
    part.replace(path)
    _to_disk(path.parent)


def _to_disk(path: Path) -> None:
    if path.is_dir() and sys.platform == "win32":
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() or sys.platform != "win32" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
