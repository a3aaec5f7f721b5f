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
from executors.evaluate.heldout import ANSWERS, answer_record, drop_cut_line, read_answers
from knowledge.corpus.types import Example

LATENCY = "latency.json"
ALONE = "alone.jsonl"
"""Every answer to a question asked alone, with the seconds that were `waited` for it."""


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
    Every answer is kept as it comes, and one that was timed is not asked for again. `check` is
    called before each, and may raise to end it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / ALONE
    drop_cut_line(path)
    known = {one["id"]: one["waited"] for one in read_answers(path) if one["timed"]}
    waiting = [Question(e.id, e.prompt, e.kind) for e in examples if e.id not in known]
    with path.open("a", encoding="utf-8") as stream:
        for number, question in enumerate([*waiting[:1], *waiting]):
            check()
            started = time.perf_counter()
            (reply,) = system.answer([question])
            waited = round(time.perf_counter() - started, 4)
            told = {"timed": number > 0, "waited": waited}
            stream.write(json.dumps(answer_record(reply) | told, ensure_ascii=False) + "\n")
            stream.flush()
            if number:
                known[question.id] = waited
    return _kept([known[example.id] for example in examples], folder)


def keep_latency(folder: Path) -> Latency | None:
    """The seconds of answers in `folder` that were asked for one at a time from the beginning.

    The first is left out where there are others, as in `time_alone`.
    """
    seconds = [float(answer["seconds"]) for answer in read_answers(folder / ANSWERS)]
    return _kept(seconds[1:] or seconds, folder)


def _kept(seconds: Sequence[float], folder: Path) -> Latency | None:
    write_json(folder / LATENCY, {"schema_version": 1, "asked": "alone", "seconds": list(seconds)})
    return latency(seconds)


def read_latency(folder: Path) -> Latency | None:
    """What was kept of them; None where nothing was timed."""
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
