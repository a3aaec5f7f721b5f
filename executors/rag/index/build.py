"""Makes an index of documents: cut, embedded, counted; what is known already is taken over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from advisor.errors import RunError
from executors.rag.answer.fence import is_instruction
from executors.rag.chunking.chunk import Chunk, chunk_document
from executors.rag.chunking.words import word_counts, words_by
from executors.rag.index.policy import index_policy
from executors.rag.index.rag_index import IndexFacts, RagIndex, probe, recipe
from executors.rag.index.segment import Entry, content_key, moved_rows
from executors.rag.index.sparse import SparseIndex
from executors.rag.index.vectors import make_faiss, recall
from knowledge.corpus.types import Document

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from executors.rag.embedding import Embedder
    from executors.rag.index.journal import Journal

EMBED_BATCH = 2048
"""Chunks given to the embedder at once; it makes its own batches of them, by token count."""
Known = Callable[[Sequence[int]], Mapping[int, "NDArray[np.float32]"]]
"""Vectors of content keys, of those that an earlier index or an interrupted build holds."""
Embed = Callable[..., tuple["NDArray[np.float32]", int]]
"""Embeds a cut: takes known, on_progress and on_batch as `embed_chunks` does."""
OnBatch = Callable[[Sequence[int], "NDArray[np.float32]"], None]
"""Called with the content keys and vectors of what was just embedded."""
OnProgress = Callable[[int, int], None]
"""Called with chunks done and chunks in all."""


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
        recall=recall(policy, vectors, matrix, ids),
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
