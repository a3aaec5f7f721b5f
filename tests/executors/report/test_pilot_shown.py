"""A pilot in the report: its advice, its points and a figure of both, in either language."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from executors.compare.curve import Measured, advise, turn_away
from executors.compare.piloted import Piloted, Point, pilot_document
from executors.report.charts import pilot_curve
from executors.report.pilot import shown_pilots
from executors.report.view import View

SIZES = (40, 80, 160, 320)
STEEP, FLAT = (2.0, 1.8, 1.6, 1.4), (2.0, 1.999, 1.998, 1.997)


def piloted(losses: tuple[float, ...], target: float | None = None) -> Piloted:
    pairs = list(zip(SIZES, losses, strict=True))
    points = tuple(Point(n, loss, 0.25, 90.0, f"pilot/lora/{n}") for n, loss in pairs)
    return Piloted("lora", points, advise([Measured(*pair) for pair in pairs], target=target))


def beaten() -> Piloted:
    flat = piloted(FLAT)
    assert flat.advice is not None
    return replace(flat, advice=turn_away(flat.advice, "rag"))


@pytest.mark.parametrize("lang", ["ja", "en"])
@pytest.mark.parametrize(
    "one", [piloted(STEEP), piloted(FLAT), piloted(FLAT, target=1.0), piloted(FLAT, 3.0), beaten()]
)
def test_the_advice_is_told_with_its_points_and_what_is_ahead(one: Piloted, lang: str) -> None:
    view = View({"pilot": pilot_document([one]), "language": lang, "roads": []}, lang)
    (shown,) = shown_pilots(view)
    told = [shown.says, *shown.forecasts]
    assert len(told) == 5 and not any("{" in line for line in told)
    assert one.advice is not None
    assert str(one.advice.forecasts[0].examples) in shown.forecasts[0]
    assert [row[0] for row in shown.rows] == ["40", "80", "160", "320"]
    assert shown.rows[0][2:] == ["0.25", "1.5"]
    if one.advice.text == "curve.beaten":
        assert view.word("road", "rag") in shown.says


def test_what_kept_a_pilot_from_an_advice_is_told() -> None:
    why = {"ref": "pilot.too-few-rows", "n": 50, "need": "160"}
    view = View({"pilot": pilot_document([Piloted("lora", why=why)]), "roads": []}, "en")
    (shown,) = shown_pilots(view)
    assert "only 50 training examples" in shown.says and "160" in shown.says
    assert (shown.rows, shown.forecasts, shown.svg) == ([], [], "")
    assert shown_pilots(View({"roads": []}, "en")) == []


def test_the_figure_holds_every_point_and_the_band_within_its_frame() -> None:
    (told,) = pilot_document([piloted(STEEP)])
    labels = dict.fromkeys(("chart", "examples", "loss", "measured", "band"), "<&>")
    svg = ElementTree.fromstring(pilot_curve(told["points"], told["forecasts"], labels))
    _, _, width, height = map(float, svg.attrib["viewBox"].split())
    circles = svg.findall("circle")
    assert len(circles) == 4
    for circle in circles:
        assert 0 < float(circle.attrib["cx"]) < width and 0 < float(circle.attrib["cy"]) < height
    lefts = [float(circle.attrib["cx"]) for circle in circles]
    steps = [b - a for a, b in pairwise(lefts)]
    assert steps == pytest.approx([steps[0]] * 3, abs=0.2), "a doubling is a step to the right"
    band = next(path for path in svg.findall("path") if path.attrib["d"].endswith("Z"))
    assert band.attrib["d"].count("L") == 8
    assert pilot_curve(told["points"][:1], (), labels) == ""
