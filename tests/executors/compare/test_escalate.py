"""The walk from prompting to tuning, by real runs of a tiny model on a tiny company."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result
from made import PlanMaker, write_company

from advisor.cli import main
from advisor.errors import RunError
from advisor.plan import EXECUTORS
from advisor.session import Session
from advisor.texts import t
from advisor.types import Plan
from executors.compare.candidates import advise
from executors.compare.escalate import Step, Walk, both_gained, measured, meets, steps_of
from executors.compare.roads import Road
from executors.compare.spent import price_unknown, spent
from executors.compare.target import ScoreJudgement, Target
from executors.evaluate.heldout import Scored
from executors.evaluate.latency import Latency, latency
from executors.prompting.executor import PromptingExecutor
from executors.report.document import build_document
from executors.report.escalation import walk_verdict
from executors.report.view import View
from executors.rundir import RunDir
from knowledge.corpus.types import Example

Escalate = Callable[..., Result]


@pytest.fixture
def answers(tmp_path: Path, tiny_folder: Path) -> Path:
    write_company(tmp_path / "company", pairs=40)
    path = tmp_path / "answers.toml"
    path.write_text(
        f'schema_version = 1\nlanguage = "ja"\ngoal = "new_facts"\ndata.path = "company"\n'
        f'gpu = "none"\nmodel = "{tiny_folder.as_posix()}"\ngenerate.max_new_tokens = 4\n'
        'prompting.shots = 1\ndata.test_share = 0.5\nrag.answer = "extractive"\n',
        encoding="utf-8",
    )
    return path


@pytest.fixture
def one_executor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prompting under RAG's name too: what most tests look at is the walk, not the roads."""
    monkeypatch.setitem(EXECUTORS, "rag", "prompting")


def instead_of_building(
    monkeypatch: pytest.MonkeyPatch, what: BaseException | type[BaseException], *roads: str
) -> None:
    build = PromptingExecutor.build

    def other(self: PromptingExecutor, plan: Plan, *rest: Any) -> dict[str, float]:
        if plan.approach in roads:
            raise what
        return build(self, plan, *rest)

    monkeypatch.setattr(PromptingExecutor, "build", other)


@pytest.fixture
def escalate(answers: Path, tmp_path: Path) -> Escalate:
    def call(*words: str, target: float = 1.0, json_: bool = True) -> Result:
        given = ["--answers", str(answers), "--run", str(tmp_path / "run")]
        sets = ["--set", f"target.score={target}", "--set", "target.latency_s=60"]
        shown = ["--json"] if json_ else []
        return CliRunner().invoke(
            main, ["escalate", "--no-input", "--lang", "en", *given, *sets, *shown, *words]
        )

    return call


def states(document: dict[str, Any]) -> dict[str, str]:
    return {step["approach"]: step["state"] for step in document["steps"]}


@pytest.mark.usefixtures("one_executor")
def test_a_target_that_prompting_reaches_stops_there(escalate: Escalate, tmp_path: Path) -> None:
    done = escalate(target=0.0)
    assert done.exit_code == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["schema_version"], document["stopped_at"]) == (1, "prompting")
    assert states(document) == {
        "prompting": "done",
        "rag": "not needed",
        "fine_tuning": "skipped",
        "hybrid": "skipped",
    }
    assert not (tmp_path / "run" / "roads" / "rag").exists()
    assert document["verdict"]["choice"] == "prompting"
    first = document["steps"][0]
    assert first["score_says"] == "met" and first["latency_s"]["n"] >= 10
    assert first["cost_jpy"]["spent"]["low"] <= first["cost_jpy"]["spent"]["high"]
    assert Path(document["files"]["html"]).is_file()


