"""What a road cost where it ran: its measured time in electricity, or its tokens at their price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from advisor.estimate.money import api_jpy, electricity_jpy, times
from advisor.hosts import is_this_machine
from advisor.types import Estimate, Plan
from executors.compare.roads import Road
from executors.evaluate.heldout import ANSWERS, read_answers
from executors.rundir import RunDir
from knowledge.catalog.loader import load
from knowledge.catalog.records import Api


@dataclass(frozen=True, slots=True)
class Spent:
    """Measured hours, and yen as a range; no yen where nobody knows the endpoint's price."""

    hours: float
    jpy: Estimate | None


def spent(run: RunDir, running_s: float = 0.0) -> Spent:
    """What a run took so far, and its answers with it.

    Args:
        running_s: seconds of the present attempt, not yet in the run's manifest.
    """
    hours = (run.manifest.actuals.get("total_seconds", 0.0) + running_s) / 3600
    if price_unknown(run.plan):
        return Spent(hours, None)
    return Spent(hours, _jpy(run.plan, hours, read_answers(run.eval / ANSWERS)))


def per_1000_answers(road: Road) -> Estimate | None:
    """Yen for a thousand answers like the held-out ones; None where no price is known."""
    n = len(road.results)
    if not n or price_unknown(road.plan):
        return None
    records = [{"tokens_in": r.tokens_in, "tokens_out": r.tokens_out} for r in road.results]
    found = _jpy(road.plan, sum(r.seconds for r in road.results) / 3600, records)
    return times(found, 1000 / n)


def price_unknown(plan: Plan) -> bool:
    """Whether answers come from a server elsewhere whose price the catalog does not hold."""
    api = _api(plan)
    return _elsewhere(plan) and (api is None or api.input_usd_per_1m is None)


def _jpy(plan: Plan, hours: float, answers: Sequence[Mapping[str, Any]]) -> Estimate:
    api = _api(plan) if _elsewhere(plan) else None
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


def _elsewhere(plan: Plan) -> bool:
    url = str(plan.config.get("endpoint.url") or "")
    # RAG that quotes passages asks no server, whatever the settings name.
    quotes = plan.approach == "rag" and plan.config.get("rag.answer") == "extractive"
    return bool(url) and not quotes and not is_this_machine(url)


def _api(plan: Plan) -> Api | None:
    return load("apis").get(str(plan.config.get("endpoint.model") or ""))


def _exactly(value: float, unit: str) -> Estimate:
    return Estimate(value, value, value, unit, "measured")
