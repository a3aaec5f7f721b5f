"""Conditions, effects, and what must hold of the rules whatever their figures are."""

from __future__ import annotations

import pytest
from companies import company, data

from advisor.options import ROADS
from advisor.rules import CHANGES_PER_YEAR, facts_of, fired, holds, score, share
from advisor.texts import has_text
from knowledge.catalog.loader import load
from knowledge.catalog.records import Rule


@pytest.mark.parametrize(
    ("condition", "facts", "met"),
    [
        ({}, {}, True),
        ({"goal": "code"}, {"goal": "code"}, True),
        ({"goal": ["code", "translation"]}, {"goal": "new_facts"}, False),
        ({"n": {"ge": 10, "lt": 20}}, {"n": 10}, True),
        ({"n": {"ge": 10, "lt": 20}}, {"n": 20}, False),
        ({"n": {"ne": 3}}, {"n": 4}, True),
        ({"n": {"lt": 10}}, {}, False),
        ({"n": {"ne": 3}}, {"n": None}, False),
        ({"n": {"known": False}}, {"n": None}, True),
        ({"n": {"known": True}}, {"n": 0}, True),
        ({"citations": False}, {"citations": None}, False),
    ],
)
def test_conditions(condition, facts, met):
    assert holds(condition, facts) is met


def test_an_effect_on_an_approach_reaches_all_its_forms():
    facts = {"citations": True}
    lost = {road.key: score(road.key, facts) for road in ROADS if road.approach == "fine_tuning"}
    assert all(value < 0 for value in lost.values())
    assert score("rag", facts) > 0


def test_every_rule_can_fire():
    """Some set of facts that its own condition describes meets it and moves a road."""
    for rule in load("rules").values():
        facts = {name: _example(wanted) for name, wanted in rule.when.items()}
        facts |= {name: full for name, (_, full) in rule.ramp.items()}
        moved = [road for road in ROADS if rule in [f.rule for f in fired(road.key, facts)]]
        assert moved, rule.id


def _example(wanted):
    if isinstance(wanted, tuple | list):
        return wanted[0]
    if not hasattr(wanted, "items"):
        return wanted
    if wanted.get("known") is False:
        return None
    low = wanted.get("ge", wanted.get("gt", 0) + 0.1 if "gt" in wanted else None)
    high = wanted.get("le", wanted.get("lt", 0) - 0.1 if "lt" in wanted else None)
    return low if low is not None else high


def test_rules_name_facts_that_needs_have_and_values_that_can_be():
    questions = load("questions")
    possible = {
        "goal": questions["goal"].choices,
        "data_kind": questions["data.kind"].choices,
        "changes": questions["data.changes"].choices,
        "skills": questions["skills"].choices,
        "confidential": questions["confidential"].choices,
        "breadth": questions["task.breadth"].choices,
        "shift": ("in_domain", "out_of_domain"),
    }
    known = facts_of(company(goal="code"))
    for rule in load("rules").values():
        for name, wanted in {**rule.when, **rule.ramp}.items():
            assert name in known, (rule.id, name)
            if name in rule.when and isinstance(wanted, tuple):
                assert set(wanted) <= set(possible[name]), (rule.id, name)


def test_rules_name_roads_that_exist_and_studies_that_are_there():
    keys = {road.key for road in ROADS} | {road.approach for road in ROADS}
    studies = load("evidence")
    for rule in load("rules").values():
        assert set(rule.effects) <= keys, rule.id
        assert {*rule.sources, *rule.against} <= set(studies), rule.id
        assert rule.sources or rule.strength == "D", f"{rule.id} rests on no study"
        assert has_text(f"rule.{rule.id}")


@pytest.mark.parametrize("goal", load("questions")["goal"].choices)
def test_more_examples_never_lower_tuning(goal):
    kind = "labelled_examples" if goal == "classification" else "qa_pairs"
    for road in (road for road in ROADS if road.approach == "fine_tuning"):
        scores = [
            score(road.key, {"goal": goal, "n_examples": n, "data_kind": kind})
            for n in (0, 1, 10, 19, 20, 32, 50, 100, 150, 200, 250, 999, 1_000, 5_000, 100_000)
        ]
        assert scores == sorted(scores), (road.key, scores)


@pytest.mark.parametrize("goal", load("questions")["goal"].choices)
def test_faster_change_never_lowers_retrieval(goal):
    for kind in load("questions")["data.kind"].choices:
        scores = [
            score("rag", {"goal": goal, "changes_per_year": often, "data_kind": kind})
            for often in CHANGES_PER_YEAR.values()
        ]
        assert scores == sorted(scores), (kind, scores)


@pytest.mark.parametrize(
    ("ramp", "value", "part"),
    [
        ((10, 1_000), 5, 0.0),
        ((10, 1_000), 100, 0.5),
        ((10, 1_000), 5_000, 1.0),
        ((2.0, 0.5), 1.0, 0.5),
        ((2.0, 0.5), 0, 1.0),
        ((10, 1_000), 0, 0.0),
        ((10, 1_000), None, 0.25),
    ],
)
def test_a_ramp_grows_with_the_logarithm(ramp, value, part):
    rule = Rule("r", "s", "2026", {}, {"rag": 1.0}, ramp={"n_examples": ramp}, unknown=0.25)
    assert share(rule, {"n_examples": value}) == pytest.approx(part)
    assert score("rag", {"n_examples": value}, [rule]) == pytest.approx(part)


def test_few_rules_and_no_conjunction_that_one_study_alone_would_meet():
    """A rule that moves an approach names at most three kinds of fact, with its ramp four."""
    rules = load("rules")
    assert len(rules) <= 40
    for rule in rules.values():
        assert len(rule.when) <= 3, rule.id
        assert len({*rule.when, *rule.ramp}) <= 4, rule.id


def test_rules_name_no_study_and_no_data_set():
    """Conditions speak of a company's facts: none of their values is a word of one study."""
    allowed = {True, False}
    for name in ("goal", "data.kind", "data.changes", "skills", "confidential", "task.breadth"):
        allowed |= set(load("questions")[name].choices)
    allowed |= {"in_domain", "out_of_domain"}
    for rule in load("rules").values():
        for wanted in rule.when.values():
            values = wanted if isinstance(wanted, tuple) else (wanted,)
            plain = [value for value in values if not hasattr(value, "items")]
            assert set(plain) <= allowed, rule.id


def test_facts_of_a_company_carry_the_size_of_its_papers():
    facts = facts_of(company(data(documents=10, tokens=25_000), vram_gib=24, goal="new_facts"))
    assert facts["has_documents"] is True
    assert facts["window_share"] == 0.5