@pytest.mark.slow
def test_a_target_out_of_reach_takes_every_open_step_and_says_what_was_left_out(
    escalate: Escalate, tmp_path: Path
) -> None:
    done = escalate(target=1.0)
    assert done.exit_code == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["stopped_at"] is None
    assert [s["state"] for s in document["steps"]] == ["done", "done", "skipped", "skipped"]
    prompting, rag, tuning, _ = document["steps"]
    assert rag["gain"]["over"] == "prompting"
    assert rag["score"]["n"] == prompting["score"]["n"] == document["verdict"]["n"]
    assert tuning["why"]["text"], "the blocker's own words"
    assert document["verdict"]["says_id"] == "escalate.says.missed"
    told = (tmp_path / "run" / "report.md").read_text("utf-8")
    assert "What each step gained" in told and tuning["why"]["text"] in told
    again = CliRunner().invoke(main, ["report", str(tmp_path / "run"), "--lang", "ja"])
    assert again.exit_code == 0, again.stderr
    assert "段階ごとの結果" in (tmp_path / "run" / "report.html").read_text("utf-8")


@pytest.mark.usefixtures("one_executor")
def test_ctrl_c_says_how_to_go_on_and_finished_steps_are_not_taken_again(
    escalate: Escalate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        instead_of_building(patch, KeyboardInterrupt, "rag")
        stopped = escalate()
    assert stopped.exit_code == 130
    assert "--resume" in stopped.stderr and str(tmp_path / "run") in stopped.stderr
    before = (tmp_path / "run/roads/prompting/manifest.json").read_bytes()
    assert escalate().exit_code == 2, "the folder is taken unless --resume is said"
    instead_of_building(monkeypatch, AssertionError("built again"), "prompting")
    done = escalate("--resume")
    assert done.exit_code == 0, done.stderr
    assert states(json.loads(done.stdout))["rag"] == "done"
    assert (tmp_path / "run/roads/prompting/manifest.json").read_bytes() == before


@pytest.mark.usefixtures("one_executor")
def test_a_step_that_fails_does_not_lose_the_others(
    escalate: Escalate, monkeypatch: pytest.MonkeyPatch
) -> None:
    instead_of_building(monkeypatch, RunError("corpus-empty", where="here"), "prompting")
    document = json.loads(escalate(target=0.0).stdout)
    assert states(document)["prompting"] == "failed"
    assert document["stopped_at"] == "rag"
    assert document["failed"] == {"prompting": "corpus-empty"}
    assert document["recommendation_after"] == "rag"


@pytest.mark.usefixtures("one_executor")
def test_when_every_step_fails_the_walk_fails(
    escalate: Escalate, monkeypatch: pytest.MonkeyPatch
) -> None:
    instead_of_building(monkeypatch, RunError("corpus-empty", where="here"), "prompting", "rag")
    failed = escalate()
    assert failed.exit_code == 6
    assert json.loads(failed.stdout)["error"] == "no-road-finished"


@pytest.mark.usefixtures("one_executor")
@pytest.mark.parametrize("limit", ["limits.hours", "limits.jpy"])
def test_a_limit_stops_the_walk_and_may_be_raised(
    escalate: Escalate, tmp_path: Path, limit: str
) -> None:
    stopped = escalate("--set", f"{limit}=1e-9")
    assert stopped.exit_code == 7
    document = json.loads(stopped.stdout)
    assert document["error"] == f"escalate-{limit.split('.')[1]}-reached"
    assert "--resume" in stopped.stderr
    run = RunDir.open(tmp_path / "run/roads/prompting")
    assert (run.manifest.status, run.manifest.stages) == ("interrupted", ("build",))
    done = escalate("--resume", "--set", f"{limit}=1000")
    assert done.exit_code == 0, done.stderr
    assert run.manifest.status == "done"


@pytest.mark.usefixtures("one_executor")
def test_resuming_with_other_settings_or_other_data_is_refused(
    escalate: Escalate, tmp_path: Path
) -> None:
    assert escalate(target=0.0).exit_code == 0
    assert escalate("--resume", "--set", "prompting.shots=3", target=0.0).exit_code == 2
    questions = tmp_path / "company" / "questions.jsonl"
    questions.write_text(questions.read_text("utf-8").replace("日です", "日間です"), "utf-8")
    assert escalate("--resume", target=0.0).exit_code == 5


@pytest.mark.usefixtures("one_executor")
def test_bad_calls_are_said_plainly(answers: Path, tmp_path: Path) -> None:
    def code(*words: str) -> int:
        return CliRunner().invoke(main, ["escalate", "--no-input", *words]).exit_code

    assert code("--answers", str(answers), "--resume") == 2
    assert code("--run", str(tmp_path / "x")) == 3
    assert code("--answers", str(answers), "--set", "target.score=2") == 3
    (tmp_path / "company" / "questions.jsonl").unlink()
    assert code("--answers", str(answers), "--run", str(tmp_path / "y")) == 6


def test_targets_nobody_gave_are_told_with_their_source(answers: Path, tmp_path: Path) -> None:
    words = ["escalate", "--no-input", "--lang", "en", "--set", "limits.hours=1e-9"]
    words += ["--answers", str(answers), "--run", str(tmp_path / "run")]
    told = CliRunner().invoke(main, words)
    assert "Target: a score of 0.8 (okakae's default), 95 % of answers within 10 s" in told.stderr


def test_nothing_is_looked_up_where_the_goal_is_how_to_say_it(
    answers: Path, session: Session
) -> None:
    write_company(answers.parent / "company", pairs=8, rewrites=40)
    advised = advise(session, answers, ["goal=style_or_tone"])
    steps = {s.approach: s for s in steps_of(advised.recommendation, "style_or_tone", session)}
    assert steps["prompting"].state == "open"
    assert steps["rag"].why is not None and steps["rag"].why.ref == "nothing-to-look-up"


def step(says: Any, p95: float) -> Step:
    judged, waited = ScoreJudgement(says, 0.5, None), Latency(p95 / 2, p95, 20)
    return Step("rag", "rag", None, "done", judged=judged, waited=waited)


def test_a_step_that_is_right_and_too_slow_does_not_end_the_walk() -> None:
    target = Target(0.8, 10.0)
    assert meets(step("met", 10.0), target)
    assert meets(step("not shown to be met", 1.0), target)
    assert not meets(step("met", 10.1), target)
    assert not meets(step("below", 1.0), target)


def test_the_slow_answers_count_not_the_mean() -> None:
    found = latency([1.0] * 18 + [30.0] * 2)
    assert found == Latency(1.0, 30.0, 20)
    assert latency([]) is None


def scored_road(name: str, right: int, n: int = 40) -> Road:
    results = tuple(
        Scored(
            Example(f"e{i}", "qa", f"q{i}", "a", "", ""),
            "",
            False,
            (),
            1.0,
            1,
            1,
            {"correct": float(i < right)},
        )
        for i in range(n)
    )
    plan: Any = SimpleNamespace(estimates={})
    return Road(name, RunDir(Path(name)), plan, results)


@pytest.mark.parametrize(
    ("right", "expected"), [((5, 25, 25), True), ((5, 25, 6), False), ((5, 6, 25), False)]
)
def test_hybrid_waits_until_both_were_shown_to_gain(
    right: tuple[int, int, int], expected: bool
) -> None:
    approaches = ("prompting", "rag", "fine_tuning")
    steps = [
        Step(a, a, None, "done", road=scored_road(a, n))  # type: ignore[arg-type]
        for a, n in zip(approaches, right, strict=True)
    ]
    walk = Walk(steps, Target(0.9, 10), 4)
    assert both_gained(walk) is expected
    assert not both_gained(Walk(steps[1:], Target(0.9, 10), 4))


@pytest.fixture
def walked(tmp_path: Path, plan_for: PlanMaker) -> Callable[..., Walk]:
    """Finished steps: prompting, RAG and so on, each with what it got right of 40, and its wait."""

    def make(target: float, looks: int, **steps: tuple[int, float]) -> Walk:
        made = Walk([], Target(target, 10.0), looks, 40)
        for name, (right, p95) in steps.items():
            plan = plan_for(name if name == "rag" else "prompting", approach=name)
            run = RunDir.create(tmp_path / "walk" / "roads" / name, plan, None)
            run.eval.mkdir()
            run.finish("done")
            step = Step(name, name, None)  # type: ignore[arg-type]
            road = Road(name, run, plan, scored_road(name, right).results)
            done = replace(measured(step, road, made), waited=Latency(p95 / 2, p95, 20))
            made.steps.append(done)
            if meets(done, made.target):
                made.stopped_at = name
        return made

    return make


@pytest.mark.parametrize("lang", ["ja", "en"])
@pytest.mark.parametrize(
    ("steps", "says", "told"),
    [
        ({"prompting": (30, 20.0), "rag": (36, 30.0)}, "slow", "prompting"),
        ({"prompting": (36, 20.0), "rag": (30, 1.0)}, "on-the-line", "rag"),
        ({"prompting": (4, 1.0), "rag": (9, 1.0)}, "missed", "rag"),
    ],
)
def test_the_road_called_best_is_the_one_that_all_are_measured_against(
    walked: Callable[..., Walk], tmp_path: Path, steps: Any, says: str, told: str, lang: str
) -> None:
    walk = walked(0.75, 2, **steps)
    verdict = walk_verdict(walk)
    assert verdict.says == f"escalate.says.{says}"
    assert verdict.best == max(steps, key=lambda name: steps[name][0])
    assert verdict.against_best[verdict.best].difference.value == 0
    assert all(against.difference.value <= 0 for against in verdict.against_best.values())
    assert set(verdict.lost_because) == set(steps) - {verdict.choice}
    document = build_document(walk.roads, verdict, folder=tmp_path / "walk", recommended=None)
    view = View(document, lang)
    by_name = {step.name: step for step in walk.steps}
    assert view.headline() == t(
        verdict.says,
        lang,  # type: ignore[arg-type]
        **verdict.values
        | {"n": 40, "what": t("measure.right", lang)}  # type: ignore[arg-type]
        | {key: view.word("road", told) for key in ("told", "choice", "best")},
    )
    assert f"{by_name[told].score.value:.2f}" in view.headline()  # type: ignore[union-attr]
    best_rows = [row for row in view.score_rows() if row[5] == view.t("judgement.best")]
    assert [row[0] for row in best_rows] == [view.word("road", verdict.best)]


def test_yen_are_electricity_here_and_unknown_where_nobody_knows_the_price(
    tmp_path: Path, plan_for: PlanMaker
) -> None:
    here = plan_for("prompting")
    run = RunDir.create(tmp_path / "run", here, None)
    run.add_actuals({"total_seconds": 3600.0})
    found = spent(run, running_s=1800)
    assert found.hours == pytest.approx(1.5)
    assert found.jpy is not None and 0 < found.jpy.low < found.jpy.high
    away = {"endpoint.url": "https://api.example.com/v1", "endpoint.model": "nobody-knows-it"}
    assert price_unknown(plan_for("prompting", config=away))
    assert not price_unknown(plan_for("rag", config=away | {"rag.answer": "extractive"}))
    known = away | {"endpoint.model": "gpt-6.1-sol"}
    bought = RunDir.create(tmp_path / "api", plan_for("prompting", config=known), None)
    bought.eval.mkdir()
    line = {"id": "1", "tokens_in": 1_000_000, "tokens_out": 0}
    (bought.eval / "answers.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    price = spent(bought).jpy
    assert price is not None and 100 < price.likely < 1000  # 2 USD


@pytest.mark.slow
def test_a_kill_between_steps_loses_nothing_that_was_finished(
    answers: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    command = [sys.executable, "-m", "advisor", "escalate", "--answers", str(answers), "--json"]
    command += ["--no-input", "--set", "target.score=1.0", "--run", str(folder)]
    manifest = folder / "roads" / "prompting" / "manifest.json"
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ}
    )
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and process.poll() is None:
        if manifest.is_file() and json.loads(manifest.read_text("utf-8"))["status"] == "done":
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.02)
    process.wait(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert not (folder / "report.json").exists()
    before = manifest.read_bytes()
    done = subprocess.run(
        [*command, "--resume"], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert states(json.loads(done.stdout))["rag"] == "done"
    assert manifest.read_bytes() == before
