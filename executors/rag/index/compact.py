"""Joins parts of an index so that they stay few: vectors and word counts move as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from executors.rag.index.catalogue import Catalogue, Place, places
from executors.rag.index.counts import joined
from executors.rag.index.policy import EXACT_UP_TO, IndexPolicy, index_policy
from executors.rag.index.segment import Segment, SegmentReader, moved_rows
from executors.rag.index.vectors import make_faiss

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

GROWTH = 4
"""A part is at least so many times the one after it: n chunks lie in at most log4(n) parts, and
each is moved about log4(n) times in its life."""
MOST_DEAD = 0.25
"""Share of a part's rows that may be dead before it is written anew."""
RETRAIN_AT = 4
"""Lists are trained anew once a part has so many times the rows they were made for."""


@dataclass(frozen=True, slots=True)
class Listed:
    """What a version says of one of its parts."""

    name: str
    rows: int
    names: int
    """Documents and files it has a word on."""
    dead: int = 0
    """Rows that later parts took over."""


def to_join(parts: Sequence[Listed]) -> range | None:
    """Neighbouring parts to join next, given oldest first; None when all is well."""
    weights = [part.rows + part.names for part in parts]
    for last in range(len(parts) - 1, 0, -1):
        first, total = last, weights[last]
        while first and weights[first - 1] < GROWTH * total:
            first -= 1
            total += weights[first]
        if first < last:
            return range(first, last + 1)
    for number, part in enumerate(parts):
        if part.dead > MOST_DEAD * part.rows:
            return range(number, number + 1)
    return None


def join(
    parts: Sequence[SegmentReader], which: range, catalogue: Catalogue, *, ram_bytes: int
) -> tuple[Segment, IndexPolicy | None]:
    """The contents of neighbouring parts as one, and the kind of FAISS index it got.

    What they say is gone stays said only where an older part may still hold it.
    """
    import numpy as np

    held = catalogue.live(which)
    place = places(held)
    lines: list[bytes] = [b""] * len(place.rows)
    ids = np.zeros(len(place.rows), dtype=np.int64)
    keys = np.zeros(len(place.rows), dtype=np.int64)
    for number in which:
        at, rows = place.of(number)
        for to, row in zip(at.tolist(), rows.tolist(), strict=True):
            lines[to] = parts[number].line(row)
        ids[at], keys[at] = parts[number].ids[rows], parts[number].keys[rows]
    segment = Segment(
        lines,
        ids,
        keys,
        moved_rows([entry for _, entry in held]),
        sorted(i for i, n in catalogue.gone_documents.items() if which.start and n in which),
        [file for _, (n, file) in sorted(catalogue.files.items()) if n in which],
        sorted(p for p, n in catalogue.gone_files.items() if which.start and n in which),
    )
    if not len(ids):
        return segment, None
    segment.words = _words(parts, which, place)
    segment.vectors, policy = _vectors(parts, which, place, ids, ram_bytes)
    return segment, policy


def all_words(parts: Sequence[SegmentReader], place: Place) -> Any:
    """Word counts of rows of all parts."""
    return _words(parts, range(len(parts)), place)


def _words(parts: Sequence[SegmentReader], which: range, place: Place) -> Any:
    import numpy as np

    counts, order, at = [], np.zeros(len(place.rows), dtype=np.int64), 0
    for number in which:
        numbers, rows = place.of(number)
        if len(numbers):
            counts.append(parts[number].words())
            order[numbers] = rows + at
            at += len(counts[-1].starts) - 1
    return joined(counts, order)


def gathered(
    parts: Sequence[SegmentReader], which: range, place: Place, dimension: int
) -> NDArray[np.float32]:
    """Vectors of rows, of shape (rows, dimension)."""
    import numpy as np

    matrix = np.empty((len(place.rows), dimension), dtype=np.float32)
    for number in which:
        at, rows = place.of(number)
        if len(at):
            matrix[at] = parts[number].matrix(rows)
    return matrix


def merged_lists(parts: Sequence[SegmentReader], base: int, which: range, place: Place) -> Any:
    """The inverted lists of part `base` without its dead rows and with the others' live ones.

    Every vector is rounded to 8 bits once in its life: what moves are its codes.
    """
    import faiss
    import numpy as np

    index = parts[base].loaded_vectors()
    _, kept = place.of(base)
    dead = np.setdiff1d(np.arange(len(parts[base].ids)), kept)
    if len(dead):
        gone = np.ascontiguousarray(parts[base].ids[dead])
        index.remove_ids(faiss.IDSelectorBatch(len(gone), faiss.swig_ptr(gone)))
    for number in which:
        numbers, rows = place.of(number)
        if number != base and len(numbers):
            index.add_with_ids(parts[number].matrix(rows), parts[number].ids[rows])
    return index


def largest_lists(parts: Sequence[SegmentReader], which: range, place: Place) -> int | None:
    """The part with most rows, if it is made of inverted lists."""
    import faiss

    sizes = [(len(parts[n].ids), n) for n in which if len(parts[n].ids)]
    if not sizes:
        return None
    _, base = max(sizes)
    return base if isinstance(parts[base].vectors(), faiss.IndexIVF) else None


def _vectors(
    parts: Sequence[SegmentReader],
    which: range,
    place: Place,
    ids: NDArray[np.int64],
    ram_bytes: int,
) -> tuple[Any, IndexPolicy]:
    base = largest_lists(parts, which, place)
    dimension = next(parts[n].vectors().d for n in which if len(parts[n].ids))
    policy = index_policy(len(ids), dimension, ram_bytes=ram_bytes)
    if base is not None and policy.kind == "ivf_sq8":
        trained_for = parts[base].vectors().nlist ** 2 / 16  # 4 sqrt(n) lists, see index_policy
        if len(ids) <= RETRAIN_AT * max(trained_for, EXACT_UP_TO):
            return merged_lists(parts, base, which, place), policy
    matrix = gathered(parts, which, place, dimension)
    return make_faiss(policy, matrix, ids.tolist()), policy
