"""Measures one set-up: two optimiser steps and one evaluation on the worst batch there will be.

It runs okakae's own recipe in a process of its own, so that the peak is the set-up's alone and
a process killed for want of memory is an answer, too.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from advisor import errors
from advisor.errors import MachineError, OkakaeError, RunError, UsageError
from advisor.estimate.settings import EstimateSettings
from advisor.session import Session
from advisor.types import Language, Scalar
from executors.base import Context
from executors.finetune.executor import load_base
from executors.finetune.rows import IGNORED, Row, make_rows
from executors.goals import for_goal
from knowledge.catalog.loader import load

STEPS = 2
"""Adam's states exist only from the second step on."""
KILLED = (-9, 128 + 9)
"""How a process ends that the system killed because no memory was left."""
QUIET = {"KINETO_LOG_LEVEL": "99"}
"""The profiler's library writes its own diary to stderr; it reads this once, when loaded."""
MOST_BATCHES = 2
"""Batches a step: with the second one the gradients of the first are alive beside activations."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be measured, in what a JSON file can carry."""

    settings: EstimateSettings
    model: str
    """As the user named it: `starter`, a folder or a hub id."""
    data: str | None = None
    goal: str = "new_facts"
    language: Language = "ja"
    lang: Language = "ja"
    plain: bool = False
    offline: bool = False
    allow: tuple[str, ...] = ()

    @property
    def session(self) -> Session:
        return Session(
            lang=self.lang,
            no_input=True,
            plain=self.plain,
            offline=self.offline,
            allow=frozenset(self.allow),
        )


@dataclass(frozen=True, slots=True)
class Measured:
    """What a probe found; all memory in GiB, `phases` of the counter `allocated`."""

    seq_len: int
    """Tokens of the longest row of the batch."""
    mean_tokens: float
    """Of all rows of the data, else of the batch."""
    examples: int
    data: str
    precision: str = ""
    gpu: str = ""
    peaks: Mapping[str, float] = field(default_factory=dict)
    phases: Mapping[str, float] = field(default_factory=dict)
    load_seconds: float = 0.0
    seconds_per_step: float = 0.0
    tokens_per_s: float = 0.0
    evaluation_seconds: float = 0.0
    out_of_memory: bool = False
    capacity_gib: float = 0.0


def probe(job: Job) -> Measured:
    """Measure `job` in a process of its own.

    Raises:
        OkakaeError: as loading the model, reading the data and training raise it.
        RunError: the process ended without an answer.
    """
    with tempfile.TemporaryDirectory(prefix="okakae-probe-") as folder:
        asked, answered = Path(folder, "job.json"), Path(folder, "measured.json")
        asked.write_text(json.dumps(asdict(job)), encoding="utf-8")
        command = [sys.executable, "-m", "executors.tracing.probe", str(asked), str(answered)]
        child = subprocess.Popen(command, env=os.environ | QUIET)
        try:
            code = child.wait()
        except BaseException:
            child.kill()
            child.wait()
            raise
        if answered.is_file():
            answer = json.loads(answered.read_text(encoding="utf-8"))
            if "error" in answer:
                raise _told(answer)
            return Measured(**answer)
    if code in KILLED:
        return _without_memory(job, None)
    raise RunError("probe-failed", code=code)


def main(asked: Path, answered: Path) -> None:
    """The child: measure, and leave what was found or why not."""
    raw = json.loads(asked.read_text(encoding="utf-8"))
    settings = EstimateSettings(**raw.pop("settings"))
    job = Job(settings=settings, **{**raw, "allow": tuple(raw["allow"])})
    try:
        found: dict[str, Any] = asdict(measure(job))
    except OkakaeError as error:
        found = {
            "error": type(error).__name__,
            "ref": error.ref,
            "where": error.where,
            "values": {name: str(value) for name, value in error.values.items()},
        }
    answered.write_text(json.dumps(found), encoding="utf-8")


