"""When the evidence does not separate two roads: what to measure, on how many questions, for what.

A pilot is advised where the first road leads by little and asks for more than the second, or hardly
leads at all. Where the simpler road leads by a little, the escalation itself is the pilot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from advisor.options import ROADS
from advisor.power import questions_for
from advisor.ranking import Ranked
from advisor.types import Estimate, Needs, Pilot

CLOSE = 1.0
"""Lead in log-odds under which a costlier road must first prove itself (judgement)."""
LEVEL = 0.5
"""Lead under which the order says nothing (judgement)."""
DIFFERENCE = 0.1
"""The gap between two roads that a pilot should show: what would justify the dearer one."""


def pilot(needs: Needs, ranked: Sequence[Ranked]) -> Pilot | None:
    """The pilot to advise, or None where the first road leads clearly or is the simpler one."""
    open_ = [item for item in ranked if not item.blockers]
    rivals = [item for item in open_ if item.road.approach != open_[0].road.approach]
    if not rivals:
        return None
    first, second = open_[0], rivals[0]
    lead = first.score - second.score
    costlier = ROADS.index(first.road) > ROADS.index(second.road)
    if lead >= (CLOSE if costlier else LEVEL):
        return None
    return Pilot(
        (name_of(first), name_of(second)),
        questions_for(DIFFERENCE),
        DIFFERENCE,
        _cost(needs, (first, second)),
    )


def name_of(item: Ranked) -> str:
    """The road's name on the command line."""
    return str(item.road.method or item.road.variant or item.road.approach)


def _cost(needs: Needs, roads: Sequence[Ranked]) -> Estimate | None:
    from advisor.estimate import estimates_for_option

    small = replace(needs, traffic_per_day=1, changes="never")
    found = []
    for item in roads:
        road = item.road
        made = estimates_for_option(road.approach, road.method, item.base.model_id, small)
        if "cost_jpy" not in made:
            return None
        found.append(made["cost_jpy"])
    return Estimate(
        sum(one.low for one in found),
        sum(one.likely for one in found),
        sum(one.high for one in found),
        found[0].unit,
        ", ".join(dict.fromkeys(one.basis for one in found)),
    )
