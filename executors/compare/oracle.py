"""Oracle context: the RAG road's way of answering, over nothing but the gold passage.

What it answers wrongly with the right passage in hand, no search can put right; what it answers
rightly and the RAG road does not, the search has lost.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from advisor.types import Plan
from executors.base import Context, Generator, Question, Reply
from executors.rag.answer.system import RagSystem
from executors.rag.embedding import choose, open_embedder
from executors.rag.executor import DEFAULTS, ram_bytes
from executors.rag.index.build import build_index
from executors.rag.search.faiss_store import FaissStore
from executors.rag.search.retrieve import Retriever
from knowledge.corpus.types import Corpus, Document, Example, Section


class OracleSystem:
    """Answers each question from its gold passage, or its gold documents where none is marked.

    The line for not answering is taken away: that the papers hold an answer is given.
    """

    def __init__(
        self,
        plan: Plan,
        examples: Sequence[Example],
        corpus: Corpus,
        generator: Generator | None,
        context: Context,
    ) -> None:
        """Open the plan's embedder.

        Args:
            plan: whose settings for chunks, passages and answers hold.
            generator: writes the answers; None quotes them. Closed by whoever opened it.
        """
        self._plan, self._generator = plan, generator
        self._examples = {example.id: example for example in examples}
        self._documents = {document.id: document for document in corpus.documents}
        choice = choose(str(plan.config.get("rag.embedder", DEFAULTS["rag.embedder"])))
        self._embedder = open_embedder(choice.id, context.session)
        self._over: dict[tuple[str, ...], RagSystem] = {}

    def answer(self, questions: Sequence[Question], *, passages: int = 5) -> list[Reply]:
        """One reply per question, each of which has a gold passage."""
        systems = [self._system(self._gold(self._examples[q.id])) for q in questions]
        replies = [
            system.answer([question], passages=passages)[0]
            for system, question in zip(systems, questions, strict=True)
        ]
        if self._generator is None or not systems:
            return replies
        return systems[0].written(replies, self._generator)

    def close(self) -> None:
        """Nothing to close: the indexes lie in memory."""

    def _gold(self, example: Example) -> tuple[Document, ...]:
        if example.gold_passage:
            return (_paper(example.gold_passage),)
        known = (self._documents.get(id_) for id_ in example.doc_ids)
        return tuple(document for document in known if document and document.text.strip())

    def _system(self, gold: Sequence[Document]) -> RagSystem:
        """The road over these papers alone; questions on the same ones share it."""
        key = tuple(document.id for document in gold)
        if key not in self._over:
            index = build_index(
                # Given to whoever asks: what is measured is the answer, not who may read.
                [_open_to_all(document) for document in gold],
                self._embedder,
                chunk_tokens=int(self._setting("rag.chunk_tokens")),
                overlap_tokens=int(self._setting("rag.overlap_tokens")),
                ram_bytes=ram_bytes(),
            )
            self._over[key] = RagSystem(
                Retriever(FaissStore(index), self._embedder, "dense"),
                threshold=0.0,
                top_k=int(self._setting("rag.top_k")),
                lang=self._plan.language,
                generator=None,
                max_new_tokens=int(self._setting("generate.max_new_tokens")),
                unsupported="mark" if self._setting("rag.unsupported") == "mark" else "drop",
            )
        return self._over[key]

    def _setting(self, id_: str) -> str | int | float | bool:
        return self._plan.config.get(id_, DEFAULTS[id_])


def _paper(passage: str) -> Document:
    digest = hashlib.sha256(passage.encode("utf-8", "surrogatepass")).hexdigest()
    return Document(f"gold:{digest[:16]}", "", "", (Section(passage),), digest)


def _open_to_all(document: Document) -> Document:
    return replace(document, groups=frozenset())
