"""`okakae compare` as people call it: what is said, what is kept, and what stops it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from made import PlanMaker, write_company

from advisor.cli import main
from advisor.plan import load_plan, save_plan

Compare = Callable[..., Result]


@pytest.fixture
def compare(tmp_path: Path, tiny_folder: Path, plan_for: PlanMaker) -> Compare:
    """Two ways of prompting a tiny model, where RAG was recommended."""
    data = write_company(tmp_path / "company", pairs=40)
    config = {"model": str(tiny_folder), "generate.max_new_tokens": 1}
    paths = []
    for shots in (0, 1):
        path = tmp_path / f"{shots}.json"
        save_plan(plan_for("prompting", data, config=config | {"prompting.shots": shots}), path)
        paths.append(str(path))

    def call(*words: str) -> Result:
        given = ["compare", *paths, "--run", str(tmp_path / "run"), "--no-input", "--lang", "en"]
        return CliRunner().invoke(main, [*given, *words])

    return call


def test_the_verdict_and_what_became_of_the_advice_are_told(
    compare: Compare, tmp_path: Path
) -> None:
    done = compare("--no-diagnostics")
    assert done.exit_code == 0, done.stderr
    assert "only gaps above 36 points show; add 40 more to see 18" in done.stderr
    assert "Prompting, zero-shot" in done.stdout
    assert "Before the run okakae recommended RAG, which was not measured" in done.stdout
    document = json.loads((tmp_path / "run" / "report.json").read_text("utf-8"))
    assert document["recommendation_update"]["outcome"] == "not measured"
    assert [road["name"] for road in document["roads"]] == ["zero_shot", "prompting"]
    assert document["before"]["n"] == 16 and document["diagnostics"] == []
    assert "which was not measured" in (tmp_path / "run" / "report.md").read_text("utf-8")
    again = CliRunner().invoke(main, ["report", str(tmp_path / "run"), "--lang", "ja"])
    assert again.exit_code == 0, again.stderr
    assert "今回は測定できませんでした" in (tmp_path / "run" / "report.html").read_text("utf-8")


def test_the_diagnostics_stand_in_the_report_apart_from_the_roads(
    compare: Compare, tmp_path: Path
) -> None:
    done = compare("--json")
    assert done.exit_code == 0, done.stderr
    document = json.loads(done.stdout)
    assert [one["name"] for one in document["diagnostics"]] == ["closed_book", "oracle_model"]
    assert {road["name"] for road in document["roads"]} == {"zero_shot", "prompting"}
    told = (tmp_path / "run" / "report.md").read_text("utf-8")
    assert "Diagnostics (no candidates)" in told
    assert "Oracle context, written by the model" in told
    assert "Closed-book" in (tmp_path / "run" / "report.html").read_text("utf-8")


def test_a_limit_ends_it_and_says_how_to_go_on(compare: Compare, tmp_path: Path) -> None:
    stopped = compare("--no-diagnostics", "--set", "limits.hours=1e-9")
    assert stopped.exit_code == 7
    assert "--resume" in stopped.stderr and "--no-diagnostics" in stopped.stderr
    done = compare("--no-diagnostics", "--resume", "--set", "limits.hours=1")
    assert done.exit_code == 0, done.stderr


def test_roads_that_finished_before_the_limit_are_reported(
    compare: Compare, tmp_path: Path
) -> None:
    assert compare("--no-diagnostics").exit_code == 0
    (tmp_path / "run" / "roads" / "prompting" / "manifest.json").unlink()
    (tmp_path / "run" / "report.json").unlink()
    stopped = compare("--no-diagnostics", "--resume", "--set", "limits.hours=1e-9")
    assert stopped.exit_code == 7 and "Report:" in stopped.stderr
    document = json.loads((tmp_path / "run" / "report.json").read_text("utf-8"))
    assert [road["name"] for road in document["roads"]] == ["zero_shot"]
    assert document["failed"] == {"prompting": "compare-hours-reached"}


@pytest.mark.parametrize("given", ["prompting.shots=3", "limits.hours=long", "limits.hours"])
def test_of_finished_plans_only_limits_can_be_set(compare: Compare, given: str) -> None:
    assert compare("--set", given).exit_code == 2


def test_a_folder_with_roads_in_it_is_gone_on_with_or_left_alone(
    compare: Compare, tmp_path: Path
) -> None:
    assert compare("--no-diagnostics").exit_code == 0
    before = (tmp_path / "run" / "report.json").read_bytes()
    again = compare("--no-diagnostics")
    assert again.exit_code == 2 and "--resume" in again.stderr
    assert (tmp_path / "run" / "report.json").read_bytes() == before


def test_another_plan_for_a_road_that_was_taken_is_refused(
    compare: Compare, tmp_path: Path, plan_for: PlanMaker
) -> None:
    assert compare("--no-diagnostics").exit_code == 0
    config = {"model": str(tmp_path / "tiny"), "prompting.shots": 1, "generate.max_new_tokens": 2}
    path = tmp_path / "1.json"
    held = load_plan(path)
    save_plan(plan_for("prompting", tmp_path / "company", config={**held.config, **config}), path)
    refused = compare("--no-diagnostics", "--resume", "--json")
    assert refused.exit_code == 2
    assert json.loads(refused.stdout)["error"] == "resume-other-plan"


def test_going_on_needs_the_folder(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["compare", str(tmp_path / "plan.json"), "--resume", "--json"])
    assert done.exit_code == 2
    assert json.loads(done.stdout)["error"] == "resume-needs-run"
