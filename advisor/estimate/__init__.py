"""Memory, time and money of a set-up before anything runs: closed forms, ranges and their basis."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from advisor.estimate.calibration import informed, informed_hours
from advisor.estimate.inference import inference_memory
from advisor.estimate.memory import Memory, training_memory
from advisor.estimate.money import HostedTuning, hosted_tuning
from advisor.estimate.offers import (
    Fit,
    OfferCost,
    cards_by_size,
    fits,
    offer_costs,
    offers_without_price,
    own_machine,
    with_own,
)
from advisor.estimate.own_runs import OwnRun
from advisor.estimate.roads import EPOCHS, estimates_for_option
from advisor.estimate.settings import EstimateSettings, check, runs_on
from advisor.estimate.shapes import Shapes, find_shapes
from advisor.estimate.time import CPU_CORES, work
from advisor.estimate.upkeep import Serving, Work, serving_costs, work_costs
from advisor.types import Estimate
from knowledge.catalog.loader import load
from knowledge.catalog.records import Gpu

__all__ = [
    "EPOCHS",
    "EstimateSettings",
    "Fit",
    "Memory",
    "OfferCost",
    "SetupEstimate",
    "Shapes",
    "estimate",
    "estimates_for_option",
    "find_shapes",
    "fits",
    "inference_memory",
    "training_memory",
]


ANSWER_CONTEXT = 4096
"""Tokens of question, passages and answer that the serving machine has room for."""


@dataclass(frozen=True, slots=True)
class SetupEstimate:
    """Everything known about one training set-up before it runs."""

    settings: EstimateSettings
    shapes: Shapes
    memory: Memory
    fits: tuple[Fit, ...]
    hours: Estimate | None
    """On the card named, else on the cheapest one for hire that fits, else on a CPU asked for."""
    hours_on: str
    offers: tuple[OfferCost, ...]
    """Cheapest first, a machine of one's own among them."""
    own_electricity_jpy: Estimate | None
    offers_without_price: tuple[tuple[str, str], ...]
    """Offers with room for it that lack a published price, or whose card's speed is unknown."""
    hosted: tuple[HostedTuning, ...]
    """Services that tune a model of their own on as many tokens."""
    work: Work
    serving: Serving
    formula: Estimate
    """The range of `memory` before any measurement was asked."""
    probe: OwnRun | None = None
    """The measurement that stands in the formula's place."""
    own_runs: int = 0
    """Own measurements that moved the formula's range."""

    @property
    def would_fit_if(self) -> Mapping[str, float]:
        """Changes that need less, with the GiB the card would then have to have (high end).

        Worked out when asked for: it takes an estimate of each change.
        """
        return _savings(self.shapes, self.settings, self.memory)


