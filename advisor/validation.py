"""How far the back-test can be trusted: refits without a paper, calibration, bootstrap, unknowns.

Only the catalog's studies are ever fitted. A file of cases is asked about, never learnt from: what
stands in its outcome columns cannot reach the advice.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise

from advisor.coding import APriori
from advisor.evidence import Advice, Case, Pick, Question, advise, by_paper, cases_of, per_paper
from advisor.fit import fit, with_weights
from advisor.ranking import certainties
from knowledge.catalog.loader import load
from knowledge.catalog.records import Rule

ROUNDS = 2_000
BINS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
MOST_CONFIDENT = 0.7
UNSEEN = 0.92
"""How much more seldom advice holds in studies that nobody looked at while the rules were written:
the folk rule, fitted to nothing, agrees with .80 of these papers and .74 of those kept apart."""
TEMPERATURES = tuple(round(0.3 + 0.02 * step, 2) for step in range(86))


def fitted() -> tuple[Case, ...]:
    """The studies that the shipped weights rest on."""
    return cases_of(load("evidence"))


def without(papers: frozenset[str]) -> tuple[Rule, ...]:
    """The rules as they would be had nobody read these papers."""
    rules = tuple(load("rules").values())
    return with_weights(rules, fit(fitted(), rules, papers))


def leave_out(
    cases: Sequence[Case], group: Callable[[Case], str] = lambda case: case.paper
) -> tuple[Pick, ...]:
    """Each group of cases advised on by rules fitted without any of its papers.

    Papers that were never fitted meet the shipped rules. Confidence is at temperature 1.
    """
    known = {case.paper for case in fitted()}
    groups: dict[str, list[Case]] = {}
    for case in cases:
        groups.setdefault(group(case), []).append(case)
    shipped = tuple(load("rules").values())
    found = []
    for members in groups.values():
        papers = frozenset(case.paper for case in members) & known
        rules = without(papers) if papers else shipped
        found += [Pick(case, advise(case.question, rules, 1.0)) for case in members]
    return tuple(found)


def temperature(picks: Sequence[Pick]) -> float:
    """What the scores must be divided by for the certainty to match how often it was right.

    Rules were thought out with these studies in sight, so a study that bears the advice out counts
    only `UNSEEN` of the way.
    """

    def loss(degree: float) -> float:
        total = 0.0
        for pick in picks:
            sure, right = confidence(pick.advice, degree), UNSEEN * pick.right
            found = right * math.log(sure) + (1 - right) * math.log(1 - sure)
            total -= pick.case.outcome.weight * found
        return total

    return min(TEMPERATURES, key=loss)


def confidence(advice: Advice, degree: float) -> float:
    return certainties(advice.scores, degree)[advice.ranked[0]]


def calibrated(picks: Sequence[Pick]) -> tuple[Pick, ...]:
    """The picks with a certainty whose temperature was set without their own paper."""
    found = []
    for paper, group in by_paper(picks).items():
        degree = temperature([pick for pick in picks if pick.case.paper != paper] or picks)
        for pick in group:
            sure = confidence(pick.advice, degree)
            found.append(Pick(pick.case, replace(pick.advice, confidence=sure)))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Bin:
    """Cases of about one certainty; `said` is its mean, `right` how often it was borne out."""

    low: float
    high: float
    n: int
    said: float
    right: float


def reliability(picks: Sequence[Pick]) -> tuple[Bin, ...]:
    found = []
    for low, high in pairwise(BINS):
        inside = [pick for pick in picks if low <= pick.advice.confidence < high]
        weight = sum(p.case.outcome.weight for p in inside)
        if weight:
            said = sum(p.case.outcome.weight * p.advice.confidence for p in inside) / weight
            right = sum(p.case.outcome.weight for p in inside if p.right) / weight
            found.append(Bin(low, high, len(inside), said, right))
    return tuple(found)


def calibration_error(picks: Sequence[Pick]) -> float:
    """Expected calibration error: the bins' gaps between said and right, by their weight."""
    total = sum(pick.case.outcome.weight for pick in picks)
    gap = 0.0
    for one in reliability(picks):
        inside = [p for p in picks if one.low <= p.advice.confidence < one.high]
        gap += abs(one.said - one.right) * sum(p.case.outcome.weight for p in inside)
    return gap / total if total else math.nan


def most_confident(picks: Sequence[Pick], coverage: float = MOST_CONFIDENT) -> list[Pick]:
    ordered = sorted(picks, key=lambda pick: -pick.advice.confidence)
    return ordered[: round(len(ordered) * coverage)]


def interval(picks: Sequence[Pick], rounds: int = ROUNDS, seed: int = 0) -> tuple[float, float]:
    """95 % bootstrap interval of the per-paper share, drawing whole papers."""
    groups = list(by_paper(picks).values())
    if not groups:
        return math.nan, math.nan
    shares_ = [per_paper(group) for group in groups]
    draw = random.Random(seed)
    means = sorted(sum(draw.choices(shares_, k=len(shares_))) / len(shares_) for _ in range(rounds))
    return means[int(0.025 * rounds)], means[int(0.975 * rounds) - 1]


def blurred(case: Case, chance: float, draw: random.Random) -> Case:
    """The case with facts other than its goal forgotten at random."""
    forgotten: Mapping[str, None] = {
        field.name: None
        for field in fields(APriori)
        if field.name != "goal" and draw.random() < chance
    }
    known = replace(case.question.known, **forgotten)
    return replace(case, question=Question(known, case.question.option_classes))
