"""What this user's own machines measured: one line for each probe and each finished training.

Fields are called as in knowledge/catalog/measurements.toml where they mean the same. The file
stays in okakae's state folder; it names no host, no user and no path.
"""

from __future__ import annotations

import functools
import json
import math
import os
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, cast

from advisor.estimate.settings import DEVICES, METHODS, EstimateSettings, TuningMethod
from advisor.estimate.shapes import Shapes
from advisor.types import SCHEMA_VERSION, Estimate, MachineFacts

FILE = "measurements.jsonl"
Stamp = tuple[str, int, int]
COUNTERS = ("allocated", "reserved", "device")
COUNTS = ("params", "seq_len", "micro_batch", "grad_accum", "rank", "gpus", "mean_tokens")
# What decides memory and speed besides the settings: a probe holds for the versions it ran on.
STACK = ("torch", "transformers", "trl", "peft", "bitsandbytes")
# A peak or rate this far from any machine there is, is a damaged record, not a measurement.
PEAK_GIB, RATE = (0.01, 10_000.0), (1e-3, 1e8)


@dataclass(frozen=True, slots=True)
class OwnRun:
    """One measured set-up; `peaks` in GiB by counter, empty where the memory ran out.

    On a CPU `device` is the peak resident memory of the process, `allocated` (where it was
    recorded) what torch's allocator had given out.
    """

    kind: Literal["probe", "run"]
    date: str
    machine: str
    """Digest of processor, memory and cards; see `machine_digest`."""
    model: str
    params: int
    method: TuningMethod
    device: str
    seq_len: int
    """Tokens of the longest row that really ran, not the cap."""
    micro_batch: int
    grad_accum: int
    rank: int
    targets: str
    gradient_checkpointing: bool
    optimizer: str
    attention: str
    dropout: float
    precision: str
    mean_tokens: float
    peaks: Mapping[str, float] = field(default_factory=dict)
    predicted: Mapping[str, Any] = field(default_factory=dict)
    """The formula's range of `device` when it was measured: low, likely, high, basis."""
    gpu: str = ""
    gpus: int = 1
    out_of_memory: bool = False
    capacity_gib: float = 0.0
    """With `out_of_memory`: what the device has, so that the set-up needs more."""
    seconds_per_step: float = 0.0
    """One optimiser step of `grad_accum` batches; 0 where none finished."""
    tokens_per_s: float = 0.0
    data: str = ""
    """Content digest of the data whose longest rows ran; empty for full rows of `seq_len`."""
    phases: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    unit: str = "GiB"
    system: str = "okakae"
    schema_version: int = SCHEMA_VERSION

    @property
    def basis(self) -> str:
        """How an estimate that rests on this record calls itself."""
        return f"{self.kind}:{self.date}:{self.machine}"

    @property
    def settings(self) -> EstimateSettings:
        """The set-up as the estimator would be asked for it."""
        return EstimateSettings(
            model=self.model,
            method=self.method,
            seq_len=self.seq_len,
            batch_size=self.micro_batch,
            grad_accum=self.grad_accum,
            lora_rank=self.rank,
            targets=self.targets,
            gradient_checkpointing=self.gradient_checkpointing,
            optimizer=self.optimizer,
            attention=self.attention,
            tokens_per_example=max(1, round(self.mean_tokens)),
            gpus=self.gpus,
            device=self.device,
            lora_dropout=self.dropout,
        )


@dataclass(frozen=True, slots=True)
class Refused:
    """A line of the file that is no measurement, and why."""

    line: int
    why: str


def record_of(
    shapes: Shapes, settings: EstimateSettings, predicted: Estimate, **measured: Any
) -> OwnRun:
    """The record of `settings` with what was measured and what the formula had said."""
    return OwnRun(
        model=model_name(shapes),
        params=shapes.params,
        method=settings.method,
        device=settings.device,
        seq_len=settings.seq_len,
        micro_batch=settings.batch_size,
        grad_accum=settings.grad_accum,
        rank=settings.lora_rank,
        targets=settings.targets,
        gradient_checkpointing=settings.gradient_checkpointing,
        optimizer=settings.resolved_optimizer,
        attention=settings.attention,
        dropout=settings.dropout,
        mean_tokens=settings.mean_tokens,
        gpus=settings.gpus,
        predicted={
            "low": round(predicted.low, 4),
            "likely": round(predicted.likely, 4),
            "high": round(predicted.high, 4),
            "basis": predicted.basis,
        },
        versions=versions(),
        **measured,
    )


def model_name(shapes: Shapes) -> str:
    """A catalog id as it is; of a folder or config file only its own name, never the path."""
    path = Path(shapes.id)
    if path.suffix == ".json":
        return path.resolve().parent.name
    return path.resolve().name if path.exists() else shapes.id


