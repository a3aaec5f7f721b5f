"""An index as it would be without some of its documents: what makes a question unanswerable.

Taking the gold documents of an answerable question away leaves its nearest neighbours in place:
the most honest question that the papers do not answer, and one that every company with a few
questions of its own can have.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from executors.rag.chunking.chunk import Chunk
from executors.rag.index.rag_index import IndexFacts
from executors.rag.search.faiss_store import FaissStore, FaissView
from executors.rag.search.filter import Filter
from executors.rag.search.retrieve import Retriever
from executors.rag.search.store import Scored

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def without(retriever: Retriever, documents: Collection[str]) -> Retriever:
    """The same search over an index in which `documents` were never put.

    Raises:
        TypeError: the passages are not in memory.
    """
    if not isinstance(retriever.store, FaissStore):
        raise TypeError(type(retriever.store).__name__)
    return Retriever(
        StoreWithout(retriever.store, documents),
        retriever.embedder,
        retriever.mode,
        sparse_weight=retriever.sparse_weight,
        reranker=retriever.reranker,
    )


class StoreWithout:
    """A store in which chunks of the hidden documents are never found."""

    def __init__(self, store: FaissStore, documents: Collection[str]) -> None:
        self._store = store
        index = store.index
        rows = [row for doc_id in dict.fromkeys(documents) for row in index.rows_of(doc_id)]
        self._hidden = frozenset(index.ids[row] for row in rows)
        self._held = Counter(word for row in rows for word in index.sparse.words_of(row))

    @property
    def facts(self) -> IndexFacts:
        return self._store.facts

    def within(self, where: Filter | None) -> ViewWithout:
        """Calibration asks as the owner does: rarities are counted for this view only."""
        if where is not None:
            raise ValueError(where)
        return ViewWithout(self._store.within(None), self._hidden, self._held)

    def chunks(self, ids: Sequence[int]) -> list[Chunk]:
        return self._store.chunks(ids)

    def document(self, doc_id: str) -> list[Chunk]:
        return [c for c in self._store.document(doc_id) if c.id not in self._hidden]

    def vectors(self, ids: Sequence[int]) -> NDArray[np.float32]:
        return self._store.vectors(ids)

    def close(self) -> None:
        """Nothing to close: the store beneath goes on."""


class ViewWithout:
    """A view with other chunks in the places of the hidden ones, and word rarities without them.

    BM25 and the background are left as they are: some chunks in thousands do not move them.
    """

    def __init__(self, view: FaissView, hidden: frozenset[int], held: Counter[str]) -> None:
        self._view, self._hidden, self._held = view, hidden, held
        self.background = view.background

    @property
    def n(self) -> int:
        return self._view.n - len(self._hidden)

    def nearest(self, queries: NDArray[np.float32], depth: int) -> list[Scored]:
        found = self._view.nearest(queries, depth + len(self._hidden))
        return [self._left(line)[:depth] for line in found]

    def keywords(
        self, words: Sequence[str], depth: int, also: Sequence[int]
    ) -> tuple[Scored, Mapping[int, float]]:
        best, others = self._view.keywords(words, depth + len(self._hidden), also)
        return self._left(best)[:depth], others

    def rarity(self, words: Sequence[str]) -> dict[str, float]:
        return {word: self._idf(word, idf) for word, idf in self._view.rarity(words).items()}

    def _left(self, scored: Scored) -> Scored:
        return [(id_, score) for id_, score in scored if id_ not in self._hidden]

    def _idf(self, word: str, idf: float) -> float:
        # idf = log(1 + (n - f + .5) / (f + .5)), solved for the chunks f that hold the word.
        frequency = (self._view.n + 1) / math.exp(idf) - 0.5
        left = max(0.0, round(frequency) - self._held[word])
        return math.log1p(2 * self.n + 1) if left == 0 else math.log((self.n + 1) / (left + 0.5))
