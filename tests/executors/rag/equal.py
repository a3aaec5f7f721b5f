"""Says in what two indexes differ: for a refreshed one beside one made from scratch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from executors.rag.chunking.words import content_words
from executors.rag.embedding import Embedder
from executors.rag.index.rag_index import RagIndex
from executors.rag.search.faiss_store import FaissStore
from executors.rag.search.retrieve import Retriever


def differences(
    index: RagIndex, rebuilt: RagIndex, embedder: Embedder, questions: Sequence[str]
) -> list[str]:
    """Names of what is not equal; empty for equal indexes."""
    found = []
    if index.ids != rebuilt.ids or list(index.chunks) != list(rebuilt.chunks):
        found.append("chunks")
        return found
    if index.entries != rebuilt.entries or index.facts.documents != rebuilt.facts.documents:
        found.append("documents")
    if index.facts.suspicious != rebuilt.facts.suspicious:
        found.append("suspicious")
    for row in range(len(index.ids)):
        if not np.allclose(index.vector(row), rebuilt.vector(row), atol=1e-5):
            found.append("vectors")
            break
    for question in questions:
        words = content_words(question, index.facts.words_by)
        if not np.array_equal(index.sparse.scores(words), rebuilt.sparse.scores(words)):
            found.append("bm25")
            break
    ones = Retriever(FaissStore(index), embedder, "hybrid").find(questions)
    others = Retriever(FaissStore(rebuilt), embedder, "hybrid").find(questions)
    for one, other in zip(ones, others, strict=True):
        if [hit.chunk for hit in one.hits] != [hit.chunk for hit in other.hits]:
            found.append("hits")
            break
    return found
