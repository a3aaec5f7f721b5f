"""The order of the roads for given needs: blockers, then evidence, then cost; and how sure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from advisor.base_model import Base, Estimator
from advisor.blockers import blockers, material_blockers
from advisor.options import ROADS, Road, offered
from advisor.rules import Fired, facts_of, fired, score
from advisor.types import Estimate, Needs, Reason

# Scores nearer than this count as equal, and the cheaper road comes first.
TIE = 0.1
# Each fact that nobody gave and that could turn the order takes this share of the certainty.
LOST_PER_UNKNOWN = 0.07
# Advice is never called certain: clear rules went the other way in about one study of twenty, so a
# tenth of every certainty is spread evenly over the approaches (over two where only one is left).
LAPSE = 0.1
# Scores are divided by this before they become certainties. Fitted to the studies that each set of
# rules had not seen: `python -m bench evidence --fit`, 2026-11-24.
TEMPERATURE = 0.3


@dataclass(frozen=True, slots=True)
class Ranked:
    """One road with everything that put it at its place."""

    road: Road
    base: Base
    score: float
    fired: tuple[Fired, ...]
    blockers: tuple[Reason, ...]
    estimates: Mapping[str, Estimate]


def rank(needs: Needs, estimator: Estimator) -> tuple[Ranked, ...]:
    """Every offered road, best first; blocked ones last."""
    return tuple(sorted((_ranked(road, needs, estimator) for road in offered(needs)), key=_place))


def leader(needs: Needs, estimator: Estimator) -> Ranked | None:
    """The first open road alone; what cannot lead is neither given a model nor estimated."""
    by_score: dict[int, list[Road]] = {}
    for road in offered(needs):
        if not material_blockers(road, needs):
            facts = facts_of(needs, base_params_b=_size(road, needs, estimator))
            by_score.setdefault(round(score(road.key, facts) / TIE), []).append(road)
    for equals in (by_score[key] for key in sorted(by_score, reverse=True)):
        made = (_ranked(road, needs, estimator) for road in equals)
        if found := [item for item in made if not item.blockers]:
            return min(found, key=_place)
    return None


def _size(road: Road, needs: Needs, estimator: Estimator) -> float | None:
    """Rules ask for the model's size only where retrieval and tuning work together."""
    if road.approach != "hybrid":
        return None
    return estimator.base(road.approach, road.method, needs).params_b


def _ranked(road: Road, needs: Needs, estimator: Estimator) -> Ranked:
    base = estimator.base(road.approach, road.method, needs)
    facts = facts_of(needs, base_params_b=_size(road, needs, estimator))
    moved = fired(road.key, facts)
    estimates = estimator.of(road.approach, road.method, base.model_id, needs)
    total = round(sum(f.weight for f in moved), 6)
    return Ranked(road, base, total, moved, blockers(road, base, needs, estimates), estimates)


def _place(ranked: Ranked) -> tuple[object, ...]:
    cost = ranked.estimates.get("cost_jpy")
    return (
        bool(ranked.blockers),
        -round(ranked.score / TIE),
        cost.likely if cost is not None else 0.0,
        ROADS.index(ranked.road),
    )


def shares(scores: Mapping[str, float]) -> dict[str, float]:
    """Scores in log-odds as shares that add to 1 (softmax)."""
    if not scores:
        return {}
    top = max(scores.values())
    weights = {key: math.exp(value - top) for key, value in scores.items()}
    total = sum(weights.values())
    return {key: weight / total for key, weight in weights.items()}


def certainties(scores: Mapping[str, float], temperature: float = TEMPERATURE) -> dict[str, float]:
    """How likely each approach is the best of those compared, from scores in log-odds."""
    sharp = shares({key: value / temperature for key, value in scores.items()})
    return {key: (1 - LAPSE) * share + LAPSE / max(2, len(sharp)) for key, share in sharp.items()}


def confidences(ranked: Sequence[Ranked], unknown: int) -> dict[Road, float]:
    """How likely each open road's approach is the best of those ranked, 0 for a blocked one.

    An approach counts by its best form; the certainty shrinks towards an even split with every
    fact that is not known and could turn the order.
    """
    best: dict[str, float] = {}
    for item in ranked:
        if not item.blockers:
            approach = item.road.approach
            best[approach] = max(item.score, best.get(approach, -math.inf))
    even = 1 / len(best) if best else 0.0
    kept = (1 - LOST_PER_UNKNOWN) ** unknown
    sure = {
        approach: even + (certain - even) * kept for approach, certain in certainties(best).items()
    }
    return {
        item.road: (
            0.0
            if item.blockers
            else sure[item.road.approach] * math.exp(item.score - best[item.road.approach])
        )
        for item in ranked
    }
