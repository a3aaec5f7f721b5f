"""How the user's own measurements change an estimate: a probe replaces it, several runs narrow it.

The rule, in logarithms of measured ÷ predicted, over distinct set-ups of one class (memory: same
method and device; time: same method on the same card or processor):

- Only set-ups of a similar size count (a quarter to four times the predicted GiB).
- Weight w = (n - 2) / (n + 2), nothing below three set-ups: 0.2 for 3, 0.5 for 6, 0.8 for 18.
  The smallest and largest of n such ratios hold the next one with probability (n - 1) / (n + 1),
  so three say little and twenty say nearly everything.
- The likely value moves by w times the median ratio; each end of the range moves by w from the
  formula's end to the extreme ratio seen on that side.
- The range never excludes a ratio that was seen, from the first record on: it is narrower than
  the formula's only where all records lie inside, and wider only where one lies outside.

Published measurements of other systems are not counted here: they shaped the formula's own range
(memory.py), and a second count would feign certainty. A company's own measurements.toml with
`system = "okakae"` counts like runs of this machine.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from advisor.estimate import own_runs
from advisor.estimate.memory import Memory
from advisor.estimate.own_runs import OwnRun
from advisor.estimate.ratios import Ratio, ratios
from advisor.estimate.settings import EstimateSettings, runs_on
from advisor.estimate.shapes import Shapes
from advisor.estimate.time import CPU_CORES, Work, hours_at, hours_of
from advisor.types import Estimate
from knowledge.catalog.loader import find_gpu
from knowledge.catalog.records import Gpu

SIMILAR = 4.0
"""A record speaks of set-ups a quarter to four times its size: beyond, other terms dominate."""
LEAST = 3
"""Distinct set-ups below which the likely value stays the formula's."""
# A run's peak beside its probe's on the same machine: the allocator's cache grows with batches of
# many lengths, and saving and the best weights come on top. LoRA of the starter on two cores took
# 2.321 GiB where its probe had said 2.346 (2026-11-24, one pair).
PROBE_MEMORY = (0.97, 1.0, 1.08)
# Share of a probe's rate: rows shorter than its own fill a step less well, and other programs want
# the machine, too. That run, on a busy machine, reached 14.5 tokens a second, its probe 19.8.
PROBE_RATE = (1 / 1.5, 1.0, 1 / 0.8)
MATCHED = (
    "method",
    "device",
    "batch_size",
    "gradient_checkpointing",
    "attention",
    "gpus",
    "sharding",
    "resolved_optimizer",
    "dropout",
)


@dataclass(frozen=True, slots=True)
class Informed:
    """An estimate with what is known from own measurements, and how it is known."""

    memory: Memory
    probe: OwnRun | None
    """The stored measurement of exactly this set-up on this machine, where there is one."""
    formula: float
    """GiB the formula alone says the device must have."""
    of_class: tuple[Ratio, ...] = ()
    """The records that speak of such a set-up."""

    @property
    def runs(self) -> int:
        """How many records moved the range."""
        return 0 if self.probe else len(self.of_class)


def narrow(estimate: Estimate, ratios: Sequence[float]) -> Estimate:
    """The estimate with `ratios` of measured ÷ predicted taken into account; see above.

    Args:
        ratios: positive, one for each distinct set-up of the estimate's class.
    """
    if not ratios or estimate.likely <= 0:
        return estimate
    logs = [math.log(ratio) for ratio in ratios]
    n = len(logs)
    weight = (n - 2) / (n + 2) if n >= LEAST else 0.0
    least, most = min(logs), max(logs)
    formula_low = math.log(max(estimate.low, 1e-9) / estimate.likely)
    formula_high = math.log(max(estimate.high, 1e-9) / estimate.likely)
    low = min((1 - weight) * formula_low + weight * least, least)
    high = max((1 - weight) * formula_high + weight * most, most)
    middle = min(max(weight * statistics.median(logs), low), high)
    moved = estimate.likely * math.exp(middle)
    return replace(
        estimate,
        low=min(estimate.likely * math.exp(low), moved),
        likely=moved,
        high=max(estimate.likely * math.exp(high), moved),
        basis=f"{estimate.basis}+own-runs:{n}",
    )


