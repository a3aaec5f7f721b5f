"""What was read before, kept by file so that a second pass reads only what changed.

An entry is compressed JSON, found by a file's path, size and time of change and by the readers'
own code: a new release reads everything again. It holds the text of the company's documents, so
its folder is the user's alone, and nothing is kept without being asked for.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from knowledge.corpus.facts import DocumentFacts, ExampleFacts
from knowledge.corpus.readers import FileRead
from knowledge.corpus.types import (
    Document,
    Example,
    FieldMap,
    FileReport,
    Problem,
    Section,
    TakenFields,
)

MOST_BYTES = 4 << 30
"""4 GiB of entries; the ones not used for longest are dropped first."""
_FAST = 1


class ReadCache:
    """Files read before, in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, path: Path, id_: str) -> list[FileRead] | None:
        """What came out of this file when it was last read, if it has not changed since."""
        place = self._place(path, id_)
        if place is None:
            return None
        try:
            content = json.loads(zlib.decompress(place.read_bytes()))
            found = [_file_read(entry) for entry in content]
        except (OSError, ValueError, KeyError, TypeError, zlib.error):
            return None
        with suppress(OSError):
            os.utime(place)
        return found

    def put(self, path: Path, id_: str, found: list[FileRead]) -> None:
        """Keep what came out; a full disk or a folder that cannot be written costs nothing."""
        place = self._place(path, id_)
        if place is None:
            return
        plain = json.dumps([asdict(read) for read in found], ensure_ascii=False, default=sorted)
        with suppress(OSError):
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            fresh = place.with_suffix(f".{os.getpid()}")
            fresh.write_bytes(zlib.compress(plain.encode("utf-8", "surrogatepass"), _FAST))
            fresh.replace(place)

    def prune(self, most_bytes: int = MOST_BYTES) -> None:
        """Drop the entries not used for longest until the rest fits."""
        entries = []
        with suppress(OSError):
            for entry in os.scandir(self._folder):
                about = entry.stat()
                entries.append((about.st_mtime, about.st_size, entry.path))
        total = sum(size for _, size, _ in entries)
        for _, size, place in sorted(entries):
            if total <= most_bytes:
                break
            with suppress(OSError):
                Path(place).unlink()
            total -= size

    def _place(self, path: Path, id_: str) -> Path | None:
        try:
            about = path.stat()
        except OSError:
            return None
        named = (readers_digest(), str(path.absolute()), id_, about.st_size, about.st_mtime_ns)
        key = "\0".join(map(str, named)).encode("utf-8", "surrogatepass")
        return self._folder / f"{hashlib.sha256(key).hexdigest()}.z"


@cache
def readers_digest() -> str:
    """SHA-256 over the code and patterns that decide what comes out of a file."""
    digest = hashlib.sha256()
    for part in code(files("knowledge.corpus")):
        digest.update(part.name.encode() + b"\0" + part.read_bytes())
    return digest.hexdigest()


def code(room: Traversable) -> Iterator[Traversable]:
    """Every file of a room and its sub-rooms that decides what is read and found."""
    for part in sorted(room.iterdir(), key=lambda part: part.name):
        if part.is_dir():
            yield from code(part)
        elif part.name.endswith((".py", ".toml")):
            yield part


def _file_read(entry: dict[str, Any]) -> FileRead:
    report = entry["report"]
    report["problems"] = tuple(_problem(problem) for problem in report["problems"])
    report["columns"] = tuple(report["columns"])
    report["taken"] = tuple(
        TakenFields(FieldMap(**one["fields"]), one["format"], one["rows"])
        for one in report["taken"]
    )
    counted = entry["example_facts"]
    counted["labels"] = frozenset(counted["labels"])
    return FileRead(
        FileReport(**report),
        entry["digest"],
        tuple(_document(document) for document in entry["documents"]),
        tuple(_document_facts(facts) for facts in entry["document_facts"]),
        tuple(_example(example) for example in entry["examples"]),
        ExampleFacts(**counted),
    )


def _document_facts(entry: dict[str, Any]) -> DocumentFacts:
    return DocumentFacts(**{**entry, "sketch": tuple(entry["sketch"])})


def _problem(entry: dict[str, Any]) -> Problem:
    return Problem(**{**entry, "places": tuple(entry["places"]), "of": tuple(entry["of"])})


def _document(entry: dict[str, Any]) -> Document:
    sections = tuple(
        Section(s["text"], s["where"], tuple(s["headings"]), s["kind"]) for s in entry["sections"]
    )
    groups = frozenset(entry["groups"])
    return Document(**{**entry, "sections": sections, "groups": groups})


def _example(entry: dict[str, Any]) -> Example:
    entry["doc_ids"] = tuple(entry["doc_ids"])
    entry["must_contain"] = tuple(map(tuple, entry["must_contain"]))
    return Example(**entry)
