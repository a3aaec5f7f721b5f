"""The prompt search: on validation questions, within its calls, resumable, and used as found."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner
from made import PlanMaker, write_company
from openai_server import Server, serving
from tiny import save_tiny, tiny_llama

from advisor.cli import main
from advisor.errors import LimitError, MachineError
from advisor.plan import save_plan
from advisor.session import Session
from advisor.types import Plan
from executors.apply import Asking, Checked, apply, load_data
from executors.base import Context, Question
from executors.compare.spent import spent
from executors.evaluate.heldout import read_answers
from executors.prompting import endpoint
from executors.prompting.candidates import INSTRUCTIONS, instructions, own, ways
from executors.prompting.executor import PromptingExecutor
from executors.prompting.search import planned_calls, task_of
from executors.prompting.searched import read_search, search_answers
from executors.report.write import report_run
from executors.rundir import RunDir
from knowledge.corpus.reading import read

SHARES = {"data.test_share": 0.25, "data.validation_share": 0.3}
Turns = list[dict[str, str]]


@dataclass
class Company:
    """A tiny company whose model stands behind a server that knows the right answers."""

    folder: Path
    plan_for: PlanMaker
    session: Session
    gold: dict[str, str] = field(default_factory=dict)

    def plan(self, server: Server, **over: object) -> Plan:
        config = {"endpoint.url": server.url, "prompting.shots": 8, "prompting.search_calls": 64}
        return self.plan_for("prompting", self.folder, config=SHARES | config | over)

    def right_when(self, seen: Callable[[Turns], bool]) -> Callable[[Turns], str]:
        """Answers rightly where the prompt is as wanted."""
        return lambda turns: self.gold[turns[-1]["content"]] if seen(turns) else "存じません。"

    def run(self, plan: Plan, path: Path, **more: object) -> RunDir:
        checked = Checked(plan, self.folder.parent)
        return apply(checked, self.session, run_path=path, **more)  # type: ignore[arg-type]


@pytest.fixture
def tiny(tmp_path: Path, plan_for: PlanMaker, session: Session) -> Company:
    folder = write_company(tmp_path / "data", pairs=80)
    gold = {e.prompt: e.completion for e in read(folder).examples}
    return Company(folder, plan_for, session, gold)


def shots(turns: Turns) -> int:
    return sum(turn["role"] == "assistant" for turn in turns)


def test_the_examples_that_help_are_found_and_used_ever_after(
    tiny: Company, tmp_path: Path
) -> None:
    with serving() as server:
        server.says = tiny.right_when(lambda turns: shots(turns) == 2)
        run = tiny.run(tiny.plan(server), tmp_path / "run")
        found = read_search(run.artifacts)
        assert found is not None
        assert (found["own"], found["chosen"]) == ("standard-static-8", "standard-static-2")
        assert found["gain"]["value"] == 1.0
        # Every held-out question was then asked with the prompt that was found.
        answers = (run.eval / "answers.jsonl").read_text(encoding="utf-8").splitlines()
        assert answers and all(json.loads(line)["answer"] != "存じません。" for line in answers)
        asked: list[Turns] = []
        server.says = lambda turns: asked.append(turns) or "はい"  # type: ignore[func-returns-value]
        system = PromptingExecutor().open(run, Context(tiny.session))
        system.answer([Question("x", "第3部の休暇は?")])
        system.close()
        assert shots(asked[0]) == 2


def test_the_instruction_that_helps_is_found_and_kept_in_the_run(
    tiny: Company, tmp_path: Path
) -> None:
    wanted = instructions("exact", "new_facts", "ja")["qa"]
    with serving() as server:
        server.says = tiny.right_when(lambda turns: turns[0]["content"] == wanted)
        run = tiny.run(tiny.plan(server), tmp_path / "run")
        found = read_search(run.artifacts)
        assert found is not None and found["chosen"] == "exact-static-8"
        stored = json.loads((run.artifacts / "prompt.json").read_text(encoding="utf-8"))
        assert stored["instructions"]["qa"] == wanted
        assert stored["instructions"]["labelled"] != wanted


def test_test_questions_are_never_touched_and_calls_are_kept(tiny: Company, tmp_path: Path) -> None:
    with serving() as server:
        server.says = tiny.right_when(lambda turns: shots(turns) > 3)
        plan = tiny.plan(server)
        data = load_data(plan, tiny.folder, tiny.session)
        held = {example.prompt for example in data.split.test}
        asked = {example.prompt for example in data.split.validation}
        planned = planned_calls(plan, data)
        assert 40 < planned <= 64
        run = tiny.run(plan, tmp_path / "run")
        taken = search_answers(run.artifacts)
        assert len(taken) == planned
        assert {answer["question"] for answer in taken} <= asked
        assert server.received == planned + len(data.split.test)
        shown = json.loads((run.artifacts / "prompt.json").read_text(encoding="utf-8"))
        told = json.dumps(shown["examples"], ensure_ascii=False)
        assert not any(prompt in told for prompt in held | asked)
        # Its calls count with the run's others.
        assert spent(run).calls == server.received


def test_without_a_better_prompt_the_plans_own_stays(tiny: Company, tmp_path: Path) -> None:
    with serving() as server:
        server.says = tiny.right_when(lambda _turns: True)
        run = tiny.run(tiny.plan(server), tmp_path / "run")
    found = read_search(run.artifacts)
    assert found is not None and found["chosen"] == found["own"] == "standard-static-8"


def test_an_interrupted_search_asks_nothing_twice_and_finds_the_same(
    tiny: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "RETRIES", 0)
    with serving() as server:
        server.says = tiny.right_when(lambda turns: shots(turns) == 4)
        plan = tiny.plan(server)
        whole = tiny.run(plan, tmp_path / "whole")
        expected, calls = read_search(whole.artifacts), server.received
        server.received = 0
        server.faults = iter(["200"] * 17 + ["400"])
        with pytest.raises(Exception, match="endpoint-failed"):
            tiny.run(plan, tmp_path / "cut")
        server.faults = iter(())
        run = tiny.run(plan, tmp_path / "cut", resume=True)
        assert server.received == calls + 1  # the one that failed
    found = read_search(run.artifacts)
    assert found is not None and expected is not None
    for one in (*found["candidates"], *expected["candidates"]):
        del one["seconds"]
    assert found == expected


def test_a_limit_of_the_caller_stops_the_search_and_what_was_paid_stays(
    tiny: Company, tmp_path: Path
) -> None:
    def check() -> None:
        if server.received >= 10:
            raise LimitError("compare-calls-reached", step="x", spent="10", limit="10")

    with serving() as server:
        plan, path = tiny.plan(server), tmp_path / "run"
        with pytest.raises(LimitError):
            tiny.run(plan, path, asking=Asking(check=check))
        assert server.received == 10 == len(search_answers(RunDir(path).artifacts))


def test_a_limit_on_calls_leaves_the_held_out_questions_their_share(tiny: Company) -> None:
    with serving() as server:
        free, tight = (tiny.plan(server, **{"limits.calls": n}) for n in (0, 40))
    data = load_data(free, tiny.folder, tiny.session)
    assert planned_calls(free, data) > 0
    assert planned_calls(tight, data) == 0
    assert task_of(tight, data).calls == 40 - len(data.split.test)


@pytest.mark.parametrize(
    ("over", "told"),
    [
        ({"prompting.search_calls": 0}, ""),
        ({"prompting.search_calls": 20}, "a prompt search needs 4"),
        ({"data.validation_share": 0.05}, "the prompt is not searched"),
    ],
)
def test_where_a_search_would_be_luck_the_prompt_stays_as_planned(
    tiny: Company,
    tmp_path: Path,
    over: dict[str, float],
    told: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with serving() as server:
        run = tiny.run(tiny.plan(server, **over), tmp_path / "run")
        assert server.received == len(read_answers(run.eval / "answers.jsonl"))
    assert read_search(run.artifacts) is None
    said = capsys.readouterr().err
    assert told in said and ("search" in said) == bool(told)


def test_a_local_model_searches_too_and_prompts_that_do_not_fit_are_passed_over(
    tiny: Company, tmp_path: Path
) -> None:
    small = save_tiny(tmp_path / "small", tiny_llama(context=700, hidden=32))
    config = {"model": str(small), "prompting.shots": 1, "prompting.search_calls": 64}
    plan = tiny.plan_for("prompting", tiny.folder, config=SHARES | config)
    run = tiny.run(plan, tmp_path / "run")
    found = read_search(run.artifacts)
    assert found is not None
    tried = {one["id"]: one["n"] for one in found["candidates"]}
    assert tried["standard-static-8"] == tried["standard-nearest-8"] == 0
    assert tried["standard-static-1"] > 3 and tried["standard-static-2"] > 0
    assert found["calls"] == len(search_answers(run.artifacts)) <= 64


def test_every_goal_has_its_instructions_in_both_languages() -> None:
    from knowledge.catalog.loader import load

    goals = next(q for q in load("questions").values() if q.id == "goal").choices
    for goal in goals:
        for lang in ("ja", "en"):
            told = [instructions(name, goal, lang, ["a", "b"]) for name in INSTRUCTIONS]
            assert any(len({one[kind] for one in told}) == 3 for kind in told[0])
    told = instructions("exact", "classification", "en", ["praise", "complaint"])
    assert "praise, complaint" in told["labelled"]


def test_the_plans_own_prompt_is_among_those_tried(plan_for: PlanMaker) -> None:
    for config in ({"prompting.shots": 5}, {"prompting.shots": 5, "prompting.choice": "nearest"}):
        plan = plan_for("prompting", config=config)
        found = ways(plan, 100, nearest=True)
        assert found[0] == own(plan) and len(set(found)) == len(found) == 7
        assert all(one.shots <= 3 or one == own(plan) for one in ways(plan, 3, nearest=False))


def test_the_report_shows_what_was_tried(tiny: Company, tmp_path: Path) -> None:
    with serving() as server:
        server.says = tiny.right_when(lambda turns: shots(turns) == 2)
        run = tiny.run(tiny.plan(server), tmp_path / "run")
        files = report_run(run, tiny.session)
    document = json.loads(Path(files["json"]).read_text(encoding="utf-8"))
    (road,) = document["roads"]
    assert road["prompt_search"]["chosen"] == "standard-static-2"
    assert road["tokens_per_answer"] == {"in": 11.0, "out": 5.0}
    assert road["jpy_per_1000_answers"]["likely"] >= 0
    for kind in ("md", "html"):
        page = Path(files[kind]).read_text(encoding="utf-8")
        assert "the same 2 examples" in page and "How the prompt was chosen" in page
        assert "What an answer costs" in page


def test_a_server_that_is_gone_loses_no_answer(
    tiny: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "RETRIES", 0)
    with serving() as server:
        plan = tiny.plan(server)
        server.faults = iter(["200"] * 5 + ["hang"])
        server.released.set()
        with pytest.raises(MachineError, match="endpoint-down"):
            tiny.run(plan, tmp_path / "run")
    assert len(search_answers(RunDir(tmp_path / "run").artifacts)) == 5


def test_a_run_by_itself_keeps_to_the_plans_own_limit(tiny: Company, tmp_path: Path) -> None:
    with serving() as server:
        plan = tiny.plan(server, **{"prompting.search_calls": 0, "limits.calls": 9})
        path = tiny.folder.parent / "plan.json"
        save_plan(plan, path)
        words = ["apply", str(path), "--run", str(tmp_path / "run"), "--no-input", "--lang", "en"]
        done = CliRunner().invoke(main, words)
        assert done.exit_code == 7, done.output
        assert "The limit of 9 questions to a server was reached" in done.stderr
        assert server.received == 9
