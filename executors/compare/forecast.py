"""What a comparison will take and what it can show, said before anything is spent on it."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from advisor.errors import UsageError
from advisor.estimate.inference import seconds_per_answer
from advisor.estimate.money import added, api_jpy, electricity_jpy, times
from advisor.estimate.shapes import find_shapes
from advisor.estimate.year import prompt_tokens_of
from advisor.power import detectable_difference, questions_for
from advisor.types import Estimate, Plan
from executors.answering import asks_model, served
from executors.compare.diagnostics import Wanted
from executors.compare.spent import api_of, elsewhere, price_unknown
from knowledge.catalog.loader import find_gpu

SHOT_TOKENS = 150
"""Judgement: an example in the prompt, question and answer together."""
ANSWER_TOKENS = 200
"""Judgement: a long answer; fewer where the plan cuts answers off before."""
QUOTED = Estimate(0.02, 0.1, 0.5, "s", "judgement:quoted")
CLASSIFIED = Estimate(0.01, 0.05, 0.3, "s", "judgement:classified")
SERVED = Estimate(0.5, 3.0, 15.0, "s", "judgement:server")
UNKNOWN_MODEL = Estimate(0.5, 5.0, 60.0, "s", "judgement:unknown-model")
NOTHING = Estimate(0.0, 0.0, 0.0, "hours", "formula:nothing-left")
ROUND_TO = 10
"""Questions to add are told in tens: nobody collects 67."""


@dataclass(frozen=True, slots=True)
class Sight:
    """The smallest gap that n questions show (80 % power, 95 % sure), and what more would show."""

    n: int
    gap: float
    more: int
    """Questions to add …"""
    gap_then: float
    """… so that gaps from here on show."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Time, yen and calls of everything that is still to be run."""

    hours: Estimate
    jpy: Estimate | None
    """None where a server is asked whose price nobody knows."""
    calls: int
    """Questions sent to a server behind a URL; those asked again after a failure come on top."""
    by_road: Mapping[str, Estimate]
    """Hours of each road, diagnostic and pilot (`pilot-` and its road) still to be run."""


def sight(n: int, roads: int = 2) -> Sight:
    """What n questions show of so many roads, and how many more would show gaps half as wide."""
    gap = detectable_difference(n, roads=roads)
    target = max(0.01, math.ceil(100 * gap / 2) / 100)
    missing = questions_for(target, roads=roads) - n
    return Sight(n, gap, max(ROUND_TO, math.ceil(missing / ROUND_TO) * ROUND_TO), target)


def forecast(
    plans: Mapping[str, Plan],
    n: int,
    wanted: Sequence[Wanted],
    finished: Collection[str] = (),
    searches: Mapping[str, int] | None = None,
    judge: tuple[Plan, int] | None = None,
    pilots: Mapping[str, float] | None = None,
    answered: Mapping[str, int] | None = None,
) -> Forecast:
    """Add up what the plans' own estimates and n answers down every road come to.

    Args:
        plans: by road.
        n: held-out questions.
        wanted: the diagnostics beside the roads.
        finished: roads that an earlier attempt has finished; they cost nothing more.
        searches: answers to validation questions that a road's prompt search takes; their hours
            stand in the plan's own estimate.
        judge: the plan that an LLM judge's answers are counted by, and the most still to come.
        pilots: by road, the trainings of its pilot, in trainings of the road itself.
        answered: by diagnostic, its questions that an earlier attempt has answered.
    """
    by_road: dict[str, Estimate] = {}
    yen: list[Estimate | None] = []
    calls = 0
    runs = [
        (name, plan, n, asks_model(plan), plan.estimates.get("hours"))
        for name, plan in plans.items()
    ]
    left = {w.name: len(w.examples) - (answered or {}).get(w.name, 0) for w in wanted}
    runs += [(w.name, w.plan, left[w.name], w.needs_model, None) for w in wanted if left[w.name]]
    if judge and judge[1]:
        runs.append(("judge", *judge, True, None))
    for name, plan, asked, by_model, build in runs:
        if name in finished:
            continue
        more = (searches or {}).get(name, 0)
        calls += asked + more if by_model and served(plan) else 0
        unplanned = 0 if build else more
        answering = times(_seconds(plan, by_model), (asked + unplanned) / 3600)
        hours = added(build, answering) if build else answering
        by_road[name] = Estimate(hours.low, hours.likely, hours.high, "hours", "formula:comparison")
        yen.append(_jpy(plan, by_road[name], asked + more, by_model))
    for name, share in (pilots or {}).items():
        build = plans[name].estimates.get("hours")
        if share and build:
            part = times(build, share)
            by_road[f"pilot-{name}"] = replace(part, basis="formula:comparison", terms=())
            yen.append(_jpy(plans[name], part, 0, False))
    total = added(*by_road.values()) if by_road else NOTHING
    known = [one for one in yen if one is not None]
    if len(known) < len(yen):
        return Forecast(total, None, calls, by_road)
    jpy = added(*known) if known else Estimate(0.0, 0.0, 0.0, "JPY", NOTHING.basis)
    return Forecast(total, jpy, calls, by_road)


def _seconds(plan: Plan, by_model: bool) -> Estimate:
    """For one answer."""
    if not by_model:
        return QUOTED if plan.executor == "rag" else CLASSIFIED
    if served(plan):
        return SERVED
    try:
        shapes = find_shapes(str(plan.config.get("model", "")))
    except UsageError:
        return UNKNOWN_MODEL
    gpu = find_gpu(str(plan.expected_machine.get("gpu", "none")))
    tokens_in, tokens_out = _tokens(plan)
    return seconds_per_answer(
        shapes, min(tokens_in, shapes.context), tokens_out, gpu, nf4=plan.method == "qlora"
    )


def _tokens(plan: Plan) -> tuple[int, int]:
    """Of a question with all that goes with it, and of its answer."""
    shown = int(plan.config.get("prompting.shots", 0)) * SHOT_TOKENS
    approach = "prompting" if plan.approach == "fine_tuning" else plan.approach
    most = int(plan.config.get("generate.max_new_tokens", ANSWER_TOKENS))
    return prompt_tokens_of(approach, shown), min(most, ANSWER_TOKENS)


def _jpy(plan: Plan, hours: Estimate, asked: int, by_model: bool) -> Estimate | None:
    if by_model and elsewhere(plan):
        api = api_of(plan)
        if price_unknown(plan) or api is None:
            return None
        # Tokenizers differ, and an answer may end early or run to the limit.
        bought = [
            Estimate(0.5 * t * asked, t * asked, 2.0 * t * asked, "tokens", "formula:answers")
            for t in _tokens(plan)
        ]
        return api_jpy(api, *bought)
    on_card = plan.expected_machine.get("gpu", "none") != "none"
    return electricity_jpy(hours, "gpu_machine_watts" if on_card else "cpu_machine_watts")
