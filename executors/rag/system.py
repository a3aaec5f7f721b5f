"""Answers questions from an index: finds passages, then quotes them or has a model read them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from executors.base import FinishReason, Generator, Passage, Question, Reply
from executors.evaluate.abstention import is_refusal
from executors.rag.abstain import confidence
from executors.rag.prompt import grounded
from executors.rag.quote import Quote, Quoter
from executors.rag.retrieve import Found, Hit, Retriever, distinct
from knowledge.catalog.texts import text

AnswerMode = Literal["generate", "extractive"]


@dataclass(slots=True)
class _Case:
    question: Question
    found: Found
    shown: list[Hit]
    read: list[Hit]
    """Every chunk of the shown documents, best first: what an answer may come from."""
    quote: Quote | None
    confidence: float
    seconds: float


class RagSystem:
    """A finished RAG road; `generator` is None when answers are quoted."""

    def __init__(
        self,
        retriever: Retriever,
        *,
        threshold: float,
        top_k: int,
        lang: str,
        generator: Generator | None,
        max_new_tokens: int,
    ) -> None:
        self.retriever = retriever
        self._quoter = Quoter(retriever)
        self._threshold, self._top_k, self._lang = threshold, top_k, lang
        self._generator, self._max_new_tokens = generator, max_new_tokens

    def answer(self, questions: Sequence[Question], *, passages: int = 5) -> list[Reply]:
        """One reply per question; passages are given even when it abstains."""
        asked = [question for question in questions if question.text.strip()]
        cases = iter(self._cases(asked, max(1, passages)))
        replies = [
            self._quoted(next(cases)) if question.text.strip() else self._empty(question)
            for question in questions
        ]
        if self._generator is not None:
            replies = self._generated(replies, self._generator)
        return replies if passages > 0 else [replace(reply, passages=()) for reply in replies]

    def confidences(self, texts: Sequence[str]) -> list[float]:
        """How likely the papers answer each question, for calibration."""
        cases = self._cases([Question(str(i), text) for i, text in enumerate(texts)], self._top_k)
        return [case.confidence for case in cases]

    def close(self) -> None:
        if self._generator is not None:
            self._generator.close()

    def _cases(self, questions: Sequence[Question], passages: int) -> list[_Case]:
        started = time.perf_counter()
        found = self.retriever.find([question.text for question in questions])
        share = (time.perf_counter() - started) / max(1, len(questions))
        cases = []
        for question, one in zip(questions, found, strict=True):
            begun = time.perf_counter()
            shown = distinct(one.hits, passages)
            documents = {hit.chunk.doc_id for hit in distinct(one.hits, min(passages, self._top_k))}
            read = [hit for hit in one.hits if hit.chunk.doc_id in documents]
            quote = self._quoter.quote(question.text, read)
            sure = confidence(one.signals, quote)
            seconds = share + time.perf_counter() - begun
            cases.append(_Case(question, one, shown, read, quote, sure, seconds))
        return cases

    def _quoted(self, case: _Case) -> Reply:
        """The extractive reply; its passages show the chunks the answer stands in."""
        quote = case.quote
        abstained = quote is None or case.confidence < self._threshold
        shown = case.shown
        if quote is not None:
            by_row = {hit.row: hit for hit in case.read}
            shown = _with_quoted(shown, [by_row[row] for row in quote.rows if row in by_row])
        finish: FinishReason = "abstained" if abstained else "extractive"
        refusal = text("rag.abstain.answer", self._lang)
        said = refusal if quote is None or abstained else quote.text
        return Reply(
            id=case.question.id,
            question=case.question.text,
            answer=said,
            abstained=abstained,
            passages=tuple(_passage(hit) for hit in shown),
            seconds=case.seconds,
            finish_reason=finish,
        )

    def _generated(self, replies: list[Reply], generator: Generator) -> list[Reply]:
        """The same replies with the generator's words where the papers have an answer."""
        waiting = [i for i, reply in enumerate(replies) if not reply.abstained]
        conversations = [
            grounded(replies[i].question, replies[i].passages[: self._top_k], self._lang)
            for i in waiting
        ]
        made = generator.complete(conversations, max_new_tokens=self._max_new_tokens)
        for i, generation in zip(waiting, made, strict=True):
            said = generation.text.strip()
            refused = not said or is_refusal(said)
            replies[i] = replace(
                replies[i],
                answer=said or text("rag.abstain.answer", self._lang),
                abstained=refused,
                seconds=replies[i].seconds + generation.seconds,
                tokens_in=generation.tokens_in,
                tokens_out=generation.tokens_out,
                finish_reason=generation.finish_reason,
            )
        return replies

    def _empty(self, question: Question) -> Reply:
        answer = text("rag.empty-question.answer", self._lang)
        return Reply(question.id, question.text, answer, True, finish_reason="abstained")


def _with_quoted(shown: Sequence[Hit], quoted: Sequence[Hit]) -> list[Hit]:
    """The shown hits, each document represented by the chunk that was quoted from it."""
    by_document: dict[str, Hit] = {}
    for hit in quoted:
        by_document.setdefault(hit.chunk.doc_id, hit)
    rows = {hit.row for hit in shown}
    out = []
    for hit in shown:
        better = by_document.pop(hit.chunk.doc_id, None)
        if better is not None and better.row not in rows:
            hit = replace(better, score=hit.score)
        out.append(hit)
    return out


def _passage(hit: Hit) -> Passage:
    chunk = hit.chunk
    return Passage(
        doc_id=chunk.doc_id,
        source=chunk.source,
        title=chunk.context,
        text=chunk.text,
        score=round(hit.score, 6),
        where=chunk.where,
    )
