"""What a pilot says about more training data, as the report shows it: advice, table and figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from executors.report.charts import pilot_curve
from executors.report.view import View

COLUMNS = ("examples", "loss", "score", "minutes")


@dataclass(frozen=True, slots=True)
class ShownPilot:
    """One road's pilot in the reader's language."""

    road: str
    says: str
    forecasts: Sequence[str]
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    svg: str


def shown_pilots(view: View) -> list[ShownPilot]:
    """The pilots of a comparison, in its order; none in a report without."""
    return [_shown(one, view) for one in view.document.get("pilot") or ()]


def _shown(one: Mapping[str, Any], view: View) -> ShownPilot:
    return ShownPilot(
        road=view.word("road", one["road"]),
        says=_says(one, view),
        forecasts=[_ahead(ahead, view) for ahead in one["forecasts"]],
        header=[view.t(f"pilot.column.{name}") for name in COLUMNS],
        rows=[_row(point) for point in one["points"]],
        svg=_svg(one, view),
    )


def _says(one: Mapping[str, Any], view: View) -> str:
    if one["text"] is None:
        told = {key: value for key, value in one["why"].items() if key != "ref"}
        return view.t("pilot.nothing-to-say", why=view.t(one["why"]["ref"], **told))
    values = dict(one["values"])
    if "better" in values:
        values["better"] = view.word("road", values["better"])
    return view.t(one["text"], **values)


def _ahead(ahead: Mapping[str, Any], view: View) -> str:
    figures = {name: f"{ahead[name]:.3g}" for name in ("low", "likely", "high")}
    text = "curve.forecast-rough" if ahead["rough"] else "curve.forecast"
    return view.t(text, examples=ahead["examples"], **figures).strip()


def _row(point: Mapping[str, Any]) -> list[str]:
    score = "-" if point["score"] is None else f"{point['score']:.2f}"
    minutes = f"{point['seconds'] / 60:.1f}"
    return [str(point["examples"]), f"{point['loss']:.3f}", score, minutes]


def _svg(one: Mapping[str, Any], view: View) -> str:
    names = ("chart", "examples", "loss", "measured", "band")
    labels = {name: view.t(f"pilot.chart.{name}") for name in names}
    return pilot_curve(one["points"], one["forecasts"], labels)
