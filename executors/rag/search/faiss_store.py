"""The store in memory: an opened index, and the part of it that a filter allows."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from executors.rag.chunking.chunk import Chunk
from executors.rag.index.rag_index import IndexFacts, RagIndex
from executors.rag.index.sparse import best_rows
from executors.rag.index.vectors import search_faiss
from executors.rag.search.filter import Filter
from executors.rag.search.store import BACKGROUND, Scored

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_KEPT = 16
"""Views kept for the next question; a service is asked by few different sets of groups."""
_EXACT_UP_TO = 20_000
"""Allowed chunks compared one by one; an approximate index may pass over a small part of it."""
_HNSW_REACH = 256
"""Candidates a filtered search of the graph keeps; forbidden ones take up places among them."""


class FaissStore:
    """An index in memory; the views last asked for are kept."""

    def __init__(self, index: RagIndex) -> None:
        self.index = index
        self._kept: OrderedDict[Filter | None, FaissView] = OrderedDict()

    @property
    def facts(self) -> IndexFacts:
        return self.index.facts

    def within(self, where: Filter | None) -> FaissView:
        if where not in self._kept:
            self._kept[where] = FaissView(self.index, _allowed(self.index, where))
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(where)
        return self._kept[where]

    def chunks(self, ids: Sequence[int]) -> list[Chunk]:
        return [self.index.chunks[self.index.row_of[id_]] for id_ in ids]

    def document(self, doc_id: str) -> list[Chunk]:
        return [self.index.chunks[row] for row in self.index.rows_of(doc_id)]

    def vectors(self, ids: Sequence[int]) -> NDArray[np.float32]:
        return _reconstructed(self.index, ids)

    def close(self) -> None:
        if self.index.lease is not None:
            self.index.lease.close()


class FaissView:
    """Allowed rows of an index, ascending, with keyword statistics of these rows alone."""

    def __init__(self, index: RagIndex, rows: NDArray[np.int64]) -> None:
        import numpy as np

        self.index, self.rows = index, rows
        self.whole = len(rows) == len(index.ids)
        self.sparse = index.sparse if self.whole else index.sparse.within(rows)
        self._ids = np.asarray(index.ids, dtype=np.int64)[rows]
        self.background = _reconstructed(index, np.sort(self._ids)[:BACKGROUND].tolist())

    @property
    def n(self) -> int:
        return len(self.rows)

    def nearest(self, queries: NDArray[np.float32], depth: int) -> list[Scored]:
        depth = min(depth, self.n)
        if not depth:
            return [[] for _ in queries]
        exact = self.index.facts.policy.kind == "flat"
        if self.whole or exact or self.n > _EXACT_UP_TO:
            parameters = None if self.whole else self._selecting
            scores, ids = search_faiss(self.index.vectors, queries, depth, parameters)
            if self.whole or (ids >= 0).all():
                return _scored(ids, scores)
        return self._one_by_one(queries, depth)

    def keywords(
        self, words: Sequence[str], depth: int, also: Sequence[int]
    ) -> tuple[Scored, Mapping[int, float]]:
        scores = self.sparse.scores(words)
        best = best_rows(scores, depth)
        found = list(zip(self._ids[best].tolist(), scores[best].tolist(), strict=True))
        return found, dict(zip(also, scores[self._places(also)].tolist(), strict=True))

    def rarity(self, words: Sequence[str]) -> dict[str, float]:
        return {word: self.sparse.idf(word) for word in words}

    def _places(self, ids: Sequence[int]) -> NDArray[np.int64]:
        """Where allowed chunks stand among the allowed ones."""
        import numpy as np

        rows = np.array([self.index.row_of[id_] for id_ in ids], dtype=np.int64)
        found: NDArray[np.int64] = rows if self.whole else np.searchsorted(self.rows, rows)
        return found

    @cached_property
    def _matrix(self) -> NDArray[np.float32]:
        return _reconstructed(self.index, self._ids.tolist())

    @cached_property
    def _selecting(self) -> Any:
        """FAISS search parameters that pass over every id but the allowed, before any ranking."""
        import faiss

        selector = faiss.IDSelectorBatch(self._ids)
        policy = self.index.facts.policy
        if policy.kind == "ivf_sq8":
            return faiss.SearchParametersIVF(sel=selector, nprobe=policy.nprobe)
        if policy.kind == "hnsw":
            return faiss.SearchParametersHNSW(sel=selector, efSearch=_HNSW_REACH)
        return faiss.SearchParameters(sel=selector)

    def _one_by_one(self, queries: NDArray[np.float32], depth: int) -> list[Scored]:
        import numpy as np

        cosines = queries @ self._matrix.T
        order = np.argsort(-cosines, axis=1, kind="stable")[:, :depth]
        return _scored(self._ids[order], np.take_along_axis(cosines, order, axis=1))


def _allowed(index: RagIndex, where: Filter | None) -> NDArray[np.int64]:
    """Rows that a filter allows; all chunks of a document have its groups and metadata."""
    import numpy as np

    if where is None:
        return np.arange(len(index.ids), dtype=np.int64)
    spans = [
        np.arange(entry.first, entry.first + entry.rows, dtype=np.int64)
        for entry in index.entries
        if entry.rows and where.allows(index.chunks[entry.first])
    ]
    return np.concatenate(spans) if spans else np.zeros(0, dtype=np.int64)


def _reconstructed(index: RagIndex, ids: Sequence[int]) -> NDArray[np.float32]:
    import numpy as np

    vectors = np.zeros((len(ids), index.facts.dimension), dtype=np.float32)
    for place, id_ in enumerate(ids):
        vectors[place] = index.vectors.reconstruct(id_)
    return vectors


def _scored(ids: NDArray[np.int64], scores: NDArray[np.float32]) -> list[Scored]:
    """Ids with scores, without FAISS's -1 where it found fewer."""
    return [
        [(id_, score) for id_, score in zip(line, marks, strict=True) if id_ >= 0]
        for line, marks in zip(ids.tolist(), scores.tolist(), strict=True)
    ]
