"""The searchable form of a corpus: chunks, vectors in FAISS, word counts, and their origin."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from importlib.resources import files
from itertools import groupby
from typing import TYPE_CHECKING, Any

from advisor.errors import RunError
from executors.rag.chunk import Chunk, chunk_document
from executors.rag.fence import is_instruction
from executors.rag.policy import IndexPolicy, index_policy
from executors.rag.segment import Entry, content_key, moved_rows
from executors.rag.sparse import SparseIndex
from executors.rag.words import word_counts, words_by
from knowledge.corpus.cache import readers_digest
from knowledge.corpus.types import Document

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from executors.rag.embed import Embedder
    from executors.rag.journal import Journal

PROBE = (
    "この文は、索引を作った埋め込みモデルが変わっていないことを確かめるためのものです。 A probe."
)
EMBED_BATCH = 2048
"""Chunks given to the embedder at once; it makes its own batches of them, by token count."""
_TRAINED_BY = 64
_RECALL_QUERIES = 200
_RECALL_DEPTH = 10

Known = Callable[[Sequence[int]], Mapping[int, "NDArray[np.float32]"]]
"""Vectors of content keys, of those that an earlier index or an interrupted build holds."""
Embed = Callable[..., tuple["NDArray[np.float32]", int]]
"""Embeds a cut: takes known, on_progress and on_batch as `embed_chunks` does."""
OnBatch = Callable[[Sequence[int], "NDArray[np.float32]"], None]
"""Called with the content keys and vectors of what was just embedded."""
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
    recipe: str = ""
    """Digest of the code that read, cut and counted: another release may do it otherwise."""


@dataclass(slots=True)
class RagIndex:
    """Chunks, vectors and words whose rows belong together."""

    chunks: Sequence[Chunk]
    """By document id and position."""
    vectors: Any
    """A FAISS index over chunk ids."""
    sparse: SparseIndex
    facts: IndexFacts
    embedded: int = 0
    """Chunks embedded when it was built; the others were taken over. Not stored."""
    ids: list[int] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)
    """Of what was embedded, see `content_key`."""
    entries: list[Entry] = field(default_factory=list)
    """Its documents, in the order of their rows."""
    lease: Any = None
    """Keeps the version on disk that this was opened from, as long as it is in use."""
    row_of: dict[int, int] = field(init=False)
    """Chunk id → row."""
    _span_of: dict[str, range] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.ids:
            self.ids = [chunk.id for chunk in self.chunks]
        if not self.keys:
            self.keys = [content_key(chunk.embedded_text) for chunk in self.chunks]
        if not self.entries:
            told = self.facts.documents, set(self.facts.suspicious)
            self.entries = entries_of(self.chunks, *told)
        self.row_of = {id_: row for row, id_ in enumerate(self.ids)}
        self._span_of = {e.id: range(e.first, e.first + e.rows) for e in self.entries}

    def vector(self, row: int) -> NDArray[np.float32]:
        found: NDArray[np.float32] = self.vectors.reconstruct(self.ids[row])
        return found

    def rows_of(self, doc_id: str) -> range:
        """The rows of a document, in reading order; none for one that is not here."""
        return self._span_of.get(doc_id, range(0))


def build_index(
    documents: Sequence[Document],
    embedder: Embedder,
    *,
    chunk_tokens: int,
    overlap_tokens: int,
    ram_bytes: int,
    reuse: RagIndex | None = None,
    on_progress: OnProgress | None = None,
    journal: Journal | None = None,
    embed: Embed | None = None,
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
        journal: keeps what is embedded, and what an interrupted build embedded before.
        embed: embeds in place of this process, see `spread`.

    Raises:
        RunError: the documents hold no text.
    """
    size = min(chunk_tokens, embedder.max_tokens)
    cut = cut_documents(documents, embedder, chunk_tokens=size, overlap_tokens=overlap_tokens)
    chunks = cut.chunks
    if not chunks:
        raise RunError("corpus-empty")
    by = words_by()
    known = _known(reuse, journal)
    keep = journal.add if journal else None
    made = embed or partial(embed_chunks, embedder=embedder)
    matrix, embedded = made(cut, known=known, on_progress=on_progress, on_batch=keep)
    ids = [chunk.id for chunk in chunks]
    policy = index_policy(len(chunks), embedder.dimension, ram_bytes=ram_bytes)
    vectors = make_faiss(policy, matrix, ids)
    facts = IndexFacts(
        embedder=embedder.id,
        dimension=embedder.dimension,
        probe=probe(embedder),
        words_by=by,
        chunk_tokens=size,
        overlap_tokens=overlap_tokens,
        policy=policy,
        recall=_recall(policy, vectors, matrix, ids),
        documents={entry.id: entry.digest for entry in cut.entries},
        suspicious=tuple(entry.id for entry in cut.entries if entry.suspicious),
        recipe=recipe(),
    )
    words = _words(cut, by, reuse)
    return RagIndex(
        chunks,
        vectors,
        SparseIndex.build(words),
        facts,
        embedded,
        ids=ids,
        keys=cut.keys,
        entries=cut.entries,
    )


@dataclass(frozen=True, slots=True)
class Cut:
    """Documents cut into chunks, in the order of their ids; rows of all fields belong together."""

    chunks: list[Chunk]
    keys: list[int]
    entries: list[Entry]


