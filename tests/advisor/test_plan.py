"""A plan is what will be done: sealed, found after a move, refused when it no longer holds."""

from __future__ import annotations

import shutil
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made import write_company

from advisor.errors import MachineError, UsageError
from advisor.plan import (
    blocking,
    data_root,
    find_option,
    load_plan,
    make_plan,
    save_plan,
    seal,
    tree_digest,
    verify,
)
from advisor.types import (
    Answer,
    Answers,
    Estimate,
    GpuFact,
    KnowledgeStamp,
    MachineFacts,
    Needs,
    Option,
    Plan,
    PlanInput,
    Recommendation,
    Term,
)

MACHINE = MachineFacts((), 16.0, 100.0, 2, "Linux", "3.11")


def option(approach: str = "rag", method: str | None = None, rank: int = 1, **over: Any) -> Option:
    values: dict[str, Any] = {
        "rank": rank,
        "approach": approach,
        "method": method,
        "variant": None,
        "base_model": "starter",
        "place": "local",
        "score": 1.0,
        "confidence": 0.5,
        "blocked_by": (),
        "reasons": (),
        "estimates": {"hours": Estimate(1, 2, 3, "h", "formula:x", (Term("a", 1),))},
    }
    return Option(**(values | over))


def needs(**over: Any) -> Needs:
    values: dict[str, Any] = {field.name: None for field in fields(Needs)}
    values |= {"goal": "new_facts", "language": "ja", "may_send": False, "vram_gib": 0.0}
    values |= {"unknowns": (), "machine": MACHINE}
    return Needs(**(values | over))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_company(tmp_path / "here" / "company")
    return tmp_path / "here"


def answers(folder: Path) -> Answers:
    return Answers(
        {
            "goal": Answer("goal", "new_facts", "file"),
            "data.path": Answer("data.path", str(folder / "company"), "file"),
        }
    )


def planned(folder: Path, **over: Any) -> Plan:
    values: dict[str, Any] = {"out": folder / "plan.json", "settings": {}, "recommended": "rag"}
    chosen = over.pop("option", option())
    return make_plan(chosen, over.pop("needs", needs()), answers(folder), **(values | over))


OTHER: dict[str, Any] = {
    "executor": "prompting",
    "approach": "prompting",
    "method": "lora",
    "variant": "few_shot",
    "place": "runpod",
    "language": "en",
    "goal": "code",
    "config": {"seed": 1},
    "config_why": {"seed": "because"},
    "inputs": (PlanInput("data", "x", "0", 1, 1),),
    "steps": ("read",),
    "estimates": {},
    "limits": {"hours": 1.0},
    "expected_machine": {"gpu": "T4"},
    "answers": {"goal": "code"},
    "recommended": "prompting",
    "knowledge": KnowledgeStamp("1", "1"),
    "okakae_version": "9",
    "schema_version": 2,
}


def test_the_seal_changes_with_every_field_but_the_date(folder: Path) -> None:
    plan = planned(folder)
    assert {f.name for f in fields(Plan)} == OTHER.keys() | {"created", "seal"}
    for name, value in OTHER.items():
        assert seal(replace(plan, **{name: value})).seal != plan.seal, name
    assert seal(replace(plan, created="1999-01-01", seal="x")).seal == plan.seal


def test_the_same_wishes_and_data_give_the_same_seal(folder: Path, tmp_path: Path) -> None:
    first = planned(folder)
    shutil.copytree(folder, tmp_path / "there")
    assert planned(folder).seal == first.seal
    assert planned(tmp_path / "there").seal == first.seal
    assert planned(folder, settings={"seed": 1}).seal != first.seal


def test_a_plan_survives_its_file_to_the_seal(folder: Path) -> None:
    plan = planned(folder)
    save_plan(plan, folder / "plan.json")
    loaded = load_plan(folder / "plan.json")
    assert loaded == plan
    assert verify(loaded, folder, MACHINE) == []


scalars = st.text() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.booleans()


@given(st.dictionaries(st.text(max_size=5), scalars, max_size=4), st.integers(0, 10))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_value_of_a_setting_breaks_the_seal(
    folder: Path, config: dict[str, Any], whole: int
) -> None:
    estimates = {"hours": Estimate(whole, whole, whole, "h", "formula:x", (Term("a", whole),))}
    plan = planned(folder, option=option(estimates=estimates))
    plan = seal(replace(plan, config=config))
    save_plan(plan, folder / "plan.json")
    assert seal(load_plan(folder / "plan.json")).seal == plan.seal


