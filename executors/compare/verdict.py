"""Which road to take: the cheapest one not shown to be worse than the best, and how sure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from statistics import mean
from typing import Any, Literal

from advisor.power import PRIOR_PAIRED_SD, detectable_difference
from executors.compare.causes import causes
from executors.compare.diagnostics import NOTHING_DIAGNOSED, RIGHT_FROM, Diagnosed
from executors.compare.roads import Road
from executors.compare.spent import year_jpy
from executors.evaluate.clustered import groups_of
from executors.evaluate.heldout import cluster
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
TOO_FEW = 15
"""Under this many questions even a large gap is not told from chance."""


@dataclass(frozen=True, slots=True)
class Against:
    """One road beside another, mostly the best one, on the same questions."""

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
    """What the text of `says` needs besides choice, best, n and points; `told` names a road."""


def judge(roads: Sequence[Road], seen: Diagnosed = NOTHING_DIAGNOSED) -> Verdict:
    """Compare all roads with the best one and choose.

    The choice is the road that costs least over 12 months at the user's traffic among those not
    shown to be worse than the best; equal costs go to the simpler road. With fewer than 15
    questions nothing is chosen. A road that was measured alone is chosen for want of others, and
    the text says that it was compared with nothing.
    """
    n = len(roads[0].results)
    best = best_of(roads)
    clusters = [cluster(result.example) for result in best.results]
    p_values = pair_p_values({road.name: road.correct for road in roads}, clusters)
    against = {road.name: _against(road, best, p_values) for road in roads}
    detectable = _detectable([road.correct for road in roads], best.correct, clusters)
    open_ = [r for r in roads if r is best or against[r.name].verdict == "no difference shown"]
    choice = None if n < TOO_FEW else min(open_, key=_by_cost).name
    return Verdict(
        choice,
        _says(roads, open_, n),
        best.name,
        detectable,
        n,
        against,
        {road.name: why_lost(road, best, seen) for road in roads if road.name != choice},
    )


def best_of(roads: Sequence[Road]) -> Road:
    """The road with the highest mean; of equal ones the simplest."""
    return max(roads, key=lambda road: (mean(road.correct), -road.simplicity))


def _says(roads: Sequence[Road], open_: Sequence[Road], n: int) -> str:
    """The text of the choice among roads of which those open are not shown to be worse."""
    if len(roads) == 1:
        return "verdict.alone"
    if n < TOO_FEW:
        return "verdict.too-few"
    if len(open_) > 1:
        unknown = [year_jpy(road) is None for road in open_]
        if all(unknown):
            return "verdict.tie-unpriced"
        return "verdict.tie-some-unpriced" if any(unknown) else "verdict.tie"
    binary = is_binary(*(road.correct for road in roads))
    return "verdict.clear" if binary else "verdict.clear-graded"


def between(one: Road, other: Road, roads: Sequence[Road]) -> Against:
    """One of these roads beside another, by the rule that holds them against the best."""
    clusters = [cluster(result.example) for result in other.results]
    p_values = pair_p_values({road.name: road.correct for road in roads}, clusters)
    return _against(one, other, p_values)


def _against(one: Road, other: Road, p_values: Mapping[frozenset[str], float]) -> Against:
    clusters = [cluster(result.example) for result in other.results]
    gap = paired_difference(one.correct, other.correct, clusters)
    p = p_values.get(frozenset((one.name, other.name)), 1.0)
    return Against(gap, p, judgement(gap, p, gap.n))


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


def _by_cost(road: Road) -> tuple[float, int]:
    """Whole yen over 12 months at the user's traffic, then simplicity; an unknown price is last."""
    year = year_jpy(road)
    return math.inf if year is None else round(year.likely), road.simplicity


def judgement(gap: Interval, p_value: float, n: int) -> Judgement:
    """What a gap over n questions shows of the road that it is taken from.

    A difference is shown when interval and test both say so. They rest on the same spread; the
    interval answers for this pair alone, the p-value for all pairs together, and nothing is
    called worse or better beside an interval that holds zero. Beside the best road itself none
    can be better: its mean is the highest.
    """
    if n < TOO_FEW:
        return "not enough questions"
    if p_value < SIGNIFICANT_BELOW and gap.high < 0:
        return "worse"
    if p_value < SIGNIFICANT_BELOW and gap.low > 0:
        return "better"
    return "no difference shown"


def why_lost(road: Road, best: Road, seen: Diagnosed = NOTHING_DIAGNOSED) -> tuple[str, ...]:
    """What went wrong where this road failed and the best one did not, most frequent first."""
    pairs = zip(road.results, best.results, strict=True)
    failed = [mine for mine, theirs in pairs if mine.figures["correct"] < theirs.figures["correct"]]
    return causes(road, failed, seen)


def why_wrong(road: Road) -> tuple[str, ...]:
    """What went wrong wherever this road answered a question wrongly, most frequent first."""
    failed = [
        result
        for result in road.results
        if result.example.kind == "qa" and result.figures["correct"] < RIGHT_FROM
    ]
    return causes(road, failed)
