"""The report: the same in three forms and two languages, and nothing in it is run or fetched."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from made import PlanMaker

from advisor.files import write_json
from advisor.render_plan import verdict
from advisor.types import Estimate, Term
from executors.compare.roads import Road, road
from executors.compare.verdict import judge
from executors.report.charts import interval_bars, loss_curve, score_curve
from executors.report.document import build_document
from executors.report.html import render_html
from executors.report.markdown import render_markdown
from executors.report.view import View
from executors.report.write import write_report
from executors.rundir import RunDir
from knowledge.corpus.types import Example

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&|\nsecond\u2028line \\|"
VOID = {"meta", "br", "img", "rect", "line", "path", "circle", "hr", "link", "input"}


class Page(HTMLParser):
    """Tags, attributes and visible text; fails on tags that do not close."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def examples() -> list[Example]:
    made = [
        Example(f"e{n}", "qa", f"質問{n}", f"{n}日です。", "q.csv", "", must_contain=((f"{n}日",),))
        for n in range(18)
    ]
    made.append(Example("u", "qa", "ない質問", "記載がありません。", "q.csv", "", answerable=False))
    made.append(Example("x", "qa", HOSTILE, HOSTILE, HOSTILE, ""))
    return made


RoadMaker = Callable[..., Road]


@pytest.fixture
def make_road(tmp_path: Path, plan_for: PlanMaker) -> RoadMaker:
    """A finished run on disk with written answers, read as the report reads it."""

    def make(name: str, right: int = 20, **over: Any) -> Road:
        fields: dict[str, Any] = {"approach": name}
        if name in ("lora", "qlora"):
            fields = {"approach": "fine_tuning", "method": name}
        fields["estimates"] = {
            "hours": Estimate(0.1, 0.2, 0.4, "h", "formula:test", (Term("steps", 0.2),)),
            "ram_gib": Estimate(1, 2, 3, "GiB", "measured:test"),
        }
        fields["answers"] = {"goal": "new_facts", "confidential": "all", "free": HOSTILE}
        executor = "finetune" if name in ("lora", "qlora") else "prompting"
        plan = plan_for(executor, **(fields | over))
        run = RunDir.create(tmp_path / "out" / "roads" / name, plan, None)
        run.eval.mkdir(parents=True)
        lines = []
        for n, example in enumerate(examples()):
            answer = example.completion if n < right or example.id == "x" else "99日です。"
            passage = {
                "doc_id": "d",
                "source": HOSTILE,
                "title": HOSTILE,
                "where": "",
                "text": HOSTILE,
            }
            lines.append(
                {
                    "id": example.id,
                    "question": example.prompt,
                    "answer": answer,
                    "abstained": False,
                    "passages": [passage] if name == "rag" else [],
                    "seconds": 0.5,
                    "tokens_in": 1,
                    "tokens_out": 1,
                }
            )
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        (run.eval / "answers.jsonl").write_text(text, encoding="utf-8")
        run.add_actuals({"build_seconds": 720.0, "peak_ram_gib": 1.5})
        if executor == "finetune":
            run.metric(step=0, eval_loss=3.0)
            run.metric(step=4, loss=2.0)
            run.metric(step=8, eval_loss=1.5)
            run.metric(step=12, loss=float("nan"))
        run.finish("done")
        return road(run.path, examples())

    return make


def document_of(roads: list[Road], folder: Path, **over: Any) -> dict[str, Any]:
    verdict = judge(roads) if len(roads) > 1 else None
    return build_document(roads, verdict, folder=folder, recommended="rag", **over)


@pytest.mark.parametrize(("lang", "says"), [("ja", "0.42 未満"), ("en", "a confidence of 0.42")])
def test_the_line_for_not_saying_is_shown_with_its_curve(
    make_road: RoadMaker, tmp_path: Path, lang: str, says: str
) -> None:
    one = make_road("rag")
    points = [
        {"threshold": n / 60, "coverage": 1 - n / 80, "false_answers": 1 - n / 60}
        for n in range(60)
    ]
    one.run.artifacts.mkdir(parents=True, exist_ok=True)
    line = {"value": 0.42, "basis": "calibrated", "n_answerable": 40, "n_unanswerable": 0}
    line |= {"n_left_out": 40, "coverage": 0.8, "false_answers": None}
    line |= {"false_answers_left_out": 0.25, "curve": points, "curve_left_out": points}
    write_json(one.run.artifacts / "abstention.json", line)
    document = document_of([one], tmp_path / "out")
    assert len(document["roads"][0]["abstention"]["curve_left_out"]) <= 61
    markdown, html = render_markdown(document, lang), render_html(document, lang)
    assert says in markdown and says in html
    assert "| 25% | 40 |" in markdown
    page = Page(html)
    # One curve and its mark: nobody asked an unanswerable question, so that curve is not drawn.
    drawn = [attributes for tag, attributes in page.tags if tag == "path"]
    assert len(drawn) == 1 and len([tag for tag, _ in page.tags if tag == "circle"]) == 1


