"""The searchable form of a corpus: chunks, vectors in FAISS, word counts, and their origin."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from advisor.errors import RunError
from executors.rag.chunk import Chunk, chunk_document
from executors.rag.fence import is_instruction
from executors.rag.policy import IndexPolicy, index_policy
from executors.rag.sparse import SparseIndex
from executors.rag.words import word_counts, words_by
from knowledge.corpus.types import Document

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from executors.rag.embed import Embedder

PROBE = (
    "この文は、索引を作った埋め込みモデルが変わっていないことを確かめるためのものです。 A probe."
)
EMBED_BATCH = 64
_RECALL_QUERIES = 200
_RECALL_DEPTH = 10

OnProgress = Callable[[int, int], None]
"""Called with chunks done and chunks in all."""


@dataclass(frozen=True, slots=True)
class IndexFacts:
    """What an index was made of and how; stored beside it."""

    embedder: str
    dimension: int
    probe: tuple[float, ...]
    """The embedding of `PROBE`: tells a changed embedder."""
    words_by: str
    chunk_tokens: int
    overlap_tokens: int
    policy: IndexPolicy
    recall: float
    """Share of the exact nearest ten that the index finds."""
    documents: Mapping[str, str]
    """Document id → digest of its content when it was indexed."""
    suspicious: tuple[str, ...] = ()
    """Documents in which text stands that reads like an instruction to a model."""


@dataclass(slots=True)
class RagIndex:
    """Chunks, vectors and words whose rows belong together."""

    chunks: list[Chunk]
    vectors: Any
    """A FAISS index over chunk ids."""
    sparse: SparseIndex
    facts: IndexFacts
    embedded: int = 0
    """Chunks embedded when it was built; the others were taken over. Not stored."""
    ids: list[int] = field(init=False)
    row_of: dict[int, int] = field(init=False)

    def __post_init__(self) -> None:
        self.ids = [chunk.id for chunk in self.chunks]
        self.row_of = {id_: row for row, id_ in enumerate(self.ids)}

    def vector(self, row: int) -> NDArray[np.float32]:
        found: NDArray[np.float32] = self.vectors.reconstruct(self.ids[row])
        return found

    def nearest(
        self, queries: NDArray[np.float32], depth: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Cosines and row numbers of the `depth` nearest chunks of each query, best first."""
        import numpy as np

        scores, ids = _search(self.vectors, queries, min(depth, len(self.chunks)))
        rows = np.array([[self.row_of.get(int(i), -1) for i in line] for line in ids], np.int64)
        return scores, rows.reshape(ids.shape)


def build_index(
    documents: Sequence[Document],
    embedder: Embedder,
    *,
    chunk_tokens: int,
    overlap_tokens: int,
    ram_bytes: int,
    reuse: RagIndex | None = None,
    on_progress: OnProgress | None = None,
) -> RagIndex:
    """Chunk, embed and index documents; the same documents give the same index.

    Args:
        documents: what is searched.
        embedder: its tokens measure the chunks.
        chunk_tokens: most tokens of a chunk; cut to what the embedder can read.
        overlap_tokens: tokens said again at the start of a chunk.
        ram_bytes: memory of this machine, for the choice of index.
        reuse: an index by the same embedder; chunks that did not change keep their vectors.
        on_progress: called after each batch.

    Raises:
        RunError: the documents hold no text.
    """
    size = min(chunk_tokens, embedder.max_tokens)
    chunks = [
        chunk
        for document in documents
        for chunk in chunk_document(
            document, embedder.count_tokens, chunk_tokens=size, overlap_tokens=overlap_tokens
        )
    ]
    if not chunks:
        raise RunError("corpus-empty")
    by = words_by()
    matrix, embedded = _embed(chunks, embedder, reuse, on_progress)
    policy = index_policy(len(chunks), embedder.dimension, ram_bytes=ram_bytes)
    vectors = make_faiss(policy, matrix, [chunk.id for chunk in chunks])
    facts = IndexFacts(
        embedder=embedder.id,
        dimension=embedder.dimension,
        probe=probe(embedder),
        words_by=by,
        chunk_tokens=size,
        overlap_tokens=overlap_tokens,
        policy=policy,
        recall=_recall(policy, vectors, matrix, [chunk.id for chunk in chunks]),
        documents={document.id: document.digest for document in documents},
        suspicious=tuple(sorted({c.doc_id for c in chunks if is_instruction(c.text)})),
    )
    words = [_words(chunk, by, reuse) for chunk in chunks]
    return RagIndex(chunks, vectors, SparseIndex.build(words), facts, embedded)


