"""The vectors of an index in FAISS: made, searched, and how much of the exact answer they find."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from executors.rag.index.policy import IndexPolicy

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_TRAINED_BY = 64
_RECALL_QUERIES = 200
_RECALL_DEPTH = 10


def make_faiss(policy: IndexPolicy, matrix: NDArray[np.float32], ids: Sequence[int]) -> Any:
    """A FAISS index by inner product (cosine, since vectors are of length 1) over chunk ids."""
    import faiss
    import numpy as np

    index = faiss.index_factory(matrix.shape[1], policy.factory, faiss.METRIC_INNER_PRODUCT)
    if not index.is_trained:
        # FAISS would take up to 256 vectors for each list. At 100,000 chunks (98 a list) 64 found
        # as much in 0.7 of the time (`bench rag_growth --training`); of more chunks they save more.
        faiss.extract_index_ivf(index).cp.max_points_per_centroid = _TRAINED_BY
        index.train(matrix)
    index.add_with_ids(matrix, np.asarray(ids, dtype=np.int64))
    return index


def prepare(policy: IndexPolicy, index: Any) -> Any:
    """Set what a loaded index searches by; it is not part of what FAISS stores for certain."""
    if policy.nprobe:
        import faiss

        lists = faiss.extract_index_ivf(index)
        lists.nprobe = policy.nprobe
        # Ids are digests, not 0, 1, 2 …: only a hash table finds vectors by them.
        lists.set_direct_map_type(faiss.DirectMap.Hashtable)
    return index


def search_faiss(
    index: Any, queries: NDArray[np.float32], depth: int, parameters: Any = None
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Cosines and chunk ids of the `depth` nearest of each query; id -1 where there are fewer."""
    import faiss

    # One query over a flat index took 15 ms with two threads and 0.6 ms with one (measured).
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1 if len(queries) < 8 else before)
    try:
        scores, ids = index.search(queries, depth, params=parameters)
    finally:
        faiss.omp_set_num_threads(before)
    return scores, ids


def recall(
    policy: IndexPolicy, index: Any, matrix: NDArray[np.float32], ids: Sequence[int]
) -> float:
    """Share of the exact nearest ten that the index finds, on chunks from all over the corpus."""
    import numpy as np

    prepare(policy, index)
    if policy.kind == "flat":
        return 1.0
    rows = np.linspace(0, len(ids) - 1, min(_RECALL_QUERIES, len(ids))).astype(int)
    _, found = search_faiss(index, matrix[rows], _RECALL_DEPTH)
    order = np.asarray(ids)
    hits = 0
    for row, got in zip(rows, found, strict=True):
        exact = np.argsort(-(matrix @ matrix[row]), kind="stable")[:_RECALL_DEPTH]
        hits += len(set(order[exact].tolist()) & set(got.tolist()))
    return hits / (len(rows) * _RECALL_DEPTH)
