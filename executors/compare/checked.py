"""Which of a comparison's plans this machine can carry out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from advisor.errors import MachineError
from advisor.plan import load_plan
from advisor.session import Session
from executors.apply import Checked, check_plan
from executors.compare.roads import road_names


def check_plans(
    paths: Sequence[Path], session: Session
) -> tuple[list[str], list[Checked], dict[str, str]]:
    """The plans that can be carried out here with their roads' names, and why others cannot.

    Raises:
        MachineError: none of them can.
        PlanError, UsageError: see `check_plan`.
    """
    names, checked = [], []
    lacking: dict[str, MachineError] = {}
    for path, name in zip(paths, road_names([load_plan(path) for path in paths]), strict=True):
        try:
            checked.append(check_plan(path, session)[0])
            names.append(name)
        except MachineError as error:
            lacking[name] = error
    if not checked:
        raise next(iter(lacking.values()))
    failed = {name: error.ref for name, error in lacking.items()}
    for name, ref in failed.items():
        session.say("compare.road-failed", name=session.t(f"road.{name}"), why=ref)
    return names, checked, failed
