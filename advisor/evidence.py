"""The back-test: what the rules would have advised in published head-to-head studies.

A case is two halves. `Question` is all that an adviser is given: what was known beforehand and
which approaches were compared. `Outcome` is only counted with.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from advisor.coding import APriori, a_priori, facts_of_study
from advisor.options import ROADS, Road
from advisor.ranking import TEMPERATURE, certainties
from advisor.rules import score
from knowledge.catalog.records import Rule, Study

UNREAD_WEIGHT = 0.5
"""Studies whose figures were not read count half: only their direction is known."""
APPROACHES = ("prompting", "rag", "fine_tuning", "hybrid")


@dataclass(frozen=True, slots=True)
class Question:
    """What an adviser may see of a study; there is no field for how it ended."""

    known: APriori
    option_classes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the study ended; read by the count and by the fit of the weights, never by advice."""

    acceptable: tuple[str, ...]
    winner: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Case:
    id: str
    paper: str
    year: int | None
    question: Question
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Advice:
    """The compared approaches, best first, and how sure the first one is."""

    ranked: tuple[str, ...]
    confidence: float
    scores: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Pick:
    """What was said about one case, and whether the study bears it out."""

    case: Case
    advice: Advice

    @property
    def said(self) -> str:
        return self.advice.ranked[0]

    @property
    def right(self) -> bool:
        return self.said in self.case.outcome.acceptable

    @property
    def tie(self) -> bool:
        return self.case.outcome.winner not in self.case.question.option_classes

    @property
    def strictly_right(self) -> bool:
        return self.said == self.case.outcome.winner


Adviser = Callable[[Question], Advice]


def advise(
    question: Question,
    rules: Sequence[Rule] | None = None,
    temperature: float = TEMPERATURE,
) -> Advice:
    """The compared approaches by the rules' scores, as a recommendation would put them."""
    facts = facts_of_study(question.known)
    best: dict[str, float] = {}
    for road in roads_of(question, facts):
        found = score(road.key, facts, rules)
        best[road.approach] = max(found, best.get(road.approach, -math.inf))
    return _advice(best, question.option_classes, temperature)


def roads_of(question: Question, facts: Mapping[str, Any]) -> list[Road]:
    """The roads of the compared approaches that make sense for the facts."""
    return [
        road
        for road in ROADS
        if road.approach in question.option_classes
        and (road.method != "encoder" or facts.get("goal") == "classification")
        and (road.variant != "whole_corpus" or facts.get("has_documents"))
    ]


def _advice(scores: Mapping[str, float], classes: Sequence[str], temperature: float) -> Advice:
    ranked = tuple(sorted(scores, key=lambda one: (-scores[one], APPROACHES.index(one))))
    return Advice(ranked, certainties(scores, temperature)[ranked[0]], dict(scores))


def folk(question: Question) -> Advice:
    """The rule everybody knows: knowledge by retrieval, behaviour by tuning."""
    if question.known.goal in ("new_facts", "domain_reasoning"):
        return always("rag", "hybrid", "prompting", "fine_tuning")(question)
    return always("fine_tuning", "hybrid", "prompting", "rag")(question)


def always(*order: str) -> Adviser:
    """An adviser that looks at nothing: the first of `order` that the study compared."""

    def adviser(question: Question) -> Advice:
        ranked = tuple(one for one in order if one in question.option_classes)
        return Advice(ranked, 1.0, {})

    return adviser


BASELINES: Mapping[str, Adviser] = {
    "folk": folk,
    "always_prompting": always("prompting", "fine_tuning", "rag", "hybrid"),
    "always_rag": always("rag", "fine_tuning", "prompting", "hybrid"),
    "always_fine_tuning": always("fine_tuning", "rag", "prompting", "hybrid"),
    "always_hybrid": always("hybrid", "fine_tuning", "rag", "prompting"),
}


def backtest(cases: Sequence[Case], adviser: Adviser = advise) -> tuple[Pick, ...]:
    """Ask the adviser about every case; it is handed the question and nothing else."""
    return tuple(Pick(case, adviser(case.question)) for case in cases)


def per_case(picks: Sequence[Pick], *, strict: bool = False) -> float:
    """Share of cases that agree; NaN without any. `strict` leaves ties out."""
    counted = [pick for pick in picks if not (strict and pick.tie)]
    total = sum(pick.case.outcome.weight for pick in counted)
    good = sum(pick.case.outcome.weight for pick in counted if _agrees(pick, strict))
    return good / total if total else math.nan


def _agrees(pick: Pick, strict: bool) -> bool:
    return pick.strictly_right if strict else pick.right


def by_paper(picks: Sequence[Pick]) -> dict[str, list[Pick]]:
    groups: dict[str, list[Pick]] = defaultdict(list)
    for pick in picks:
        groups[pick.case.paper].append(pick)
    return dict(groups)


def per_paper(picks: Sequence[Pick], *, strict: bool = False) -> float:
    """Mean over papers of their cases' share, so that one long paper does not dominate."""
    found = [per_case(group, strict=strict) for group in by_paper(picks).values()]
    known = [value for value in found if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def cases_of(studies: Mapping[str, Study]) -> tuple[Case, ...]:
    """The catalog's studies that compare approaches: those the weights are fitted to."""
    return tuple(
        Case(
            study.id,
            study.paper,
            study.year,
            Question(a_priori(study.facts)[0], study.option_classes),
            Outcome(study.acceptable, study.winner, 1.0 if study.scores_read else UNREAD_WEIGHT),
        )
        for study in studies.values()
        if study.decision == "approach"
    )
