"""The chunks of a stored index as a sequence that reads a chunk when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

from executors.rag.chunking.chunk import Chunk

if TYPE_CHECKING:
    from executors.rag.index.catalogue import Place
    from executors.rag.index.segment import SegmentReader

EAGER = 20_000
"""So many chunks are read at once (a fifth of a second); of more, only those that are met."""


class Lines(Sequence[Chunk]):
    """Chunks by row; those met once are kept."""

    def __init__(self, parts: Sequence[SegmentReader], place: Place) -> None:
        self._parts = parts
        self._part, self._row = place.parts, place.rows
        self._met: dict[int, Chunk] = {}
        if len(self) <= EAGER:
            self._met = {row: self._read(row) for row in range(len(self))}

    def __len__(self) -> int:
        return len(self._row)

    @overload
    def __getitem__(self, row: int) -> Chunk: ...
    @overload
    def __getitem__(self, row: slice) -> list[Chunk]: ...
    def __getitem__(self, row: int | slice) -> Chunk | list[Chunk]:
        if isinstance(row, slice):
            return [self[number] for number in range(*row.indices(len(self)))]
        number = int(row) + len(self) if row < 0 else int(row)
        found = self._met.get(number)
        if found is None:
            if not 0 <= number < len(self):
                raise IndexError(row)
            found = self._met[number] = self._read(number)
        return found

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def _read(self, row: int) -> Chunk:
        return self._parts[int(self._part[row])].chunk(int(self._row[row]))
