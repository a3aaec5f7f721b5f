"""What a road cost where it ran: its measured time in electricity, or its tokens at their price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from advisor.estimate.money import added, api_jpy, electricity_jpy, times
from advisor.estimate.year import DEFAULT_TRAFFIC
from advisor.hosts import is_this_machine
from advisor.types import Estimate, Plan
from executors.answering import served
from executors.base import FinishReason
from executors.compare.roads import Road
from executors.evaluate.heldout import ANSWERS, read_answers
from executors.evaluate.latency import ALONE
from executors.prompting.searched import search_answers
from executors.rundir import RunDir
from knowledge.catalog.loader import load
from knowledge.catalog.records import Api

DAYS = 365
WITHOUT_MODEL: tuple[FinishReason, ...] = ("abstained", "extractive")
"""How an answer ends that no model was asked for."""


@dataclass(frozen=True, slots=True)
class Spent:
    """Measured hours, and yen as a range; no yen where nobody knows the endpoint's price."""

    hours: float
    jpy: Estimate | None
    calls: int = 0
    """Answers that a server behind a URL has given, each counted once."""


def spent(run: RunDir, running_s: float = 0.0) -> Spent:
    """What a run took so far, with its answers, those of a prompt search and those timed alone.

    Args:
        running_s: seconds of the present attempt, not yet in the run's manifest.
    """
    seconds = run.manifest.actuals.get("total_seconds", 0.0) + running_s
    heldout = [*read_answers(run.eval / ANSWERS), *read_answers(run.eval / ALONE)]
    return spent_on(run.plan, seconds, [*heldout, *search_answers(run.artifacts)])


def spent_on(plan: Plan, seconds: float, answers: Sequence[Mapping[str, Any]]) -> Spent:
    """What so many seconds and these answers came to under a plan's settings."""
    hours = seconds / 3600
    calls = sum(map(_asked, answers)) if served(plan) else 0
    return Spent(hours, None if price_unknown(plan) else _jpy(plan, hours, answers), calls)


def hour_jpy(plan: Plan) -> float:
    """Yen that an hour of a plan's run counts for; 0 where it is tokens that cost, or unknown."""
    found = spent_on(plan, 3600.0, ()).jpy
    return found.likely if found else 0.0


def _asked(answer: Mapping[str, Any]) -> bool:
    """Whether the model was asked for an answer: one declined or quoted before cost no call."""
    return answer.get("finish_reason") not in WITHOUT_MODEL


def per_1000_answers(road: Road) -> Estimate | None:
    """Yen for a thousand answers like the held-out ones; None where no price is known."""
    n = len(road.results)
    if not n or price_unknown(road.plan):
        return None
    records = [{"tokens_in": r.tokens_in, "tokens_out": r.tokens_out} for r in road.results]
    found = _jpy(road.plan, sum(r.seconds for r in road.results) / 3600, records)
    return times(found, 1000 / n)


def year_jpy(road: Road) -> Estimate | None:
    """Yen for building and 12 months of answers at the user's traffic.

    As planned; where nobody could estimate it before, from what the run itself took. None where
    no price is known.
    """
    planned = road.plan.estimates.get("cost_jpy")
    if planned is not None:
        return planned
    answers = per_1000_answers(road)
    if answers is None:
        return None
    per_day = float(road.plan.answers.get("traffic_per_day") or DEFAULT_TRAFFIC)
    seconds = road.run.manifest.actuals.get("build_seconds", 0.0)
    built = _jpy(road.plan, seconds / 3600, search_answers(road.run.artifacts))
    year = added(built, times(answers, per_day * DAYS / 1000))
    return replace(year, basis=f"measured:{year.basis}")


def price_unknown(plan: Plan) -> bool:
    """Whether answers come from a server elsewhere whose price the catalog does not hold."""
    api = api_of(plan)
    return elsewhere(plan) and (api is None or api.input_usd_per_1m is None)


def _jpy(plan: Plan, hours: float, answers: Sequence[Mapping[str, Any]]) -> Estimate:
    api = api_of(plan) if elsewhere(plan) else None
    if api is not None:
        asked, answered = (
            float(sum(record[key] for record in answers)) for key in ("tokens_in", "tokens_out")
        )
        bought = api_jpy(api, _exactly(asked, "tokens"), _exactly(answered, "tokens"))
        if bought is not None:
            return bought
    on_card = plan.expected_machine.get("gpu", "none") != "none"
    watts = "gpu_machine_watts" if on_card else "cpu_machine_watts"
    return electricity_jpy(_exactly(hours, "hours"), watts)


def elsewhere(plan: Plan) -> bool:
    """Whether that server is another machine."""
    return served(plan) and not is_this_machine(str(plan.config["endpoint.url"]))


def api_of(plan: Plan) -> Api | None:
    """The hosted model that the plan names, where the catalog knows it."""
    return load("apis").get(str(plan.config.get("endpoint.model") or ""))


def _exactly(value: float, unit: str) -> Estimate:
    return Estimate(value, value, value, unit, "measured")
