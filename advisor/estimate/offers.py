"""Which cards hold a set-up, and what every offer that does asks for it: cheapest first.

Every price carries its date; one older than 90 days says so. A machine of one's own stands among
the offers at the electricity it draws.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from advisor.estimate.money import electricity_jpy, times
from advisor.rates import rate
from advisor.types import Estimate
from knowledge.catalog.age import is_old
from knowledge.catalog.loader import load
from knowledge.catalog.records import Gpu, Offer, Rate


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
    paid = _by_hour(_Same(load("offers")), _Same(load("gpus")))
    return next((offer for offer, room in paid if memory.high <= room), None)


@functools.lru_cache(maxsize=2)
def _by_hour(offers: _Same, cards: _Same) -> list[tuple[Offer, float]]:
    paid = [
        (offer.usd_per_hour, offer.id, offer, room)
        for offer, gpu, room in _rooms_of(offers, cards)
        if gpu is not None and offer.kind == "on-demand" and offer.usd_per_hour
    ]
    return [(offer, room) for _, _, offer, room in sorted(paid, key=lambda each: each[:2])]
