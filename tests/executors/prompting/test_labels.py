"""A closed list of labels: nothing else comes out, of a model here or of a server."""

from __future__ import annotations

from pathlib import Path

import pytest
from made import PlanMaker
from openai_server import serving

from advisor.session import Session
from executors.base import Context, Question
from executors.choose import choose
from executors.generate import choice_logprobs
from executors.generator import open_generator
from executors.prompting.labels import meant_label
from executors.prompting.system import PromptingSystem

LABELS = ["card", "card_lost", "お問い合わせ", "苦情"]


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("card", "card"),
        (" CARD. ", "card"),
        ("card lost", "card_lost"),
        ("The label is “card_lost”.", "card_lost"),
        ("Label: card", "card"),
        ("これは苦情です。", "苦情"),
        ("お問合わせ", "お問い合わせ"),
        ("discarded", None),
        ("card か 苦情", None),
        ("返品", None),
        ("", None),
    ],
)
def test_the_label_that_is_meant(answer: str, label: str | None) -> None:
    assert meant_label(answer, LABELS) == label


def asking(session: Session, config: dict[str, object], plan_for: PlanMaker) -> PromptingSystem:
    plan = plan_for("prompting", goal="classification", config=config)
    generator = open_generator(plan.config, Context(session))
    return PromptingSystem(plan, {"labels": LABELS, "examples": {}}, generator)


def test_a_model_of_this_process_takes_the_most_probable_label(
    tiny_folder: Path, session: Session, plan_for: PlanMaker
) -> None:
    config = {"model": str(tiny_folder), "prompting.shots": 0}
    closed = asking(session, config | {"prompting.constrained": True}, plan_for)
    questions = [Question("a", "紛失", "labelled"), Question("b", "休暇は?"), Question("c", "x")]
    replies = closed.answer(questions)
    assert [reply.id for reply in replies] == ["a", "b", "c"]
    assert replies[0].answer in LABELS and replies[0].tokens_in > 0
    free = asking(session, config, plan_for).answer(questions)
    # A random model writes no label by itself, and what is no label question stays as it was.
    assert free[0].answer not in LABELS
    assert [r.answer for r in free[1:]] == [r.answer for r in replies[1:]]


def test_a_label_is_not_preferred_for_being_the_beginning_of_another(
    tiny_folder: Path, session: Session
) -> None:
    loaded = open_generator({"model": str(tiny_folder)}, Context(session)).loaded  # type: ignore[attr-defined]
    end = loaded.tokenizer.eos_token
    for prompt in ("<bos>紛失", "<bos>What?"):
        scores = choice_logprobs(loaded, prompt, [label + end for label in LABELS])
        best = LABELS[scores.index(max(scores))]
        assert choose(loaded, prompt, LABELS, end=end).text == best
        bare, longer = choice_logprobs(loaded, prompt, LABELS[:2])
        assert bare > longer  # by itself a beginning always wins


def test_what_a_server_writes_is_matched_to_the_list(session: Session, plan_for: PlanMaker) -> None:
    written = iter(["It is card lost.", "返品", "苦情"])
    with serving() as server:
        server.says = lambda _messages: next(written)
        config = {"endpoint.url": server.url, "prompting.shots": 0, "prompting.constrained": True}
        system = asking(session, config, plan_for)
        asked = [Question("a", "1", "labelled"), Question("b", "2", "labelled")]
        assert [r.answer for r in system.answer(asked)] == ["card_lost", "返品"]
        # Questions of another kind are never forced into a label.
        assert system.answer([Question("c", "3")])[0].answer == "苦情"
        system.close()
