"""Applying runs exactly the sealed plan, refuses another, and goes on where it stopped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from made import PlanMaker, write_company

from advisor.errors import Forbidden, MachineError, PlanError, UsageError
from advisor.plan import save_plan, seal
from advisor.session import Session
from advisor.types import Plan
from executors.apply import apply, check_plan, heldout, load_data
from executors.evaluate.heldout import read_answers
from executors.prompting.system import PromptingSystem
from executors.rundir import RunDir


@pytest.fixture
def planned(tmp_path: Path, tiny_folder: Path, plan_for: PlanMaker) -> Path:
    data = write_company(tmp_path / "company", pairs=24)
    plan = plan_for("prompting", data, config={"model": str(tiny_folder)})
    save_plan(plan, tmp_path / "plan.json")
    return tmp_path / "plan.json"


def test_a_plan_is_carried_out_to_a_finished_run(planned: Path, session: Session) -> None:
    checked, drifts = check_plan(planned, session)
    assert {drift.what for drift in drifts} <= {"knowledge"}
    run = apply(checked, session, run_path=planned.parent / "run")
    manifest = run.manifest
    assert (manifest.status, manifest.stages) == ("done", ("build", "evaluate"))
    assert {"total_seconds", "build_seconds", "evaluate_seconds", "peak_ram_gib"} <= set(
        manifest.actuals
    )
    data = load_data(checked.plan, checked.data_root, session)
    test = heldout(data.split, checked.plan)
    answers = read_answers(run.eval / "answers.jsonl")
    assert sorted(a["id"] for a in answers) == sorted(e.id for e in test)
    run.verify_artifacts()


def test_the_same_plan_gives_the_same_answers(planned: Path, session: Session) -> None:
    def told(name: str) -> list[tuple[str, str]]:
        run = apply(check_plan(planned, session)[0], session, run_path=planned.parent / name)
        return [(a["id"], a["answer"]) for a in read_answers(run.eval / "answers.jsonl")]

    assert told("one") == told("two")


@pytest.mark.parametrize("lost", ["artifacts", "eval"])
def test_resuming_does_again_what_was_lost(planned: Path, session: Session, lost: str) -> None:
    checked, _ = check_plan(planned, session)
    path = planned.parent / "run"
    first = read_answers(apply(checked, session, run_path=path).eval / "answers.jsonl")
    for file in (path / lost).iterdir():
        file.unlink()
    run = apply(checked, session, run_path=path, resume=True)
    assert read_answers(run.eval / "answers.jsonl")[0]["answer"] == first[0]["answer"]
    run.verify_artifacts()


def test_the_copy_of_the_plan_in_a_run_can_be_applied(planned: Path, session: Session) -> None:
    path = planned.parent / "run"
    apply(check_plan(planned, session)[0], session, run_path=path)
    checked, _ = check_plan(path / "plan.json", session)
    assert checked.data_root == planned.parent / "company"
    assert apply(checked, session, run_path=path, resume=True).manifest.status == "done"


def test_an_interrupted_run_says_so_and_goes_on(
    planned: Path, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    whole = PromptingSystem.answer

    def once(self: PromptingSystem, questions: Sequence[Any], *, passages: int = 5) -> Any:
        if asked:
            raise KeyboardInterrupt
        asked.extend(q.id for q in questions)
        return whole(self, questions, passages=passages)

    monkeypatch.setattr("executors.answering.BATCH", 2)
    monkeypatch.setattr(PromptingSystem, "answer", once)
    checked, _ = check_plan(planned, session)
    path = planned.parent / "run"
    with pytest.raises(KeyboardInterrupt):
        apply(checked, session, run_path=path)
    run = RunDir.open(path)
    spent = run.manifest.actuals["total_seconds"]
    assert (run.manifest.status, run.manifest.stages) == ("interrupted", ("build",))
    assert len(read_answers(run.eval / "answers.jsonl")) == 2
    with pytest.raises(UsageError, match="run-exists"):
        apply(checked, session, run_path=path)
    monkeypatch.setattr(PromptingSystem, "answer", whole)
    run = apply(checked, session, run_path=path, resume=True)
    assert (run.manifest.status, run.manifest.error) == ("done", None)
    assert run.manifest.actuals["total_seconds"] > spent
    ids = [a["id"] for a in read_answers(run.eval / "answers.jsonl")]
    assert ids[:2] == asked
    assert len(ids) == len(set(ids)) > 2


def test_a_run_is_not_resumed_with_another_plan(
    planned: Path, session: Session, plan_for: PlanMaker, tiny_folder: Path
) -> None:
    path = planned.parent / "run"
    apply(check_plan(planned, session)[0], session, run_path=path)
    config = {"model": str(tiny_folder), "seed": 1}
    save_plan(plan_for("prompting", planned.parent / "company", config=config), planned)
    with pytest.raises(UsageError, match="resume-other-plan"):
        apply(check_plan(planned, session)[0], session, run_path=path, resume=True)


def test_a_plan_edited_by_hand_is_refused_with_what_changed(
    planned: Path, session: Session
) -> None:
    text = planned.read_text(encoding="utf-8")
    planned.write_text(text.replace('"prompting.shots": 2', '"prompting.shots": 3'), "utf-8")
    with pytest.raises(PlanError) as caught:
        check_plan(planned, session)
    assert (caught.value.ref, caught.value.exit_code) == ("plan-stale", 5)
    assert [fault.where for fault in caught.value.faults] == ["seal"]


def test_changed_data_is_refused_with_a_table(planned: Path, session: Session) -> None:
    (planned.parent / "company" / "rule99.md").write_text("# 新しい規程\n", encoding="utf-8")
    with pytest.raises(PlanError) as caught:
        check_plan(planned, session)
    (fault,) = caught.value.faults
    values = dict(fault.values)
    assert fault.where == "company"
    assert "13 files" in values["planned"] and "14 files" in values["now"]
    assert values["effect"]


@pytest.mark.parametrize(
    ("over", "error", "ref"),
    [
        ({"place": "runpod"}, UsageError, "place-not-here"),
        ({"executor": "promptin", "approach": "prompting"}, UsageError, "executor-unknown"),
        ({"expected_machine": {"gpu": "NVIDIA Imaginary"}}, PlanError, "plan-stale"),
    ],
)
def test_what_cannot_run_here_is_refused_before_anything_is_written(
    planned: Path,
    session: Session,
    plan_for: PlanMaker,
    over: dict[str, Any],
    error: type[Exception],
    ref: str,
) -> None:
    name = over.get("executor", "prompting")
    rest = {key: value for key, value in over.items() if key != "executor"}
    save_plan(plan_for(name, planned.parent / "company", **rest), planned)
    with pytest.raises(error, match=ref):
        check_plan(planned, session)
    assert sorted(p.name for p in planned.parent.iterdir()) == ["company", "plan.json"]


def test_what_the_machine_lacks_is_named(
    planned: Path, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "executors.generator.find_spec", lambda name: None if name == "torch" else object()
    )
    with pytest.raises(MachineError) as caught:
        check_plan(planned, session)
    assert caught.value.values == {"package": "torch"}


def test_confidential_answers_hold_for_the_whole_run(
    planned: Path, plan_for: PlanMaker, tiny_folder: Path
) -> None:
    config = {"endpoint.url": "https://api.example.com/v1", "endpoint.model": "m"}
    answers = {"goal": "new_facts", "confidential": "all"}
    plan: Plan = plan_for("prompting", planned.parent / "company", config=config, answers=answers)
    save_plan(plan, planned)
    allowed = Session(lang="en", no_input=True, plain=True, allow=frozenset({"api"}))
    with pytest.raises(Forbidden) as caught:
        apply(check_plan(planned, allowed)[0], allowed, run_path=planned.parent / "run")
    assert caught.value.ref == "confidential-stays-here"
    assert RunDir.open(planned.parent / "run").manifest.error == "confidential-stays-here"


def test_a_sealed_plan_survives_its_file(planned: Path, plan_for: PlanMaker) -> None:
    from advisor.plan import load_plan

    plan = load_plan(planned)
    assert seal(plan) == plan
