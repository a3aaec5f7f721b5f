"""What an index holds, over all its parts: the last word on every document and file, live rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from executors.rag.index.segment import Entry, SegmentReader
from knowledge.corpus.types import KnownFile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Place:
    """Rows of several parts, in one order: row `rows[i]` of part `parts[i]` is number i."""

    parts: NDArray[np.int64]
    rows: NDArray[np.int64]

    def of(self, part: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Numbers, and rows in the part, of what comes from it."""
        import numpy as np

        numbers = np.flatnonzero(self.parts == part)
        return numbers, self.rows[numbers]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Documents and files with the number of the part that has the last word on each."""

    documents: Mapping[str, tuple[int, Entry]]
    gone_documents: Mapping[str, int]
    files: Mapping[str, tuple[int, KnownFile]]
    gone_files: Mapping[str, int]

    @classmethod
    def of(cls, parts: Sequence[SegmentReader], first: int = 0) -> Catalogue:
        """The catalogue of parts, oldest first, numbered from `first`."""
        documents: dict[str, tuple[int, Entry]] = {}
        files: dict[str, tuple[int, KnownFile]] = {}
        gone_documents: dict[str, int] = {}
        gone_files: dict[str, int] = {}
        for number, part in enumerate(parts, first):
            entries, gone = part.documents()
            documents.update((entry.id, (number, entry)) for entry in entries)
            _forget(documents, gone_documents, [entry.id for entry in entries], gone, number)
            read, gone = part.files()
            files.update((file.path, (number, file)) for file in read)
            _forget(files, gone_files, [file.path for file in read], gone, number)
        return cls(documents, gone_documents, files, gone_files)

    def live(self, parts: range | None = None) -> list[tuple[int, Entry]]:
        """Documents by id, of these parts or of all."""
        held = self.documents.values()
        kept = held if parts is None else [pair for pair in held if pair[0] in parts]
        return sorted(kept, key=lambda pair: pair[1].id)


def _forget(
    held: dict[str, Any],
    gone: dict[str, int],
    named: Sequence[str],
    now_gone: Sequence[str],
    number: int,
) -> None:
    for name in named if gone else ():
        gone.pop(name, None)
    for name in now_gone:
        held.pop(name, None)
        gone[name] = number


def places(held: Sequence[tuple[int, Entry]]) -> Place:
    """The rows of documents, document after document."""
    import numpy as np

    counts = np.array([entry.rows for _, entry in held], dtype=np.int64)
    firsts = np.array([entry.first for _, entry in held], dtype=np.int64)
    numbers = np.array([number for number, _ in held], dtype=np.int64)
    before = np.concatenate([[0], np.cumsum(counts)])[:-1].astype(np.int64)
    within = np.arange(int(counts.sum()), dtype=np.int64) - np.repeat(before, counts)
    return Place(np.repeat(numbers, counts), np.repeat(firsts, counts) + within)
