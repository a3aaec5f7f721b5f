"""The seam between searching and where vectors and words lie: FAISS in memory, or Milvus.

A view is what a filter leaves of a store, searched as if there were nothing else: scores, rarities
and what is usual are those of an index of its chunks alone. Words are cut outside of it, so that
every store finds the same. Chunks are named by their ids, which all stores hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from executors.rag.chunking.chunk import Chunk
from executors.rag.index.rag_index import IndexFacts
from executors.rag.search.filter import Filter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BACKGROUND = 256
"""Chunks whose cosines tell what is usual for a question: those with the smallest ids. Ids are
digests, so that these are a fair sample, and the same one in every store."""
Scored = list[tuple[int, float]]
"""Chunk ids with scores, best first."""


class View(Protocol):
    """The chunks of a store that may be found."""

    @property
    def n(self) -> int:
        """How many they are."""
        ...

    @property
    def background(self) -> NDArray[np.float32]:
        """Vectors of at most `BACKGROUND` of them."""
        ...

    def nearest(self, queries: NDArray[np.float32], depth: int) -> list[Scored]:
        """The at most `depth` nearest of each query, with cosines."""
        ...

    def keywords(
        self, words: Sequence[str], depth: int, also: Sequence[int]
    ) -> tuple[Scored, Mapping[int, float]]:
        """The at most `depth` best by BM25 of the distinct words, and BM25 of the chunks `also`."""
        ...

    def rarity(self, words: Sequence[str]) -> dict[str, float]:
        """BM25's weight of each word; one that no chunk uses counts as the rarest possible."""
        ...


class Store(Protocol):
    """Chunks that can be searched by vector and by words."""

    @property
    def facts(self) -> IndexFacts: ...

    def within(self, where: Filter | None) -> View:
        """What `where` allows; None is the owner's view of everything."""
        ...

    def chunks(self, ids: Sequence[int]) -> list[Chunk]: ...

    def document(self, doc_id: str) -> list[Chunk]:
        """The chunks of a document in reading order."""
        ...

    def vectors(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """Vectors of shape (len(ids), dimension)."""
        ...

    def close(self) -> None: ...
