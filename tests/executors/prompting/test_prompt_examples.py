"""The examples a prompt shows: from training data, varied, the same every time."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import CONFIG, PlanMaker, write_company

from advisor.session import Session
from executors.base import Context, Question, RunData
from executors.prompting.examples import choose_shots
from executors.prompting.executor import PromptingExecutor
from executors.prompting.material import PROMPT_FILE
from executors.prompting.prompts import conversation
from executors.rundir import RunDir
from knowledge.corpus.reading import read
from knowledge.corpus.splits import split
from knowledge.corpus.types import Example


def qa(n: int, group: str | None = None, answerable: bool = True) -> Example:
    return Example(f"e{n}", "qa", f"q{n}", f"a{n}", "", "", answerable=answerable, group=group)


@given(st.integers(0, 12), st.integers(0, 3))
def test_never_more_than_asked_never_twice_and_never_of_another_kind(shots: int, seed: int) -> None:
    pool = [qa(n, f"g{n % 3}", n % 5 > 0) for n in range(10)]
    pool += [Example("r", "rewrite", "p", "c", "", "")]
    chosen = choose_shots(pool, "qa", shots, seed=seed)
    assert len(chosen) <= shots
    assert len({e.id for e in chosen}) == len(chosen)
    assert {e.kind for e in chosen} <= {"qa"}
    assert chosen == choose_shots(list(reversed(pool)), "qa", shots, seed=seed)


def test_every_group_has_its_turn_before_any_has_two() -> None:
    pool = [qa(n, "big") for n in range(20)] + [qa(20 + n, f"small{n}") for n in range(4)]
    chosen = choose_shots(pool, "qa", 5)
    assert Counter(e.group for e in chosen) == Counter(["big", *(f"small{n}" for n in range(4))])


def test_one_refusal_is_shown_and_an_answer_comes_last() -> None:
    pool = [qa(n) for n in range(8)] + [qa(10 + n, answerable=False) for n in range(4)]
    chosen = choose_shots(pool, "qa", 4)
    assert [e.answerable for e in chosen] == [False, True, True, True]
    assert choose_shots(pool, "qa", 1)[0].answerable


def test_another_seed_shows_other_examples() -> None:
    pool = [qa(n) for n in range(50)]
    assert choose_shots(pool, "qa", 5, seed=0) != choose_shots(pool, "qa", 5, seed=1)


@pytest.mark.parametrize("pool", [[], [Example("r", "rewrite", "p", "c", "", "")]])
def test_nothing_to_show_shows_nothing(pool: list[Example]) -> None:
    assert choose_shots(pool, "qa", 4) == []


def test_a_conversation_ends_with_the_question_in_the_askers_words() -> None:
    turns = conversation(" 休暇は？ ", "qa", "ja", examples=[qa(1), qa(2)])
    assert [turn["role"] for turn in turns] == ["system", *["user", "assistant"] * 2, "user"]
    assert turns[-1]["content"] == " 休暇は？ "
    assert turns[1]["content"] == "q1" and turns[2]["content"] == "a1"


def test_the_labels_to_choose_from_are_told() -> None:
    system = conversation("?", "labelled", "en", labels=["praise", "complaint"])[0]["content"]
    assert "praise, complaint" in system


def test_the_road_shows_no_test_question_and_answers_with_a_real_model(
    tmp_path: Path, tiny_folder: Path, plan_for: PlanMaker, session: Session
) -> None:
    data = write_company(tmp_path / "data")
    config = {"model": str(tiny_folder), "prompting.shots": 4}
    plan = plan_for("prompting", data, config=config)
    corpus = read(data)
    parts = split(corpus.examples, test=CONFIG["data.test_share"], validation=0.15)
    run = RunDir.create(tmp_path / "run", plan, data)
    road, context = PromptingExecutor(), Context(session)
    assert road.check(plan, data) == []
    road.build(plan, run, RunData(corpus, parts), context)
    stored = (run.artifacts / PROMPT_FILE).read_text(encoding="utf-8")
    shown = [e for e in corpus.examples if e.prompt in stored]
    assert len(shown) == 4
    assert {e.id for e in shown} <= {e.id for e in parts.train}
    assert parts.test and not {e.id for e in shown} & {e.id for e in parts.test}
    system = road.open(run, context)
    questions = [Question("a", "休暇は?"), Question("b", "直して", "rewrite")]
    replies = system.answer(questions)
    assert [(r.id, r.question) for r in replies] == [("a", "休暇は?"), ("b", "直して")]
    assert all(r.tokens_out <= 8 and r.tokens_in > 0 for r in replies)
    assert [r.answer for r in system.answer(questions)] == [r.answer for r in replies]
    system.close()