def measure(job: Job) -> Measured:
    """Load, train `STEPS` steps, evaluate once, and read every counter; in this process.

    Raises:
        OkakaeError: the model or data cannot be had.
    """
    import time

    from executors.models import quiet_libraries
    from executors.tracing.counters import used_by_card

    before = used_by_card()
    settings, context = job.settings, Context(job.session)
    config = config_of(job)
    started = time.perf_counter()
    batch: _Batch | None = None
    try:
        with quiet_libraries():
            loaded = load_base(
                config,
                settings.method,
                context,
                device=settings.device,
                attention="eager" if settings.attention == "eager" else "auto",
            )
            load_seconds = time.perf_counter() - started
            batch = _worst_batch(job, loaded.tokenizer)
            found = _trained(job, config, loaded, batch, before)
    except MachineError as error:
        if error.ref != "model-too-big":
            raise
        return _without_memory(job, batch)
    except Exception as error:
        if not _is_out_of_memory(error):
            raise
        return _without_memory(job, batch)
    return replace(found, load_seconds=round(load_seconds, 2))


def config_of(job: Job) -> dict[str, Scalar]:
    """The recipe's settings for what the estimate was asked; the rest as the catalog has it."""
    settings = job.settings
    defaults = {id_: setting.default for id_, setting in load("settings").items()}
    return defaults | {
        "model": job.model,
        "finetune.batch_size": settings.batch_size,
        "finetune.grad_accum": min(settings.grad_accum, MOST_BATCHES),
        "finetune.rank": settings.lora_rank,
        "finetune.alpha": 2 * settings.lora_rank,
        "finetune.dropout": settings.dropout,
        "finetune.targets": settings.targets,
        "finetune.gradient_checkpointing": settings.gradient_checkpointing,
        "finetune.optimizer": settings.resolved_optimizer,
        "finetune.seq_len": settings.seq_len,
    }


@dataclass(frozen=True, slots=True)
class _Batch:
    rows: list[Row]
    mean_tokens: float
    examples: int
    data: str

    @property
    def longest(self) -> int:
        return max(len(row.input_ids) for row in self.rows)

    @property
    def tokens(self) -> int:
        return sum(len(row.input_ids) for row in self.rows)


def _worst_batch(job: Job, tokenizer: Any) -> _Batch:
    """The longest rows of the user's data as the recipe tokenises them, else full rows."""
    settings = job.settings
    if job.data is None:
        rows = full_rows(settings, tokenizer)
        return _Batch(rows, settings.mean_tokens, settings.examples, "")
    from knowledge.corpus.reading import read

    corpus = read(Path(job.data), checked=False)
    examples = for_goal(corpus.examples, job.goal)
    labels = sorted({e.label for e in examples if e.label})
    made = make_rows(examples, tokenizer, job.language, settings.seq_len, labels=labels).rows
    if not made:
        raise UsageError("probe-no-rows", where=job.data, path=job.data, n=len(examples))
    longest = sorted(made, key=lambda row: len(row.input_ids), reverse=True)
    # Fewer rows than a batch: the batch is all there will ever be in one.
    rows = longest[: settings.batch_size]
    mean = sum(len(row.input_ids) for row in made) / len(made)
    return _Batch(rows, round(mean, 1), len(made), corpus.digest)


def full_rows(settings: EstimateSettings, tokenizer: Any) -> list[Row]:
    """A batch of `seq_len` tokens a row, every position trained, one a token short if padded."""
    dice = random.Random(0)
    special = set(tokenizer.all_special_ids)
    plain = [id_ for id_ in range(min(len(tokenizer), 5000)) if id_ not in special]
    rows = []
    for number in range(settings.batch_size):
        short = settings.masked and number > 0 and settings.seq_len > 2
        ids = dice.choices(plain, k=settings.seq_len - short)
        rows.append(Row(f"full-{number}", ids, [IGNORED, *ids[1:]]))
    return rows


