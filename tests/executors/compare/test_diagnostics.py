"""The runs beside the roads: what the model knows alone, and what it makes of the right passage."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from made import PlanMaker, write_company

from advisor.errors import LimitError, MachineError
from advisor.plan import save_plan
from advisor.session import Session
from advisor.texts import t
from executors.compare import diagnostics
from executors.compare.causes import causes
from executors.compare.diagnostics import (
    NAMES,
    Diagnosed,
    Diagnostic,
    DiagnosticName,
    read_diagnosed,
    wanted_diagnostics,
)
from executors.compare.roads import Road
from executors.compare.run import compare
from executors.evaluate.heldout import Scored
from executors.report.diagnosed import diagnostics_document
from executors.report.view import slug
from executors.rundir import RunDir
from knowledge.corpus.reading import read
from knowledge.corpus.types import Corpus, Example


@pytest.fixture
def plans(tmp_path: Path, tiny_folder: Path, plan_for: PlanMaker) -> list[Path]:
    """Prompting with a tiny model, and RAG that quotes."""
    data = write_company(tmp_path / "company", pairs=40)
    model = {"model": str(tiny_folder), "generate.max_new_tokens": 2, "prompting.shots": 1}
    quoting = {**model, "rag.answer": "extractive", "rag.embedder": "starter"}
    paths = [tmp_path / "prompting.json", tmp_path / "rag.json"]
    save_plan(plan_for("prompting", data, config=model), paths[0])
    save_plan(plan_for("rag", data, config=quoting), paths[1])
    return paths


def test_the_diagnostics_stand_on_the_roads_own_questions_and_are_no_candidates(
    plans: list[Path], tmp_path: Path, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = compare(plans, tmp_path / "out", session)
    assert [road.name for road in found.roads] == ["prompting", "rag"]
    asked = {result.example.id for result in found.roads[0].results}
    assert found.diagnosed.failed == {}
    assert tuple(found.diagnosed.found) == NAMES
    for one in found.diagnosed.found.values():
        assert {result.example.id for result in one.results} == asked
    quoted = found.diagnosed.found["oracle_quotation"]
    # The gold document alone, with the right number in what is quoted from it.
    assert all(p["doc_id"] in r.example.doc_ids for r in quoted.results for p in r.passages)
    assert {result.figures["numbers"] for result in quoted.results} == {1.0}
    assert not any(result.abstained for result in quoted.results)
    assert not found.diagnosed.found["closed_book"].results[0].passages
    told = diagnostics_document(found.diagnosed, found.roads, tmp_path / "out")
    assert [one["name"] for one in told] == list(NAMES)
    assert [list(one["beside"]) for one in told] == [["prompting"], ["rag"], ["prompting"]]
    assert (tmp_path / "out" / told[0]["answers"]).is_file()
    examples = [result.example for result in found.roads[0].results]
    assert read_diagnosed(tmp_path / "out", examples) == found.diagnosed

    def opened(*_: Any) -> Any:
        raise AssertionError("asked again")

    monkeypatch.setattr(diagnostics, "_open", opened)
    again = compare(plans, tmp_path / "out", session, resume=True)
    assert again.diagnosed == found.diagnosed
    assert set(found.before.forecast.by_road) == {"prompting", "rag", *NAMES}
    assert again.before.forecast.by_road == {} and again.before.forecast.hours.high == 0


def test_one_that_was_cut_off_is_no_diagnostic_and_those_before_it_are(
    plans: list[Path], tmp_path: Path, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = diagnostics.ask

    def cut_off(system: Any, examples: Any, folder: Path, **more: Any) -> None:
        if folder.name == "oracle_model":
            asked(system, examples[:3], folder, **more)
            raise LimitError("compare-hours-reached", hours=1, where="x")
        asked(system, examples, folder, **more)

    monkeypatch.setattr(diagnostics, "ask", cut_off)
    found = compare(plans, tmp_path / "out", session)
    assert found.limit is not None
    assert list(found.diagnosed.found) == ["closed_book", "oracle_quotation"]
    examples = [result.example for result in found.roads[0].results]
    assert read_diagnosed(tmp_path / "out", examples) == found.diagnosed


def test_a_bug_in_a_diagnostic_leaves_the_verdict(
    plans: list[Path], tmp_path: Path, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: Any) -> Any:
        raise AttributeError("'str' object has no attribute 'choices'")

    monkeypatch.setattr(diagnostics, "_open", breaks)
    found = compare(plans[:1], tmp_path / "out", session)
    assert found.diagnosed.failed == {"closed_book": "broke", "oracle_model": "broke"}
    assert found.verdict.best == "prompting"


def test_a_diagnostic_that_cannot_be_run_is_said_and_the_verdict_stands(
    plans: list[Path], tmp_path: Path, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(*_: Any) -> Any:
        raise MachineError("embedder-missing", embedder="starter")

    monkeypatch.setattr(diagnostics, "_open", closed)
    found = compare(plans[:1], tmp_path / "out", session)
    assert found.diagnosed.failed == {
        "closed_book": "embedder-missing",
        "oracle_model": "embedder-missing",
    }
    assert found.verdict.best == "prompting"


def test_no_model_is_asked_that_no_road_asks(
    tmp_path: Path, plan_for: PlanMaker, tiny_folder: Path
) -> None:
    data = write_company(tmp_path / "company")
    corpus = read(data)
    rag = plan_for("rag", data, config={"rag.answer": "extractive"})
    assert [w.name for w in wanted_diagnostics([rag], corpus.examples, corpus)] == [
        "oracle_quotation"
    ]
    writing = plan_for("rag", data, config={"rag.answer": "generate", "model": str(tiny_folder)})
    found = wanted_diagnostics([writing], corpus.examples, corpus)
    assert [w.name for w in found] == ["closed_book", "oracle_model"]
    nowhere = [Example("x", "qa", "q", "a", "", "", doc_ids=("gone.md",))]
    assert [w.name for w in wanted_diagnostics([writing], nowhere, corpus)] == ["closed_book"]
    empty = Corpus(Path(), (), (), (), "")
    assert [w.name for w in wanted_diagnostics([rag], corpus.examples, empty)] == []


def result(id_: str, correct: float, answer: str = "", **over: Any) -> Scored:
    fields = {"kind": "qa", "completion": "休暇は3日です。", "doc_ids": ("d",)} | over
    passages = fields.pop("passages", ())
    figures = fields.pop("figures", {})
    example = Example(id_, fields.pop("kind"), "q", fields.pop("completion"), "", "", **fields)
    return Scored(example, answer, False, passages, 1.0, 1, 1, {"correct": correct, **figures})


def road(results: Sequence[Scored], **config: Any) -> Road:
    plan: Any = SimpleNamespace(executor="rag" if config else "prompting", config=config)
    return Road("rag" if config else "prompting", RunDir(Path("x")), plan, tuple(results))


def seen(**right: Sequence[float]) -> Diagnosed:
    names: dict[str, DiagnosticName] = {name: name for name in NAMES}
    return Diagnosed(
        {
            name: Diagnostic(
                names[name], tuple(result(f"e{n}", value) for n, value in enumerate(values))
            )
            for name, values in right.items()
        }
    )


PASSAGE = ({"doc_id": "d"},)


@pytest.mark.parametrize(
    ("wrong", "config", "diagnosed", "cause"),
    [
        ({}, {}, seen(closed_book=[0.0], oracle_model=[1.0]), "knowledge missing"),
        ({}, {}, seen(closed_book=[0.0], oracle_model=[0.0]), "model too weak"),
        ({}, {}, seen(closed_book=[1.0], oracle_model=[1.0]), "the model alone was right"),
        ({}, {}, seen(), "knowledge missing"),
        (
            {"passages": PASSAGE, "figures": {"reciprocal_rank": 0.0}},
            {"rag.answer": "generate"},
            seen(oracle_model=[1.0]),
            "retrieval missing",
        ),
        (
            {"passages": PASSAGE, "figures": {"reciprocal_rank": 0.0}},
            {"rag.answer": "generate"},
            seen(oracle_model=[0.0]),
            "model too weak",
        ),
        (
            {"passages": PASSAGE, "figures": {"reciprocal_rank": 0.0}},
            {"rag.answer": "extractive"},
            seen(oracle_quotation=[0.0], oracle_model=[0.0]),
            "answer not taken from the passage",
        ),
        (
            {"passages": PASSAGE, "figures": {"reciprocal_rank": 0.25}},
            {"rag.answer": "extractive"},
            seen(oracle_quotation=[1.0]),
            "answer not taken from the passage",
        ),
        ({"answer": "ええと、休暇は、3日です。以上。"}, {}, seen(), "format wrong"),
        ({"completion": '{"days": 3}', "answer": "3日"}, {}, seen(), "format wrong"),
        ({"completion": '{"days": 3}', "answer": '{"days": 4}'}, {}, seen(), "knowledge missing"),
        ({"kind": "rewrite", "answer": "やあ"}, {}, seen(), "format wrong"),
        ({"kind": "labelled", "label": "苦情", "answer": "たぶん"}, {}, seen(), "format wrong"),
    ],
)
def test_the_cause_is_read_from_the_road_and_the_diagnostics(
    wrong: dict[str, Any], config: dict[str, Any], diagnosed: Diagnosed, cause: str
) -> None:
    one = result("e0", 0.0, **wrong)
    assert causes(road([one], **config), [one], diagnosed) == (cause,)


def test_a_valid_label_that_is_the_wrong_one_is_no_fault_of_form() -> None:
    results = [
        result("e0", 0.0, "称賛", kind="labelled", label="苦情"),
        result("e1", 1.0, "称賛", kind="labelled", label="称賛"),
    ]
    assert causes(road(results), results[:1], seen()) == ("knowledge missing",)


def test_every_diagnostic_and_cause_can_be_read_in_both_languages() -> None:
    for lang in ("ja", "en"):
        for name in NAMES:
            assert t(f"diagnostic.{name}", lang)  # type: ignore[arg-type]
        for cause in ("format wrong", "model too weak", "the model alone was right"):
            assert t(f"lost.{slug(cause)}", lang)  # type: ignore[arg-type]


def test_answers_that_rest_on_another_plan_are_not_taken_over(
    plans: list[Path], tmp_path: Path, session: Session
) -> None:
    compare(plans[1:], tmp_path / "out", session)
    about = tmp_path / "out" / "diagnostics" / "oracle_quotation" / "diagnostic.json"
    stored = json.loads(about.read_text("utf-8"))
    answers = about.with_name("answers.jsonl")
    answers.write_text(answers.read_text("utf-8").replace("日", "年"), "utf-8")
    about.write_text(json.dumps(stored | {"plan_seal": "another"}), "utf-8")
    compare(plans[1:], tmp_path / "out", session, resume=True)
    assert "年" not in answers.read_text("utf-8").replace("年に", "")
    assert json.loads(about.read_text("utf-8")) == stored
