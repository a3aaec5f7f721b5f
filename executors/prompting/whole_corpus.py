"""Small corpora need no search: all documents stand in the prompt, read once for all questions."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from executors.base import Generation, Generator, Message, Passage, Question, Reply
from executors.evaluate.abstention import is_refusal
from executors.generator import LocalGenerator
from executors.prefix import SharedPrefix
from executors.rag.answer.cite import citations
from executors.rag.answer.prompt import grounded
from executors.rag.search.filter import Filter
from knowledge.catalog.texts import text

if TYPE_CHECKING:
    from executors.models import LoadedModel

QUESTION_TOKENS = 256
"""Room kept for a question beside that for its answer."""
_PLACE = "\ue000"
"""Marks where the question goes; a private character that no document should hold."""
_KEPT = 4
"""Beginnings kept for the next question: each holds the keys and values of a whole corpus."""


@dataclass(frozen=True, slots=True)
class Paper:
    """A document and who may see it; without groups it is open to everybody."""

    passage: Passage
    groups: frozenset[str] = frozenset()
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)


class WholeCorpusSystem:
    """Answers from a prompt that holds every document the asker may see, fenced as data.

    What stands in a prompt a model may tell: who asks gets a prompt without closed documents.
    """

    def __init__(
        self, papers: Sequence[Paper], generator: Generator, *, lang: str, max_new_tokens: int
    ) -> None:
        """Read what is open to all; a local model keeps what it read (see executors.prefix).

        Raises:
            UsageError: the documents, a question and an answer do not fit the model.
        """
        self._papers = papers
        self._generator, self._lang, self._max_new_tokens = generator, lang, max_new_tokens
        self._read: OrderedDict[tuple[int, ...], _Beginning] = OrderedDict()
        if isinstance(generator, LocalGenerator):
            self._refuse_what_does_not_fit(generator.loaded)
            if everybodys := self._open_to(Filter(frozenset())):
                self._beginning(generator.loaded, everybodys)

    def answer(self, questions: Sequence[Question], *, passages: int = 5) -> list[Reply]:
        """One reply per question; its passages are those documents that its sentences rest on."""
        asked: dict[tuple[int, ...], list[int]] = {}
        for number, question in enumerate(questions):
            seen = self._open_to(Filter(question.groups, question.within))
            asked.setdefault(seen, []).append(number)
        found: dict[int, Reply] = {}
        for seen, numbers in asked.items():
            alike = [questions[number] for number in numbers]
            found |= dict(zip(numbers, self._answers(seen, alike, passages), strict=True))
        return [found[number] for number in range(len(questions))]

    def close(self) -> None:
        self._generator.close()

    def _open_to(self, where: Filter) -> tuple[int, ...]:
        """Numbers of the documents that may be seen."""
        return tuple(n for n, paper in enumerate(self._papers) if where.allows(paper))

    def _answers(
        self, seen: tuple[int, ...], questions: Sequence[Question], passages: int
    ) -> list[Reply]:
        if not seen:
            said = text("rag.abstain.answer", self._lang)
            return [Reply(q.id, q.text, said, True, finish_reason="abstained") for q in questions]
        made = self._complete(seen, [question.text for question in questions])
        shown = self._passages(seen)
        return [_reply(q, g, shown, passages) for q, g in zip(questions, made, strict=True)]

    def _complete(self, seen: tuple[int, ...], asked: Sequence[str]) -> list[Generation]:
        if not isinstance(self._generator, LocalGenerator):
            told = [self._told(seen, question) for question in asked]
            return self._generator.complete(told, max_new_tokens=self._max_new_tokens)
        beginning = self._beginning(self._generator.loaded, seen)
        endings = [question + beginning.ending for question in asked]
        return beginning.prefix.complete(endings, max_new_tokens=self._max_new_tokens)

    def _beginning(self, loaded: LoadedModel, seen: tuple[int, ...]) -> _Beginning:
        if seen not in self._read:
            beginning, ending = self._around(loaded, seen)
            self._read[seen] = _Beginning(SharedPrefix(loaded, beginning), ending)
            while len(self._read) > _KEPT:
                self._read.popitem(last=False)
        self._read.move_to_end(seen)
        return self._read[seen]

    def _refuse_what_does_not_fit(self, loaded: LoadedModel) -> None:
        from executors.generate import fitted, token_ids

        beginning, _ = self._around(loaded, tuple(range(len(self._papers))))
        ids = token_ids(loaded, beginning)
        fitted(loaded, [ids], QUESTION_TOKENS + self._max_new_tokens, None)

    def _around(self, loaded: LoadedModel, seen: tuple[int, ...]) -> tuple[str, str]:
        """What stands before and after the question."""
        from executors.template import render_chat

        whole = render_chat(loaded.tokenizer, self._told(seen, _PLACE))
        beginning, ending = whole.rsplit(_PLACE, 1)
        return beginning, ending

    def _told(self, seen: tuple[int, ...], question: str) -> list[Message]:
        return grounded(question, self._passages(seen), self._lang)

    def _passages(self, seen: tuple[int, ...]) -> list[Passage]:
        return [self._papers[number].passage for number in seen]


@dataclass(frozen=True, slots=True)
class _Beginning:
    prefix: SharedPrefix
    ending: str


def _reply(question: Question, made: Generation, shown: Sequence[Passage], passages: int) -> Reply:
    cited = citations(made.text, shown, question=question.text)
    numbers = list(dict.fromkeys(c.passage for c in cited if c.passage))[:passages]
    return Reply(
        id=question.id,
        question=question.text,
        answer=made.text,
        abstained=is_refusal(made.text),
        passages=tuple(shown[number - 1] for number in numbers),
        seconds=made.seconds,
        tokens_in=made.tokens_in,
        tokens_out=made.tokens_out,
        finish_reason=made.finish_reason,
    )
