"""How long one person waits for one answer: questions asked one at a time, never in a batch."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from advisor.files import write_json
from executors.base import Question, System
from knowledge.corpus.types import Example

LATENCY = "latency.json"


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds from question to answer on this machine: the middle, and what one in 20 exceeds."""

    p50: float
    p95: float
    n: int


def time_alone(
    system: System,
    examples: Sequence[Example],
    folder: Path,
    check: Callable[[], None] = lambda: None,
) -> Latency | None:
    """Ask every example alone and keep the seconds in `folder`; None without examples.

    The first is asked once beforehand, untimed: a model's first answer pays for its warming up.
    `check` is called before each, and may raise to end it.
    """
    seconds: list[float] = []
    questions = [Question(e.id, e.prompt, e.kind) for e in examples]
    for question in questions[:1]:
        system.answer([question])
    for question in questions:
        check()
        started = time.perf_counter()
        system.answer([question])
        seconds.append(time.perf_counter() - started)
    write_json(
        folder / LATENCY,
        {"schema_version": 1, "asked": "alone", "seconds": [round(s, 4) for s in seconds]},
    )
    return latency(seconds)


def read_latency(folder: Path) -> Latency | None:
    """What `time_alone` kept; None where nothing was timed."""
    path = folder / LATENCY
    if not path.is_file():
        return None
    return latency(json.loads(path.read_text(encoding="utf-8"))["seconds"])


def latency(seconds: Sequence[float]) -> Latency | None:
    """Nearest-rank percentiles: values that were really measured."""
    if not seconds:
        return None
    ordered = sorted(seconds)

    def rank(share: float) -> float:
        return ordered[math.ceil(share * len(ordered)) - 1]

    return Latency(rank(0.5), rank(0.95), len(ordered))
