"""An index as it would be without some of its documents: what makes a question unanswerable.

Taking the gold documents of an answerable question away leaves its nearest neighbours in place:
the most honest question that the papers do not answer, and one that every company with a few
questions of its own can have.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from executors.rag.index import RagIndex
from executors.rag.retrieve import Retriever

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def without(retriever: Retriever, documents: Collection[str]) -> Retriever:
    """The same search over an index in which `documents` were never put."""
    view: Any = IndexWithout(retriever.index, documents)
    return Retriever(
        view,
        retriever.embedder,
        retriever.mode,
        sparse_weight=retriever.sparse_weight,
        reranker=retriever.reranker,
    )


class IndexWithout:
    """Reads like a `RagIndex`; rows keep their numbers, those of the documents are never found."""

    def __init__(self, index: RagIndex, documents: Collection[str]) -> None:
        gone = frozenset(documents)
        self._index = index
        self._hidden = frozenset(r for r, chunk in enumerate(index.chunks) if chunk.doc_id in gone)
        self.sparse = _WordsWithout(index.sparse, self._hidden)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._index, name)

    def nearest(
        self, queries: NDArray[np.float32], depth: int, *more: Any, **options: Any
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """As the index's own, with other chunks in the places of the hidden ones."""
        import numpy as np

        scores, rows = self._index.nearest(queries, depth + len(self._hidden), *more, **options)
        hidden = np.isin(rows, list(self._hidden))
        order = np.argsort(hidden, axis=1, kind="stable")[:, :depth]
        scores, rows = (np.take_along_axis(found, order, 1) for found in (scores, rows))
        left = np.take_along_axis(hidden, order, 1)
        return np.where(left, -np.inf, scores), np.where(left, -1, rows)


class _WordsWithout:
    """A `SparseIndex` whose hidden chunks score 0 and do not count towards a word's rarity."""

    def __init__(self, sparse: Any, hidden: frozenset[int]) -> None:
        self._sparse, self._rows = sparse, sorted(hidden)
        self.n = sparse.n - len(hidden)
        self._held = Counter(word for row in self._rows for word in sparse.words_of(row))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sparse, name)

    def scores(self, words: Sequence[str], *more: Any, **options: Any) -> NDArray[np.float32]:
        found: NDArray[np.float32] = self._sparse.scores(words, *more, **options)
        found[self._rows] = 0.0
        return found

    def idf(self, word: str) -> float:
        whole = self._sparse.n
        # idf = log(1 + (n - f + .5) / (f + .5)), solved for the chunks f that hold the word.
        frequency = (whole + 1) / math.exp(self._sparse.idf(word)) - 0.5
        left = max(0.0, round(frequency) - self._held[word])
        return math.log1p(2 * self.n + 1) if left == 0 else math.log((self.n + 1) / (left + 0.5))