def machine_digest(facts: MachineFacts) -> str:
    """Twelve digits for this kind of machine: system, cores, memory, cards; no host, no user."""
    import hashlib

    parts = [facts.system, str(facts.cpu_cores), f"{facts.ram_gib:.0f}"]
    parts += [f"{gpu.name} {gpu.vram_gib:.1f}" for gpu in facts.gpus]
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:12]


@functools.cache
def here() -> str:
    """The digest of this machine."""
    from advisor.detect import machine

    return machine_digest(machine())


@functools.cache
def versions() -> Mapping[str, str]:
    """Versions of the installed training stack."""
    from advisor.detect import installed

    return installed(STACK)


def own_runs_file() -> Path:
    """Where this user's measurements are kept."""
    return _own_runs_file(os.environ.get("OKAKAE_STATE_DIR"), os.environ.get("XDG_STATE_HOME"))


@functools.cache
def _own_runs_file(configured: str | None, _xdg: str | None) -> Path:
    if configured:
        return Path(configured) / FILE
    from platformdirs import user_state_dir

    return Path(user_state_dir("okakae", appauthor=False)) / FILE


def append(run: OwnRun, path: Path | None = None) -> bool:
    """Add one record; False where nothing can be written, which must not fail a finished run."""
    target = path or own_runs_file()
    line = json.dumps(asdict(run), ensure_ascii=False, sort_keys=True) + "\n"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # One write in append mode: two runs that end together leave two whole lines.
        with target.open("ab") as stream:
            stream.write(line.encode())
    except OSError:
        return False
    return True


def stamp(path: Path) -> Stamp | None:
    """What tells one state of a file from another; None where there is no such file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return str(path), found.st_mtime_ns, found.st_size


def read(path: Path | None = None) -> tuple[tuple[OwnRun, ...], tuple[Refused, ...]]:
    """Every record, oldest first, and every line that is none; nothing where there is no file."""
    state = stamp(path or own_runs_file())
    return _read(state) if state is not None else ((), ())


@functools.lru_cache(maxsize=8)
def _read(state: Stamp) -> tuple[tuple[OwnRun, ...], tuple[Refused, ...]]:
    runs: list[OwnRun] = []
    refused: list[Refused] = []
    try:
        lines = Path(state[0]).read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return (), ()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            runs.append(parse(json.loads(line)))
        except ValueError as error:
            refused.append(Refused(number, str(error)))
    return tuple(runs), tuple(refused)


def parse(raw: Any) -> OwnRun:
    """A record from its JSON object; fields of later versions are left alone.

    Raises:
        ValueError: what is missing, of a wrong type or impossible.
    """
    if not isinstance(raw, dict):
        raise ValueError("not an object")
    known = {f.name: f for f in fields(OwnRun)}
    needed = {
        name for name, f in known.items() if f.default is MISSING and f.default_factory is MISSING
    }
    if missing := needed - raw.keys():
        raise ValueError(f"{', '.join(sorted(missing))} missing")
    given = {name: value for name, value in raw.items() if name in known}
    for name, value in given.items():
        if not _is_a(value, str(known[name].type)):
            raise ValueError(f"{name} = {value!r}")
    run = OwnRun(**given)
    if fault := _fault(run):
        raise ValueError(fault)
    return run


def _is_a(value: Any, annotation: str) -> bool:
    if annotation.startswith("Mapping[str, float"):
        return isinstance(value, dict) and all(_is_a(v, "float") for v in value.values())
    if annotation.startswith("Mapping"):
        return isinstance(value, dict)
    if annotation == "bool":
        return isinstance(value, bool)
    if annotation == "int":
        return isinstance(value, int) and not isinstance(value, bool)
    if annotation == "float":
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and math.isfinite(cast("float", value))
    return isinstance(value, str)


def _fault(run: OwnRun) -> str:
    """Why a record of the right form can still be no measurement; empty when it can."""
    if run.kind not in ("probe", "run") or run.method not in METHODS or run.device not in DEVICES:
        return f"{run.kind} {run.method} {run.device}"
    if run.unit != "GiB" or set(run.peaks) - set(COUNTERS):
        return f"{run.unit} {sorted(run.peaks)}"
    for name in COUNTS:
        if (count := getattr(run, name)) < 1:
            return f"{name} = {count}"
    if not run.out_of_memory and "device" not in run.peaks:
        return f"peaks = {sorted(run.peaks)}"
    for counter, gib in run.peaks.items():
        if not PEAK_GIB[0] <= gib <= PEAK_GIB[1]:
            return f"{counter} = {gib} GiB"
    if run.tokens_per_s and not RATE[0] <= run.tokens_per_s <= RATE[1]:
        return f"tokens_per_s = {run.tokens_per_s}"
    return ""
