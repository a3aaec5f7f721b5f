"""Answers questions from an index: finds passages, then quotes them or has a model read them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from executors.base import (
    FinishReason,
    Generation,
    Generator,
    Passage,
    Question,
    Reply,
    Streams,
)
from executors.evaluate.abstention import is_refusal
from executors.rag.answer.abstain import weights_for
from executors.rag.answer.cite import citations, kept
from executors.rag.answer.evidence import evidence
from executors.rag.answer.prompt import grounded
from executors.rag.answer.quote import Quote, Quoter
from executors.rag.search.filter import Filter
from executors.rag.search.leaveout import without
from executors.rag.search.retrieve import Found, Hit, Retriever, distinct
from knowledge.catalog.texts import text

AnswerMode = Literal["generate", "extractive"]
Unsupported = Literal["drop", "mark"]
"""What becomes of a generated sentence that no passage supports."""
NEAREST = 20
"""Passages of a document that are looked through for one that holds an answer."""
LONGEST_QUESTION = 4000
"""Characters; a longer one is a document, not a question, and would be cut unseen."""


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
        unsupported: Unsupported = "drop",
    ) -> None:
        self.retriever = retriever
        self._quoter = Quoter(retriever)
        self._weights = weights_for(retriever.embedder.id)
        self._unsupported = unsupported
        self._threshold, self._top_k, self._lang = threshold, top_k, lang
        self._generator, self._max_new_tokens = generator, max_new_tokens

    def answer(self, questions: Sequence[Question], *, passages: int = 5) -> list[Reply]:
        """One reply per question; passages are given even when it abstains."""
        asked = [question for question in questions if self._refusal(question) is None]
        cases = iter(self._cases(asked, max(1, passages)))
        replies = [self._refusal(question) or self._quoted(next(cases)) for question in questions]
        if self._generator is not None:
            replies = self.written(replies, self._generator)
        return replies if passages > 0 else [replace(reply, passages=()) for reply in replies]

    def stream(self, question: Question, *, passages: int = 5) -> Iterator[str | Reply]:
        """Pieces of a generated answer as they come, then the whole reply, checked."""
        generator = self._generator
        reply = self._refusal(question)
        if reply is None:
            reply = self._quoted(self._cases([question], max(1, passages))[0])
        if generator is not None and not reply.abstained and isinstance(generator, Streams):
            told = grounded(reply.question, reply.passages[: self._top_k], self._lang)
            said = ""
            started = time.perf_counter()
            pieces = generator.stream(told, max_new_tokens=self._max_new_tokens)
            for piece in pieces:
                said += piece
                yield piece
            seconds = time.perf_counter() - started
            reply = self._checked(reply, Generation(said.strip(), 0, 0, seconds, "stop"))
        elif generator is not None:
            (reply,) = self.written([reply], generator)
        yield reply if passages > 0 else replace(reply, passages=())

    def confidences(self, texts: Sequence[str]) -> list[float]:
        """How likely the papers answer each question, for calibration: all papers, by the owner."""
        asked = [Question(str(i), text) for i, text in enumerate(texts)]
        cases = self._cases(asked, self._top_k, owner=True)
        return [case.confidence for case in cases]

    def confidence_without(self, text: str, documents: Sequence[str]) -> float:
        """The same for one question over an index in which these documents were never put."""
        return self.without(documents).confidences([text])[0]

    def without(self, documents: Sequence[str]) -> RagSystem:
        """The same road, quoting, over an index in which these documents were never put."""
        retriever = without(self.retriever, documents)
        system = RagSystem(
            retriever,
            threshold=self._threshold,
            top_k=self._top_k,
            lang=self._lang,
            generator=None,
            max_new_tokens=self._max_new_tokens,
        )
        system._quoter = self._quoter.over(retriever)
        return system

    def read_for(self, text: str, *, owner: bool = False) -> tuple[Passage, ...]:
        """The passages that a generator is shown for a question, best first.

        Args:
            owner: whether everything may be seen, or only what is open to everybody.
        """
        (case,) = self._cases([Question("", text)], self._top_k, owner=owner)
        return self._quoted(case).passages[: self._top_k]

    def best_of(
        self,
        text: str,
        documents: Sequence[str],
        holds: Callable[[Passage], bool] = lambda _: False,
    ) -> Passage | None:
        """The passage of these documents that is nearest to a question; None if they have none.

        Args:
            holds: of the `NEAREST` nearest, the first of which this is true comes before all.
        """
        store, embedder = self.retriever.store, self.retriever.embedder
        chunks = [chunk for doc_id in documents for chunk in store.document(doc_id)]
        if not chunks:
            return None
        cosines = store.vectors([chunk.id for chunk in chunks]) @ embedder.queries([text])[0]
        order = sorted(range(len(chunks)), key=lambda i: -float(cosines[i]))[:NEAREST]
        near = [
            _passage(Hit(chunks[i].id, chunks[i], float(cosines[i]), float(cosines[i])))
            for i in order
        ]
        return next(filter(holds, near), near[0])

    def around(self, passage: Passage) -> tuple[str, str]:
        """The texts before and after a passage in its document; empty at either end."""
        own = self.retriever.store.document(passage.doc_id)
        at = next((i for i, chunk in enumerate(own) if chunk.text == passage.text), None)
        if at is None:
            return "", ""
        before = own[at - 1].text if at else ""
        return before, own[at + 1].text if at + 1 < len(own) else ""

    def close(self) -> None:
        self.retriever.store.close()
        if self._generator is not None:
            self._generator.close()

    def _find(self, questions: Sequence[Question], *, owner: bool) -> list[Found]:
        """What may be found for each; those who may see the same are searched for together."""
        filters = [
            None if owner else Filter(question.groups, question.within) for question in questions
        ]
        found: dict[int, Found] = {}
        for where in dict.fromkeys(filters):
            places = [i for i, one in enumerate(filters) if one == where]
            texts = [questions[i].text for i in places]
            found |= dict(zip(places, self.retriever.find(texts, where=where), strict=True))
        return [found[i] for i in range(len(questions))]

    def _cases(
        self, questions: Sequence[Question], passages: int, *, owner: bool = False
    ) -> list[_Case]:
        started = time.perf_counter()
        found = self._find(questions, owner=owner)
        share = (time.perf_counter() - started) / max(1, len(questions))
        cases = []
        for question, one in zip(questions, found, strict=True):
            begun = time.perf_counter()
            shown = distinct(one.hits, passages)
            documents = {hit.chunk.doc_id for hit in distinct(one.hits, min(passages, self._top_k))}
            read = [hit for hit in one.hits if hit.chunk.doc_id in documents]
            quote = self._quoter.quote(question.text, read, one.rarity)
            signs = evidence(question.text, one, quote, self.retriever)
            sure = self._weights.probability(signs)
            seconds = share + time.perf_counter() - begun
            cases.append(_Case(question, one, shown, read, quote, sure, seconds))
        return cases

    def _quoted(self, case: _Case) -> Reply:
        """The extractive reply; its passages show the chunks the answer stands in."""
        quote = case.quote
        abstained = quote is None or case.confidence < self._threshold
        shown = case.shown
        if quote is not None:
            by_id = {hit.id: hit for hit in case.read}
            shown = _with_quoted(shown, [by_id[id_] for id_ in quote.ids if id_ in by_id])
        finish: FinishReason = "abstained" if abstained else "extractive"
        refusal = text("rag.abstain.answer", self._lang)
        said = refusal if quote is None or abstained else quote.text
        passages = tuple(_passage(hit) for hit in shown)
        return Reply(
            id=case.question.id,
            question=case.question.text,
            answer=said,
            abstained=abstained,
            passages=passages,
            seconds=case.seconds,
            finish_reason=finish,
            citations=() if abstained else citations(said, passages, question=case.question.text),
        )

    def written(self, replies: list[Reply], generator: Generator) -> list[Reply]:
        """The same replies with the generator's words where the papers have an answer."""
        waiting = [i for i, reply in enumerate(replies) if not reply.abstained]
        conversations = [
            grounded(replies[i].question, replies[i].passages[: self._top_k], self._lang)
            for i in waiting
        ]
        made = generator.complete(conversations, max_new_tokens=self._max_new_tokens)
        for i, generation in zip(waiting, made, strict=True):
            replies[i] = self._checked(replies[i], generation)
        return replies

    def _checked(self, reply: Reply, made: Generation) -> Reply:
        """The generated answer with its citations; what no passage supports is taken out or marked.

        When nothing is left the papers do not say.
        """
        read = reply.passages[: self._top_k]
        said = made.text.strip()
        cited = citations(said, read, question=reply.question, cosine=self._cosine)
        dropped: tuple[str, ...] = ()
        if self._unsupported == "drop":
            dropped = tuple(said[c.start : c.end] for c in cited if not c.passage)
            said, cited = kept(said, cited)
        refused = not any(c.passage for c in cited) or is_refusal(said)
        if refused and self._unsupported == "drop":
            said, cited = text("rag.abstain.answer", self._lang), ()
        return replace(
            reply,
            answer=said or text("rag.abstain.answer", self._lang),
            abstained=refused,
            seconds=reply.seconds + made.seconds,
            tokens_in=made.tokens_in,
            tokens_out=made.tokens_out,
            finish_reason=made.finish_reason,
            citations=cited,
            dropped=dropped,
        )

    def _cosine(self, sentence: str, statements: Sequence[str]) -> list[float]:
        vectors = self.retriever.embedder.passages([sentence, *statements])
        return [float(vectors[0] @ other) for other in vectors[1:]]

    def _refusal(self, question: Question) -> Reply | None:
        """The reply to what is no question: nothing, or far more than anybody asks."""
        if not question.text.strip():
            answer = text("rag.empty-question.answer", self._lang)
        elif len(question.text) > LONGEST_QUESTION:
            n, most = f"{len(question.text):,}", f"{LONGEST_QUESTION:,}"
            answer = text("rag.long-question.answer", self._lang, n=n, most=most)
        else:
            return None
        return Reply(question.id, question.text, answer, True, finish_reason="abstained")


def _with_quoted(shown: Sequence[Hit], quoted: Sequence[Hit]) -> list[Hit]:
    """The shown hits, each document represented by the chunk that was quoted from it."""
    by_document: dict[str, Hit] = {}
    for hit in quoted:
        by_document.setdefault(hit.chunk.doc_id, hit)
    ids = {hit.id for hit in shown}
    out = []
    for hit in shown:
        better = by_document.pop(hit.chunk.doc_id, None)
        if better is not None and better.id not in ids:
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
