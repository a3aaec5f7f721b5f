"""Small documents and a deterministic embedder: mechanics are tested without a model."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from executors.rag.chunking.words import character_pairs
from knowledge.corpus.types import Document, Section


class HashingEmbedder:
    """Counts of hashed character pairs: texts with the same wording lie close together."""

    id = "hashing"
    dimension = 256
    max_tokens = 400

    def __init__(self) -> None:
        self.embedded: list[str] = []

    def passages(self, texts: Sequence[str]) -> np.ndarray:
        self.embedded += texts
        rows = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for pair in sorted(character_pairs(text)):
                row[int.from_bytes(hashlib.sha256(pair.encode()).digest()[:4], "big") % 256] += 1
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)

    queries = passages

    def count_tokens(self, text: str) -> int:
        return len(text) // 2 + 1


def document(id_: str, *sections: Section | str, title: str = "") -> Document:
    made = tuple(s if isinstance(s, Section) else Section(s) for s in sections)
    text = "\n".join(s.text for s in made)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Document(id_, title or id_, id_, made, digest)