ADVICE = {
    "options": [
        {
            "rank": 1,
            "approach": "rag",
            "method": None,
            "reasons": [{"text": HOSTILE, "sources": ["lewis-2020"]}],
        }
    ]
}


@pytest.fixture
def several(make_road: RoadMaker, tmp_path: Path) -> dict[str, Any]:
    roads = [make_road("prompting", 4), make_road("rag"), make_road("qlora", 10)]
    document = document_of(roads, tmp_path / "out", recommendation=ADVICE)
    return document | {"failed": {"lora": "endpoint-down"}}


@pytest.fixture
def single(make_road: RoadMaker, tmp_path: Path) -> dict[str, Any]:
    one = make_road("rag")
    return document_of([one], one.run.path)


@pytest.mark.parametrize("lang", ["ja", "en"])
@pytest.mark.parametrize("which", ["several", "single"])
def test_the_page_is_whole_inert_and_reaches_for_nothing(
    which: str, lang: str, request: pytest.FixtureRequest
) -> None:
    html = render_html(request.getfixturevalue(which), lang)
    page = Page(html)
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "img", "iframe", "link", "object", "embed", "base", "form"}
    for _tag, attributes in page.tags:
        assert not any(name.startswith("on") for name in attributes)
        assert not {"src", "href", "srcset", "action", "style"} & attributes.keys()
    assert not re.search(r"https?://|//[a-z]|url\(|@import", html)
    assert "<script>alert(1)</script>" in page.text  # shown, not run
    assert ("html", {"lang": lang}) in page.tags


@pytest.mark.parametrize("lang", ["ja", "en"])
@pytest.mark.parametrize("which", ["several", "single"])
def test_markdown_tables_are_tables_and_hold_no_html(
    which: str, lang: str, request: pytest.FixtureRequest
) -> None:
    text = render_markdown(request.getfixturevalue(which), lang)
    assert "<script" not in text and "<img" not in text
    assert "\u2028" not in text
    width = 0
    for line in text.split("\n"):
        if not line.startswith("|"):
            width = 0
            continue
        cells = len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) - 1
        assert line.endswith("|")
        width = width or cells
        assert cells == width, line


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_no_text_of_the_report_is_left_untranslated(several: dict[str, Any], lang: str) -> None:
    view = View(several, lang)
    told = [view.headline(), view.before_after(), *view.cautions(), *view.score_header()]
    told += [cell for row in view.score_rows() for cell in row]
    header, rows = view.metric_rows()
    told += [*header, *(row[0] for row in rows)]
    for cell in told:
        assert not re.search(r"\b(report|verdict|judgement|lost|figure|road)\.[a-z]", cell), cell
    japanese = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
    assert any(map(japanese.search, told)) is (lang == "ja")


def test_several_roads_have_a_verdict_with_its_certainty(several: dict[str, Any]) -> None:
    assert several["verdict"]["choice"] == "rag"
    assert 0 < several["verdict"]["detectable_difference"] < 1
    by_name = {road["name"]: road for road in several["roads"]}
    worse = by_name["prompting"]["against_best"]
    assert worse["verdict"] == "worse" and worse["high"] < 0
    assert by_name["prompting"]["lost_because"]
    assert by_name["rag"]["against_best"]["difference"] == 0
    assert by_name["qlora"]["method"] == "qlora" and by_name["qlora"]["n"] == 20
    assert by_name["rag"]["by_kind"]["unanswerable"]["n"] == 1
    assert {"approach", "metrics", "estimate", "actual", "answers"} <= by_name["rag"].keys()
    assert several["recommendation_before"] == several["recommendation_after"] == "rag"


def test_answers_are_named_relative_to_the_report(several: dict[str, Any], tmp_path: Path) -> None:
    for road_ in several["roads"]:
        assert (tmp_path / "out" / road_["answers"]).is_file()


def test_one_road_is_told_without_a_verdict(single: dict[str, Any]) -> None:
    view = View(single, "en")
    assert single["verdict"] is None
    assert "20" in view.headline() and "%" in view.headline()
    assert [row[5] for row in view.score_rows()] == ["-"]


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_one_road_of_a_comparison_is_said_to_be_alone(
    make_road: RoadMaker, tmp_path: Path, lang: str
) -> None:
    one = make_road("rag")
    document = build_document([one], judge([one]), folder=one.run.path, recommended="rag")
    view = View(document, lang)
    assert {"ja": "測定したのは", "en": "Only RAG was measured"}[lang] in view.headline()
    assert view.headline() == document["verdict"]["says"] or lang == "en"
    assert [row[5] for row in view.score_rows()] == ["-"]
    assert view.before_after() == ""
    for text in (render_markdown(document, lang), render_html(document, lang)):
        assert view.headline() in text


