"""The report as one HTML page that opens from disk: no scripts, no fonts, no network."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from executors.report.charts import interval_bars, loss_curve
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
        (view.word("road", road["name"]), Markup(svg))
        for road in view.roads
        if (svg := loss_curve(road["curve"], labels))
    ]
    bars = view.bars()
    chart = Markup(interval_bars(bars, view.t("report.column.correct"))) if bars else ""
    return template.render(view=view, document=document, chart=chart, curves=curves)