def estimate(
    settings: EstimateSettings,
    *,
    ram_gib: float | None = None,
    cores: int = CPU_CORES,
    data: str = "",
    probe: OwnRun | None = None,
) -> SetupEstimate:
    """Estimate one set-up.

    Args:
        ram_gib: main memory of this machine, compared with when the device is a CPU.
        cores: processor cores of this machine, for a training without a card.
        data: digest of the data it is for, so that a probe of its rows counts.
        probe: a measurement of this very set-up that was just taken.

    Raises:
        UsageError: the set-up is impossible; every fault is named.
    """
    shapes, gpu = check(settings)
    formula = training_memory(shapes, settings)
    known = informed(shapes, settings, formula, data=data, probe=probe)
    memory, done = known.memory, work(shapes, settings)
    on_cpu = settings.device == "cpu"

    def hours_on(card: Gpu | None) -> Estimate | None:
        return informed_hours(known, done, settings, card, cores)

    offers = () if on_cpu else offer_costs(memory.estimate, hours_on, gpus=settings.gpus)
    hours = hours_on(gpu) if gpu or on_cpu else None
    where = gpu.id if gpu else "cpu"
    if hours is None and offers:
        hours, where = offers[0].hours, offers[0].gpu
    if hours is None and not on_cpu:
        # Nothing for hire holds it on one card: the fastest card says how much work it is.
        cards = [card for card in load("gpus").values() if card.tensor_tflops]
        fastest = max(cards, key=lambda card: (card.usable_gib, card.tensor_tflops or 0))
        hours, where = hours_on(fastest), fastest.id
    own = _own(settings, memory.estimate, gpu, hours if on_cpu else None, hours_on)
    answering = inference_memory(
        shapes, min(ANSWER_CONTEXT, shapes.context), device="cpu" if on_cpu else "cuda"
    )
    return SetupEstimate(
        settings=settings,
        shapes=shapes,
        memory=memory,
        fits=_fits(settings, memory.estimate, gpu, ram_gib),
        hours=hours,
        hours_on=where,
        offers=with_own(offers, own),
        own_electricity_jpy=own.cost_jpy if own else None,
        offers_without_price=()
        if on_cpu
        else offers_without_price(memory.estimate, gpus=settings.gpus),
        hosted=tuple(hosted_tuning(done.tokens, shapes.params, settings.method)),
        work=work_costs(settings.examples),
        serving=serving_costs(
            answering, watts="cpu_machine_watts" if on_cpu else "gpu_machine_watts"
        ),
        formula=formula.estimate,
        probe=known.probe,
        own_runs=known.runs,
    )


def _own(
    settings: EstimateSettings,
    needed: Estimate,
    gpu: Gpu | None,
    on_cpu: Estimate | None,
    hours_on: Callable[[Gpu | None], Estimate | None],
) -> OfferCost | None:
    """A machine of one's own: the processor, the card named, else the smallest RTX with room."""
    if on_cpu is not None:
        return own_machine(on_cpu, None)
    desk = [card for card in load("gpus").values() if card.id.startswith("RTX")]
    choices = [gpu] if gpu else sorted(desk, key=lambda card: card.usable_gib)
    for card in choices:
        hours = hours_on(card) if needed.high <= card.usable_gib else None
        if hours is not None:
            return own_machine(hours, card, cards=settings.gpus)
    return None


def _fits(
    settings: EstimateSettings, needed: Estimate, gpu: Gpu | None, ram_gib: float | None
) -> tuple[Fit, ...]:
    """The card named first, then every product of the catalog; on a CPU this machine's memory."""
    if settings.device == "cpu":
        if ram_gib is None:
            return ()
        return (Fit("cpu", ram_gib, needed.high <= ram_gib, ram_gib - needed.high),)
    others = [card for card in cards_by_size() if card is not gpu]
    return tuple(
        fits(needed, card, runs=runs_on(settings, card)) for card in ([gpu] if gpu else []) + others
    )


def _savings(shapes: Shapes, settings: EstimateSettings, memory: Memory) -> dict[str, float]:
    """What a person can change to need less, and what that brings; only what really saves."""
    changes: dict[str, EstimateSettings] = {}
    if settings.batch_size > 1:
        changes["batch"] = replace(
            settings,
            batch_size=1,
            grad_accum=settings.batch_size * settings.grad_accum,
        )
    if not settings.gradient_checkpointing:
        changes["checkpointing"] = replace(settings, gradient_checkpointing=True)
    if settings.method == "full":
        changes["lora"] = replace(settings, method="lora")
    if settings.method in ("full", "lora"):
        changes["qlora"] = replace(settings, method="qlora")
    if settings.gpus > 1 and settings.sharding == "none" and settings.device == "cuda":
        changes["sharding"] = replace(settings, sharding="full")
    if settings.seq_len > 512:
        changes["shorter"] = replace(settings, seq_len=settings.seq_len // 2)
    if settings.loss == "full" and settings.method != "encoder":
        changes["tiled"] = replace(settings, loss="tiled", padded=settings.masked)
    found = {
        name: training_memory(shapes, changed).estimate.high for name, changed in changes.items()
    }
    return {
        name: high
        for name, high in sorted(found.items(), key=lambda item: item[1])
        if high < memory.estimate.high * 0.98
    }
