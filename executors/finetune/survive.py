"""Trains in a process of its own, so that running out of memory is an answer and not the end.

A process of its own and no careful teardown in this one: Linux kills a process for want of
memory without asking it, a CUDA context that failed once cannot be trusted again, and memory
that a training has fragmented comes back whole only with its process. It costs one more start
of the libraries, some seconds, and gives the evaluation that follows a clean memory.

The child dies with this process (it watches its standard input), so that a killed run never
goes on writing checkpoints beside the one that resumes it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from advisor import errors
from advisor.errors import LimitError, MachineError, OkakaeError, RunError
from advisor.files import write_json
from advisor.session import Session
from advisor.types import Method, Plan
from executors.base import Context, RunData
from executors.finetune.ladder import Lengths, Rung, next_rung
from executors.finetune.memory import died_of_memory
from executors.rundir import RunDir
from knowledge.corpus.types import Example

WORK = "training"
"""Folder of the run for what parent and child tell each other."""
LENGTHS = "lengths.json"
EVENT = "memory-step"
GRACE_S = 10.0


@dataclass(frozen=True, slots=True)
class OutOfMemory:
    """A child that ended for want of memory; `lengths` are None when no row was made yet."""

    why: str
    lengths: Lengths | None


def survive(
    plan: Plan, run: RunDir, data: RunData, context: Context, method: Method
) -> dict[str, float]:
    """Train as planned; where memory runs out, the next smaller way that is the same training.

    Returns:
        The actuals of the training that went through.

    Raises:
        MachineError: `training-out-of-memory` when nothing smaller is left.
        LimitError: of the caller where its limit was the tighter one, else of the plan.
        OkakaeError: whatever the training itself raised.
    """
    from executors.finetune.general import planned_rows

    _say_outlook(plan, method, context.session)
    general = planned_rows(plan, run, data, context.session)
    rung = reached(run, Rung(method, plan.config))
    clock = Clock(plan, context)
    while True:
        context.limits.check()
        try:
            outcome = _train(run, data, general, context.session, rung, clock.left_hours())
        except LimitError:
            context.limits.check()  # where it was the caller's limit, it is the caller's to tell of
            raise
        if not isinstance(outcome, OutOfMemory):
            return outcome
        run.event("out-of-memory", why=outcome.why, **rung.told())
        smaller = _smaller(rung, outcome, context.session)
        if smaller is None:
            raise MachineError(
                "training-out-of-memory",
                model=str(plan.config["model"]),
                batch_size=int(rung.config["finetune.batch_size"]),
                method=rung.method,
                steps=len(run.manifest.changes),
            )
        if smaller.restarts:
            from executors.finetune.checkpoints import forget_all

            forget_all(run.path / "checkpoints")
        told = smaller.told()
        run.event(EVENT, **told)
        run.add_change({"what": EVENT, **told})
        context.session.say(f"finetune.memory.{smaller.step}", **told)
        rung = smaller


def _say_outlook(plan: Plan, method: Method, session: Session) -> None:
    """What the estimate says of this machine: that 16 bits would do, or that it will be tight."""
    from executors.finetune.fits import outlook

    found = outlook(plan.config, method)
    if found is None:
        return
    have = f"{found.have:.1f}"
    if method == "qlora" and found.lora.high <= found.have:
        session.say("finetune.lora-would-fit", need=f"{found.lora.high:.1f}", have=have)
    elif found.planned.likely > found.have:
        session.say("finetune.memory-tight", need=f"{found.planned.likely:.1f}", have=have)


def reached(run: RunDir, planned: Rung) -> Rung:
    """Where an earlier call of this run stood on the ladder; the plan itself at first."""
    steps = [change for change in run.manifest.changes if change["what"] == EVENT]
    if not steps:
        return planned
    last = steps[-1]
    names = ("batch_size", "grad_accum", "gradient_checkpointing", "seq_len", "learning_rate")
    config = {**planned.config, **{f"finetune.{name}": last[name] for name in names}}
    return Rung(last["method"], config, last["step"], left_out=int(last["left_out"]))  # type: ignore[arg-type]


class Clock:
    """How long a training may go on: by its plan, counted from here on, and by its caller."""

    def __init__(self, plan: Plan, context: Context) -> None:
        self._limit_h = limit_hours(plan) if context.limits.own_limits else None
        self._context = context
        self._started = time.perf_counter()

    def left_hours(self) -> float | None:
        """The tighter of both, 0 where it is over; None without a limit."""
        left = [] if (theirs := self._context.limits.left_hours()) is None else [theirs]
        if self._limit_h is not None:
            left.append(self._limit_h - (time.perf_counter() - self._started) / 3600)
        return max(0.0, min(left)) if left else None


def limit_hours(plan: Plan) -> float | None:
    """The tighter of the plan's limits on hours and on yen, in hours; None without either."""
    limits = [plan.limits["hours"]] if plan.limits.get("hours") else []
    if plan.limits.get("jpy"):
        limits.append(plan.limits["jpy"] / hour_jpy(plan))
    return min(limits, default=None)


