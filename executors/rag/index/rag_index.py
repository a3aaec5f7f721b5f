"""The searchable form of a corpus: chunks, vectors in FAISS, word counts, and their origin."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from itertools import groupby
from typing import TYPE_CHECKING, Any

from advisor.errors import RunError
from executors.rag.chunking.chunk import Chunk
from executors.rag.index.policy import IndexPolicy
from executors.rag.index.segment import Entry, content_key, moved_rows
from executors.rag.index.sparse import SparseIndex
from knowledge.corpus.cache import readers_digest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from executors.rag.embedding import Embedder

PROBE = (
    "この文は、索引を作った埋め込みモデルが変わっていないことを確かめるためのものです。 A probe."
)
_RECIPE = ("chunking/chunk.py", "chunking/sentences.py", "chunking/words.py", "answer/fence.py")


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
    for name in _RECIPE:
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
