"""What it costs in yen: hours on every card for hire that fits, own electricity, API tokens.

Every price carries its date; one older than 90 days says so. Rates that turn dollars and watts
into yen are the catalog's `rates`, each with its own range, meant to be overridden.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from advisor.types import Estimate
from knowledge.catalog.loader import load
from knowledge.catalog.records import Api, Gpu, Offer, Rate

OLD_DAYS = 90
# Cards sold as 16, 24, 48 and 80 GB give a program about this share (gpus.toml, measured cards).
USABLE_SHARE = 0.93


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether a set-up's high estimate fits a card, and by how much."""

    gpu: str
    usable_gib: float
    fits: bool
    margin_gib: float
    runs: bool = True
    """False where the card lacks what the method needs; it then does not fit either."""


@dataclass(frozen=True, slots=True)
class OfferCost:
    """What one offer costs for this training; `notes` are text ids."""

    name: str
    platform: str
    gpu: str
    kind: str
    hours: Estimate
    cost_jpy: Estimate
    usd_per_hour: float
    price_date: str
    price_old: bool
    sends_data_out: bool
    notes: tuple[str, ...] = ()


def fits(estimate: Estimate, gpu: Gpu, *, runs: bool = True) -> Fit:
    """Compare the high end of `estimate` (GiB of `device`) with what a program gets on `gpu`."""
    margin = gpu.usable_gib - estimate.high
    return Fit(gpu.id, gpu.usable_gib, runs and margin >= 0, margin, runs)


def rate(id_: str) -> Rate:
    """A rate of the catalog, such as `usd_jpy` or `electricity_jpy_per_kwh`."""
    return load("rates")[id_]


@functools.lru_cache(maxsize=256)
def is_old(day: str, today: date | None = None) -> bool:
    """Whether a price of `day` (a year, a month or a day in ISO form) is over 90 days old."""
    parts = [int(part) for part in day.split("-") if part.isdigit()]
    if not parts:
        return True
    known = date(parts[0], *[*parts[1:3], 1, 1][:2])
    return ((today or date.today()) - known).days > OLD_DAYS


def offer_costs(
    memory: Estimate,
    hours_on: Callable[[Gpu], Estimate | None],
    *,
    gpus: int = 1,
    today: date | None = None,
) -> list[OfferCost]:
    """Every offer whose card holds `memory.high`, cheapest first.

    Args:
        hours_on: training hours on a card; offers of cards it cannot rate are left out.
        gpus: cards one training uses; an offer must have that many, and all of its are paid.
    """
    found = []
    cards, yen = load("gpus"), rate("usd_jpy")
    now = today or date.today()
    on_card: dict[str, Estimate | None] = {}
    for offer in load("offers").values():
        gpu = cards.get(offer.gpu)
        if gpu is None or offer.gpu_count < gpus:
            continue
        if memory.high > min(gpu.usable_gib, offer.gpu_memory_gib):
            continue
        if gpu.id not in on_card:
            on_card[gpu.id] = hours_on(gpu)
        hours = on_card[gpu.id]
        if hours is not None:
            found.append(_offer_cost(offer, gpu, hours, yen, now))
    return sorted(found, key=lambda cost: (cost.cost_jpy.likely, cost.cost_jpy.high, cost.name))


def _offer_cost(offer: Offer, gpu: Gpu, hours: Estimate, yen: Rate, today: date) -> OfferCost:
    old = is_old(offer.date, today)
    notes = ["estimate.note.old-price"] if old else []
    if offer.session_hours is not None and hours.likely > offer.session_hours:
        notes.append("estimate.note.session-too-short")
    if offer.hours_per_week is not None and hours.likely > offer.hours_per_week:
        notes.append("estimate.note.week-too-short")
    return OfferCost(
        name=offer.id,
        platform=offer.platform,
        gpu=gpu.id,
        kind=offer.kind,
        hours=hours,
        cost_jpy=usd_to_jpy(hours, offer.usd_per_hour, f"price:{offer.date}", yen),
        usd_per_hour=offer.usd_per_hour,
        price_date=offer.date,
        price_old=old,
        sends_data_out=offer.sends_data_out,
        notes=tuple(notes),
    )


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
    watts, price = rate(machine), rate("electricity_jpy_per_kwh")
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
