"""The report as one HTML page that opens from disk: no scripts, no fonts, no network."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from executors.report.charts import abstention_curve, interval_bars, loss_curve, score_curve
from executors.report.forgetting import shown
from executors.report.judged import judge_header, judge_rows, judge_says, judge_title
from executors.report.pilot import shown_pilots
from executors.report.searched import cost_header, cost_rows
from executors.report.searched import shown as searched
from executors.report.view import View


def render_html(document: Mapping[str, Any], lang: str) -> str:
    """The whole page; everything that came from data or models is escaped by the template."""
    from jinja2 import BaseLoader, Environment, StrictUndefined
    from markupsafe import Markup

    view = View(document, lang)
    environment = Environment(
        loader=BaseLoader(), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    template = environment.from_string(
        (files("executors.report") / "report.html.j2").read_text(encoding="utf-8")
    )
    labels = {name: view.t(f"report.chart.{name}") for name in ("chart", "train", "held", "best")}
    curves = [
        (view.word("road", road["name"]), Markup(svg + _score_svg(view, road)))
        for road in view.roads
        if (svg := loss_curve(road["curve"], labels))
    ]
    bars = view.bars()
    label, share = view.scored("report.column.correct"), not view.graded
    chart = Markup(interval_bars(bars, label, share=share)) if bars else ""
    names = ("chart", "coverage", "false", "line")
    words = {name: view.t(f"report.abstention.{name}") for name in names}
    abstentions = [
        (name, view.abstention_says(line), rows, Markup(_abstention_svg(view, line, words)))
        for name, line, rows in view.abstentions()
    ]
    return template.render(
        view=view,
        document=document,
        chart=chart,
        curves=curves,
        abstentions=abstentions,
        forgetting=shown(view),
        searches=searched(view),
        judged=_judged(view),
        costs=(cost_header(view), cost_rows(view)),
        pilots=[(pilot, Markup(pilot.svg)) for pilot in shown_pilots(view)],
    )


def _judged(view: View) -> dict[str, Any] | None:
    """What the judge's section holds; None where no judge was asked."""
    title = judge_title(view)
    if not title:
        return None
    grid = {"header": judge_header(view), "rows": judge_rows(view)}
    return {"title": title, "says": judge_says(view), **grid}


def _score_svg(view: View, road: Mapping[str, Any]) -> str:
    names = ("chart", "chrf", "tokens", "kept", "patience", "end")
    labels = {name: view.t(f"report.score-chart.{name}") for name in names}
    return score_curve(road["curve"], labels, stopped_early=road.get("stopped") == "patience")


def _abstention_svg(view: View, line: Mapping[str, Any], words: Mapping[str, str]) -> str:
    # A curve of questions that nobody asked would lie on the ground and please.
    kinds = (("curve", "n_unanswerable"), ("curve-left-out", "n_left_out"))
    curves = [
        (view.t(f"report.abstention.{name}"), line.get(name.replace("-", "_"), ()))
        for name, n in kinds
        if line.get(n)
    ]
    return abstention_curve(curves, words, line["value"])