def probe(embedder: Embedder) -> tuple[float, ...]:
    return tuple(round(float(x), 6) for x in embedder.passages([PROBE])[0])


def refuse_changed_embedder(facts: IndexFacts, embedder: Embedder) -> None:
    """Stop when the embedder no longer gives the vectors the index holds.

    Raises:
        RunError: another dimension, or another direction for the same sentence.
    """
    import numpy as np

    now, then = np.array(probe(embedder)), np.array(facts.probe)
    if now.shape != then.shape or float(now @ then) < 0.99:
        raise RunError("embedder-changed", embedder=facts.embedder)


def _words(chunk: Chunk, by: str, reuse: RagIndex | None) -> Mapping[str, int]:
    if reuse is not None and reuse.facts.words_by == by:
        row = reuse.row_of.get(chunk.id)
        if row is not None:
            return reuse.sparse.words_of(row)
    return word_counts(chunk.context, chunk.text, by)


def _embed(
    chunks: Sequence[Chunk],
    embedder: Embedder,
    reuse: RagIndex | None,
    on_progress: OnProgress | None,
) -> tuple[NDArray[np.float32], int]:
    import numpy as np

    matrix = np.zeros((len(chunks), embedder.dimension), dtype=np.float32)
    waiting: list[int] = []
    for row, chunk in enumerate(chunks):
        known = None if reuse is None else reuse.row_of.get(chunk.id)
        if reuse is None or known is None:
            waiting.append(row)
        else:
            matrix[row] = reuse.vector(known)
    # Equal lengths together: a batch pays for its longest text.
    waiting.sort(key=lambda row: (len(chunks[row].embedded_text), row))
    for at in range(0, len(waiting), EMBED_BATCH):
        rows = waiting[at : at + EMBED_BATCH]
        matrix[rows] = embedder.passages([chunks[row].embedded_text for row in rows])
        if on_progress:
            on_progress(len(chunks) - len(waiting) + at + len(rows), len(chunks))
    return matrix, len(waiting)


def make_faiss(policy: IndexPolicy, matrix: NDArray[np.float32], ids: Sequence[int]) -> Any:
    """A FAISS index by inner product (cosine, since vectors are of length 1) over chunk ids."""
    import faiss
    import numpy as np

    index = faiss.index_factory(matrix.shape[1], policy.factory, faiss.METRIC_INNER_PRODUCT)
    if not index.is_trained:
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


def _search(
    index: Any, queries: NDArray[np.float32], depth: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    import faiss

    # One query over a flat index took 15 ms with two threads and 0.6 ms with one (measured).
    if len(queries) < 8:
        before = faiss.omp_get_max_threads()
        faiss.omp_set_num_threads(1)
        try:
            scores, ids = index.search(queries, depth)
        finally:
            faiss.omp_set_num_threads(before)
        return scores, ids
    scores, ids = index.search(queries, depth)
    return scores, ids


def _recall(
    policy: IndexPolicy, index: Any, matrix: NDArray[np.float32], ids: Sequence[int]
) -> float:
    import numpy as np

    prepare(policy, index)
    if policy.kind == "flat":
        return 1.0
    rows = np.linspace(0, len(ids) - 1, min(_RECALL_QUERIES, len(ids))).astype(int)
    _, found = _search(index, matrix[rows], _RECALL_DEPTH)
    order = np.asarray(ids)
    hits = 0
    for row, got in zip(rows, found, strict=True):
        exact = np.argsort(-(matrix @ matrix[row]), kind="stable")[:_RECALL_DEPTH]
        hits += len(set(order[exact].tolist()) & set(got.tolist()))
    return hits / (len(rows) * _RECALL_DEPTH)
