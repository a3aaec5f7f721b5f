"""The part of an index that a change makes: only what changed is cut, embedded and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.errors import MachineError
from executors import versioned
from executors.rag.chunking.words import needs_sudachi, words_by
from executors.rag.embedding import Embedder, refuse_wrong_language
from executors.rag.index.build import Known, OnProgress, count_words, cut_documents, embed_chunks
from executors.rag.index.catalogue import Catalogue
from executors.rag.index.counts import WordCounts
from executors.rag.index.disk import Stored
from executors.rag.index.journal import Journal
from executors.rag.index.policy import index_policy
from executors.rag.index.rag_index import IndexFacts, refuse_changed_embedder
from executors.rag.index.segment import Segment, chunk_line
from executors.rag.index.vectors import make_faiss
from knowledge.corpus.types import Document

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

OpenEmbedder = Callable[[], Embedder]
_SAMPLE_CHARACTERS = 4000


def new_part(
    folder: Path,
    stored: Stored,
    facts: IndexFacts,
    catalogue: Catalogue,
    documents: Sequence[Document],
    open_embedder: OpenEmbedder,
    ram_bytes: int,
    on_progress: OnProgress | None,
) -> tuple[Segment, int]:
    """The new part, and how many of its chunks had to be embedded."""
    import numpy as np

    empty = np.zeros(0, dtype=np.int64)
    if not documents:
        return Segment([], empty, empty, []), 0
    if needs_sudachi(facts.words_by) and not needs_sudachi(words_by()):
        raise MachineError("package-missing", package="sudachipy")
    embedder = open_embedder()
    refuse_changed_embedder(facts, embedder)
    _refuse_language(catalogue, documents, embedder)
    cut = cut_documents(
        documents,
        embedder,
        chunk_tokens=facts.chunk_tokens,
        overlap_tokens=facts.overlap_tokens,
    )
    journal = Journal(folder, embedder)
    known = _known(folder, stored, journal)
    matrix, embedded = embed_chunks(cut, embedder, known, on_progress, journal.add)
    ids = [chunk.id for chunk in cut.chunks]
    segment = Segment(
        [chunk_line(chunk) for chunk in cut.chunks],
        np.array(ids, dtype=np.int64),
        np.array(cut.keys, dtype=np.int64),
        cut.entries,
    )
    if ids:
        policy = index_policy(len(ids), facts.dimension, ram_bytes=ram_bytes)
        segment.vectors = make_faiss(policy, matrix, ids)
        segment.words = WordCounts.build(count_words(cut.chunks, facts.words_by))
    return segment, embedded


def words_counted_by(facts: IndexFacts) -> str:
    """How words are counted when all are counted anew: as here, but never worse than before."""
    here = words_by()
    return here if needs_sudachi(here) or not needs_sudachi(facts.words_by) else facts.words_by


def _known(folder: Path, stored: Stored, journal: Journal) -> Known:
    files: Mapping[str, str] = stored.opened.record["files"]

    def known(keys: Sequence[int]) -> dict[int, NDArray[np.float32]]:
        import numpy as np

        found = dict(journal.known(keys))
        asked = np.array(sorted(set(keys) - set(found)), dtype=np.int64)
        for part in stored.parts:
            rows = np.flatnonzero(np.isin(part.keys, asked)) if len(asked) else asked
            if not len(rows):
                continue
            name = f"{versioned.PARTS}/{part.home.name}/vectors.faiss"
            # A damaged vector must not move into a part whose digest then calls it sound.
            versioned.prove(folder, {name: files[name]})
            vectors = part.matrix(rows)
            found |= dict(zip(part.keys[rows].tolist(), vectors, strict=True))
            asked = np.setdiff1d(asked, part.keys[rows])
        return found

    return known


def _refuse_language(
    catalogue: Catalogue, documents: Sequence[Document], embedder: Embedder
) -> None:
    sizes: Counter[str] = Counter()
    fresh = {document.id for document in documents}
    for id_, (_, entry) in catalogue.documents.items():
        if id_ not in fresh:
            sizes[entry.language] += entry.characters
    for document in documents:
        sizes[document.language] += len(document.text)
    total = sizes.total() or 1
    sample = "\n".join(d.text for d in documents if d.language == "ja")[:_SAMPLE_CHARACTERS]
    if sample:
        shares = {language: size / total for language, size in sizes.items()}
        refuse_wrong_language(embedder, shares, sample)