def test_an_edited_plan_is_seen(folder: Path) -> None:
    save_plan(planned(folder), folder / "plan.json")
    text = (folder / "plan.json").read_text(encoding="utf-8")
    (folder / "plan.json").write_text(text.replace('"rag.top_k": 5', '"rag.top_k": 6'), "utf-8")
    (drift,) = verify(load_plan(folder / "plan.json"), folder)
    assert (drift.what, drift.effect) == ("seal", "drift.edited")
    assert drift.planned != drift.now


@pytest.mark.parametrize("change", ["edit", "add", "remove", "rename"])
def test_changed_data_is_seen(folder: Path, change: str) -> None:
    plan = planned(folder)
    one = folder / "company" / "rule00.md"
    if change == "edit":
        one.write_text("# 改定\n", encoding="utf-8")
    elif change == "add":
        (one.parent / "new.md").write_text("x")
    elif change == "remove":
        one.unlink()
    else:
        one.rename(one.with_name("renamed.md"))
    (drift,) = verify(plan, folder)
    assert (drift.what, drift.effect) == ("company", "drift.data-changed")
    assert blocking([drift])


def test_files_nobody_reads_do_not_make_a_plan_stale(folder: Path) -> None:
    plan = planned(folder)
    (folder / "company" / ".DS_Store").write_text("x")
    (folder / "company" / "~$report.docx").write_text("x")
    (folder / "company" / ".git").mkdir()
    (folder / "company" / ".git" / "HEAD").write_text("x")
    assert verify(plan, folder) == []


def test_plan_and_data_moved_together_still_hold(folder: Path, tmp_path: Path) -> None:
    save_plan(planned(folder), folder / "plan.json")
    moved = tmp_path / "elsewhere" / "deeper"
    moved.parent.mkdir()
    shutil.move(folder, moved)
    plan = load_plan(moved / "plan.json")
    assert verify(plan, moved) == []
    assert data_root(plan, moved) == (moved / "company").resolve()
    shutil.move(moved / "company", tmp_path / "lost")
    (drift,) = verify(plan, moved)
    assert drift.effect == "drift.data-missing"


def test_another_machine_and_newer_facts_are_told_apart(folder: Path) -> None:
    plan = seal(replace(planned(folder), knowledge=KnowledgeStamp("2020.1", "0" * 64)))
    card = replace(MACHINE, gpus=(GpuFact("NVIDIA T4", 15.0),))
    drifts = verify(plan, folder, card)
    assert [drift.effect for drift in drifts] == ["drift.knowledge", "drift.machine"]
    assert [drift.effect for drift in blocking(drifts)] == ["drift.machine"]
    nowhere = seal(replace(planned(folder), expected_machine={}))
    assert verify(nowhere, folder, card) == []


def test_a_single_file_can_be_the_data(folder: Path) -> None:
    file = folder / "company" / "questions.jsonl"
    digest, n, size = tree_digest(file)
    assert (n, size) == (1, file.stat().st_size)
    assert tree_digest(file) == (digest, n, size)


def test_settings_say_where_they_come_from_and_wrong_ones_come_all_at_once(folder: Path) -> None:
    plan = planned(folder, settings={"rag.top_k": 3})
    assert plan.config["rag.top_k"] == 3
    assert plan.config.keys() == plan.config_why.keys()
    assert all(plan.config_why.values())
    assert not [key for key in plan.config if key.startswith("finetune.")]
    wrong = {"rag.topk": 3, "rag.answer": "poetry", "rag.top_k": 10_000}
    with pytest.raises(UsageError) as caught:
        planned(folder, settings=wrong)
    assert [fault.ref for fault in caught.value.faults] == [
        "setting-unknown",
        "setting-not-a-choice",
        "setting-out-of-range",
    ]


@pytest.mark.parametrize("value", ["many", "nan", "inf", "2.5", ""])
def test_a_whole_number_is_a_whole_number(folder: Path, value: str) -> None:
    with pytest.raises(UsageError) as caught:
        planned(folder, settings={"rag.top_k": value})
    assert caught.value.ref == "settings-wrong"


def test_an_estimate_without_an_end_is_not_sealed(folder: Path) -> None:
    endless = option(estimates={"hours": Estimate(1, 2, float("inf"), "h", "formula:x")})
    with pytest.raises(ValueError, match="without an end"):
        planned(folder, option=endless)


def test_a_road_that_needs_data_says_so(folder: Path) -> None:
    none = Answers({"goal": Answer("goal", "new_facts", "file")})
    with pytest.raises(UsageError, match="data-needed"):
        make_plan(option(), needs(), none, out=folder / "p.json", settings={})
    prompting = make_plan(option("prompting"), needs(), none, out=folder / "p.json", settings={})
    assert prompting.inputs == ()


