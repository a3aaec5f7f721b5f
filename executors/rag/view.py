"""The part of an index that a filter allows, searched as if there were nothing else."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from executors.rag.filter import Filter
from executors.rag.index import RagIndex
from executors.rag.sparse import SparseIndex

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BACKGROUND = 256
"""Chunks, evenly spread, whose cosines tell what is usual for a question in this corpus."""
_KEPT = 16
"""Views kept for the next question; a service is asked by few different sets of groups."""
_EXACT_UP_TO = 20_000
"""Allowed chunks compared one by one; an approximate index may pass over a small part of it."""


@dataclass(frozen=True, slots=True)
class View:
    """Allowed rows of an index, ascending, with keyword statistics of these rows alone."""

    index: RagIndex
    rows: NDArray[np.int64]
    sparse: SparseIndex
    background: NDArray[np.float32]
    whole: bool
    """Whether nothing is forbidden."""

    def nearest(
        self, queries: NDArray[np.float32], depth: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Cosines and rows of the `depth` nearest allowed chunks of each query, best first.

        Row -1 fills lines where fewer chunks are allowed.
        """
        if self.whole:
            return self.index.nearest(queries, depth)
        import numpy as np

        depth = min(depth, len(self.rows))
        if not depth:
            shape = (len(queries), 0)
            return np.zeros(shape, np.float32), np.zeros(shape, np.int64)
        exact = self.index.facts.policy.kind == "flat"
        if exact or len(self.rows) > _EXACT_UP_TO:
            scores, rows = self._by_faiss(queries, depth)
            if (rows >= 0).all():
                return scores, rows
        return self._one_by_one(queries, depth)

    def _by_faiss(
        self, queries: NDArray[np.float32], depth: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        import numpy as np

        index = self.index
        allowed = np.array([index.ids[row] for row in self.rows.tolist()], dtype=np.int64)
        parameters = _selecting(index, allowed)
        scores, ids = index.vectors.search(queries, depth, params=parameters)
        rows = [[index.row_of.get(int(id_), -1) for id_ in line] for line in ids]
        return scores, np.array(rows, np.int64).reshape(ids.shape)

    def _one_by_one(
        self, queries: NDArray[np.float32], depth: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        import numpy as np

        vectors = np.stack([self.index.vector(int(row)) for row in self.rows])
        cosines = queries @ vectors.T
        order = np.argsort(-cosines, axis=1, kind="stable")[:, :depth]
        return np.take_along_axis(cosines, order, axis=1), self.rows[order]

    def bm25(self, words: list[str]) -> NDArray[np.float32]:
        """BM25 of the allowed rows, in their order."""
        return self.sparse.scores(words)

    def places(self, rows: list[int]) -> NDArray[np.int64]:
        """Where given allowed rows stand among the allowed ones."""
        import numpy as np

        found: NDArray[np.int64] = np.searchsorted(self.rows, np.asarray(rows, dtype=np.int64))
        return found


class Views:
    """Views of one index by filter; the last ones asked for are kept."""

    def __init__(self, index: RagIndex) -> None:
        self._index = index
        self._kept: OrderedDict[Filter | None, View] = OrderedDict()

    def of(self, where: Filter | None) -> View:
        """What `where` allows; None allows everything."""
        if where not in self._kept:
            self._kept[where] = _view(self._index, where)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(where)
        return self._kept[where]


def _view(index: RagIndex, where: Filter | None) -> View:
    import numpy as np

    chunks = enumerate(index.chunks)
    kept = [row for row, chunk in chunks if where is None or where.allows(chunk)]
    rows = np.array(kept, dtype=np.int64)
    whole = len(rows) == len(index.chunks)
    sparse = index.sparse if whole else index.sparse.within(rows)
    spread = np.linspace(0, len(rows) - 1, min(_BACKGROUND, len(rows))).astype(int)
    vectors = [index.vector(int(rows[place])) for place in spread]
    shape = (len(vectors), index.facts.dimension)
    background = np.array(vectors, dtype=np.float32).reshape(shape)
    return View(index, rows, sparse, background, whole)


def _selecting(index: RagIndex, allowed: NDArray[np.int64]) -> Any:
    """FAISS search parameters that pass over every id but these, before distances are ranked."""
    import faiss

    selector = faiss.IDSelectorBatch(allowed)
    kind = index.facts.policy.kind
    if kind == "ivf_sq8":
        return faiss.SearchParametersIVF(sel=selector, nprobe=index.facts.policy.nprobe)
    if kind == "hnsw":
        return faiss.SearchParametersHNSW(sel=selector, efSearch=_HNSW_REACH)
    return faiss.SearchParameters(sel=selector)


_HNSW_REACH = 256
"""Candidates a filtered search of the graph keeps; forbidden ones take up places among them."""
