"""How the evidence changed the advice: recommended before, measured, recommended after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Literal

from advisor.types import Estimate
from executors.compare.roads import Road
from executors.compare.spent import year_jpy
from executors.compare.verdict import Against, Verdict, between

Outcome = Literal[
    "confirmed",
    "shown worse",
    "cheaper",
    "simpler",
    "price unknown",
    "not measured",
    "not compared",
    "undecided",
]
"""`shown worse`: the one recommended before was shown to be worse than the best. `cheaper` and
`simpler`: that was not shown, and another costs less or is as cheap and simpler.
`price unknown`: that was not shown, and another's price is known while nobody knows this one's.
`not compared`: only one road was measured, which says nothing about any other."""


@dataclass(frozen=True, slots=True)
class Update:
    """The advice before and after, and the evidence between: two roads on the same questions."""

    before: str
    after: str | None
    outcome: Outcome
    road_before: Road | None
    road_after: Road | None
    against: Against | None
    """The road after beside the road before: its figures minus that one's."""

    @property
    def overturned(self) -> bool:
        """Whether the evidence gives another advice now."""
        if self.outcome == "not compared":
            return False
        return self.after is not None and self.after != self.before

    @property
    def year_before(self) -> Estimate | None:
        return year_jpy(self.road_before) if self.road_before else None

    @property
    def year_after(self) -> Estimate | None:
        return year_jpy(self.road_after) if self.road_after else None


def update(roads: Sequence[Road], verdict: Verdict, recommended: str) -> Update:
    """What became of a recommended approach once its roads were measured.

    Args:
        roads: those that finished.
        verdict: on them.
        recommended: the approach that was recommended before the run.
    """
    measured = [road for road in roads if road.plan.approach == recommended]
    chosen = next((road for road in roads if road.name == verdict.choice), None)
    # Several roads of one approach: the best of them is what was recommended.
    before = chosen if chosen in measured else max(measured, key=_score, default=None)
    after = chosen.plan.approach if chosen else None
    against = None
    if before and chosen and before is not chosen:
        against = between(chosen, before, roads)
    outcome = "not compared" if chosen and len(roads) == 1 else _outcome(before, chosen, verdict)
    return Update(recommended, after, outcome, before, chosen, against)


def _outcome(before: Road | None, after: Road | None, verdict: Verdict) -> Outcome:
    if after is None:
        return "undecided"
    if before is None:
        return "not measured"
    if before is after:
        return "confirmed"
    if verdict.against_best[before.name].verdict == "worse":
        return "shown worse"
    costs = year_jpy(before), year_jpy(after)
    # A known price goes before an unknown one, whatever is simpler; two unknown ones are equal.
    if costs[0] is None and costs[1] is not None:
        return "price unknown"
    same = len({round(cost.likely) for cost in costs if cost}) < 2
    return "simpler" if same else "cheaper"


def _score(road: Road) -> float:
    return mean(road.correct)
