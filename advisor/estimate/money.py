"""What it costs in yen: hours on every card for hire that fits, own electricity, API tokens.

Every price carries its date; one older than 90 days says so. What turns dollars and watts into yen
are rates (`advisor.rates`), each with its own range, meant to be overridden.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from advisor.rates import rate
from advisor.types import Estimate
from knowledge.catalog.age import is_old
from knowledge.catalog.loader import load
from knowledge.catalog.records import Api, Gpu, Offer, Rate

# Larger models than this are not what the hosted tuning services of the catalog quote for.
HOSTED_TUNING_MOST_PARAMS = 10_000_000_000


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


def offer_costs(
    memory: Estimate,
    hours_on: Callable[[Gpu], Estimate | None],
    *,
    gpus: int = 1,
    today: date | None = None,
) -> tuple[OfferCost, ...]:
    """Every offer whose card holds `memory.high`, cheapest first.

    Args:
        hours_on: training hours on a card; offers of cards it cannot rate are left out.
        gpus: cards one training uses; an offer must have that many, and all of its are paid.
    """
    on_card: dict[str, Estimate | None] = {}
    found = []
    for offer in _priced(rate("usd_jpy"), today or date.today()):
        if offer.record.gpu_count < gpus or memory.high > offer.room_gib:
            continue
        if offer.gpu.id not in on_card:
            on_card[offer.gpu.id] = hours_on(offer.gpu)
        hours = on_card[offer.gpu.id]
        if hours is not None:
            found.append(_offer_cost(offer, hours))
    return by_cost(found)


def own_machine(
    hours: Estimate, gpu: Gpu | None, *, cards: int = 1, today: date | None = None
) -> OfferCost:
    """A machine of one's own beside the offers: it costs electricity, and nothing leaves it.

    Args:
        cards: working at once; the machine is taken to draw as much for each.
    """
    watts = "cpu_machine_watts" if gpu is None else "gpu_machine_watts"
    price, yen = rate("electricity_jpy_per_kwh"), rate("usd_jpy")
    old = is_old(price, today or date.today())
    return OfferCost(
        name="own",
        platform="own",
        gpu="cpu" if gpu is None else gpu.id,
        kind="own",
        hours=hours,
        cost_jpy=times(electricity_jpy(hours, watts), cards),
        usd_per_hour=round(cards * rate(watts).likely / 1000 * price.likely / yen.likely, 4),
        price_date=price.date,
        price_old=old,
        sends_data_out=False,
        notes=("estimate.note.old-price",) if old else (),
    )


def by_cost(offers: Iterable[OfferCost]) -> tuple[OfferCost, ...]:
    """Cheapest first."""
    return tuple(
        sorted(offers, key=lambda cost: (cost.cost_jpy.likely, cost.cost_jpy.high, cost.name))
    )


def offers_without_price(memory: Estimate, *, gpus: int = 1) -> tuple[tuple[str, str], ...]:
    """Offers with room for it whose cost nobody can state: name, and `price` or `speed`."""
    return tuple(
        (offer.id, "price" if offer.usd_per_hour is None else "speed")
        for offer, gpu in _roomy(memory, gpus)
        if offer.usd_per_hour is None or gpu is None
    )


def _roomy(memory: Estimate, gpus: int) -> Iterator[tuple[Offer, Gpu | None]]:
    """Offers of enough cards, each with enough memory; None for a card the catalog lacks."""
    needed = memory.high
    for offer, gpu, room in _rooms():
        if needed <= room and offer.gpu_count >= gpus:
            yield offer, gpu


_Room = tuple[Offer, Gpu | None, float]


@dataclass(frozen=True, slots=True)
class _Priced:
    """An offer with what does not change from one estimate to the next."""

    record: Offer
    gpu: Gpu
    room_gib: float
    usd_per_hour: float
    jpy_per_hour: tuple[float, float, float]
    basis: str
    old: bool


def _rooms() -> list[_Room]:
    """Every offer with its card and the GiB a program gets there."""
    return _rooms_of(_Same(load("offers")), _Same(load("gpus")))


def _priced(yen: Rate, today: date) -> list[_Priced]:
    return _priced_of(_Same(load("offers")), _Same(load("gpus")), yen, today)


class _Same:
    """Records as a key of a cache: equal only to the very same records."""

    __slots__ = ("records",)

    def __init__(self, records: Mapping[str, Any]) -> None:
        self.records = records

    def __hash__(self) -> int:
        return id(self.records)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.records is self.records


@functools.lru_cache(maxsize=2)
def _rooms_of(offers: _Same, cards: _Same) -> list[_Room]:
    found: list[_Room] = []
    for offer in offers.records.values():
        gpu, room = cards.records.get(offer.gpu), offer.gpu_memory_gib
        found.append((offer, gpu, room if gpu is None else min(gpu.usable_gib, room)))
    return found


@functools.lru_cache(maxsize=4)
def _priced_of(offers: _Same, cards: _Same, yen: Rate, today: date) -> list[_Priced]:
    found = []
    for offer, gpu, room in _rooms_of(offers, cards):
        if gpu is not None and (usd := offer.usd_per_hour) is not None:
            each = (usd * yen.low, usd * yen.likely, usd * yen.high)
            basis = f"price:{offer.date}+usd_jpy:{yen.date}"
            found.append(_Priced(offer, gpu, room, usd, each, basis, is_old(offer, today)))
    return found


def _offer_cost(priced: _Priced, hours: Estimate) -> OfferCost:
    offer = priced.record
    notes = ["estimate.note.old-price"] if priced.old else []
    if offer.session_hours is not None and hours.likely > offer.session_hours:
        notes.append("estimate.note.session-too-short")
    if offer.hours_per_week is not None and hours.likely > offer.hours_per_week:
        notes.append("estimate.note.week-too-short")
    low, likely, high = priced.jpy_per_hour
    return OfferCost(
        name=offer.id,
        platform=offer.platform,
        gpu=priced.gpu.id,
        kind=offer.kind,
        hours=hours,
        cost_jpy=Estimate(
            hours.low * low, hours.likely * likely, hours.high * high, "JPY", priced.basis
        ),
        usd_per_hour=priced.usd_per_hour,
        price_date=offer.date,
        price_old=priced.old,
        sends_data_out=offer.sends_data_out,
        notes=tuple(notes),
    )


def cheapest_hour(memory: Estimate) -> Offer | None:
    """The offer on demand with room for `memory` that costs least an hour."""
    paid = [
        offer
        for offer, gpu in _roomy(memory, 1)
        if gpu is not None and offer.kind == "on-demand" and offer.usd_per_hour
    ]
    return min(paid, key=lambda offer: (offer.usd_per_hour or 0.0, offer.id), default=None)


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
    if method == "full" or params > HOSTED_TUNING_MOST_PARAMS:
        return []
    found = []
    for api in load("apis").values():
        if api.mode != "training" or api.training_usd_per_1m is None:
            continue
        # Services count with their own tokenizer, and bill an example's instructions too.
        counted = Estimate(tokens * 0.8, tokens, tokens * 1.3, "tokens", "formula:examples")
        cost = usd_to_jpy(counted, api.training_usd_per_1m / 1e6, f"price:{api.id}:{api.date}")
        old = is_old(api, today or date.today())
        found.append(
            HostedTuning(
                *(api.id, api.provider, cost, api.training_usd_per_1m, api.date, old, api.note)
            )
        )
    return sorted(found, key=lambda each: each.cost_jpy.likely)


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
