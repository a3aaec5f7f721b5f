"""Runs exactly one sealed plan: verify, check, build, ask the held-out questions, report."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from advisor.caches import reading_cache
from advisor.detect import machine
from advisor.errors import (
    Fault,
    LimitError,
    MachineError,
    OkakaeError,
    PlanError,
    RunError,
    UsageError,
)
from advisor.plan import Drift, blocking, data_root, load_plan, verify
from advisor.session import Session
from advisor.types import Plan
from executors.answering import batch_for, served
from executors.base import Context, Limits, Rehearses, RunData
from executors.evaluate.heldout import ask, read_answers
from executors.evaluate.latency import keep_latency, time_alone
from executors.generator import sharing_models
from executors.goals import for_goal
from executors.hardware import forget_peak_ram, peak_ram_gib
from executors.registry import executor
from executors.rundir import DATA_FILE, RunDir, new_run_path
from knowledge.corpus.reading import read
from knowledge.corpus.splits import Split, split
from knowledge.corpus.types import Corpus, Example


@dataclass(frozen=True, slots=True)
class Checked:
    """A plan that may run here, with the folder it was found in."""

    plan: Plan
    folder: Path

    @property
    def data_root(self) -> Path | None:
        return data_root(self.plan, self.folder)


@dataclass(frozen=True, slots=True)
class Asking(Limits):
    """How the held-out questions are put to a finished road, and within what limits."""

    alone: int = 0
    """So many are asked again one at a time: a batch hides how long one person waits.

    A server is asked one at a time anyway; of its answers no second one is bought.
    """


ONCE = Asking()


def planned_in(path: Path) -> Path:
    """The folder a plan's data is named from: its own, or for a run's copy the original's."""
    note = path.parent / DATA_FILE
    if not note.is_file():
        return path.parent
    try:
        original = json.loads(note.read_text(encoding="utf-8")).get("planned_in")
    except (OSError, ValueError, AttributeError):
        return path.parent
    return Path(original) if original else path.parent


def check_plan(path: Path, session: Session) -> tuple[Checked, list[Drift]]:
    """Read a plan and refuse it when it was edited, is stale, or cannot run on this machine.

    Returns:
        The plan, and the drifts that do not forbid it (newer prices and rules).

    Raises:
        PlanError: edited or stale; one fault per drift, as planned / now / effect.
        MachineError: what the machine lacks, all of it.
        UsageError: it is planned for another place.
    """
    plan = load_plan(path)
    folder = planned_in(path)
    drifts = verify(plan, folder, machine())
    if bad := blocking(drifts):
        faults = tuple(
            Fault(
                "drift",
                drift.what,
                (
                    ("planned", drift.planned),
                    ("now", drift.now),
                    ("effect", session.t(drift.effect)),
                ),
            )
            for drift in bad
        )
        raise PlanError("plan-stale", where=str(path), faults=faults, path=str(path))
    if plan.place != "local":
        raise UsageError("place-not-here", where=str(path), place=plan.place)
    lacks = executor(plan.executor).check(plan, data_root(plan, folder))
    if lacks:
        first, *_ = lacks
        faults = tuple(Fault(lack.ref, "", tuple(lack.values.items())) for lack in lacks)
        raise MachineError(first.ref, faults=faults if len(lacks) > 1 else (), **dict(first.values))
    return Checked(plan, folder), drifts


def rehearse(checked: Checked, session: Session) -> None:
    """What a run would refuse of its data, refused without a run.

    Raises:
        RunError: the rows are wrong.
    """
    road = executor(checked.plan.executor)
    if isinstance(road, Rehearses):
        data = load_data(checked.plan, checked.data_root, session)
        road.rehearse(checked.plan, data, Context(session))


def apply(
    checked: Checked,
    session: Session,
    *,
    run_path: Path | None = None,
    resume: bool = False,
    asking: Asking = ONCE,
    data: RunData | None = None,
) -> RunDir:
    """Carry the plan out and leave a finished run.

    Args:
        data: the plan's data where the caller has read and split it already.

    Raises:
        OkakaeError: what went wrong; the run says so too and can be resumed.
    """
    plan = checked.plan
    session = session.with_confidential(str(plan.answers.get("confidential", "")) or None)
    run = _open_run(checked, run_path, resume)
    with run.locked():
        try:
            run.start_again()
            run.forget_lost_stages()
            _stages(run, checked, session, asking, data)
        except KeyboardInterrupt:
            run.finish("interrupted")
            raise
        except LimitError as error:
            run.finish("interrupted", error.ref)
            raise
        except OkakaeError as error:
            run.finish("failed", error.ref)
            raise
        except Exception as error:
            run.finish("failed", type(error).__name__)
            raise
        run.finish("done")
    return run


