"""Limits over a whole run: what is left for a training, and whose limit stopped it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from made import PlanMaker, write_company

from advisor.errors import LimitError
from advisor.plan import save_plan
from advisor.session import Session
from advisor.types import Estimate, Plan
from executors.apply import Asking, Checked, load_data
from executors.compare.budget import Budget
from executors.compare.pilot import planned_pilots, train_pilots
from executors.compare.run import compare
from executors.compare.spent import hour_jpy
from executors.rundir import RunDir

FEW_STEPS = {
    "finetune.batch_size": 2,
    "finetune.max_steps": 8,
    "finetune.score_rows": 2,
    "finetune.seq_len": 1024,
}
Made = Callable[..., Budget]


@pytest.fixture
def tuned(plan_for: PlanMaker) -> Plan:
    """A training of at least 0.8 hours."""
    return plan_for(
        "finetune", estimates={"hours": Estimate(0.8, 1.6, 3.2, "hours", "formula:test")}
    )


@pytest.fixture
def budget(tuned: Plan, plan_for: PlanMaker, tmp_path: Path) -> Made:
    def make(**limits: float) -> Budget:
        plans = {"lora": tuned, "prompting": plan_for("prompting")}
        settings = {f"limits.{name}": value for name, value in limits.items()}
        return Budget(plans, tmp_path, "compare", settings)

    return make


def took(path: Path, plan: Plan, hours: float) -> RunDir:
    """A run that so many hours went into, and that is not finished."""
    run = RunDir.create(path, plan, None)
    run.add_actuals({"total_seconds": 3600 * hours})
    return run


def test_a_training_gets_what_the_others_have_left(
    budget: Made, tuned: Plan, plan_for: PlanMaker, tmp_path: Path
) -> None:
    took(tmp_path / "roads" / "prompting", plan_for("prompting"), 1.0)
    hourly = hour_jpy(tuned)
    assert hourly > 0
    for limits, left in (
        ({"hours": 3.0}, 2.0),
        ({"jpy": 2.5 * hourly}, 1.5),
        ({"hours": 3.0, "jpy": 2.5 * hourly}, 1.5),
        ({"hours": 2.25, "jpy": 2.5 * hourly}, 1.25),
    ):
        made = budget(**limits)
        made.begin("lora")
        assert made.left_hours() == pytest.approx(left, rel=1e-6)
    without = budget(calls=5)
    without.begin("lora")
    assert without.left_hours() is None


@pytest.mark.parametrize("what", ["hours", "jpy"])
def test_a_training_that_cannot_keep_the_limit_is_not_begun(
    budget: Made, tuned: Plan, what: str
) -> None:
    unit = 1.0 if what == "hours" else hour_jpy(tuned)
    budget(**{what: 0.81 * unit}).begin("lora")
    with pytest.raises(LimitError) as caught:
        budget(**{what: 0.79 * unit}).begin("lora")
    assert (caught.value.ref, caught.value.values["step"]) == (f"compare-{what}-reached", "lora")


def test_what_a_resumed_training_took_is_not_asked_for_again(
    budget: Made, tuned: Plan, tmp_path: Path
) -> None:
    run = took(tmp_path / "roads" / "lora", tuned, 0.5)
    budget(hours=0.81).begin("lora")
    with pytest.raises(LimitError):
        budget(hours=0.79).begin("lora")
    run.add_actuals({"total_seconds": 3600 * 0.9})
    budget(hours=0.91).begin("lora")
    # Trained faster than the estimate: what is left are the questions, and they cost no training.
    run.add_actuals({"total_seconds": 3600 * 0.3})
    run.mark("build")
    budget(hours=0.31).begin("lora")


def test_what_a_resumed_pilot_took_is_not_asked_for_again(
    budget: Made, tuned: Plan, tmp_path: Path
) -> None:
    path = tmp_path / "pilot" / "lora" / "80"
    took(path, tuned, 0.3)
    made = budget(hours=0.41)
    made.begin_pilot(tuned, path, 1 / 2)
    assert made.left_hours() == pytest.approx(0.11, rel=1e-3)
    with pytest.raises(LimitError):
        budget(hours=0.39).begin_pilot(tuned, path, 1 / 2)


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    return write_company(tmp_path / "company", pairs=0, rewrites=300)


@pytest.fixture
def limited(rows: Path, tiny_folder: Path, plan_for: PlanMaker) -> Plan:
    """A training whose own plan ends it after one step."""
    config = {"model": str(tiny_folder), "generate.max_new_tokens": 1, **FEW_STEPS}
    return plan_for("finetune", rows, config=config, goal="style_or_tone", limits={"hours": 1e-9})


def test_a_road_that_its_own_plan_ended_does_not_end_the_comparison(
    limited: Plan, rows: Path, tmp_path: Path, tiny_folder: Path, plan_for: PlanMaker,
    session: Session,
) -> None:  # fmt: skip
    config = {"model": str(tiny_folder), "generate.max_new_tokens": 1}
    other = plan_for("prompting", rows, config=config, goal="style_or_tone")
    paths = [tmp_path / "tuned.json", tmp_path / "other.json"]
    for plan, path in zip((limited, other), paths, strict=True):
        save_plan(plan, path)
    found = compare(paths, tmp_path / "out", session, diagnostics=False)
    assert found.failed == {"lora": "hours-reached"}
    assert [road.name for road in found.roads] == ["prompting"]
    assert found.limit is None
    # Where it is only what the run's limit was when the plan was made, it holds nothing up.
    again = compare(
        paths, tmp_path / "out", session, resume=True, diagnostics=False, own_limits=False,
        limits={"limits.hours": 0},
    )  # fmt: skip
    assert (again.failed, [road.name for road in again.roads]) == ({}, ["lora", "prompting"])


def test_a_pilot_that_its_own_plan_ended_is_left_out_and_one_that_the_run_ended_ends_it(
    limited: Plan, tmp_path: Path, session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = Checked(limited, tmp_path)
    data = load_data(limited, entry.data_root, session)
    pilots = planned_pilots({"lora": entry}, data, session)
    first = pilots[0].path(tmp_path, pilots[0].parts[0])

    def train(check: Callable[[], None]) -> None:
        train_pilots(
            pilots, ["lora"], tmp_path, data, session, lambda *_: None, Asking(check=check)
        )

    train(lambda: None)
    assert RunDir.open(first).manifest.error == "hours-reached"
    assert "hours-reached" in capsys.readouterr().err

    def over() -> None:
        raise LimitError("compare-hours-reached", step="x", spent="1", limit="1")

    with pytest.raises(LimitError, match="compare-hours-reached"):
        train(over)