def informed(
    shapes: Shapes,
    settings: EstimateSettings,
    memory: Memory,
    *,
    data: str = "",
    probe: OwnRun | None = None,
) -> Informed:
    """What a set-up needs after asking the user's own records.

    Args:
        memory: the formula's answer.
        data: digest of the data it is for; a probe of other or shorter rows does not count.
        probe: a measurement of this very set-up that was just taken.
    """
    probe = probe or stored_probe(own_runs.read()[0], shapes, settings, data=data)
    found = _of_class(settings, memory.device)
    if probe is not None:
        return Informed(_measured(memory, probe), probe, memory.device, found)
    if not found:
        return Informed(memory, None, memory.device)
    estimate = narrow(memory.estimate, [ratio.memory for ratio in found])
    factor = estimate.likely / memory.estimate.likely
    moved = replace(
        memory,
        allocated=memory.allocated * factor,
        reserved=memory.reserved * factor,
        device=estimate.likely,
        estimate=estimate,
    )
    return Informed(moved, None, memory.device, found)


def informed_hours(
    known: Informed,
    done: Work,
    settings: EstimateSettings,
    gpu: Gpu | None,
    cores: int = CPU_CORES,
) -> Estimate | None:
    """Hours by the probe's own speed where it ran on this device, else narrowed by own runs.

    Args:
        known: what `informed` said of the set-up.
        done: the work of the whole training.
        gpu: the card that the hours are of; None for this machine's processor.

    Returns:
        None for a card that lacks what the method needs, or whose rate nobody states.
    """
    if gpu is not None and not runs_on(settings, gpu):
        return None
    probe = known.probe
    if probe is not None and probe.tokens_per_s and _ran_on(probe, gpu):
        slow, likely, fast = (probe.tokens_per_s * share for share in PROBE_RATE)
        return hours_at((slow, likely, fast), done, probe.basis)
    hours = hours_of(done, settings, gpu, cores)
    if hours is None or not known.of_class:
        return hours
    place = gpu.id if gpu is not None else own_runs.here()
    here = [r.time for r in known.of_class if r.time is not None and r.place == place]
    return narrow(hours, here)


def _of_class(settings: EstimateSettings, gib: float) -> tuple[Ratio, ...]:
    """The records that speak of such a set-up: same method and device, and of its size."""
    if settings.loss != "tiled":
        return ()
    return tuple(
        ratio
        for ratio in ratios()
        if (ratio.method, ratio.device) == (settings.method, settings.device)
        and 1 / SIMILAR <= ratio.predicted / gib <= SIMILAR
    )


def stored_probe(
    runs: Sequence[OwnRun], shapes: Shapes, settings: EstimateSettings, *, data: str = ""
) -> OwnRun | None:
    """The newest probe of exactly this set-up, on this machine, with the versions installed now.

    The same data is the same rows whatever the cap; without data, only full rows of the same
    length will do.
    """
    if settings.loss != "tiled":
        return None
    for run in reversed(runs):
        if (
            run.kind == "probe"
            and run.model == own_runs.model_name(shapes)
            and run.params == shapes.params
            and _same_setup(run, settings)
            and (run.data == data if data else not run.data and run.seq_len == settings.seq_len)
            and (settings.gpu is None or _ran_on(run, find_gpu(settings.gpu)))
            and run.machine == own_runs.here()
            and dict(run.versions) == dict(own_runs.versions())
        ):
            return run
    return None


def _same_setup(run: OwnRun, settings: EstimateSettings) -> bool:
    ran = run.settings
    adapters = settings.method == "full" or (
        (ran.lora_rank, ran.targets) == (settings.lora_rank, settings.targets)
    )
    return (
        adapters
        and min(ran.grad_accum, 2) == min(settings.grad_accum, 2)
        and all(getattr(ran, name) == getattr(settings, name) for name in MATCHED)
    )


def _ran_on(run: OwnRun, gpu: Gpu | None) -> bool:
    """Whether the record is of this card (None: of a processor)."""
    if gpu is None:
        return run.device == "cpu"
    named = find_gpu(run.gpu) if run.gpu else None
    return named is not None and named.id == gpu.id


def _measured(memory: Memory, probe: OwnRun) -> Memory:
    """The formula's terms with the measured peak in the place of the formula's."""
    if probe.out_of_memory:
        # All that is known is that it takes more than there is.
        least = max(memory.estimate.low, probe.capacity_gib)
        likely = max(memory.device, least * 1.001)
        high = max(memory.estimate.high, likely)
        estimate = replace(memory.estimate, low=least, likely=likely, high=high, basis=probe.basis)
        return replace(memory, device=likely, estimate=estimate)
    device = probe.peaks["device"]
    low, likely, high = (device * factor for factor in PROBE_MEMORY)
    allocated = probe.peaks.get("allocated", memory.allocated)
    return replace(
        memory,
        allocated=allocated,
        reserved=probe.peaks.get("reserved", allocated),
        device=likely,
        estimate=replace(memory.estimate, low=low, likely=likely, high=high, basis=probe.basis),
    )
