"""Which cards hold a set-up, and what every offer that does asks for it: cheapest first.

Every price carries its date; one older than 90 days says so. A machine of one's own stands among
the offers at the electricity it draws.
"""

from __future__ import annotations

import bisect
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from advisor.estimate.money import power_jpy, times
from advisor.rates import rate
from advisor.types import Estimate
from knowledge.catalog.age import is_old
from knowledge.catalog.loader import load
from knowledge.catalog.records import Gpu, Offer, Rate


class Fit(NamedTuple):
    """Whether a set-up's high estimate fits a card, and by how much."""

    gpu: str
    usable_gib: float
    fits: bool
    margin_gib: float
    runs: bool = True
    """False where the card lacks what the method needs; it then does not fit either."""


class OfferCost(NamedTuple):
    """What one offer costs for this training; `notes` are text ids.

    A tuple, as every estimate makes some fifty: a frozen dataclass takes more than twice as long.
    """

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
    needed = memory.high
    found = []
    for card, offers in _priced(rate("usd_jpy"), today or date.today()):
        roomy = [each for each in offers if each.room_gib >= needed and each.gpu_count >= gpus]
        hours = hours_on(card) if roomy else None
        if hours is not None:
            found += [_offer_cost(each, card, hours) for each in roomy]
    return tuple(sorted(found, key=_by_cost))


def own_machine(
    hours: Estimate, gpu: Gpu | None, *, cards: int = 1, today: date | None = None
) -> OfferCost:
    """A machine of one's own beside the offers: it costs electricity, and nothing leaves it.

    Args:
        cards: working at once; the machine is taken to draw as much for each.
    """
    machine = "cpu_machine_watts" if gpu is None else "gpu_machine_watts"
    watts, price, yen = rate(machine), rate("electricity_jpy_per_kwh"), rate("usd_jpy")
    old = is_old(price, today or date.today())
    return OfferCost(
        name="own",
        platform="own",
        gpu="cpu" if gpu is None else gpu.id,
        kind="own",
        hours=hours,
        cost_jpy=times(power_jpy(hours, watts, price), cards),
        usd_per_hour=round(cards * watts.likely / 1000 * price.likely / yen.likely, 4),
        price_date=price.date,
        price_old=old,
        sends_data_out=False,
        notes=("estimate.note.old-price",) if old else (),
    )


def with_own(offers: Sequence[OfferCost], own: OfferCost | None) -> tuple[OfferCost, ...]:
    """A machine of one's own in its place among offers that stand cheapest first."""
    if own is None:
        return tuple(offers)
    at = bisect.bisect(offers, _by_cost(own), key=_by_cost)
    return (*offers[:at], own, *offers[at:])


def _by_cost(cost: OfferCost) -> tuple[float, float, str]:
    return cost.cost_jpy.likely, cost.cost_jpy.high, cost.name


def cards_by_size() -> list[Gpu]:
    """Every product of the catalog, the smallest first."""
    return _by_size(_Same(load("gpus")))


@functools.lru_cache(maxsize=2)
def _by_size(cards: _Same) -> list[Gpu]:
    products = [card for card in cards.records.values() if not card.generic]
    return sorted(products, key=lambda card: (card.usable_gib, card.id))


def offers_without_price(memory: Estimate, *, gpus: int = 1) -> tuple[tuple[str, str], ...]:
    """Offers with room for it whose cost nobody can state: name, and `price` or `speed`."""
    return tuple(
        (offer.id, missing)
        for offer, room, missing in _unpriced(_Same(load("offers")), _Same(load("gpus")))
        if memory.high <= room and offer.gpu_count >= gpus
    )


_Room = tuple[Offer, Gpu | None, float]


@dataclass(frozen=True, slots=True)
class _Priced:
    """An offer with what does not change from one estimate to the next."""

    record: Offer
    gpu_count: float
    room_gib: float
    usd_per_hour: float
    jpy_per_hour: tuple[float, float, float]
    basis: str
    old: bool
    limited: bool
    """Whether sessions or weeks there have an end."""


def _priced(yen: Rate, today: date) -> list[tuple[Gpu, list[_Priced]]]:
    """Every card for hire with the offers of it that have a price."""
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
    """Every offer with its card (None: unknown to the catalog) and the GiB a program gets there."""
    found: list[_Room] = []
    for offer in offers.records.values():
        gpu, room = cards.records.get(offer.gpu), offer.gpu_memory_gib
        found.append((offer, gpu, room if gpu is None else min(gpu.usable_gib, room)))
    return found


@functools.lru_cache(maxsize=2)
def _unpriced(offers: _Same, cards: _Same) -> list[tuple[Offer, float, str]]:
    """Offers whose price or whose card's speed is unknown, with their room and which it is."""
    return [
        (offer, room, "price" if offer.usd_per_hour is None else "speed")
        for offer, gpu, room in _rooms_of(offers, cards)
        if offer.usd_per_hour is None or gpu is None
    ]


@functools.lru_cache(maxsize=4)
def _priced_of(
    offers: _Same, cards: _Same, yen: Rate, today: date
) -> list[tuple[Gpu, list[_Priced]]]:
    found: dict[str, tuple[Gpu, list[_Priced]]] = {}
    for offer, gpu, room in _rooms_of(offers, cards):
        if gpu is None or (usd := offer.usd_per_hour) is None:
            continue
        priced = _Priced(
            record=offer,
            gpu_count=offer.gpu_count,
            room_gib=room,
            usd_per_hour=usd,
            jpy_per_hour=(usd * yen.low, usd * yen.likely, usd * yen.high),
            basis=f"price:{offer.date}+usd_jpy:{yen.date}",
            old=is_old(offer, today),
            limited=offer.session_hours is not None or offer.hours_per_week is not None,
        )
        found.setdefault(gpu.id, (gpu, []))[1].append(priced)
    return list(found.values())


def _offer_cost(priced: _Priced, gpu: Gpu, hours: Estimate) -> OfferCost:
    offer = priced.record
    low, likely, high = priced.jpy_per_hour
    cost = Estimate(hours.low * low, hours.likely * likely, hours.high * high, "JPY", priced.basis)
    return OfferCost(
        offer.id,
        offer.platform,
        gpu.id,
        offer.kind,
        hours,
        cost,
        priced.usd_per_hour,
        offer.date,
        priced.old,
        offer.sends_data_out,
        _notes(priced, hours) if priced.old or priced.limited else (),
    )


def _notes(priced: _Priced, hours: Estimate) -> tuple[str, ...]:
    offer = priced.record
    notes = ["estimate.note.old-price"] if priced.old else []
    if offer.session_hours is not None and hours.likely > offer.session_hours:
        notes.append("estimate.note.session-too-short")
    if offer.hours_per_week is not None and hours.likely > offer.hours_per_week:
        notes.append("estimate.note.week-too-short")
    return tuple(notes)


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
