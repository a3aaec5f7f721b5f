"""Several roads on one frozen set of questions, by real runs of a tiny model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from made import PlanMaker, write_company

from advisor.errors import RunError, UsageError
from advisor.plan import save_plan
from advisor.session import Session
from executors.compare.run import _refuse_leaks, compare, load_comparison
from knowledge.corpus.types import Example


@pytest.fixture
def two_plans(tmp_path: Path, tiny_folder: Path, plan_for: PlanMaker) -> list[Path]:
    data = write_company(tmp_path / "company", pairs=40)
    model = {"model": str(tiny_folder)}
    few = plan_for("prompting", data, config=model)
    # The same executor under the name of another road: what is compared is the machinery.
    other = plan_for("prompting", data, config=model | {"prompting.shots": 0}, approach="rag")
    paths = [tmp_path / "few.json", tmp_path / "other.json"]
    for plan, path in zip((few, other), paths, strict=True):
        save_plan(plan, path)
    return paths


def test_all_roads_answer_the_same_questions_and_can_be_read_again(
    two_plans: list[Path], tmp_path: Path, session: Session
) -> None:
    found = compare(two_plans, tmp_path / "out", session)
    assert [road.name for road in found.roads] == ["prompting", "rag"]
    asked = [[r.example.id for r in road.results] for road in found.roads]
    assert asked[0] == asked[1]
    roads, about = load_comparison(tmp_path / "out", session)
    assert about["test"] == asked[0]
    assert [road.correct for road in roads] == [road.correct for road in found.roads]
    again = compare(two_plans, tmp_path / "out", session, resume=True)
    assert [road.correct for road in again.roads] == [road.correct for road in roads]


def test_a_road_that_fails_does_not_stop_the_others(
    two_plans: list[Path], tmp_path: Path, session: Session, plan_for: PlanMaker
) -> None:
    config = {"model": "starter", "endpoint.url": "https://api.example.com/v1"}
    plan = plan_for("prompting", tmp_path / "company", config=config, approach="hybrid")
    save_plan(plan, tmp_path / "third.json")
    found = compare([*two_plans, tmp_path / "third.json"], tmp_path / "out", session)
    assert found.failed == {"hybrid": "no-consent"}
    assert len(found.roads) == 2


@pytest.mark.parametrize(
    ("over", "where"),
    [
        ({"config": {"seed": 1}}, "rag: seed"),
        ({"config": {"data.test_share": 0.3}}, "rag: data.test_share"),
        ({"goal": "style_or_tone"}, "rag: goal"),
        ({"approach": "prompting"}, "prompting"),
    ],
)
def test_plans_that_hold_out_other_questions_are_not_compared(
    two_plans: list[Path],
    tmp_path: Path,
    session: Session,
    plan_for: PlanMaker,
    over: dict[str, Any],
    where: str,
) -> None:
    fields = {"approach": "rag"} | over
    save_plan(plan_for("prompting", tmp_path / "company", **fields), two_plans[1])
    with pytest.raises(UsageError) as caught:
        compare(two_plans, tmp_path / "out", session)
    assert caught.value.ref == "plans-not-comparable"
    assert where in [fault.where for fault in caught.value.faults]
    assert not (tmp_path / "out").exists()


def test_a_question_that_was_trained_on_is_refused_in_any_dress() -> None:
    test = [Example("t", "qa", "休暇は、何日？", "3日", "a.csv", "row 3")]
    train = [Example("s", "qa", "休暇は何日?", "3日", "b.csv", "row 9")]
    with pytest.raises(RunError) as caught:
        _refuse_leaks(test, train)
    assert caught.value.ref == "test-in-training"
    assert "a.csv" in caught.value.faults[0].where


def test_data_that_changed_since_is_said(
    two_plans: list[Path], tmp_path: Path, session: Session
) -> None:
    compare(two_plans, tmp_path / "out", session)
    about = json.loads((tmp_path / "out" / "compare.json").read_text("utf-8"))
    (tmp_path / "out" / "compare.json").write_text(json.dumps(about | {"test": ["gone"]}), "utf-8")
    with pytest.raises(RunError, match="answers-missing"):
        load_comparison(tmp_path / "out", session)
