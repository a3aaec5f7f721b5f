"""Keeps an index on disk: in parts, versions swapped in one step, damage named when opened.

The folder's form is `executors.versioned`'s, a part's is `executors.rag.index.segment`'s. A change
writes one part of its own size; `settle` joins parts afterwards so that they stay few. Opened, all
parts become one index in memory: the same one that building from scratch would give.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from advisor.errors import RunError
from executors import versioned
from executors.rag.index import disk_v1
from executors.rag.index.catalogue import Catalogue, Place, places
from executors.rag.index.compact import (
    Listed,
    all_words,
    gathered,
    join,
    largest_lists,
    merged_lists,
    to_join,
)
from executors.rag.index.lines import Lines
from executors.rag.index.policy import IndexPolicy
from executors.rag.index.rag_index import IndexFacts, RagIndex
from executors.rag.index.segment import (
    Segment,
    SegmentReader,
    chunk_line,
    moved_rows,
    write_segment,
)
from executors.rag.index.vectors import make_faiss, prepare
from executors.versioned import CURRENT
from knowledge.corpus.types import KnownFile

__all__ = ["CURRENT", "index_bytes", "open_index", "save_index"]

_DERIVED = ("documents", "suspicious")
"""Facts that follow from the parts and are not written beside them."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The version that counts, held open: its facts, and its parts, oldest first."""

    opened: versioned.Opened
    facts: IndexFacts
    parts: tuple[SegmentReader, ...]
    listed: tuple[Listed, ...]
    """What the version says of each part."""

    def close(self) -> None:
        for part in self.parts:
            part.close()
        self.opened.close()


def save_index(
    index: RagIndex, folder: Path, files: Sequence[KnownFile] = (), *, lock: bool = True
) -> Path:
    """Write a whole index as a new version of one part; the last good version stays until then.

    Args:
        index: with documents in the order of their ids, as `build_index` makes it.
        folder: of the index.
        files: what was read, so that a refresh need not read it again.
        lock: False for a caller that holds the folder with `written` already.

    Returns:
        The folder of the part.

    Raises:
        RunError: it could not be written (a full disk, a folder without write access), or
            another process writes there.
    """
    with written(folder) if lock else nullcontext():
        before = versioned.current(folder)
        segment = segment_of(index)
        segment.files = sorted(files, key=lambda file: file.path)
        name, digests = _write_part(folder, segment)
        _publish(folder, index.facts, [_listed(name, segment)], digests)
        versioned.collect(folder, keep=before)
        return folder / versioned.PARTS / name


def open_index(folder: Path) -> RagIndex:
    """Open the current version once every file is proved to be the one written.

    It stays on disk while this index is in use, whatever is written meanwhile.

    Raises:
        RunError: there is none, a file is missing or damaged, or it is of a newer form.
    """
    with told(folder):
        stored = open_stored(folder)
        if stored is None:
            return disk_v1.open_index(folder)
        versioned.prove(folder, stored.opened.record["files"])
        return _in_memory(stored)


def open_stored(folder: Path) -> Stored | None:
    """The current version without loading its rows; None when it is of the first form.

    Only its record is proved; whoever reads a file proves it first.

    Raises:
        RunError: there is none, its record is damaged, or it is of a newer form.
    """
    with told(folder):
        opened = versioned.open_current(folder)
        if opened is None:
            if versioned.current(folder) is None:
                raise RunError("index-missing", where=str(folder), path=str(folder))
            return None
        version = opened.record["schema_version"]
        if version > versioned.SCHEMA_VERSION:
            raise RunError("index-too-new", where=str(folder), version=version)
        listed = tuple(Listed(**part) for part in opened.record["parts"])
        parts = tuple(SegmentReader(folder / versioned.PARTS / part.name) for part in listed)
        return Stored(opened, _facts(opened.record["facts"]), parts, listed)


def add_part(
    folder: Path, stored: Stored, segment: Segment, facts: IndexFacts, dead: Mapping[int, int]
) -> str:
    """Publish the version that has one more part; the caller holds the folder with `written`.

    Args:
        folder: of the index.
        stored: the version that counts.
        segment: the new part; it has the last word on what it names.
        facts: of the new version.
        dead: rows that the new part takes from older parts, by their numbers.

    Raises:
        OSError: it could not be written.
    """
    name, digests = _write_part(folder, segment)
    parts = [
        replace(part, dead=part.dead + dead.get(number, 0))
        for number, part in enumerate(stored.listed)
    ]
    # Equal content may have been a part before: the last word must be the last part's.
    parts = [part for part in parts if part.name != name] + [_listed(name, segment)]
    return _publish(folder, facts, parts, {**stored.opened.record["files"], **digests})


def settle(folder: Path, *, ram_bytes: int) -> int:
    """Join parts until they are few; returns how many joins it took.

    Raises:
        RunError: it could not be written; the index is as before.
    """
    joins = 0
    with written(folder):
        while True:
            stored = open_stored(folder)
            which = None if stored is None else to_join(stored.listed)
            if stored is None or which is None:
                break
            _join(folder, stored, which, ram_bytes)
            stored.close()
            joins += 1
        versioned.collect(folder)
    return joins


def index_bytes(folder: Path) -> int:
    """Bytes on disk of the current version."""
    stored = open_stored(folder)
    if stored is None:
        home = folder / (versioned.current(folder) or "")
        return sum(file.stat().st_size for file in home.iterdir() if file.is_file())
    size = sum((folder / name).stat().st_size for name in stored.opened.record["files"])
    stored.close()
    return size