def test_without_questions_nothing_is_claimed(plan_for: PlanMaker, tmp_path: Path) -> None:
    run = RunDir.create(tmp_path / "r", plan_for("prompting"), None)
    document = document_of([road(run.path, [])], run.path)
    assert "unknown" in View(document, "en").headline()
    assert Page(render_html(document, "ja")).text
    assert render_markdown(document, "en")


def test_few_questions_and_a_failed_road_are_said_first(several: dict[str, Any]) -> None:
    notes = " ".join(View(several, "en").cautions())
    assert "20 questions" in notes and "LoRA" in notes and "endpoint-down" in notes


def test_a_choice_among_roads_that_are_never_right_says_so(several: dict[str, Any]) -> None:
    assert "No road answered" not in " ".join(View(several, "en").cautions())
    for made in several["roads"]:
        made["metrics"]["correct"] = {"value": 0.0, "low": 0.0, "high": 0.16, "n": 20}
    notes = " ".join(View(several, "en").cautions())
    assert "No road answered any of the 20 questions rightly (at most 16% would be)" in notes
    assert "20 件に1件も" in " ".join(View(several, "ja").cautions())


def test_estimates_stand_beside_what_it_took(several: dict[str, Any]) -> None:
    _, rows = View(several, "en").estimate_rows()
    hours = next(row for row in rows if row[5] == "formula:test")
    assert hours[2:5] == ["0.1 – 0.4 (0.2) h", "0.2 h", "inside the range"]


@pytest.mark.parametrize(
    ("measured", "said"),
    [(1.0, "inside the range"), (3.3, "10% above the range"), (0.9, "10% below the range")],
)
def test_a_range_that_did_not_hold_says_by_how_much(measured: float, said: str) -> None:
    assert verdict(Estimate(1, 2, 3, "GiB", "formula:test"), measured, "en") == said
    assert verdict(Estimate(1, 2, 3, "GiB", "formula:test"), None, "en") == "-"


def test_a_report_is_written_three_times(several: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "out"
    paths = write_report(several, folder, "ja")
    assert set(paths) == {"json", "md", "html"}
    assert json.loads((folder / "report.json").read_text("utf-8"))["schema_version"] == 1
    assert (folder / "report.html").read_text("utf-8").startswith("<!doctype html>")
    write_json(folder / "again.json", several)
    assert "NaN" not in (folder / "report.json").read_text("utf-8")


def test_bars_show_value_interval_and_n_and_escape_names() -> None:
    row = {"name": "<b>", "value": 0.5, "low": 0.25, "high": 0.75, "n": 7, "chosen": True}
    svg = interval_bars([row], 'a "label"')
    page = Page(svg)
    assert "50%" in page.text and "n=7" in page.text and "<b>" in page.text
    assert page.tags[0][1]["aria-label"] == 'a "label"'


LABELS = {"chart": "c", "train": "t", "held": "h", "best": "b"}


def test_a_curve_needs_two_points_and_survives_a_flat_or_broken_one() -> None:
    assert loss_curve([], LABELS) == ""
    assert loss_curve([{"step": 1, "eval_loss": 2.0}], LABELS) == ""
    flat = [{"step": 0, "eval_loss": 1.0}, {"step": 0, "eval_loss": 1.0}]
    assert "nan" not in loss_curve(flat, LABELS)
    broken = [*flat, {"step": 1, "eval_loss": float("nan")}, {"step": 2, "loss": float("inf")}]
    svg = loss_curve(broken, LABELS)
    assert "nan" not in svg and "inf" not in svg
    falling = [{"step": 1, "eval_loss": 2.0}, {"step": 2, "eval_loss": 1.25}]
    assert "b 1.250" in Page(loss_curve(falling, LABELS)).text


SCORES = {n: n for n in ("chart", "chrf", "tokens", "kept", "patience", "end")}


def test_scores_along_the_training_mark_what_was_kept_and_where_it_stopped() -> None:
    curve = [
        {"step": step, "eval_loss": loss, "eval_mean_token_accuracy": right}
        for step, loss, right in ((0, 0.5, 0.1), (10, 2.0, 0.4), (20, 1.0, 0.6), (30, 1.5, 0.5))
    ]
    assert score_curve(curve[:1], SCORES, stopped_early=False) == ""
    svg = score_curve(curve, SCORES, stopped_early=True)
    # The untrained model is not among the weights to keep, however low its loss.
    kept = re.search(r'<text x="([\d.]+)"[^>]*>kept<', svg)
    assert kept is not None and float(kept[1]) == pytest.approx(52 + (680 - 172) * 2 / 3, abs=0.1)
    assert "patience" in svg and ">end<" not in svg and ">chrf<" not in svg
    both = [*curve, {"step": 0, "eval_chrf": 0.2}, {"step": 30, "eval_chrf": 0.7}]
    text = Page(score_curve(both, SCORES, stopped_early=False)).text
    assert "chrf" in text and "tokens" in text and "end" in text
