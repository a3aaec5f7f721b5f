"""What became of the advice, as data and as a sentence: before, the evidence, after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from advisor.types import Estimate
from executors.compare.roads import Road
from executors.compare.update import Update
from executors.compare.verdict import Against
from executors.report.view import View, slug


def update_document(update: Update) -> dict[str, Any]:
    """Under `recommendation_update` in report.json."""
    return {
        "before": update.before,
        "after": update.after,
        "overturned": update.overturned,
        "outcome": update.outcome,
        "evidence": {
            "road_before": _road(update.road_before, update.year_before),
            "road_after": _road(update.road_after, update.year_after),
            "difference": _difference(update.against),
        },
    }


def _difference(against: Against | None) -> dict[str, Any] | None:
    if against is None:
        return None
    gap = against.difference
    return {
        "difference": round(gap.value, 4),
        "low": round(gap.low, 4),
        "high": round(gap.high, 4),
        "n": gap.n,
        "p_value": round(against.p_value, 4),
        "verdict": against.verdict,
    }


def _road(road: Road | None, year: Estimate | None) -> dict[str, Any] | None:
    if road is None:
        return None
    figure = road.figure("correct")
    return {
        "name": road.name,
        "correct": {
            "value": round(figure.value, 4),
            "low": round(figure.low, 4),
            "high": round(figure.high, 4),
            "n": figure.n,
        },
        "year_jpy": None if year is None else round(year.likely),
    }


def told(told: Mapping[str, Any], view: View) -> str:
    """The sentence for people: recommended before, what was measured, recommended now."""
    evidence = told["evidence"]
    gap, values = evidence["difference"], {}
    for when in ("before", "after"):
        values[when] = view.word("approach", told[when]) if told[when] else "-"
        if road := evidence[f"road_{when}"]:
            values[f"road_{when}"] = view.word("road", road["name"])
            value = road["correct"]["value"]
            shown_value = f"{value:.2f}" if view.graded else f"{value:.0%}"
            values[f"figure_{when}"] = view.scored("measure.says", value=shown_value)
            yen = road["year_jpy"]
            values[f"yen_{when}"] = "?" if yen is None else f"{yen:,}"
    if gap:
        values |= {"gap": _gap(gap, view), "n": gap["n"]}
    return view.t(f"report.update.{slug(told['outcome'])}", **values)


def _gap(gap: Mapping[str, Any], view: View) -> str:
    """Points where shares are compared, else the difference of the scores themselves."""
    value, low, high = (gap[end] for end in ("difference", "low", "high"))
    if view.graded:
        return f"{value:+.2f} [{low:+.2f}, {high:+.2f}]"
    ends = f"[{round(100 * low):+d}, {round(100 * high):+d}]"
    return view.t("measure.points", gap=f"{100 * value:+.0f} {ends}")
