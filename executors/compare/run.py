"""Runs several plans on one frozen set of held-out questions and brings the verdict home."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from advisor.errors import Fault, OkakaeError, RunError, UsageError
from advisor.files import write_json
from advisor.power import detectable_difference
from advisor.session import Session
from advisor.types import Plan
from executors.apply import ONCE, Asking, Checked, apply, check_plan, heldout, load_data
from executors.compare.roads import Road, road, road_name
from executors.compare.verdict import Verdict, judge
from executors.rundir import RunDir
from knowledge.corpus.types import Example

# Two plans are comparable only when these agree: they decide which questions are held out.
FROZEN = ("seed", "data.test_share", "data.validation_share")


@dataclass(frozen=True, slots=True)
class Comparison:
    """All roads that finished, what became of the others, and the verdict."""

    roads: tuple[Road, ...]
    failed: dict[str, str]
    verdict: Verdict
    seconds: float


def compare(
    plans: Sequence[Path], folder: Path, session: Session, *, resume: bool = False
) -> Comparison:
    """Apply every plan below `folder` and judge the roads on the same questions.

    One failing road does not stop the others.

    Raises:
        UsageError: the plans do not hold out the same questions.
        RunError: no road finished.
    """
    started = time.perf_counter()
    checked = [check_plan(path, session)[0] for path in plans]
    test = freeze(checked, session)
    session.say(
        "compare.before",
        n=len(test),
        roads=len(checked),
        points=round(100 * detectable_difference(len(test), roads=len(checked))),
    )
    failed: dict[str, str] = {}
    roads: list[Road] = []
    for entry in checked:
        name = road_name(entry.plan)
        session.say("compare.road", name=session.t(f"road.{name}"))
        try:
            roads.append(finish(entry, test, folder, session, resume=resume))
        except OkakaeError as error:
            failed[name] = error.ref
            session.say("compare.road-failed", name=session.t(f"road.{name}"), why=error.ref)
            if len(checked) == 1:
                raise
    if not roads:
        raise RunError("no-road-finished", where=str(folder), reasons=str(failed))
    comparison = Comparison(tuple(roads), failed, judge(roads), time.perf_counter() - started)
    record(folder, roads, failed, test, comparison.seconds)
    return comparison


def freeze(checked: Sequence[Checked], session: Session) -> list[Example]:
    """The held-out questions that every one of these plans will be judged on.

    Raises:
        UsageError: the plans do not hold out the same questions.
        RunError: there are none, or some stand in the training data too.
    """
    _same_questions([c.plan for c in checked])
    data = load_data(checked[0].plan, checked[0].data_root, session)
    test = heldout(data.split, checked[0].plan)
    if not test:
        raise RunError("no-held-out-questions", where=str(checked[0].data_root))
    _refuse_leaks(test, data.split.train)
    return test


def finish(
    entry: Checked,
    test: Sequence[Example],
    folder: Path,
    session: Session,
    *,
    resume: bool,
    asking: Asking = ONCE,
) -> Road:
    """One plan carried out below `folder`, or read again where it was already."""
    path = folder / "roads" / road_name(entry.plan)
    if path.exists() and resume and not (path / "manifest.json").is_file():
        shutil.rmtree(path)  # killed before anything was begun
    if path.exists() and resume:
        run = RunDir.open(path)
        if run.manifest.status != "done" or run.manifest.plan_seal != entry.plan.seal:
            apply(entry, session, run_path=path, resume=True, asking=asking)
    else:
        apply(entry, session, run_path=path, asking=asking)
    return road(path, test)


def record(
    folder: Path,
    roads: Sequence[Road],
    failed: Mapping[str, str],
    test: Sequence[Example],
    seconds: float,
) -> None:
    """Keep which roads finished on which questions, so that the report can be written again."""
    write_json(
        folder / "compare.json",
        {
            "schema_version": 1,
            "roads": [r.name for r in roads],
            "failed": dict(failed),
            "test": [example.id for example in test],
            "seconds": seconds,
        },
    )


def _same_questions(plans: Sequence[Plan]) -> None:
    first = plans[0]
    faults: list[Fault] = []
    for plan in plans[1:]:
        name = road_name(plan)
        faults += [
            Fault("plans-differ", f"{name}: {key}", ())
            for key in FROZEN
            if plan.config.get(key) != first.config.get(key)
        ]
        if _data(plan) != _data(first):
            faults.append(Fault("plans-differ", f"{name}: data", ()))
        if plan.goal != first.goal:
            faults.append(Fault("plans-differ", f"{name}: goal", ()))
    names = [road_name(plan) for plan in plans]
    faults += [Fault("plans-same-road", name) for name in {n for n in names if names.count(n) > 1}]
    if faults:
        raise UsageError("plans-not-comparable", faults=tuple(faults), n=len(faults))


def _data(plan: Plan) -> list[str]:
    """Digests of the material; what a road brings besides, such as general rows, is its own."""
    return [entry.digest for entry in plan.inputs if entry.role == "data"]


def _refuse_leaks(test: Sequence[Example], train: Sequence[Example]) -> None:
    """A test question that also stands in the training data would prove nothing."""
    from executors.evaluate.normalise import bare

    known = {bare(example.prompt): example for example in train}
    leaks = [(e, known[bare(e.prompt)]) for e in test if bare(e.prompt) in known]
    if leaks:
        faults = tuple(
            Fault("leaked", f"{e.source} {e.where}", (("also", f"{t.source} {t.where}"),))
            for e, t in leaks
        )
        raise RunError("test-in-training", faults=faults, n=len(leaks))


def load_comparison(folder: Path, session: Session) -> tuple[list[Road], dict[str, Any]]:
    """The roads of a finished comparison, read again from disk."""
    import json

    about = json.loads((folder / "compare.json").read_text(encoding="utf-8"))
    first = RunDir.open(folder / "roads" / about["roads"][0])
    data = load_data(first.plan, first.data_root, session)
    by_id = {example.id: example for example in data.split.test}
    have = sum(id_ in by_id for id_ in about["test"])
    if have < len(about["test"]):
        raise RunError(
            "answers-missing", where=str(first.data_root), have=have, want=len(about["test"])
        )
    test = [by_id[id_] for id_ in about["test"]]
    return [road(folder / "roads" / name, test) for name in about["roads"]], about
