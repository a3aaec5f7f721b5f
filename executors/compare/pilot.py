"""The pilot of a comparison: nested parts of the training rows, each trained, and what they say.

Every tuned road is trained on an eighth, a quarter and half of its rows; the road's own training
is the last point and is not done again. Each smaller part lies within the next and holds every
kind and label in its share; the rows that losses are measured on are the same.
"""

from __future__ import annotations

import random
import shutil
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from advisor.errors import LimitError, OkakaeError
from advisor.plan import seal
from advisor.session import Session
from advisor.types import Plan
from executors.apply import ONCE, Asking, Checked, apply
from executors.base import Context, RunData
from executors.compare.breaking import told_as_failure
from executors.finetune.executor import tuning_method
from executors.finetune.schedule import least_rows
from executors.goals import for_goal
from executors.permitted import learnable
from executors.rundir import RunDir
from knowledge.corpus.types import Example

FOLDER = "pilot"
PARTS = (8, 4, 2)
"""A pilot trains on one in so many rows; the road itself on all of them."""
TUNES = ("finetune", "hybrid")
"""Executors whose held-out losses are of the same rows whatever part they train on."""


@dataclass(frozen=True, slots=True)
class Pilot:
    """The trainings beside one tuned road; none where `refused` says why."""

    road: str
    entry: Checked
    parts: tuple[tuple[Example, ...], ...]
    """What each training learns from, smallest first."""
    examples: int
    """What the road itself learns from."""
    refused: Mapping[str, Any] = field(default_factory=dict)

    def path(self, folder: Path, part: Sequence[Example]) -> Path:
        return folder / FOLDER / self.road / str(len(part))

    def left(self, folder: Path) -> float:
        """The trainings still to be done, in trainings of the road itself."""
        waiting = [part for part in self.parts if not trained(self.path(folder, part), self.entry)]
        return sum(map(len, waiting)) / self.examples if waiting else 0.0


def planned_pilots(
    entries: Mapping[str, Checked], data: RunData, session: Session
) -> tuple[Pilot, ...]:
    """A pilot for every tuned road; too few rows, or no such road, is said.

    Args:
        entries: the plans by road.
        data: what they learn from.
    """
    tuned = {name: entry for name, entry in entries.items() if entry.plan.executor in TUNES}
    if not tuned:
        session.say("pilot.no-road")
        return ()
    rows = learnable(data, session).split.train
    return tuple(_planned(name, entry, rows, session) for name, entry in tuned.items())


def _planned(name: str, entry: Checked, rows: Sequence[Example], session: Session) -> Pilot:
    plan = entry.plan
    learned = for_goal(rows, plan.goal)
    least = least_rows(plan.config)
    if least is None or len(learned) < least * PARTS[0]:
        need = "-" if least is None else str(least * PARTS[0])
        why = {"ref": "pilot.too-few-rows", "n": len(learned), "need": need}
        session.say("pilot.skipped", road=session.t(f"road.{name}"), why=_said(why, session))
        return Pilot(name, entry, (), len(learned), why)
    order = nested_order(learned, int(plan.config["seed"]))
    place = {id(example): at for at, example in enumerate(learned)}
    parts = [order[: round(len(order) / share)] for share in PARTS]
    in_order = (tuple(sorted(part, key=lambda e: place[id(e)])) for part in parts)
    return Pilot(name, entry, tuple(in_order), len(learned))


def nested_order(examples: Sequence[Example], seed: int) -> list[Example]:
    """An order of which every beginning holds each kind, answerability and label in its share."""
    strata: dict[tuple[Any, ...], list[Example]] = defaultdict(list)
    for example in examples:
        strata[example.kind, example.answerable, example.label].append(example)
    placed: list[tuple[float, Example]] = []
    for key, members in strata.items():
        dice = random.Random(f"{seed}/{key}")
        dice.shuffle(members)
        # Strata of equal size would else take turns in step, and small ones come all at once.
        shift = dice.random()
        placed += [((rank + shift) / len(members), e) for rank, e in enumerate(members)]
    return [example for _, example in sorted(placed, key=lambda pair: pair[0])]


def train_pilots(
    pilots: Sequence[Pilot],
    finished: Sequence[str],
    folder: Path,
    data: RunData,
    session: Session,
    begin: Callable[[Plan, Path, float], None],
    asking: Asking = ONCE,
) -> None:
    """Train every part that is not trained yet, below `folder`; a failing one stops its pilot.

    Args:
        finished: roads whose own training, the last point, is there.
        begin: called before each training with the plan, where it runs, and its share of the
            road's rows; raises LimitError where nothing is left for it.
        asking: the limits that the trainings are held to.

    Raises:
        LimitError: a limit of the caller was reached; the next call goes on from there.
    """
    for pilot in pilots:
        if pilot.road not in finished:
            continue
        for part in pilot.parts:
            path = pilot.path(folder, part)
            if trained(path, pilot.entry):
                continue
            road = session.t(f"road.{pilot.road}")
            session.say("pilot.training", road=road, n=len(part), of=pilot.examples)
            begin(pilot.entry.plan, path, len(part) / pilot.examples)
            try:
                with told_as_failure(path):
                    _train(pilot, part, folder, data, session, asking)
            except OkakaeError as error:
                if isinstance(error, LimitError):
                    asking.check()  # the caller's limit ends everything, the plan's own this pilot
                session.say("pilot.skipped", road=road, why=error.ref)
                break


def _train(
    pilot: Pilot,
    part: tuple[Example, ...],
    folder: Path,
    data: RunData,
    session: Session,
    asking: Asking,
) -> None:
    """The road's own recipe on some of its rows; nothing is asked of it and no weights are kept."""
    entry, path = pilot.entry, pilot.path(folder, part)
    if path.exists() and not (path / "manifest.json").is_file():
        shutil.rmtree(path)  # killed before anything was begun
    given = replace(data, split=replace(data.split, train=part, test=()))
    if entry.plan.executor == "hybrid":
        from executors.hybrid.executor import HybridExecutor

        # The road's own index: another one would find other passages for the same question.
        indexed = RunDir.open(folder / "roads" / pilot.road)
        given, _ = HybridExecutor().grounded(entry.plan, indexed, given, Context(session))
    checked = replace(entry, plan=pilot_plan(entry.plan))
    run = apply(checked, session, run_path=path, resume=path.exists(), data=given, asking=asking)
    for leftover in (run.artifacts, path / "checkpoints"):
        shutil.rmtree(leftover, ignore_errors=True)


def pilot_plan(plan: Plan) -> Plan:
    """The plan's training alone, without the general probe: it says nothing of the loss."""
    tuned = tuning_method(plan)
    config = dict(plan.config)
    if "finetune.general_probe" in config:
        config["finetune.general_probe"] = "off"
    return seal(replace(plan, executor="finetune", method=tuned, config=config))


def trained(path: Path, entry: Checked) -> bool:
    """Whether this training of a pilot is finished."""
    run = RunDir(path)
    if not run.manifest_path.is_file():
        return False
    manifest = run.manifest
    return manifest.status == "done" and manifest.plan_seal == pilot_plan(entry.plan).seal


def _said(why: Mapping[str, Any], session: Session) -> str:
    return session.t(why["ref"], **{key: value for key, value in why.items() if key != "ref"})
