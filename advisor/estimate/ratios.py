"""How far every own measurement lies from the formula as it is today: measured ÷ predicted."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from advisor.detect import cores
from advisor.errors import UsageError
from advisor.estimate import own_runs
from advisor.estimate.memory import GIB, training_memory
from advisor.estimate.own_runs import OwnRun
from advisor.estimate.settings import METHODS, EstimateSettings, TuningMethod
from advisor.estimate.shapes import find_shapes
from advisor.estimate.time import tokens_per_second
from knowledge.catalog.loader import find_gpu, load, overlay_folder
from knowledge.catalog.records import Measurement

NEWEST = 60
"""Set-ups that count at most; older ones speak of other versions."""
BYTES = {"GB": 1e9, "GiB": float(GIB)}


@dataclass(frozen=True, slots=True)
class Ratio:
    """One measured set-up beside the formula: above 1 it took more than predicted."""

    method: str
    device: str
    place: str
    """The card's name, or the digest of the machine whose processor it was."""
    predicted: float
    """GiB the formula says of the set-up: a record speaks of set-ups of its own size."""
    memory: float
    time: float | None


def ratios() -> tuple[Ratio, ...]:
    """This user's runs, and okakae's own rows in the company's measurements.toml."""
    company = overlay_folder() / "measurements.toml"
    return _ratios(own_runs.stamp(own_runs.own_runs_file()), own_runs.stamp(company))


@functools.lru_cache(maxsize=8)
def _ratios(own: own_runs.Stamp | None, company: own_runs.Stamp | None) -> tuple[Ratio, ...]:
    found: list[Ratio] = []
    if own is not None:
        runs, _ = own_runs.read(Path(own[0]))
        found += [ratio for run in newest(runs) if (ratio := ratio_of(run)) is not None]
    if company is not None:
        found += company_ratios(load("measurements").values())
    return tuple(found)


def newest(runs: Sequence[OwnRun]) -> tuple[OwnRun, ...]:
    """One run for each set-up, the latest: doing the same again proves nothing new."""
    found: dict[tuple[object, ...], OwnRun] = {}
    for run in runs:
        if not run.out_of_memory:
            found.pop(_setup(run), None)
            found[_setup(run)] = run
    return tuple(list(found.values())[-NEWEST:])


def _setup(run: OwnRun) -> tuple[object, ...]:
    place = run.gpu or run.machine
    knobs = (run.rank, run.targets, run.gradient_checkpointing, run.optimizer, run.attention)
    return (run.model, run.method, run.device, place, run.seq_len, run.micro_batch, *knobs)


def ratio_of(run: OwnRun) -> Ratio | None:
    """The record beside the formula; beside what was predicted then if its model is unknown now."""
    gpu = find_gpu(run.gpu) if run.gpu else None
    place = run.machine if run.device == "cpu" else gpu.id if gpu else run.gpu
    try:
        shapes = find_shapes(run.model)
    except UsageError:
        predicted = run.predicted.get("likely")
        if not isinstance(predicted, int | float) or predicted <= 0:
            return None
        return Ratio(
            run.method, run.device, place, predicted, run.peaks["device"] / predicted, None
        )
    predicted = training_memory(shapes, run.settings).device
    # Without a card only this machine's records count for time (calibration.py): its own cores.
    rates = tokens_per_second(shapes, run.settings, gpu, cores=cores())
    time = rates[1] / run.tokens_per_s if rates is not None and run.tokens_per_s else None
    return Ratio(run.method, run.device, place, predicted, run.peaks["device"] / predicted, time)


def company_ratios(rows: Iterable[object]) -> list[Ratio]:
    """Rows that okakae's own recipe was measured under, by the counter they name.

    Rows of other systems shaped the formula's range already; see calibration.py.
    """
    found = []
    for row in rows:
        if not isinstance(row, Measurement) or not row.system.startswith("okakae"):
            continue
        settings = _settings_of(row)
        if settings is None or row.peak is None or not row.calibrate:
            continue
        try:
            memory = training_memory(find_shapes(row.model), settings)
        except UsageError:
            continue
        counted = memory.reserved if row.counter == "reserved" else memory.allocated
        ratio = row.peak * BYTES[row.unit] / GIB / counted
        gpu = find_gpu(row.gpu) if row.gpu else None
        place = gpu.id if gpu else row.gpu
        found.append(Ratio(row.method, settings.device, place, memory.device, ratio, None))
    return found


def _settings_of(row: Measurement) -> EstimateSettings | None:
    """The set-up of a row that names method, length, batch and a counter that can be compared."""
    known = row.method in METHODS and row.counter in ("allocated", "reserved")
    if not known or not row.seq_len or not row.micro_batch:
        return None
    method: TuningMethod = row.method  # type: ignore[assignment]
    return EstimateSettings(
        model=row.model,
        method=method,
        seq_len=row.seq_len,
        batch_size=row.micro_batch,
        lora_rank=row.rank or 16,
        targets=row.targets or "all-linear",
        gradient_checkpointing=row.gradient_checkpointing is not False,
        optimizer=row.optimizer or "auto",
        device="cuda" if row.gpu else "cpu",
    )
