"""Executors are found by name through entry points, ours as anybody's."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from advisor.errors import MachineError, UsageError
from executors import registry
from executors.base import Executor


class Incomplete:
    name = "incomplete"


def with_points(monkeypatch: pytest.MonkeyPatch, **targets: str) -> None:
    points = [EntryPoint(name, target, registry.GROUP) for name, target in targets.items()]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)


def test_ours_come_in_by_the_door_that_is_open_to_all() -> None:
    assert {"prompting", "rag", "finetune"} <= set(registry.names())


@pytest.mark.parametrize("name", ["prompting", "rag", "finetune"])
def test_each_of_ours_is_whole(name: str) -> None:
    found = registry.executor(name)
    assert isinstance(found, Executor)
    assert found.name == name


def test_a_slip_of_the_pen_is_met_with_the_nearest_name() -> None:
    with pytest.raises(UsageError) as caught:
        registry.executor("promting")
    assert caught.value.values["near"] == "prompting"
    with pytest.raises(UsageError) as caught:
        registry.executor("zzz")
    assert "finetune" in caught.value.values["near"]


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with_points(monkeypatch, ours="no_such_package_xyz.executor:Made")
    with pytest.raises(MachineError) as caught:
        registry.executor("ours")
    assert caught.value.values == {"package": "no_such_package_xyz"}


@pytest.mark.parametrize("target", [f"{__name__}:Incomplete", f"{__name__}:Absent", "json:dumps"])
def test_a_plug_in_that_is_no_executor_is_said(
    monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    with_points(monkeypatch, theirs=target)
    with pytest.raises(UsageError) as caught:
        registry.executor("theirs")
    assert caught.value.ref == "executor-incomplete"