def segment_of(index: RagIndex) -> Segment:
    """A whole index as one part."""
    import numpy as np

    ids = np.asarray(index.ids, dtype=np.int64)
    return Segment(
        [chunk_line(chunk) for chunk in index.chunks],
        ids,
        np.asarray(index.keys, dtype=np.int64),
        list(index.entries),
        vectors=index.vectors,
        words=index.sparse.word_counts(),
    )


@contextmanager
def written(folder: Path) -> Iterator[None]:
    """Hold the folder as its one writer; what goes wrong with the disk is said as a RunError."""
    try:
        with versioned.writing(folder), told(folder):
            yield
    except versioned.Busy:
        raise RunError("index-busy", where=str(folder), path=str(folder)) from None
    except OSError as error:
        raise RunError("index-not-written", where=str(folder), why=_why(error)) from None


@contextmanager
def told(folder: Path) -> Iterator[None]:
    """Say damage as a RunError that names the file."""
    try:
        yield
    except versioned.Damaged as damaged:
        ref = "index-file-missing" if damaged.missing else "index-damaged"
        raise RunError(ref, where=str(damaged.path), path=damaged.name) from None


def _in_memory(stored: Stored) -> RagIndex:
    import numpy as np

    catalogue = Catalogue.of(stored.parts)
    held = catalogue.live()
    place, parts, facts = places(held), stored.parts, stored.facts
    every = range(len(parts))
    ids = np.zeros(len(place.rows), dtype=np.int64)
    keys = np.zeros(len(place.rows), dtype=np.int64)
    for number in every:
        at, rows = place.of(number)
        if len(at):
            ids[at], keys[at] = parts[number].ids[rows], parts[number].keys[rows]
    documents = moved_rows([entry for _, entry in held])
    facts = replace(
        facts,
        documents={entry.id: entry.digest for entry in documents},
        suspicious=tuple(entry.id for entry in documents if entry.suspicious),
    )
    return RagIndex(
        Lines(parts, place),
        _one_faiss(parts, place, ids, facts),
        all_words(parts, place).index(),
        facts,
        ids=ids.tolist(),
        keys=keys.tolist(),
        entries=documents,
        lease=stored.opened,
    )


def _one_faiss(parts: Sequence[SegmentReader], place: Place, ids: Any, facts: IndexFacts) -> Any:
    every = range(len(parts))
    base = largest_lists(parts, every, place)
    if base is not None:
        return prepare(facts.policy, merged_lists(parts, base, every, place))
    _, kept = place.of(0)
    whole = len(parts) == 1 and len(kept) == len(parts[0].ids)
    if whole and bool((kept == range(len(kept))).all()):
        return prepare(facts.policy, parts[0].loaded_vectors())
    matrix = gathered(parts, every, place, facts.dimension)
    exact = IndexPolicy("flat", "IDMap2,Flat", matrix.nbytes, "index-exact")
    return make_faiss(exact, matrix, ids.tolist())


def _join(folder: Path, stored: Stored, which: range, ram_bytes: int) -> None:
    # Only what is moved is proved: a join must not make damage look sound.
    homes = tuple(str(Path(versioned.PARTS) / stored.parts[n].home.name) for n in which)
    files: Mapping[str, str] = stored.opened.record["files"]
    versioned.prove(folder, {n: d for n, d in files.items() if n.startswith(homes)})
    # Older parts have no say in what is still alive in younger ones.
    catalogue = Catalogue.of(stored.parts[which.start :], which.start)
    segment, policy = join(stored.parts, which, catalogue, ram_bytes=ram_bytes)
    facts = stored.facts
    if policy is not None and which.start == 0:
        facts = replace(facts, policy=policy)
    name, digests = _write_part(folder, segment)
    parts = list(stored.listed)
    parts[which.start : which.stop] = [_listed(name, segment)]
    _publish(folder, facts, parts, {**files, **digests})


def _listed(name: str, segment: Segment) -> Listed:
    named = (segment.entries, segment.gone_documents, segment.files, segment.gone_files)
    return Listed(name, len(segment.ids), sum(map(len, named)))


def _write_part(folder: Path, segment: Segment) -> tuple[str, dict[str, str]]:
    with versioned.new_part(folder) as work:
        write_segment(segment, work)
        return versioned.keep_part(folder, work)


def _publish(
    folder: Path,
    facts: IndexFacts,
    parts: Sequence[Listed],
    files: Mapping[str, str],
) -> str:
    names = {part.name for part in parts}
    plain = {k: v for k, v in asdict(facts).items() if k not in _DERIVED}
    return versioned.publish(
        folder,
        {
            "schema_version": versioned.SCHEMA_VERSION,
            "facts": plain,
            "parts": [asdict(part) for part in parts],
            "files": {f: d for f, d in files.items() if f.split("/")[1] in names},
        },
    )


def _facts(stored: Mapping[str, Any]) -> IndexFacts:
    known = {field.name for field in fields(IndexFacts)}
    values = {name: value for name, value in stored.items() if name in known}
    policy = IndexPolicy(**stored["policy"])
    return IndexFacts(
        **{**values, "policy": policy, "probe": tuple(stored["probe"]), "documents": {}}
    )


def _why(error: OSError) -> str:
    return error.strerror or str(error)
