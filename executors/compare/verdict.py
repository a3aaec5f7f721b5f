"""Which road to take: the cheapest one not shown to be worse than the best, and how sure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from statistics import mean
from typing import Any, Literal

from advisor.power import PRIOR_PAIRED_SD, detectable_difference
from executors.compare.roads import Road
from executors.evaluate.clustered import groups_of
from executors.evaluate.heldout import Scored, cluster
from executors.evaluate.statistics import (
    Interval,
    difference_p,
    holm,
    is_binary,
    paired_difference,
    paired_sd,
)

Judgement = Literal["better", "worse", "no difference shown", "not enough questions"]
INDICATIVE_BELOW = 50
"""Under this many questions every figure is indicative only (Miller 2024, arXiv 2411.00640)."""
SIGNIFICANT_BELOW = 0.05
RIGHT_FROM = 0.5
"""From this figure on the report marks a single answer as right."""
TOO_FEW = 15
"""Under this many questions even a large gap is not told from chance."""


@dataclass(frozen=True, slots=True)
class Against:
    """One road beside the best one on the same questions."""

    difference: Interval
    p_value: float
    verdict: Judgement


@dataclass(frozen=True, slots=True)
class Verdict:
    """The choice, in an id that a text exists for, and what this test set could have shown."""

    choice: str | None
    says: str
    best: str
    detectable_difference: float
    n: int
    against_best: dict[str, Against]
    lost_because: dict[str, tuple[str, ...]]
    values: dict[str, Any] = field(default_factory=dict)
    """What the text of `says` needs besides choice, best, n and points."""


def judge(roads: Sequence[Road]) -> Verdict:
    """Compare all roads with the best one and choose.

    The choice is the cheapest road not shown to be worse than the best; equal costs go to the
    simpler road. With fewer than 15 questions nothing is chosen.
    """
    n = len(roads[0].results)
    best = max(roads, key=lambda road: (mean(road.correct), -road.simplicity))
    clusters = [cluster(result.example) for result in best.results]
    p_values = pair_p_values({road.name: road.correct for road in roads}, clusters)
    against: dict[str, Against] = {}
    for road in roads:
        gap = paired_difference(road.correct, best.correct, clusters)
        p = p_values.get(frozenset((road.name, best.name)), 1.0)
        against[road.name] = Against(gap, p, _judgement(road is best, gap, p, n))
    detectable = _detectable([road.correct for road in roads], best.correct, clusters)
    open_ = [r for r in roads if r is best or against[r.name].verdict == "no difference shown"]
    if n < TOO_FEW:
        choice, says = None, "verdict.too-few"
    else:
        chosen = min(open_, key=lambda road: (round(road.cost_jpy_likely), road.simplicity))
        choice = chosen.name
        says = "verdict.clear" if len(open_) == 1 else "verdict.tie"
    return Verdict(
        choice,
        says,
        best.name,
        detectable,
        n,
        against,
        {road.name: why_lost(road, best) for road in roads if road.name != choice},
    )


def pair_p_values(
    answers: Mapping[str, Sequence[float]], clusters: Sequence[str]
) -> dict[frozenset[str], float]:
    """Every pair's p-value, by Holm over all pairs.

    Over all pairs, not only those with the best road: the best is picked by the same answers,
    and the road that luck put first beats the others too often (of five equal roads one was
    called worse in 6 to 9 % of comparisons; `python -m bench statistics`).
    """
    return holm(
        {
            frozenset((one, other)): difference_p(answers[one], answers[other], clusters)
            for one, other in combinations(answers, 2)
        }
    )


def _detectable(
    answers: Sequence[Sequence[float]], best: Sequence[float], clusters: Sequence[str]
) -> float:
    """What the least steady road would have to lack for this test set to show it."""
    others = [values for values in answers if values is not best]
    spread = [paired_sd(values, best, clusters) for values in others]
    return detectable_difference(
        len(best),
        max(spread, default=PRIOR_PAIRED_SD),
        roads=len(answers),
        groups=groups_of(len(best), clusters).effective,
        binary=is_binary(*answers),
    )


def _judgement(is_best: bool, gap: Interval, p_value: float, n: int) -> Judgement:
    """A difference is shown when interval and test both say so.

    They rest on the same spread; the interval answers for this pair alone, the p-value for all
    pairs together, and nothing is called worse beside an interval that holds zero.
    """
    if n < TOO_FEW:
        return "not enough questions"
    if is_best or p_value >= SIGNIFICANT_BELOW:
        return "no difference shown"
    if gap.high < 0:
        return "worse"
    return "better" if gap.low > 0 else "no difference shown"


def why_lost(road: Road, best: Road) -> tuple[str, ...]:
    """What went wrong where this road failed and the best one did not, most frequent first."""
    pairs = zip(road.results, best.results, strict=True)
    return _causes(
        mine for mine, theirs in pairs if mine.figures["correct"] < theirs.figures["correct"]
    )


def why_wrong(road: Road) -> tuple[str, ...]:
    """What went wrong wherever this road answered a question wrongly, most frequent first."""
    return _causes(
        result
        for result in road.results
        if result.example.kind == "qa" and result.figures["correct"] < RIGHT_FROM
    )


def _causes(wrong: Iterable[Scored]) -> tuple[str, ...]:
    causes = Counter(
        _cause(result.figures, result.example.answerable, bool(result.passages)) for result in wrong
    )
    return tuple(cause for cause, _ in causes.most_common())


def _cause(figures: dict[str, float], answerable: bool, has_passages: bool) -> str:
    if not answerable:
        return "answered what the papers do not say"
    if figures.get("abstained"):
        return "declined an answerable question"
    if not has_passages:
        return "knowledge missing"
    if not figures.get("hit_at_3", 1.0):
        return "retrieval missing"
    return "answer not taken from the passage"
