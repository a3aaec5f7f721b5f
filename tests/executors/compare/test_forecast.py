"""What is said before a comparison: what it takes, and what so many questions can show."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from made import PlanMaker, write_company

from advisor.errors import LimitError
from advisor.plan import save_plan
from advisor.power import detectable_difference
from advisor.session import Session
from advisor.types import Estimate
from executors.compare.diagnostics import wanted_diagnostics
from executors.compare.forecast import forecast, sight
from executors.compare.run import compare
from knowledge.corpus.reading import read

AWAY = {"endpoint.url": "https://api.example.com/v1", "endpoint.model": "gpt-6.1-sol"}


@pytest.mark.parametrize("n", [2, 12, 30, 100, 749])
def test_more_questions_show_what_was_promised(n: int) -> None:
    seen = sight(n)
    assert seen.gap == detectable_difference(n)
    assert seen.more % 10 == 0 and seen.more > 0
    assert seen.gap_then < seen.gap
    assert detectable_difference(n + seen.more) <= seen.gap_then + 1e-9


def test_thirty_questions_show_24_points_of_two_roads_and_less_of_more() -> None:
    assert 0.24 < sight(30).gap < 0.25
    assert 0.12 <= sight(30).gap_then <= 0.13
    assert sight(30, roads=4).gap > sight(30, roads=3).gap > sight(30).gap


def test_a_finished_road_costs_nothing_more(plan_for: PlanMaker, tmp_path: Path) -> None:
    built = {"hours": Estimate(1.0, 2.0, 4.0, "hours", "formula:test")}
    tuned = plan_for("finetune", estimates=built)
    quoted = plan_for("rag", config={"rag.answer": "extractive"})
    both = forecast({"lora": tuned, "rag": quoted}, 100, [])
    assert both.hours.low > 1.0 and both.hours.high < 40.0
    assert both.jpy is not None and 0 < both.jpy.low < both.jpy.high
    rest = forecast({"lora": tuned, "rag": quoted}, 100, [], finished={"lora"})
    assert list(rest.by_road) == ["rag"] and rest.hours.high < 0.1
    nothing = forecast({"lora": tuned, "rag": quoted}, 100, [], finished={"lora", "rag"})
    assert nothing.hours.high == 0 and nothing.jpy is not None and nothing.jpy.high == 0


def test_calls_and_yen_of_a_server_count_the_diagnostics_too(
    plan_for: PlanMaker, tmp_path: Path
) -> None:
    data = write_company(tmp_path / "company")
    corpus = read(data)
    plans = [plan_for("prompting", config=AWAY), plan_for("rag", config={"rag.answer": "generate"})]
    alone = forecast({"prompting": plans[0]}, 24, [])
    assert alone.calls == 24
    wanted = wanted_diagnostics(plans[:1], corpus.examples, corpus)
    together = forecast({"prompting": plans[0]}, 24, wanted)
    assert together.calls == 3 * 24
    assert together.jpy is not None and alone.jpy is not None
    assert together.jpy.likely > 2 * alone.jpy.likely
    done = {one.name: len(one.examples) - 4 * (one.name == "closed_book") for one in wanted}
    rest = forecast({"prompting": plans[0]}, 24, wanted, {"prompting"}, answered=done)
    assert rest.calls == 4 and list(rest.by_road) == ["closed_book"]
    unknown = plan_for("prompting", config=AWAY | {"endpoint.model": "nobody-knows-it"})
    assert forecast({"prompting": unknown}, 24, []).jpy is None


def test_it_is_said_before_the_first_road_and_kept(
    tmp_path: Path,
    tiny_folder: Path,
    plan_for: PlanMaker,
    session: Session,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = write_company(tmp_path / "company", pairs=40)
    config = {"model": str(tiny_folder), "generate.max_new_tokens": 1, "prompting.shots": 0}
    save_plan(plan_for("prompting", data, config=config), tmp_path / "a.json")
    found = compare([tmp_path / "a.json"], tmp_path / "out", session, diagnostics=False)
    told = capsys.readouterr().err
    assert "only gaps above 36 points show; add 40 more to see 18" in told
    assert told.index("This will take about") < told.index("== Prompting")
    kept = json.loads((tmp_path / "out" / "compare.json").read_text("utf-8"))["before"]
    assert kept == found.before.document()
    assert (kept["n"], kept["more"], kept["calls"]) == (16, 40, 0)
    assert list(kept["hours_by_road"]) == ["prompting"]
    assert found.diagnosed.found == {}
    with pytest.raises(LimitError) as caught:
        compare([tmp_path / "a.json"], tmp_path / "b", session, limits={"limits.hours": 1e-9})
    assert (caught.value.ref, caught.value.exit_code) == ("compare-hours-reached", 7)
    again = compare(
        [tmp_path / "a.json"],
        tmp_path / "b",
        session,
        resume=True,
        limits={"limits.hours": 1.0},
        diagnostics=False,
    )
    assert [r.correct for r in again.roads] == [r.correct for r in found.roads]