def test_own_general_rows_are_an_input_that_must_not_change(folder: Path) -> None:
    own = folder / "own.jsonl"
    own.write_text('{"prompt": "a", "completion": "b"}', encoding="utf-8")
    tuning = option("fine_tuning", "lora")
    plan = planned(folder, option=tuning, settings={"finetune.replay": str(own)})
    assert [(entry.role, entry.path) for entry in plan.inputs[1:]] == [("replay", "own.jsonl")]
    assert not blocking(verify(plan, folder, MACHINE))
    own.write_text('{"prompt": "a", "completion": "c"}', encoding="utf-8")
    assert [drift.what for drift in blocking(verify(plan, folder, MACHINE))] == ["own.jsonl"]
    with pytest.raises(UsageError, match="path-missing"):
        planned(folder, option=tuning, settings={"finetune.general_probe": "nowhere"})
    for known in ("sample", "off"):
        settings = {"finetune.general_probe": known}
        assert len(planned(folder, option=tuning, settings=settings).inputs) == 1


def test_options_are_found_by_rank_and_name() -> None:
    options = (
        option("rag", rank=1),
        option("fine_tuning", "qlora", rank=2),
        option("prompting", rank=3, variant="few_shot"),
    )
    found = Recommendation("rag", "2027-05-01", options, (), (), KnowledgeStamp("1", "1"))
    assert [find_option(found, name).rank for name in (None, "2", "qlora", "few_shot")] == [
        1,
        2,
        2,
        3,
    ]
    assert find_option(found, "fine_tuning").method == "qlora"
    with pytest.raises(UsageError) as caught:
        find_option(found, "qlra")
    assert caught.value.values["near"] == "qlora"
    with pytest.raises(UsageError, match="nothing-recommended"):
        find_option(replace(found, chosen=None), None)


def test_what_this_version_cannot_run_is_said(folder: Path) -> None:
    with pytest.raises(MachineError, match="option-not-runnable") as caught:
        planned(folder, option=option("fine_tuning", "dora"))
    assert caught.value.exit_code == 4


def test_pairs_alone_cannot_be_searched_yet(folder: Path) -> None:
    with pytest.raises(MachineError, match="pairs-not-searchable"):
        planned(folder, option=option("rag", runnable=False))


def test_the_plan_takes_the_first_road_that_this_version_can_carry_out() -> None:
    options = (
        option("prompting", rank=1, variant="whole_corpus", runnable=False),
        option("hybrid", rank=2, runnable=False),
        option("rag", rank=3),
        option("prompting", rank=4, variant="few_shot"),
    )
    found = Recommendation("prompting", "2027-05-01", options, (), (), KnowledgeStamp("1", "1"))
    assert find_option(found, None).rank == 3
    assert find_option(found, "prompting").rank == 4, "what can be run is meant"
    assert find_option(found, "whole_corpus").rank == 1
    assert find_option(found, "1").rank == 1


def test_a_plan_and_its_run_inside_the_data_leave_it_valid(folder: Path) -> None:
    company = folder / "company"
    plan = planned(folder, out=company / "plan.json")
    save_plan(plan, company / "plan.json")
    run = company / "runs" / "one"
    run.mkdir(parents=True)
    (run / "manifest.json").write_text('{"plan_seal": "0"}')
    (run / "report.md").write_text("# report")
    assert verify(plan, company) == []
    (company / "news.md").write_text("# new")
    (drift,) = verify(plan, company)
    assert drift.effect == "drift.data-changed"


@pytest.mark.parametrize(("test", "validation"), [(0.7, 0.4), (0.5, 0.5)])
def test_shares_that_leave_nothing_are_refused_when_planning(
    folder: Path, test: float, validation: float
) -> None:
    shares = {"data.test_share": test, "data.validation_share": validation}
    with pytest.raises(UsageError) as caught:
        planned(folder, settings=shares)
    assert [fault.ref for fault in caught.value.faults] == ["shares-leave-nothing"]
    assert planned(folder, settings={"data.test_share": 0.5, "data.validation_share": 0.4})


def test_a_plans_hours_are_those_of_the_training_that_it_is_set_to(folder: Path) -> None:
    """More rounds take longer, a limit of steps shorter; what is not set is the option's own."""
    have = needs(n_examples=400)

    def hours(**settings: Any) -> Estimate:
        tuned = option("fine_tuning", "lora")
        named = {f"finetune.{name}": value for name, value in settings.items()}
        return planned(folder, option=tuned, needs=have, settings=named).estimates["hours"]

    assert hours() == hours(epochs=3) == option().estimates["hours"]
    one, six = hours(epochs=1), hours(epochs=6)
    assert 4 < six.likely / one.likely < 6 and six.low > one.low and six.high > one.high
    # 400 examples in steps of 8 are 50 steps a round.
    assert hours(epochs=6, max_steps=50).likely == pytest.approx(one.likely)
    assert hours(epochs=1, max_steps=5000) == one
