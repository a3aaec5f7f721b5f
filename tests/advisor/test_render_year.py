"""Twelve months side by side: one row an approach, the parts named, no line too wide."""

from __future__ import annotations

import pytest
from companies import company, data

from advisor.recommend import as_document, recommend
from advisor.render import cells
from advisor.render_year import side_by_side, year_lines
from advisor.session import Session
from advisor.types import Recommendation


@pytest.fixture(scope="module")
def made() -> Recommendation:
    needs = company(
        data(documents=40, qa=300, tokens=300_000),
        vram_gib=23.5,
        goal="new_facts",
        gpu="RTX 4090",
        data__changes="monthly",
        traffic_per_day=200,
    )
    return recommend(needs)


def test_each_approach_stands_once_with_its_best_priced_option(made: Recommendation) -> None:
    shown = side_by_side(made.options)
    approaches = [option.approach for option in shown]
    assert {"prompting", "rag", "fine_tuning"} <= set(approaches)
    assert len(approaches) == len(set(approaches))
    assert [option.rank for option in shown] == sorted(option.rank for option in shown)


@pytest.mark.parametrize("lang", ["ja", "en"])
@pytest.mark.parametrize("width", [50, 60, 80, 100, 120])
def test_no_line_is_wider_than_the_screen(made: Recommendation, lang: str, width: int) -> None:
    lines = year_lines(made.options, Session(lang=lang), width)  # type: ignore[arg-type]
    assert [line for line in lines if cells(line) > width] == []
    assert len(lines) > 4


def test_fewer_than_two_roads_need_no_comparison(made: Recommendation) -> None:
    assert year_lines(made.options[:1], Session(lang="en"), 100) == []


def test_the_document_names_the_parts_of_the_year(made: Recommendation) -> None:
    for option in as_document(made)["options"]:
        estimates = option["estimates"]
        if "month_jpy" not in estimates:
            continue
        assert estimates.keys() >= {"vram_gib", "hours", "cost_jpy", "build_jpy", "people_jpy"}
        year = (
            estimates["build_jpy"]["likely"]
            + 12 * estimates["month_jpy"]["likely"]
            + estimates["renewals_per_year"]["likely"] * estimates["renewal_jpy"]["likely"]
        )
        assert estimates["cost_jpy"]["likely"] == pytest.approx(year)
