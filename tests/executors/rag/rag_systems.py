"""A finished system over given documents, asked in one line, and a generator that says it."""

from __future__ import annotations

from executors.base import Generation, Question
from executors.rag.answer.system import RagSystem
from executors.rag.index.build import build_index
from executors.rag.search.faiss_store import FaissStore
from executors.rag.search.retrieve import Retriever


def open_system(documents, embedder, *, threshold=0.0, generator=None, mode="hybrid") -> RagSystem:
    index = build_index(documents, embedder, chunk_tokens=120, overlap_tokens=0, ram_bytes=2**33)
    return RagSystem(
        Retriever(FaissStore(index), embedder, mode),
        threshold=threshold,
        top_k=3,
        lang="ja",
        generator=generator,
        max_new_tokens=32,
    )


def ask(system: RagSystem, text: str, passages: int = 5):
    return system.answer([Question("q", text)], passages=passages)[0]


class Echo:
    """A generator that says what it was asked, so that the prompt can be looked at."""

    def __init__(self, said: str = "") -> None:
        self.said, self.prompts = said, []

    def complete(self, conversations, *, max_new_tokens):
        self.prompts += [list(c) for c in conversations]
        return [Generation(self.said or c[-1]["content"], 9, 3, 0.1, "stop") for c in conversations]

    def close(self) -> None: ...