def limit_reached(plan: Plan, steps: int) -> LimitError:
    """The error of the limit that was reached, with how far the training came."""
    hours, jpy = plan.limits.get("hours"), plan.limits.get("jpy")
    if jpy and (not hours or jpy / hour_jpy(plan) < hours):
        return LimitError("jpy-reached", jpy=jpy, per_hour=round(hour_jpy(plan), 1), steps=steps)
    return LimitError("hours-reached", hours=hours, steps=steps)


def hour_jpy(plan: Plan) -> float:
    """Yen that an hour of this machine may cost: its electricity, at the upper end."""
    from advisor.estimate.money import electricity_jpy
    from advisor.types import Estimate

    hour = Estimate(low=1.0, likely=1.0, high=1.0, unit="h", terms=(), basis="formula:hour")
    on_card = plan.expected_machine.get("gpu", "none") != "none"
    return electricity_jpy(hour, "gpu_machine_watts" if on_card else "cpu_machine_watts").high


def _smaller(rung: Rung, outcome: OutOfMemory, session: Session) -> Rung | None:
    from importlib.util import find_spec

    four_bits = find_spec("bitsandbytes") is not None
    if outcome.lengths is None:
        # The base itself did not fit: no batch was small or large yet.
        bare = {"finetune.batch_size": 1, "finetune.gradient_checkpointing": True}
        asked = replace(rung, config={**rung.config, **bare})
        found = next_rung(asked, Lengths(), may_shorten=_never, four_bits=four_bits)
        kept = ("finetune.batch_size", "finetune.gradient_checkpointing")
        back = {name: rung.config[name] for name in kept}
        return found and replace(found, config={**found.config, **back})

    lengths = outcome.lengths

    def may_shorten(length: int, left_out: int) -> bool:
        if rung.config.get("finetune.allow_shorter"):
            return True
        if not session.interactive:
            return False
        from advisor.prompts import agreed

        values = {"length": length, "n": left_out, "total": len(lengths.every)}
        return agreed(session.t("finetune.consent.shorter", **values), plain=session.plain)

    return next_rung(rung, lengths, may_shorten=may_shorten, four_bits=four_bits)


def _never(_length: int, _left_out: int) -> bool:
    return False


def _train(
    run: RunDir,
    data: RunData,
    general: Sequence[Example],
    session: Session,
    rung: Rung,
    left_h: float | None,
) -> dict[str, float] | OutOfMemory:
    """One attempt in a child; its actuals, or that memory ran out."""
    work = run.path / WORK
    job, answer, lengths = work / "job.json", work / "answer.json", work / LENGTHS
    for file in (answer, lengths):
        file.unlink(missing_ok=True)
    parts = {
        name: [asdict(e) for e in getattr(data.split, name)] for name in ("train", "validation")
    }
    write_json(
        job,
        {
            "run": str(run.path.resolve()),
            "method": rung.method,
            "config": dict(rung.config),
            "limit_hours": left_h,
            "data": parts,  # the test questions stay here: what trains never sees them
            "general": [asdict(e) for e in general],
            "digest": data.corpus.digest,
            "session": {
                "lang": session.lang,
                "plain": session.plain,
                "offline": session.offline,
                "allow": sorted(session.allow),
            },
        },
    )
    code = _run_child(job, answer)
    job.unlink(missing_ok=True)
    told = _read(answer)
    known = read_lengths(lengths)
    if told is None:
        if died_of_memory(code):
            return OutOfMemory(f"exit {code}", known)
        raise RunError("training-died", code=code)
    if "out_of_memory" in told:
        return OutOfMemory(str(told["out_of_memory"]), known)
    if "error" in told:
        raise _raised(told)
    return {name: float(value) for name, value in told["actuals"].items()}


def _run_child(job: Path, answer: Path) -> int:
    command = [sys.executable, "-m", "executors.finetune.child", str(job), str(answer)]
    # In a group of its own: Ctrl-C is this process's to hear, and its alone to tell of.
    apart: dict[str, Any] = {"process_group": 0}
    if os.name == "nt":
        apart = {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, **apart)
    assert child.stdin is not None
    try:
        return child.wait()
    except BaseException:
        child.stdin.close()  # the child ends when its input does
        try:
            child.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        raise
    finally:
        if not child.stdin.closed:
            child.stdin.close()


def write_lengths(work: Path, lengths: Lengths) -> None:
    """Leave with the parent what a shorter length can be chosen by."""
    write_json(work / LENGTHS, {"schema_version": 1, **asdict(lengths)})


def read_lengths(path: Path) -> Lengths | None:
    """What the child left in `path`; None when it came to no rows."""
    seen = _read(path)
    if seen is None:
        return None
    return Lengths(tuple(seen["task"]), tuple(seen["general"]), int(seen["spare"]))


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found


def _raised(told: Mapping[str, Any]) -> OkakaeError:
    """The child's error, to be raised here."""
    kind = getattr(errors, str(told["error"]), None)
    if kind is None:
        return RunError("training-failed", kind=told["error"], why=told["values"]["why"])
    found: OkakaeError = kind(told["ref"], where=told["where"], **told["values"])
    return found