def cut_documents(
    documents: Sequence[Document], embedder: Embedder, *, chunk_tokens: int, overlap_tokens: int
) -> Cut:
    """The chunks of documents, sized in the embedder's tokens."""
    chunks: list[Chunk] = []
    entries: list[Entry] = []
    for document in sorted(documents, key=lambda document: document.id):
        made = chunk_document(
            document,
            embedder.count_tokens,
            chunk_tokens=chunk_tokens,
            overlap_tokens=overlap_tokens,
        )
        chunks += made
        entries.append(
            Entry(
                document.id,
                document.fingerprint,
                document.digest,
                tuple(sorted(document.groups)),
                document.language,
                len(document.text),
                any(is_instruction(chunk.text) for chunk in made),
                0,
                len(made),
            )
        )
    return Cut(chunks, [content_key(c.embedded_text) for c in chunks], moved_rows(entries))


def entries_of(
    chunks: Sequence[Chunk], digests: Mapping[str, str], suspicious: set[str]
) -> list[Entry]:
    """What can be said of documents from their chunks alone; they are read anew when refreshed."""
    entries = [
        Entry(id_, "", digests.get(id_, ""), (), "", 0, id_ in suspicious, 0, len(list(group)))
        for id_, group in groupby(chunks, lambda chunk: chunk.doc_id)
    ]
    return moved_rows(entries)


@cache
def recipe() -> str:
    """SHA-256 over the code that decides what chunks and words a file gives."""
    digest = hashlib.sha256(readers_digest().encode())
    room = files("executors.rag")
    for name in ("chunk.py", "sentences.py", "words.py", "fence.py"):
        digest.update((room / name).read_bytes())
    return digest.hexdigest()


def probe(embedder: Embedder) -> tuple[float, ...]:
    # An embedder that must load much before it can embed passages has a lighter way to be asked.
    embed = getattr(embedder, "probe", embedder.passages)
    return tuple(round(float(x), 6) for x in embed([PROBE])[0])


def refuse_changed_embedder(facts: IndexFacts, embedder: Embedder) -> None:
    """Stop when the embedder no longer gives the vectors the index holds.

    Raises:
        RunError: another dimension, or another direction for the same sentence.
    """
    import numpy as np

    now, then = np.array(probe(embedder)), np.array(facts.probe)
    if now.shape != then.shape or float(now @ then) < 0.99:
        raise RunError("embedder-changed", embedder=facts.embedder)


def _known(reuse: RagIndex | None, journal: Journal | None) -> Known:
    def known(keys: Sequence[int]) -> Mapping[int, NDArray[np.float32]]:
        found = dict(journal.known(keys)) if journal else {}
        if reuse is not None:
            rows = {key: row for row, key in enumerate(reuse.keys)}
            found |= {key: reuse.vector(rows[key]) for key in keys if key in rows}
        return found

    return known


def _words(cut: Cut, by: str, reuse: RagIndex | None) -> list[Mapping[str, int]]:
    if reuse is None or reuse.facts.words_by != by or reuse.facts.recipe != recipe():
        return count_words(cut.chunks, by)
    rows = {key: row for row, key in enumerate(reuse.keys)}
    return [
        word_counts(chunk.context, chunk.text, by)
        if key not in rows
        else reuse.sparse.words_of(rows[key])
        for chunk, key in zip(cut.chunks, cut.keys, strict=True)
    ]


def count_words(chunks: Sequence[Chunk], by: str) -> list[Mapping[str, int]]:
    """The words of every chunk, as keyword search compares them."""
    return [word_counts(chunk.context, chunk.text, by) for chunk in chunks]


def embed_chunks(
    cut: Cut,
    embedder: Embedder,
    known: Known,
    on_progress: OnProgress | None = None,
    on_batch: OnBatch | None = None,
) -> tuple[NDArray[np.float32], int]:
    """Vectors of chunks, of shape (chunks, dimension), and how many had to be embedded.

    What is known is taken over, and of equal texts one is embedded.
    """
    import numpy as np

    chunks = cut.chunks
    matrix = np.zeros((len(chunks), embedder.dimension), dtype=np.float32)
    found = dict(known(cut.keys))
    rows_of: dict[int, list[int]] = {}
    for row, key in enumerate(cut.keys):
        if key in found:
            matrix[row] = found[key]
        else:
            rows_of.setdefault(key, []).append(row)
    waiting = [rows[0] for rows in rows_of.values()]
    # Equal lengths together: a batch pays for its longest text.
    waiting.sort(key=lambda row: (len(chunks[row].embedded_text), row))
    for at in range(0, len(waiting), EMBED_BATCH):
        rows = waiting[at : at + EMBED_BATCH]
        made = embedder.passages([chunks[row].embedded_text for row in rows])
        for row, vector in zip(rows, made, strict=True):
            matrix[rows_of[cut.keys[row]]] = vector
        if on_batch:
            on_batch([cut.keys[row] for row in rows], made)
        if on_progress:
            on_progress(len(chunks) - len(waiting) + at + len(rows), len(chunks))
    return matrix, len(waiting)


def make_faiss(policy: IndexPolicy, matrix: NDArray[np.float32], ids: Sequence[int]) -> Any:
    """A FAISS index by inner product (cosine, since vectors are of length 1) over chunk ids."""
    import faiss
    import numpy as np

    index = faiss.index_factory(matrix.shape[1], policy.factory, faiss.METRIC_INNER_PRODUCT)
    if not index.is_trained:
        # FAISS would take up to 256 vectors for each list; 64 find as much in a third of the time.
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


def _recall(
    policy: IndexPolicy, index: Any, matrix: NDArray[np.float32], ids: Sequence[int]
) -> float:
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