def _trained(
    job: Job,
    config: Mapping[str, Scalar],
    loaded: Any,
    batch: _Batch,
    before: Mapping[str, float],
) -> Measured:
    import time

    import torch

    from executors.finetune.recipe import make_trainer
    from executors.finetune.watch import StepClock
    from executors.tracing.counters import CpuPeak, cuda_peaks, start_cuda_peaks

    accumulate = int(config["finetune.grad_accum"])
    clock = StepClock(exact=True)
    session = job.session
    label = session.t("probe.running", tokens=batch.longest, rows=len(batch.rows))
    with tempfile.TemporaryDirectory(prefix="okakae-probe-") as folder, session.progress(label):
        trainer = make_trainer(
            loaded,
            job.settings.method,
            config,
            batch.rows * (accumulate * STEPS),
            batch.rows,
            folder=Path(folder),
            callbacks=[clock],
            max_steps=STEPS,
            warmup_steps=1,
            train_sampling_strategy="sequential",  # every batch is the worst one
            eval_strategy="no",
            save_strategy="no",
            logging_steps=1,
        )
        phases: dict[str, float] = {}
        peaks: dict[str, float] = {}
        seconds = 0.0
        for phase, run in (("training", trainer.train), ("evaluation", trainer.evaluate)):
            started = time.perf_counter()
            if loaded.device.type == "cuda":
                start_cuda_peaks(loaded.device)
                run()
                torch.cuda.synchronize()
                found = cuda_peaks(loaded.device, before)
            else:
                counter = CpuPeak()
                with counter.recorded():
                    run()
                found = {"allocated": counter.allocated, "device": counter.process}
            seconds = time.perf_counter() - started
            phases[phase] = round(found["allocated"], 4)
            peaks = {name: max(gib, peaks.get(name, 0.0)) for name, gib in found.items()}
    gradients, update = clock.gradients[-1] / accumulate, clock.optimizer[-1]
    a_step = job.settings.grad_accum * gradients + update
    gpu = torch.cuda.get_device_name(loaded.device) if loaded.device.type == "cuda" else ""
    return Measured(
        seq_len=batch.longest,
        mean_tokens=batch.mean_tokens,
        examples=batch.examples,
        data=batch.data,
        precision=str(loaded.dtype).removeprefix("torch."),
        gpu=gpu,
        peaks={name: round(gib, 4) for name, gib in peaks.items()},
        phases=phases,
        seconds_per_step=round(a_step, 4),
        tokens_per_s=round(job.settings.grad_accum * batch.tokens / a_step, 2),
        evaluation_seconds=round(seconds, 3),
    )


def _is_out_of_memory(error: BaseException) -> bool:
    """CUDA has its own error; torch's CPU allocator raises a bare RuntimeError."""
    words = ("can't allocate memory", "not enough memory", "out of memory")
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(word in str(error).lower() for word in words)
    )


def _without_memory(job: Job, batch: _Batch | None) -> Measured:
    settings = job.settings
    gpu, capacity = _capacity(settings.device)
    return Measured(
        seq_len=batch.longest if batch else settings.seq_len,
        mean_tokens=batch.mean_tokens if batch else settings.mean_tokens,
        examples=batch.examples if batch else settings.examples,
        data=batch.data if batch else "",
        gpu=gpu,
        out_of_memory=True,
        capacity_gib=round(capacity, 2),
    )


def _capacity(device: str) -> tuple[str, float]:
    """The card's name and what it has; on a CPU this machine's memory or the process's limit."""
    from advisor.detect import gpus, machine

    if device == "cuda":
        cards = gpus()
        return (cards[0].name, cards[0].vram_gib) if cards else ("", 0.0)
    capacity = machine().ram_gib
    try:
        import resource
    except ImportError:  # Windows
        return "", capacity
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    unlimited = limit == resource.RLIM_INFINITY
    return "", capacity if unlimited else min(capacity, limit / 2**30)


def _told(answer: Mapping[str, Any]) -> OkakaeError:
    """The child's error, to be raised here."""
    kind = getattr(errors, str(answer["error"]), RunError)
    error: OkakaeError = kind(answer["ref"], where=answer["where"], **answer["values"])
    return error


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
