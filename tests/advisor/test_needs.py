"""Answers, machine and data become needs; everything wrong with answers is told at once."""

from __future__ import annotations

import pytest
from companies import answers, company, data, machine

from advisor.errors import AnswersError
from advisor.needs import needs
from advisor.texts import has_text
from advisor.types import Answer, Answers
from knowledge.catalog.loader import load


def faults(found: Answers, facts=None) -> dict[str, str]:
    with pytest.raises(AnswersError) as caught:
        needs(found, machine(), facts)
    assert caught.value.exit_code == 3
    return {fault.where: fault.ref for fault in caught.value.faults}


def test_all_faults_come_at_once():
    found = faults(answers(goal="win", budget_jpy="many", target__score=3, budjet="1", gpu="none"))
    assert found == {
        "goal": "answer-not-a-choice",
        "budget_jpy": "answer-not-a-number",
        "target.score": "answer-out-of-range",
        "budjet": "needs-unknown-id",
    }


@pytest.mark.parametrize(
    ("given", "ref"),
    [
        ({"data__kind": "none", "data__path": "./docs"}, "needs-none-with-path"),
        ({"data__path": "d", "confidential": "all", "apis": "yes"}, "needs-confidential-api"),
        ({"data__path": "d", "budget_jpy": 0, "gpu": "cloud"}, "needs-no-money-for-cloud"),
        ({"data__kind": "none", "citations": True}, "needs-citations-without-material"),
        ({}, "needs-path-missing"),
    ],
)
def test_contradictions_are_told_with_a_fix(given, ref):
    found = faults(answers(goal="new_facts", **given))
    assert list(found.values()) == [ref]
    assert has_text(f"error.{ref}.what")


def test_contradictions_need_two_given_answers():
    """An assumed budget of nothing contradicts nobody."""
    found = answers(goal="style_or_tone", gpu="cloud").with_answer(
        Answer("budget_jpy", 0, "default")
    )
    assert needs(found, machine(), None).gpu == "cloud"


def test_an_unknown_id_is_met_with_a_guess():
    with pytest.raises(AnswersError) as caught:
        needs(answers(goal="code", budget_jpi=1), machine(), None)
    (fault,) = caught.value.faults
    assert "budget_jpy" in dict(fault.values)["near"]


def test_numbers_are_read_as_people_write_them():
    found = company(goal="code", budget_jpy="５万", deadline_days="2週間", target__score="8割")
    assert (found.budget_jpy, found.deadline_days, found.target_score) == (50_000, 14, 0.8)


def test_the_card_is_the_one_the_driver_reports_unless_named():
    assert company(goal="code", vram_gib=11.5).vram_gib == 11.5
    assert company(goal="code").gpu == "none"
    named = company(goal="code", vram_gib=11.5, gpu="vram-24")
    assert 20 < named.vram_gib <= 24


def test_confidential_material_is_never_sent():
    assert company(goal="code", confidential="some", apis="yes").may_send
    assert not company(goal="code", confidential="all").may_send
    assert not company(goal="code", confidential="none").may_send, "nobody allowed it"


@pytest.mark.parametrize(
    ("goal", "kind", "n"),
    [
        ("new_facts", "documents", 60),
        ("style_or_tone", "qa_pairs", 200),
        ("classification", "labelled_examples", 30),
    ],
)
def test_what_the_data_is_depends_on_the_goal(goal, kind, n):
    facts = data(documents=15, qa=60, rewrites=200, labelled=30, tokens=20_000)
    found = company(facts, goal=goal)
    assert (found.data_kind, found.n_examples) == (kind, n)


def test_uncounted_examples_are_unknown_and_no_material_is_none():
    assert company(goal="style_or_tone").n_examples is None
    assert company(goal="style_or_tone", data__kind="none").n_examples == 0


def test_unanswered_questions_are_listed_in_order():
    found = company(goal="new_facts", data__kind="documents", citations="yes")
    assert "citations" not in found.unknowns
    orders = [load("questions")[id_].order for id_ in found.unknowns]
    assert orders == sorted(orders)
    assert "data.changes" in found.unknowns
