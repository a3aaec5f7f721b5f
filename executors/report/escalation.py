"""An escalation as data: what each step reached, gained and cost, and the verdict in words."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from advisor.types import Estimate
from executors.compare.escalate import Step, Walk
from executors.compare.spent import per_1000_answers, spent
from executors.compare.verdict import TOO_FEW, Verdict, judge, why_lost, why_wrong
from executors.evaluate.statistics import Interval


def walk_document(walk: Walk) -> dict[str, Any]:
    """What the report of an escalation holds besides that of a comparison."""
    return {
        "target": asdict(walk.target) | {"looks": walk.looks, "sure": 0.95},
        "steps": [_step(step, walk) for step in walk.steps],
        "stopped_at": walk.stopped_at,
    }


def _step(step: Step, walk: Walk) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": step.name,
        "approach": step.approach,
        "method": step.option.method if step.option else None,
        "variant": step.option.variant if step.option else None,
        "state": step.state,
        "why": asdict(step.why) if step.why else None,
    }
    if step.road is None or step.score is None or step.judged is None:
        return document
    estimate = step.road.plan.estimates.get("cost_jpy")
    taken = spent(step.road.run)
    document |= {
        "score": _rounded(step.score),
        "at_least": round(step.judged.at_least, 4),
        "score_says": step.judged.says,
        "questions_needed": step.judged.questions_needed,
        "latency_s": _latency(step),
        "latency_says": "met" if _in_time(step, walk) else "missed",
        "met": step.judged.says == "met" and _in_time(step, walk),
        "gain": None
        if step.gain is None
        else _rounded(step.gain, "difference") | {"over": step.gain_over},
        "hours": round(taken.hours, 5),
        "cost_jpy": {
            "spent": _money(taken.jpy),
            "per_1000_answers": _money(per_1000_answers(step.road)),
            "first_year": _money(estimate),
        },
        "run": f"roads/{step.name}",
        "wrong_because": list(why_wrong(step.road)),
    }
    return document


def _in_time(step: Step, walk: Walk) -> bool:
    return step.waited is not None and step.waited.p95 <= walk.target.latency_s


def _latency(step: Step) -> dict[str, Any] | None:
    if step.waited is None:
        return None
    return {
        "p50": round(step.waited.p50, 3),
        "p95": round(step.waited.p95, 3),
        "n": step.waited.n,
    }


def _rounded(interval: Interval, name: str = "value") -> dict[str, Any]:
    return {
        name: round(interval.value, 4),
        "low": round(interval.low, 4),
        "high": round(interval.high, 4),
        "n": interval.n,
    }


def _money(estimate: Estimate | None) -> dict[str, Any] | None:
    return None if estimate is None else {**asdict(estimate), "terms": []}


def walk_verdict(walk: Walk) -> Verdict:
    """Where the walk stopped and what that shows; else what the comparison of its steps says.

    The choice is the step that met the target; where none did, the cheapest not shown to be
    worse than the best. With fewer than 15 questions nothing is chosen. The best stays the one
    that all are measured against; the sentence may speak of another (`told` in its values).
    """
    roads = walk.roads
    verdict = judge(roads)
    told = _told(walk, verdict)
    step = walk.step(told)
    values = {
        "told": told,
        "score": f"{step.score.value:.2f}" if step.score else "-",
        "target": f"{walk.target.score:g}",
        "at_least": f"{step.judged.at_least:.2f}" if step.judged else "-",
        "p95": f"{step.waited.p95:.2g}" if step.waited else "-",
        "latency": f"{walk.target.latency_s:g}",
        "needed": f"{step.judged.questions_needed or 0:,}" if step.judged else "-",
    }
    choice = verdict.choice if walk.stopped_at is None or walk.n < TOO_FEW else walk.stopped_at
    best = next(road for road in roads if road.name == verdict.best)
    lost = {road.name: why_lost(road, best) for road in roads if road.name != choice}
    return replace(verdict, choice=choice, says=_says(walk, step), values=values, lost_because=lost)


def _told(walk: Walk, verdict: Verdict) -> str:
    """The step that the sentence is about."""
    if walk.limit is not None:
        return verdict.best
    return walk.stopped_at or _in_spite_of_waiting(walk) or verdict.best


def _in_spite_of_waiting(walk: Walk) -> str | None:
    """The first step right often enough and too slow."""
    enough = (step.name for step in walk.steps if step.judged and step.judged.says != "below")
    return next(enough, None)


def _says(walk: Walk, step: Step) -> str:
    if walk.limit is not None:
        return "escalate.says.limit"
    if walk.n < TOO_FEW:
        return "escalate.says.too-few"
    if step.judged is None or step.judged.says == "below":
        return "escalate.says.missed"
    if walk.stopped_at is None:
        return "escalate.says.slow"
    if step.judged.says == "met":
        return "escalate.says.met"
    needed = step.judged.questions_needed
    return "escalate.says.reached" if needed else "escalate.says.on-the-line"
