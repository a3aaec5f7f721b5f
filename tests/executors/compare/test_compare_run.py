"""Several roads on one frozen set of questions, by real runs of a tiny model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made import PlanMaker, write_company

from advisor.errors import MachineError, RunError, UsageError
from advisor.plan import load_plan, save_plan
from advisor.session import Session
from advisor.types import Plan
from executors.apply import Checked, load_data
from executors.base import Lack, RunData
from executors.compare import questions
from executors.compare.questions import freeze
from executors.compare.run import compare, load_comparison
from executors.prompting.executor import PromptingExecutor
from executors.report.write import report_comparison
from executors.rundir import RunDir


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


def test_a_bug_in_one_road_is_that_roads_failure_and_leaves_its_traceback(
    two_plans: list[Path], tmp_path: Path, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = PromptingExecutor.build

    def breaks(self: PromptingExecutor, plan: Plan, *rest: Any) -> dict[str, float]:
        if plan.approach == "prompting":
            raise RuntimeError("CUDA out of memory\nmore")
        return build(self, plan, *rest)

    monkeypatch.setattr(PromptingExecutor, "build", breaks)
    found = compare(two_plans, tmp_path / "out", session, diagnostics=False)
    assert found.failed == {"prompting": "broke"}
    assert [road.name for road in found.roads] == ["rag"]
    told = tmp_path / "out" / "roads" / "prompting" / "traceback.txt"
    assert "RuntimeError: CUDA out of memory" in told.read_text("utf-8")
    monkeypatch.undo()
    again = compare(two_plans, tmp_path / "out", session, resume=True, diagnostics=False)
    assert (again.failed, len(again.roads)) == ({}, 2)


def test_a_road_that_this_machine_cannot_take_leaves_the_others(
    two_plans: list[Path], tmp_path: Path, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(_: PromptingExecutor, plan: Plan, _root: Path | None) -> list[Lack]:
        return [Lack("package-missing", {"package": "faiss"})] if plan.approach == "rag" else []

    monkeypatch.setattr(PromptingExecutor, "check", check)
    found = compare(two_plans, tmp_path / "out", session, diagnostics=False)
    assert found.failed == {"rag": "package-missing"}
    assert [road.name for road in found.roads] == ["prompting"]
    with pytest.raises(MachineError, match="package-missing"):
        compare(two_plans[1:], tmp_path / "none", session)


def test_two_at_once_do_not_compare_in_one_folder(
    two_plans: list[Path], tmp_path: Path, session: Session
) -> None:
    (tmp_path / "out").mkdir()
    with RunDir(tmp_path / "out").locked(), pytest.raises(UsageError, match="run-locked"):
        compare(two_plans, tmp_path / "out", session)


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


@pytest.fixture
def leaking(
    two_plans: list[Path], session: Session, monkeypatch: pytest.MonkeyPatch
) -> tuple[list[Path], str]:
    """The first plan, and a held-out question that a damaged split trains on in another dress."""

    def split_badly(*given: Any) -> RunData:
        data = load_data(*given)
        test = data.split.test[0]
        copy = replace(test, id="copy", prompt=f"{test.prompt}　？", source="b.csv", where="row 9")
        return replace(data, split=replace(data.split, train=(*data.split.train, copy)))

    monkeypatch.setattr(questions, "load_data", split_badly)
    first = load_data(load_plan(two_plans[0]), two_plans[0].parent / "company", session)
    return two_plans[:1], first.split.test[0].id


def test_a_question_that_was_trained_on_is_refused_with_both_rows(
    leaking: tuple[list[Path], str], tmp_path: Path, session: Session
) -> None:
    with pytest.raises(RunError) as caught:
        compare(leaking[0], tmp_path / "out", session)
    assert (caught.value.ref, caught.value.exit_code) == ("test-in-training", 6)
    (fault,) = caught.value.faults
    assert fault.where.startswith("questions.jsonl")
    assert dict(fault.values) == {"also": "b.csv row 9"}
    assert not (tmp_path / "out").exists()


def test_with_consent_it_is_left_out_of_every_road_and_of_the_report(
    leaking: tuple[list[Path], str], tmp_path: Path, session: Session
) -> None:
    plans, leaked = leaking
    found = compare(plans, tmp_path / "out", session, drop_leaks=True, diagnostics=False)
    assert found.before.leaked == (leaked,)
    asked = [result.example.id for result in found.roads[0].results]
    assert len(asked) == 15 and leaked not in asked
    answers = (tmp_path / "out" / "roads" / "prompting" / "eval" / "answers.jsonl").read_text(
        "utf-8"
    )
    assert len(answers.splitlines()) == 15, "what is left out is not asked either"
    report_comparison(
        found.roads,
        tmp_path / "out",
        session,
        before=found.before.document(),
        verdict=found.verdict,
    )
    told = (tmp_path / "out" / "report.md").read_text("utf-8")
    assert "1 test questions also stood in the training data" in told
    roads, _ = load_comparison(tmp_path / "out", session)
    assert [result.example.id for result in roads[0].results] == asked


def test_questions_without_a_right_answer_are_counted_and_named(
    two_plans: list[Path],
    tmp_path: Path,
    session: Session,
    plan_for: PlanMaker,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = tmp_path / "company"
    with (data / "more.csv").open("w", encoding="utf-8") as stream:
        stream.write("question,answer\n休みは何日?,3日です\n誰に聞く?,\nいつまで?,\n")
    plan = plan_for("prompting", data, config={"model": str(tmp_path)})
    save_plan(plan, two_plans[0])
    frozen = freeze([Checked(plan, tmp_path)], session)
    assert frozen.without_gold == 2
    assert "2 questions have no right answer beside them" in capsys.readouterr().err
    (data / "questions.jsonl").unlink()
    (data / "more.csv").unlink()
    row = {"id": "q", "question": "誰に聞く?", "doc_ids": ["rule00.md"]}
    (data / "more.jsonl").write_text(json.dumps(row), encoding="utf-8")
    plan = plan_for("prompting", data, config={"model": str(tmp_path)})
    with pytest.raises(RunError) as caught:
        freeze([Checked(plan, tmp_path)], session)
    assert caught.value.ref == "no-held-out-questions"
    assert "more.jsonl" in caught.value.faults[0].where


def test_only_questions_that_nobody_can_answer_compare_nothing(
    tmp_path: Path, session: Session, plan_for: PlanMaker
) -> None:
    data = tmp_path / "company"
    data.mkdir()
    rows = [
        {"id": f"u{n}", "question": f"第{n}号の金庫の番号は?", "answer": "", "answerable": False}
        for n in range(40)
    ]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (data / "questions.jsonl").write_text(lines, encoding="utf-8")
    with pytest.raises(RunError) as caught:
        freeze([Checked(plan_for("prompting", data), tmp_path)], session)
    assert caught.value.ref == "no-answerable-questions"


def test_data_that_changed_since_is_said(
    two_plans: list[Path], tmp_path: Path, session: Session
) -> None:
    compare(two_plans, tmp_path / "out", session)
    about = json.loads((tmp_path / "out" / "compare.json").read_text("utf-8"))
    (tmp_path / "out" / "compare.json").write_text(json.dumps(about | {"test": ["gone"]}), "utf-8")
    with pytest.raises(RunError, match="answers-missing"):
        load_comparison(tmp_path / "out", session)
