"""Small corpora need no search: all documents stand in the prompt, read once for all questions."""

from __future__ import annotations

from collections.abc import Sequence

from executors.base import Generation, Generator, Message, Passage, Question, Reply
from executors.evaluate.abstention import is_refusal
from executors.generator import LocalGenerator
from executors.prefix import SharedPrefix
from executors.rag.cite import citations
from executors.rag.prompt import grounded

QUESTION_TOKENS = 256
"""Room kept for a question beside that for its answer."""
_PLACE = "\ue000"
"""Marks where the question goes; a private character that no document should hold."""


class WholeCorpusSystem:
    """Answers from a prompt that holds every document, fenced as data."""

    def __init__(
        self, documents: Sequence[Passage], generator: Generator, *, lang: str, max_new_tokens: int
    ) -> None:
        """Read the documents; a local model keeps what it read (see executors.prefix).

        Raises:
            UsageError: the documents, a question and an answer do not fit the model.
        """
        self._documents = documents
        self._generator, self._lang, self._max_new_tokens = generator, lang, max_new_tokens
        self._prefix: SharedPrefix | None = None
        self._ending = ""
        if isinstance(generator, LocalGenerator):
            self._read(generator)

    def answer(self, questions: Sequence[Question], *, passages: int = 5) -> list[Reply]:
        """One reply per question; its passages are those documents that its sentences rest on."""
        made = self._complete([question.text for question in questions])
        return [self._reply(q, g, passages) for q, g in zip(questions, made, strict=True)]

    def close(self) -> None:
        self._generator.close()

    def _read(self, generator: LocalGenerator) -> None:
        from executors.generate import fitted, token_ids
        from executors.template import render_chat

        loaded = generator.loaded
        whole = render_chat(loaded.tokenizer, self._told(_PLACE))
        beginning, self._ending = whole.rsplit(_PLACE, 1)
        ids = token_ids(loaded, beginning)
        fitted(loaded, [ids], QUESTION_TOKENS + self._max_new_tokens, None)
        self._prefix = SharedPrefix(loaded, beginning)

    def _complete(self, asked: Sequence[str]) -> list[Generation]:
        if self._prefix is None:
            told = [self._told(question) for question in asked]
            return self._generator.complete(told, max_new_tokens=self._max_new_tokens)
        endings = [question + self._ending for question in asked]
        return self._prefix.complete(endings, max_new_tokens=self._max_new_tokens)

    def _told(self, question: str) -> list[Message]:
        return grounded(question, self._documents, self._lang)

    def _reply(self, question: Question, made: Generation, passages: int) -> Reply:
        cited = citations(made.text, self._documents, question=question.text)
        numbers = list(dict.fromkeys(c.passage for c in cited if c.passage))[:passages]
        return Reply(
            id=question.id,
            question=question.text,
            answer=made.text,
            abstained=is_refusal(made.text),
            passages=tuple(self._documents[number - 1] for number in numbers),
            seconds=made.seconds,
            tokens_in=made.tokens_in,
            tokens_out=made.tokens_out,
            finish_reason=made.finish_reason,
        )
