"""Keeps an index on disk: every file hashed, versions swapped atomically, damage named when opened.

index/current.json            which version counts
index/<version>/facts.json    what it was made of, and the SHA-256 of the files beside it
                chunks.jsonl  vectors.faiss  words.npz  words.json
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from advisor.errors import RunError
from advisor.files import sha256_file
from executors.rag.chunk import Chunk
from executors.rag.index import IndexFacts, RagIndex, prepare
from executors.rag.policy import IndexPolicy
from executors.rag.sparse import COUNTS_FILE, VOCABULARY_FILE, SparseIndex

SCHEMA_VERSION = 1
CURRENT = "current.json"
FACTS = "facts.json"
CHUNKS = "chunks.jsonl"
VECTORS = "vectors.faiss"
PARTS = (CHUNKS, VECTORS, COUNTS_FILE, VOCABULARY_FILE)


def save_index(index: RagIndex, folder: Path) -> Path:
    """Write a new version and make it the current one; the last good version stays until then.

    Raises:
        RunError: it could not be written (a full disk, a folder without write access).
    """
    folder.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".writing-", dir=folder))
    try:
        _write(index, work)
        version = hashlib.sha256((work / FACTS).read_bytes()).hexdigest()[:16]
        target = folder / version
        if target.exists():
            shutil.rmtree(target)
        work.rename(target)
        previous = _current(folder)
        _replace(folder / CURRENT, {"schema_version": SCHEMA_VERSION, "version": version})
    except OSError as error:
        raise RunError("index-not-written", where=str(folder), why=_why(error)) from None
    finally:
        shutil.rmtree(work, ignore_errors=True)
    # The version before stays one generation longer for readers that are just opening it.
    for old in folder.iterdir():
        if old.is_dir() and old.name not in (version, previous):
            shutil.rmtree(old, ignore_errors=True)
    return target


def open_index(folder: Path) -> RagIndex:
    """Open the current version once every file is proved to be the one written.

    Raises:
        RunError: there is none, a file is missing or damaged, or it is of a newer form.
    """
    version = _current(folder)
    if version is None:
        raise RunError("index-missing", where=str(folder), path=str(folder))
    home = folder / version
    stored = _facts(home)
    for name, digest in stored["files"].items():
        file = home / name
        if not file.is_file():
            raise RunError("index-file-missing", where=str(file), path=name)
        if sha256_file(file) != digest:
            raise RunError("index-damaged", where=str(file), path=name)
    import faiss

    policy = IndexPolicy(**stored["policy"])
    known = {field.name for field in fields(IndexFacts)}
    facts = IndexFacts(
        **{
            **{name: value for name, value in stored.items() if name in known},
            "policy": policy,
            "probe": tuple(stored["probe"]),
            "suspicious": tuple(stored["suspicious"]),
        }
    )
    lines = (home / CHUNKS).read_text(encoding="utf-8").splitlines()
    chunks = [Chunk.from_record(json.loads(line)) for line in lines]
    vectors = prepare(policy, faiss.read_index(str(home / VECTORS)))
    return RagIndex(chunks, vectors, SparseIndex.load(home), facts)


def index_bytes(folder: Path) -> int:
    """Bytes on disk of the current version."""
    home = folder / (_current(folder) or "")
    return sum(file.stat().st_size for file in home.iterdir() if file.is_file())


def _write(index: RagIndex, home: Path) -> None:
    import faiss

    with (home / CHUNKS).open("w", encoding="utf-8", newline="\n") as stream:
        for chunk in index.chunks:
            # JSON escapes U+2028 and its like only when asked; a line must stay one line.
            line = json.dumps(chunk.record(), ensure_ascii=False)
            stream.write(line.translate(_LINE_BREAKS) + "\n")
    try:
        faiss.write_index(index.vectors, str(home / VECTORS))
    except RuntimeError as error:
        raise OSError(str(error)) from None
    index.sparse.save(home)
    files = {name: sha256_file(home / name) for name in PARTS}
    facts = {"schema_version": SCHEMA_VERSION, **asdict(index.facts), "files": files}
    _replace(home / FACTS, facts)
    for name in PARTS:
        _to_disk(home / name)


_LINE_BREAKS = {ord(mark): f"\\u{ord(mark):04x}" for mark in "\x85\u2028\u2029"}


def _current(folder: Path) -> str | None:
    try:
        found = json.loads((folder / CURRENT).read_text(encoding="utf-8"))
        return str(found["version"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        raise RunError("index-damaged", where=str(folder / CURRENT), path=CURRENT) from None


def _facts(home: Path) -> dict[str, Any]:
    path = home / FACTS
    if not path.is_file():
        raise RunError("index-file-missing", where=str(path), path=FACTS)
    # The version's name is the digest of its facts, which hold the digests of all else.
    if hashlib.sha256(path.read_bytes()).hexdigest()[:16] != home.name:
        raise RunError("index-damaged", where=str(path), path=FACTS)
    stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if stored["schema_version"] > SCHEMA_VERSION:
        raise RunError("index-too-new", where=str(path), version=stored["schema_version"])
    return stored


def _replace(path: Path, record: Mapping[str, Any]) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_text(json.dumps(record, ensure_ascii=False, indent=1), encoding="utf-8")
    _to_disk(part)
    part.replace(path)


def _to_disk(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def _why(error: OSError) -> str:
    return error.strerror or str(error)
