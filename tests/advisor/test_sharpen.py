"""What open questions could change: told for each, true when one then answers so, and no more."""

from __future__ import annotations

import pytest
from companies import data, machine

from advisor.needs import needs
from advisor.questions import Questionnaire
from advisor.recommend import recommend
from advisor.sharpen import SURER_BY, Advice, blockers, compare, first
from advisor.types import Answer, Answers
from knowledge.catalog.loader import load

CASES = [
    ({"goal": "new_facts", "data.path": "data"}, data(documents=20, tokens=40_000), 0.0),
    ({"goal": "new_facts", "data.path": "data", "budget_jpy": 0}, data(documents=9), 0.0),
    ({"goal": "style_or_tone", "data.path": "data"}, data(rewrites=800), 24.0),
    ({"goal": "classification", "data.path": "data"}, data(labelled=300, classes=4), 12.0),
    ({"goal": "code", "confidential": "all"}, None, 48.0),
]


def advice(case: tuple) -> Advice:
    values, facts, vram = case
    answers = Answers({id_: Answer(id_, value, "asked") for id_, value in values.items()})
    return Advice(Questionnaire(), answers, machine(vram), facts)


@pytest.mark.parametrize("case", CASES)
def test_what_is_told_comes_true_when_one_answers_so(case: tuple) -> None:
    made = advice(case)
    now = made.now()
    for turn in made.turns(now):
        answers = made.answers.with_answer(Answer(turn.question.id, turn.value, "asked"))
        completed = made.questionnaire.completed(answers)
        then = recommend(needs(completed, made.machine, made.data))
        best, other = first(now), first(then)
        if turn.text_id == "nothing":
            assert best is not None and then.chosen is None
        elif turn.text_id == "first":
            assert (now.chosen, best and best.method, best and best.variant) != (
                *(then.chosen, other.method, other.variant),
            )
        elif turn.text_id in ("opens", "closes"):
            free, freed = (sum(not o.blocked_by for o in made.options) for made in (now, then))
            assert freed != free
        elif turn.text_id == "model":
            assert other.base_model == turn.model != best.base_model
        else:
            assert abs(best.confidence - other.confidence) >= SURER_BY


@pytest.mark.parametrize("case", CASES)
def test_only_open_questions_are_told_each_once_and_the_strongest_first(case: tuple) -> None:
    made = advice(case)
    turns = made.turns(made.now())
    ids = [turn.question.id for turn in turns]
    open_ = {q.id for q in made.questionnaire.open(made.answers, core=False)}
    assert len(ids) == len(set(ids)) and set(ids) <= open_
    strength = ["first", "nothing", "opens", "closes", "model", "sure"]
    assert [t.text_id for t in turns] == sorted((t.text_id for t in turns), key=strength.index)


def test_something_is_told_where_an_answer_matters_and_nothing_where_none_does() -> None:
    told = [turn.question.id for turn in advice(CASES[0]).turns(advice(CASES[0]).now())]
    assert told, "a company that could use hosted models is told so"
    now = advice(CASES[0]).now()
    assert compare(load("questions")["skills"], "none", now, now) is None


def test_where_nothing_can_be_built_it_says_why() -> None:
    nothing = Answers({"goal": Answer("goal", "new_facts", "asked")})
    nothing = nothing.with_answer(Answer("data.kind", "none", "asked"))
    made = Advice(Questionnaire(), nothing, machine(), None).now()
    assert first(made) is None
    assert len(blockers(made)) == len(set(blockers(made))) > 0


def test_every_step_to_try_is_a_possible_answer() -> None:
    for question in load("questions").values():
        for step in question.steps:
            assert Questionnaire().parse(question, step) == step
        if question.kind in ("integer", "number"):
            assert question.steps, f"{question.id}: nobody could say what it changes"
