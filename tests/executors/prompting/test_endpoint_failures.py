"""A server in trouble: asked again with growing pauses, within budget, nothing counted twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from made import PlanMaker, write_company
from openai_server import Server, serving

from advisor.errors import LimitError, MachineError, RunError
from advisor.plan import save_plan
from advisor.session import Session
from executors.base import Message
from executors.compare.run import compare
from executors.compare.spent import spent, spent_on
from executors.evaluate.heldout import ANSWERS, read_answers
from executors.prompting import endpoint
from executors.prompting.endpoint import EndpointGenerator

ASKED: list[Message] = [{"role": "user", "content": "休暇は何日ですか"}]


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as state:
        yield state


Maker = Callable[[], tuple[EndpointGenerator, list[float]]]


@pytest.fixture
def ask(server: Server, session: Session) -> Iterator[Maker]:
    """A generator that asks the server, and the pauses it would have made."""
    opened: list[EndpointGenerator] = []

    def make() -> tuple[EndpointGenerator, list[float]]:
        pauses: list[float] = []
        made = EndpointGenerator(server.url, "m", "", session, timeout_s=0.2, pause=pauses.append)
        opened.append(made)
        return made, pauses

    yield make
    for one in opened:
        one.close()


@pytest.mark.parametrize("fault", ["429", "500", "503", "408", "hang", "cut"])
def test_what_passes_is_asked_again_with_growing_pauses_and_counted_once(
    fault: str, server: Server, ask: Maker
) -> None:
    generator, pauses = ask()
    server.faults = iter([fault] * 3)
    (made,) = generator.complete([ASKED], max_new_tokens=4)
    assert (made.text, made.tokens_in, made.tokens_out) == ("3日です。", 11, 5)
    assert pauses == [0.5, 1.0, 2.0]
    assert server.received == 4
    assert len(server.answered) == 1
    assert made.seconds < 0.2, "failures and pauses are not how long an answer takes"


def test_the_server_says_how_long_to_wait(server: Server, ask: Maker) -> None:
    generator, pauses = ask()
    server.faults = iter(["retry-after", "retry-after"])
    generator.complete([ASKED], max_new_tokens=4)
    assert pauses == [7.0, 7.0]


@pytest.mark.parametrize("fault", ["429", "500"])
def test_it_gives_up_after_so_many_attempts_and_says_so(
    fault: str, server: Server, ask: Maker
) -> None:
    generator, pauses = ask()
    server.faults = iter([fault] * 99)
    with pytest.raises(RunError) as caught:
        generator.complete([ASKED], max_new_tokens=4)
    assert (caught.value.ref, caught.value.where) == ("endpoint-failed", server.url)
    assert server.received == endpoint.RETRIES + 1 == len(pauses) + 1


def test_a_server_that_never_answers_is_down(server: Server, ask: Maker) -> None:
    generator, pauses = ask()
    server.faults = iter(["hang"] * 99)
    with pytest.raises(MachineError, match="endpoint-down"):
        generator.complete([ASKED], max_new_tokens=4)
    assert len(pauses) == endpoint.RETRIES


@pytest.mark.parametrize(
    ("fault", "ref"),
    [("401", "endpoint-key"), ("404", "endpoint-model"), ("400", "endpoint-failed")],
)
def test_what_does_not_pass_is_not_asked_again(
    fault: str, ref: str, server: Server, ask: Maker
) -> None:
    generator, pauses = ask()
    server.faults = iter([fault])
    with pytest.raises(RunError, match=ref):
        generator.complete([ASKED], max_new_tokens=4)
    assert (server.received, pauses) == (1, [])


@pytest.mark.parametrize(
    "answer",
    [
        "html:<html>Log in first</html>",
        "body:[]",
        "body:no JSON",
        'body:{"choices": []}',
        'body:{"choices": "none"}',
        'body:{"choices": [{"text": "old form"}]}',
        'body:{"choices": [{"message": {"content": [1]}}]}',
    ],
)
def test_an_answer_of_another_form_is_told_as_the_servers_fault(
    answer: str, server: Server, ask: Maker
) -> None:
    generator, pauses = ask()
    server.faults = iter([answer])
    with pytest.raises(RunError) as caught:
        generator.complete([ASKED], max_new_tokens=4)
    assert (caught.value.ref, caught.value.where) == ("endpoint-failed", server.url)
    assert (server.received, pauses) == (1, [])


def test_a_server_that_counts_no_tokens_is_counted_for_and_rather_too_high(
    server: Server, ask: Maker
) -> None:
    generator, _ = ask()
    server.counts_tokens = False
    for empty in ("null", "{}", '{"prompt_tokens": 0, "completion_tokens": null}'):
        said = '"choices": [{"message": {"content": "3日です。"}}]'
        server.faults = iter(["200", f'body:{{{said}, "usage": {empty}}}'])
        for made in generator.complete([ASKED, ASKED], max_new_tokens=4):
            # In the vocabulary of Gemma 3 these are 6 and 4 tokens, without a template's.
            assert 6 <= made.tokens_in <= 40
            assert 4 <= made.tokens_out <= 15
    turns: list[Message] = [{"role": "user", "content": "x" * 40}] * 2
    (longer,) = generator.complete([turns], max_new_tokens=4)
    (short,) = generator.complete([turns[:1]], max_new_tokens=4)
    assert longer.tokens_in == 2 * short.tokens_in


def test_an_account_without_money_is_not_asked_again(server: Server, ask: Maker) -> None:
    generator, pauses = ask()
    server.faults = iter(["no-quota"])
    with pytest.raises(RunError, match="endpoint-failed"):
        generator.complete([ASKED], max_new_tokens=4)
    assert (server.received, pauses) == (1, [])


def test_a_stream_is_asked_again_before_its_first_piece_and_never_after(
    server: Server, ask: Maker
) -> None:
    generator, pauses = ask()
    server.faults = iter(["500", "429"])
    assert "".join(generator.stream(ASKED, max_new_tokens=4)) == "3日です。"
    assert (server.received, len(pauses)) == (3, 2)
    server.faults = iter(["cut"])
    pieces: list[str] = []
    with pytest.raises(RunError, match="endpoint-failed"):
        pieces.extend(generator.stream(ASKED, max_new_tokens=4))
    assert server.received == 4, "half an answer was shown: asking again would show it twice"


def test_a_comparison_keeps_its_budget_of_calls_and_asks_nothing_twice(
    server: Server,
    tmp_path: Path,
    plan_for: PlanMaker,
    session: Session,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(endpoint, "FIRST_WAIT_S", 0.0)
    data = write_company(tmp_path / "company", pairs=40)
    config = {"endpoint.url": server.url, "endpoint.model": "m", "limits.calls": 10}
    plan = plan_for("prompting", data, config=config)
    save_plan(plan, tmp_path / "a.json")

    def run(**more: Any) -> Any:
        return compare([tmp_path / "a.json"], tmp_path / "out", session, **more)

    def failing() -> Iterator[str]:
        while True:
            yield from ("429", "cut", "200", "500", "200", "200")

    server.faults = failing()
    with pytest.raises(LimitError) as caught:
        run()
    assert (caught.value.ref, caught.value.exit_code) == ("compare-calls-reached", 7)
    assert len(server.answered) == 10
    found = run(resume=True, limits={"limits.calls": 100}, diagnostics=False)
    assert len(server.answered) == 16
    answers = read_answers(found.roads[0].run.eval / ANSWERS)
    assert len({answer["id"] for answer in answers}) == len(answers) == 16
    taken = spent(found.roads[0].run)
    assert taken.calls == 16
    assert sum(answer["tokens_in"] for answer in answers) == 16 * 11


def test_a_server_that_counts_no_tokens_keeps_the_limit_of_calls_all_the_same(
    server: Server, tmp_path: Path, plan_for: PlanMaker, session: Session
) -> None:
    server.counts_tokens = False
    data = write_company(tmp_path / "company", pairs=40)
    config = {"endpoint.url": server.url, "endpoint.model": "m", "limits.calls": 10}
    save_plan(plan_for("prompting", data, config=config), tmp_path / "a.json")
    with pytest.raises(LimitError, match="compare-calls-reached"):
        compare([tmp_path / "a.json"], tmp_path / "out", session)
    assert server.received == 10


def test_a_call_is_an_answer_that_a_model_was_asked_for(plan_for: PlanMaker) -> None:
    plan = plan_for("rag", config={"endpoint.url": "http://localhost:1/v1", "rag.answer": "model"})
    declined = {"finish_reason": "abstained", "tokens_in": 0, "tokens_out": 0}
    asked = {"finish_reason": "stop", "tokens_in": 0, "tokens_out": 0}
    judged = {"tokens_in": 9, "tokens_out": 1}  # of an LLM judge, which never declines
    assert spent_on(plan, 1.0, [declined, asked, judged]).calls == 2


def test_a_server_that_breaks_down_leaves_its_answers_and_the_rest_is_asked_later(
    server: Server,
    tmp_path: Path,
    plan_for: PlanMaker,
    session: Session,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(endpoint, "FIRST_WAIT_S", 0.0)
    data = write_company(tmp_path / "company", pairs=40)
    config = {"endpoint.url": server.url, "endpoint.model": "m"}
    save_plan(plan_for("prompting", data, config=config), tmp_path / "a.json")

    def breaking() -> Iterator[str]:
        yield from ["200"] * 5
        while True:
            yield "500"

    server.faults = breaking()
    with pytest.raises(RunError, match="endpoint-failed"):
        compare([tmp_path / "a.json"], tmp_path / "out", session)
    assert len(server.answered) == 5
    server.faults = iter(())
    compare([tmp_path / "a.json"], tmp_path / "out", session, resume=True, diagnostics=False)
    assert len(server.answered) == 16, "the five answers paid for were not asked for again"
