"""Graded figures are told as scores, never as a share of right answers, wherever they are shown."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from made import PlanMaker

from advisor.session import Session
from executors.commands.compare import show
from executors.compare.roads import Road
from executors.compare.update import update
from executors.compare.verdict import judge
from executors.evaluate.heldout import Scored
from executors.report.advice import update_document
from executors.report.document import build_document
from executors.report.html import render_html
from executors.report.markdown import render_markdown
from executors.report.view import View
from executors.rundir import RunDir
from knowledge.corpus.types import Example

SHARE = re.compile(r"正答率 |正しく答え|正答率が|% right|answered \d+|answer more of them right")
Kind = Callable[[int], Any]


@pytest.fixture
def roads(tmp_path: Path, plan_for: PlanMaker) -> Callable[..., list[Road]]:
    def make(values: dict[str, list[float]], kind: Kind, **over: Any) -> list[Road]:
        made = []
        for name, scores in values.items():
            plan = plan_for("prompting" if name == "prompting" else "rag", approach=name)
            run = RunDir.create(tmp_path / "out" / "roads" / name, plan, None)
            run.finish("done")
            results = tuple(
                Scored(
                    Example(f"e{n}", kind(n), f"q{n}", "a", "", "", **over),
                    *("", False, (), 0.5, 1, 1),
                    figures={"correct": value},
                )
                for n, value in enumerate(scores)
            )
            made.append(Road(name, run, plan, results))
        return made

    return make


LOW = [0.30 + 0.01 * (n % 7) for n in range(40)]
HIGH = [0.61 + 0.01 * (n % 5) for n in range(40)]
BINARY = {"prompting": [0.0] * 40, "rag": [1.0] * 30 + [0.0] * 10}


def document_of(made: list[Road], folder: Path) -> dict[str, Any]:
    verdict = judge(made)
    document = build_document(made, verdict, folder=folder, recommended="prompting")
    document["recommendation_update"] = update_document(update(made, verdict, "prompting"))
    return document


@pytest.mark.parametrize(("kind", "by"), [("rewrite", "chrF"), ("qa", "F1")])
@pytest.mark.parametrize("lang", ["ja", "en"])
def test_a_graded_report_speaks_of_scores(
    roads: Callable[..., list[Road]], tmp_path: Path, lang: str, kind: str, by: str
) -> None:
    made = roads({"prompting": LOW, "rag": HIGH}, lambda n: kind)
    document = document_of(made, tmp_path / "out")
    view = View(document, lang)
    word = {"ja": "スコア", "en": "score"}[lang]
    for told in (view.headline(), view.before_after(), view.score_header()[1]):
        assert word in told.lower() and by in told and not SHARE.search(told), told
    assert "0.63" in view.before_after() and "+0.30 [" in view.before_after()
    assert word in document["verdict"]["says"] or lang == "en"
    for text in (render_markdown(document, lang), render_html(document, lang)):
        said = text.split("<main>")[-1]
        assert not SHARE.search(said), SHARE.search(said)
        assert by in said
    assert ">63%<" not in render_html(document, lang) and ">0.63<" in render_html(document, lang)
    single = build_document(made[1:], None, folder=tmp_path / "out", recommended=None)
    assert "0.63" in View(single, lang).headline() and "%" not in View(single, lang).headline()


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_right_and_wrong_answers_stay_a_share(
    roads: Callable[..., list[Road]], tmp_path: Path, lang: str
) -> None:
    made = roads(BINARY, lambda n: "qa")
    view = View(document_of(made, tmp_path / "out"), lang)
    assert view.graded == []
    assert view.score_header()[1] == {"ja": "正答率", "en": "Correct"}[lang]
    assert SHARE.search(view.headline()) and SHARE.search(view.before_after())
    assert "75%" in view.before_after() and "+75 [" in view.before_after()


def test_the_terminal_speaks_of_scores_too(
    roads: Callable[..., list[Road]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = roads({"prompting": LOW, "rag": HIGH}, lambda n: "rewrite")
    document = json.loads(json.dumps(document_of(made, tmp_path / "out")))
    comparison = SimpleNamespace(roads=made, verdict=judge(made))
    session = Session(lang="en", no_input=True, plain=True)
    show(comparison, {"html": "report.html"}, session, document)
    told = " ".join(capsys.readouterr().out.split())
    assert "Score (chrF," in told and not SHARE.search(told)


def test_all_answerable_kinds_are_in_the_answerable_column(
    roads: Callable[..., list[Road]], tmp_path: Path
) -> None:
    kinds = ("labelled", "qa")
    values = {"prompting": [0.0] * 40, "rag": [float(n % 2) for n in range(40)]}
    made = roads(values, lambda n: kinds[n % 2])
    made = [replace(one, results=(*one.results, unanswered(one))) for one in made]
    document = document_of(made, tmp_path / "out")
    row = View(document, "en").score_rows()[1]
    assert row[2].startswith("0.50 [") and row[2].endswith("n=40")
    assert row[3].endswith("n=1")
    for road in document["roads"]:
        del road["answerable"]  # a report from before: each kind, one after the other
    assert View(document, "en").score_rows()[1][2].count("n=20") == 2


def unanswered(one: Road) -> Scored:
    first = one.results[0]
    example = replace(first.example, id="u", kind="qa", answerable=False)
    return replace(first, example=example, figures={"correct": 1.0})
