"""Amounts in yen: dollars, own electricity, tokens of hosted models; sums and multiples of ranges.

What turns dollars and watts into yen are rates (`advisor.rates`), each with its own range, meant to
be overridden.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from advisor.rates import rate
from advisor.types import Estimate
from knowledge.catalog.age import is_old
from knowledge.catalog.loader import load
from knowledge.catalog.records import Api, Rate

# Larger models than this are not what the hosted tuning services of the catalog quote for.
HOSTED_TUNING_MOST_PARAMS = 10_000_000_000


def usd_to_jpy(amount: Estimate, usd_each: float, basis: str, yen: Rate | None = None) -> Estimate:
    """`amount` times a price in dollars, in yen, with the range of both."""
    yen = yen or rate("usd_jpy")
    return Estimate(
        amount.low * usd_each * yen.low,
        amount.likely * usd_each * yen.likely,
        amount.high * usd_each * yen.high,
        "JPY",
        f"{basis}+usd_jpy:{yen.date}",
    )


def electricity_jpy(hours: Estimate, machine: str = "gpu_machine_watts") -> Estimate:
    """What one's own machine draws over `hours`, in yen."""
    return power_jpy(hours, rate(machine), rate("electricity_jpy_per_kwh"))


def power_jpy(hours: Estimate, watts: Rate, price: Rate) -> Estimate:
    """Hours at so many watts, at a price of the kilowatt-hour in yen."""
    low, likely, high = (
        h * w / 1000 * p
        for h, w, p in (
            (hours.low, watts.low, price.low),
            (hours.likely, watts.likely, price.likely),
            (hours.high, watts.high, price.high),
        )
    )
    return Estimate(low, likely, high, "JPY", f"price:electricity:{price.date}")


def api_jpy(api: Api, tokens_in: Estimate, tokens_out: Estimate) -> Estimate | None:
    """What these tokens cost at a hosted model; None where its price is not known."""
    if api.input_usd_per_1m is None:
        return None
    answer = api.output_usd_per_1m or 0.0
    basis = f"price:{api.id}:{api.date}"
    question_cost = usd_to_jpy(tokens_in, api.input_usd_per_1m / 1e6, basis)
    answer_cost = usd_to_jpy(tokens_out, answer / 1e6, basis)
    return Estimate(
        question_cost.low + answer_cost.low,
        question_cost.likely + answer_cost.likely,
        question_cost.high + answer_cost.high,
        "JPY",
        question_cost.basis,
    )


def added(*parts: Estimate) -> Estimate:
    """The sum of several estimates of one unit, ends added to ends."""
    return Estimate(
        sum(part.low for part in parts),
        sum(part.likely for part in parts),
        sum(part.high for part in parts),
        parts[0].unit,
        "+".join(dict.fromkeys(part.basis for part in parts)),
    )


def times(estimate: Estimate, factor: float) -> Estimate:
    """An estimate taken `factor` times."""
    return Estimate(
        estimate.low * factor,
        estimate.likely * factor,
        estimate.high * factor,
        estimate.unit,
        estimate.basis,
    )


@dataclass(frozen=True, slots=True)
class HostedTuning:
    """What a service that tunes its own models asks for the same tokens."""

    name: str
    provider: str
    cost_jpy: Estimate
    usd_per_1m: float
    price_date: str
    price_old: bool
    note: str


def hosted_tuning(
    tokens: float, params: int, method: str, *, today: date | None = None
) -> list[HostedTuning]:
    """Hosted tuning on as many training tokens, cheapest first; none where it is not offered.

    Args:
        tokens: of all examples over all epochs.
    """
    if method in ("full", "encoder") or params > HOSTED_TUNING_MOST_PARAMS:
        return []
    found, yen = [], rate("usd_jpy")
    for api in load("apis").values():
        if api.mode != "training" or api.training_usd_per_1m is None:
            continue
        # Services count with their own tokenizer, and bill an example's instructions too.
        counted = Estimate(tokens * 0.8, tokens, tokens * 1.3, "tokens", "formula:examples")
        cost = usd_to_jpy(counted, api.training_usd_per_1m / 1e6, f"price:{api.id}:{api.date}", yen)
        old = is_old(api, today or date.today())
        found.append(
            HostedTuning(
                *(api.id, api.provider, cost, api.training_usd_per_1m, api.date, old, api.note)
            )
        )
    return sorted(found, key=lambda each: each.cost_jpy.likely)
