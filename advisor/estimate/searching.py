"""Hours and yen of a prompt search: answers to validation questions before the first use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from advisor.errors import UsageError
from advisor.estimate.inference import seconds_per_answer
from advisor.estimate.money import added, api_jpy, electricity_jpy, times
from advisor.estimate.roads import ANSWER_TOKENS, FEW_SHOT_TOKENS, card
from advisor.estimate.shapes import find_shapes
from advisor.estimate.year import prompt_tokens_of
from advisor.hosts import is_this_machine
from advisor.types import Estimate, Needs, Scalar
from knowledge.catalog.loader import load

LEAST_QUESTIONS = 8
"""With fewer validation questions a search would choose by luck."""
SERVED = Estimate(0.5, 3.0, 15.0, "s", "judgement:server")
UNKNOWN_MODEL = Estimate(0.5, 5.0, 60.0, "s", "judgement:unknown-model")


def with_search(
    estimates: Mapping[str, Estimate], config: Mapping[str, Scalar], needs: Needs
) -> dict[str, Estimate]:
    """A prompting road's estimates with the search that its settings ask for.

    Counted in full where there are enough validation questions; one that cannot use all its calls
    costs less. A hosted model without a known price adds no yen.
    """
    calls = int(config.get("prompting.search_calls", 0))
    asked = (needs.n_examples or 0) * float(config.get("data.validation_share", 0))
    if not calls or asked < LEAST_QUESTIONS or "hours" not in estimates:
        return dict(estimates)
    seconds = _seconds(config, needs)
    hours = replace(times(seconds, calls / 3600), unit="hours", basis=_BASIS)
    found = {**estimates, "hours": added(estimates["hours"], hours)}
    if yen := _jpy(config, needs, hours, calls):
        for name in ("build_jpy", "cost_jpy"):
            if name in found:
                found[name] = added(found[name], yen)
    return found


_BASIS = "formula:prompt-search"


def _seconds(config: Mapping[str, Scalar], needs: Needs) -> Estimate:
    if config.get("endpoint.url"):
        return SERVED
    try:
        shapes = find_shapes(str(config.get("model", "starter")))
    except UsageError:
        return UNKNOWN_MODEL
    tokens = min(_tokens_in(), shapes.context)
    return seconds_per_answer(shapes, tokens, _tokens_out(config), card(needs))


def _jpy(
    config: Mapping[str, Scalar], needs: Needs, hours: Estimate, calls: int
) -> Estimate | None:
    url = str(config.get("endpoint.url", ""))
    if url and not is_this_machine(url):
        api = load("apis").get(str(config.get("endpoint.model") or ""))
        if api is None:
            return None
        each = (_tokens_in(), _tokens_out(config))
        bought = [Estimate(0.5 * n, n, 2.0 * n, "tokens", _BASIS) for n in each]
        return api_jpy(api, *(times(one, calls) for one in bought))
    watts = "gpu_machine_watts" if needs.vram_gib else "cpu_machine_watts"
    return electricity_jpy(hours, watts)


def _tokens_in() -> int:
    return prompt_tokens_of("prompting", FEW_SHOT_TOKENS)


def _tokens_out(config: Mapping[str, Scalar]) -> int:
    return min(int(config.get("generate.max_new_tokens", ANSWER_TOKENS)), ANSWER_TOKENS)
