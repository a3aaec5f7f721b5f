"""What the questions still open could change: the advice is worked out again with other answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from advisor.errors import AnswersError
from advisor.needs import needs
from advisor.questions import Questionnaire
from advisor.recommend import recommend
from advisor.texts import t
from advisor.types import Answer, Answers, MachineFacts, Option, Recommendation, Scalar
from knowledge.catalog.records import Question
from knowledge.corpus.types import DataFacts

SURER_BY = 0.05
"""A change of certainty that is worth telling."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one answer to an open question would change; `text_id` is below `wizard.turn.`."""

    question: Question
    value: Scalar
    text_id: str
    road: str = ""
    model: str = ""
    sure: float = 0.0


_STRENGTH = ("first", "nothing", "opens", "closes", "model", "sure")


@dataclass(frozen=True, slots=True)
class Advice:
    """An advice from the answers so far, and from what they might become."""

    questionnaire: Questionnaire
    answers: Answers
    machine: MachineFacts | None
    data: DataFacts | None

    def now(self) -> Recommendation:
        """The advice from what is answered, detected and assumed.

        Raises:
            AnswersError: the answers do not carry an advice.
        """
        return self._with(self.answers)

    def _with(self, answers: Answers) -> Recommendation:
        return recommend(needs(self.questionnaire.completed(answers), self.machine, self.data))

    def turns(self, now: Recommendation) -> tuple[Turn, ...]:
        """For each open question its strongest effect, the strongest first; others are left out."""
        found = []
        for question in self.questionnaire.open(self.answers, core=False):
            effects = [
                turn
                for value in self._others(question)
                if (turn := self._turn(question, value, now)) is not None
            ]
            if effects:
                found.append(min(effects, key=_rank))
        return tuple(sorted(found, key=_rank))

    def _others(self, question: Question) -> Iterator[Scalar]:
        """The answers that are not assumed anyway: other choices, or the record's steps."""
        assumed = self.questionnaire.default(question, self.answers)
        for choice in self.questionnaire.choices(question, self.answers):
            if not choice.impossible and (assumed is None or choice.value != assumed.value):
                yield choice.value
        for step in question.steps:
            if assumed is None or step != assumed.value:
                yield int(step) if question.kind == "integer" else step

    def _turn(self, question: Question, value: Scalar, now: Recommendation) -> Turn | None:
        try:
            then = self._with(self.answers.with_answer(Answer(question.id, value, "asked")))
        except AnswersError:
            return None  # an answer that the others forbid changes nothing
        return compare(question, value, now, then)


def compare(
    question: Question, value: Scalar, now: Recommendation, then: Recommendation
) -> Turn | None:
    """The most telling difference between two advices; None if there is none."""
    best, other = first(now), first(then)
    if other is None:
        return None if best is None else Turn(question, value, "nothing")
    if best is None or _road(best) != _road(other):
        return Turn(question, value, "first", road=road_name(other))
    free, freed = _possible(now), _possible(then)
    for text_id, gone in (("opens", freed.keys() - free), ("closes", free.keys() - freed)):
        if gone:
            names = {**free, **freed}
            roads = [names[road] for road in names if road in gone]
            return Turn(question, value, text_id, road=t("wizard.comma").join(roads))
    if best.base_model != other.base_model and other.base_model:
        return Turn(question, value, "model", model=other.base_model)
    if abs(best.confidence - other.confidence) >= SURER_BY:
        return Turn(question, value, "sure", sure=other.confidence)
    return None


def first(made: Recommendation) -> Option | None:
    """The road that is recommended, if any is."""
    return made.options[0] if made.chosen is not None and made.options else None


def blockers(made: Recommendation) -> tuple[str, ...]:
    """Why roads are ruled out, each reason once, that of the best road first."""
    reasons = (reason for option in made.options for reason in option.reasons)
    return tuple(dict.fromkeys(r.text for r in reasons if r.effect == "blocks"))


def road_name(option: Option) -> str:
    """A road as people read it: its approach, and its form where it has one."""
    name = t(f"advice.approach.{option.approach}")
    form = option.method or option.variant
    return f"{name} / {t(f'advice.form.{form}')}" if form else name


def _road(option: Option) -> tuple[str, str | None, str | None]:
    return option.approach, option.method, option.variant


def _possible(made: Recommendation) -> dict[tuple[str, str | None, str | None], str]:
    return {_road(o): road_name(o) for o in made.options if not o.blocked_by}


def _rank(turn: Turn) -> int:
    return _STRENGTH.index(turn.text_id)