def _open_run(checked: Checked, run_path: Path | None, resume: bool) -> RunDir:
    path = run_path or new_run_path(str(checked.plan.method or checked.plan.approach))
    if not resume:
        return RunDir.create(path, checked.plan, checked.data_root, checked.folder)
    run = RunDir.open(path)
    if run.manifest.plan_seal != checked.plan.seal:
        raise UsageError("resume-other-plan", where=str(path), path=str(path))
    return run


def _stages(
    run: RunDir, checked: Checked, session: Session, asking: Asking, given: RunData | None
) -> None:
    context, plan = Context(session, asking), checked.plan
    road = executor(plan.executor)
    # A search of prompts and the held-out questions ask the same model.
    with _measured(run), sharing_models():
        data = given or load_data(plan, checked.data_root, session)
        test = heldout(data.split, plan)
        if not run.done("build"):
            run.add_actuals(road.build(plan, run, data, context))
            run.mark("build")
        if not run.done("evaluate") and test:
            system = road.open(run, context)
            answer(run, road_system=system, test=test, session=session, asking=asking)
            run.mark("evaluate")


@contextmanager
def _measured(run: RunDir) -> Iterator[None]:
    """Time and peak memory of this process, added to what an interrupted run took before."""
    before = run.manifest.actuals
    forget_peak_ram()  # of other roads that this process ran before
    started = time.perf_counter()
    try:
        yield
    finally:
        spent = before.get("total_seconds", 0.0) + time.perf_counter() - started
        # A training's process has a peak of its own, told with its actuals.
        told = (before, run.manifest.actuals)
        peak = max(peak_ram_gib(), *(one.get("peak_ram_gib", 0.0) for one in told))
        run.add_actuals({"total_seconds": spent, "peak_ram_gib": peak})


def answer(
    run: RunDir,
    *,
    road_system: object,
    test: list[Example],
    session: Session,
    asking: Asking = ONCE,
) -> None:
    """Ask the finished system every held-out question; answers are kept one by one."""
    from executors.base import System

    if not isinstance(road_system, System):
        raise RunError("executor-incomplete", name=run.plan.executor, target="System")
    started = time.perf_counter()
    label = session.t("apply.asking", n=len(test))
    try:
        with session.progress(label, total=len(test)) as progress:
            ask(
                road_system,
                test,
                run.eval,
                on_done=progress.update,
                batch=batch_for(run.plan),
                before=asking.check,
            )
        if asking.alone and served(run.plan):
            keep_latency(run.eval)  # asked one at a time as it is; more calls would cost more
        elif asking.alone:
            time_alone(road_system, test[: asking.alone], run.eval, asking.check)
    finally:
        road_system.close()
    times = [float(record["seconds"]) for record in read_answers(run.eval / "answers.jsonl")]
    run.add_actuals(
        {
            "evaluate_seconds": time.perf_counter() - started,
            "seconds_per_answer": sum(times) / len(times),
        }
    )


def load_data(plan: Plan, root: Path | None, session: Session) -> RunData:
    """Read the plan's data and split it as the plan says; the same plan gives the same split."""
    if root is None:
        return RunData(Corpus(Path(), (), (), (), ""), Split(train=(), validation=(), test=()))
    session.say("apply.reading", path=root.name)
    corpus = read(root, cache=reading_cache(), checked=False)
    if not corpus.documents and not corpus.examples:
        raise RunError("data-empty", where=str(root), path=str(root))
    parts = split(
        corpus.examples,
        seed=int(plan.config["seed"]),
        test=float(plan.config["data.test_share"]),
        validation=float(plan.config["data.validation_share"]),
    )
    return RunData(corpus, parts)


def heldout(parts: Split, plan: Plan) -> list[Example]:
    """The held-out examples that the plan's goal is judged on."""
    return for_goal(parts.test, plan.goal)
