"""Executor by name: ours enter by the same entry-point door as anybody's."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

from advisor.errors import MachineError, UsageError
from executors.base import Executor
from knowledge.catalog.loader import did_you_mean

GROUP = "okakae.executors"


def names() -> list[str]:
    return sorted(point.name for point in entry_points(group=GROUP))


def executor(name: str) -> Executor:
    """The executor called `name`.

    Raises:
        UsageError: nobody offers that name.
        MachineError: it is offered, but a package it needs is not installed.
    """
    points: dict[str, EntryPoint] = {point.name: point for point in entry_points(group=GROUP)}
    if name not in points:
        near = ", ".join(did_you_mean(name, points)) or ", ".join(sorted(points))
        raise UsageError("executor-unknown", name=name, near=near)
    try:
        made = points[name].load()()
    except ModuleNotFoundError as error:
        raise MachineError("package-missing", package=error.name or name) from None
    except (AttributeError, ImportError, TypeError):
        raise UsageError("executor-incomplete", name=name, target=points[name].value) from None
    if not isinstance(made, Executor):
        raise UsageError("executor-incomplete", name=name, target=points[name].value)
    return made
