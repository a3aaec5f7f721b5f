"""How long one person waits: each timed answer is kept, paid for once, and within the limits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from made import PlanMaker, write_company
from openai_server import serving

from advisor.errors import LimitError
from advisor.plan import save_plan
from advisor.session import Session
from executors.apply import Asking, apply, check_plan
from executors.base import Question, Reply
from executors.compare.spent import spent
from executors.evaluate.heldout import ANSWERS, read_answers
from executors.evaluate.latency import ALONE, latency, read_latency, time_alone
from executors.rundir import RunDir
from knowledge.corpus.types import Example

EXAMPLES = [Example(f"e{n}", "qa", f"q{n}", "a", "", "") for n in range(4)]


class Echo:
    """Answers with the question."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def answer(self, questions: Sequence[Question], *, passages: int = 5) -> list[Reply]:
        self.asked += [question.id for question in questions]
        return [Reply(q.id, q.text, q.text, tokens_in=7, tokens_out=3) for q in questions]

    def close(self) -> None: ...


def after(answers: int) -> Callable[[], None]:
    """A limit that allows so many."""
    left = iter(range(answers))

    def check() -> None:
        if next(left, None) is None:
            raise LimitError("escalate-hours-reached", step="rag", spent="2", limit="2")

    return check


def test_the_limit_is_asked_before_the_warming_up_too(tmp_path: Path) -> None:
    system = Echo()
    with pytest.raises(LimitError):
        time_alone(system, EXAMPLES, tmp_path, after(0))
    assert system.asked == []


def test_what_was_timed_is_kept_and_not_asked_again(tmp_path: Path) -> None:
    first, second = Echo(), Echo()
    with pytest.raises(LimitError):
        time_alone(first, EXAMPLES, tmp_path, after(3))
    assert first.asked == ["e0", "e0", "e1"], "the first of them warms up"
    assert read_latency(tmp_path) is None
    with (tmp_path / ALONE).open("a", encoding="utf-8") as stream:
        stream.write('{"id": "e2", "ti')  # cut by a kill
    found = time_alone(second, EXAMPLES, tmp_path)
    assert second.asked == ["e2", "e2", "e3"]
    kept = read_answers(tmp_path / ALONE)
    assert [one["id"] for one in kept if one["timed"]] == ["e0", "e1", "e2", "e3"]
    assert found == read_latency(tmp_path)
    assert found == latency([one["waited"] for one in kept if one["timed"]])
    assert time_alone(Echo(), [], tmp_path) is None


def test_tokens_of_timed_answers_are_spent_as_well(plan_for: PlanMaker, tmp_path: Path) -> None:
    config = {"endpoint.url": "https://api.example.com/v1", "endpoint.model": "gpt-6.1-sol"}
    run = RunDir.create(tmp_path / "run", plan_for("prompting", config=config), None)
    assert spent(run).calls == 0
    time_alone(Echo(), EXAMPLES, run.eval)
    found = spent(run)
    assert found.calls == len(EXAMPLES) + 1
    assert found.jpy is not None and found.jpy.likely > 0


def test_of_a_server_no_second_answer_is_bought(
    plan_for: PlanMaker, tmp_path: Path, session: Session
) -> None:
    with serving() as server:
        data = write_company(tmp_path / "company", pairs=40)
        config = {"endpoint.url": server.url, "endpoint.model": "m"}
        save_plan(plan_for("prompting", data, config=config), tmp_path / "plan.json")
        checked, _ = check_plan(tmp_path / "plan.json", session)
        run = apply(checked, session, run_path=tmp_path / "run", asking=Asking(alone=20))
        answers = read_answers(run.eval / ANSWERS)
        assert server.received == len(answers) == spent(run).calls == 16
        # The first answer paid for the server's warming up.
        assert read_latency(run.eval) == latency([one["seconds"] for one in answers[1:]])
