"""The checker: nothing to say about what ships, and every kind of fault found when planted."""

from __future__ import annotations

from datetime import date

import pytest

from knowledge.catalog import loader, texts
from knowledge.catalog.checker import check, rule_facts
from knowledge.catalog.conditions import faults_of


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("OKAKAE_CONFIG_DIR", str(tmp_path))
    folder = tmp_path / "knowledge"
    folder.mkdir()
    loader.forget()
    yield folder
    loader.forget()


def test_what_ships_has_no_faults(own_folder):
    assert [f for f in check() if f.severity == "error"] == []


def test_old_prices_are_told_but_are_no_faults(own_folder):
    later = check(date(2027, 6, 1))
    offers = [f for f in later if f.kind == "offers"]
    assert len(offers) == len(loader.load("offers"))
    assert {f.severity for f in later} == {"warn"}


PLANTED = [
    ("rules", 'when = { gaol = ["code"] }\n', "finding.condition-no-fact"),
    ("rules", 'when = { goal = ["coding"] }\n', "finding.condition-no-value"),
    ("rules", "when = { n_examples = { ge = 100, lt = 100 } }\n", "finding.condition-never"),
    ("rules", "when = { n_examples = { above = 5 } }\n", "finding.condition-no-comparison"),
    ("rules", 'when = { citations = "yes" }\n', "finding.condition-no-value"),
    ("rules", "when = {}\neffects = { ragg = 1.0 }\n", "finding.no-such"),
    ("rules", 'when = {}\nsources = ["no-study"]\n', "finding.no-such"),
    ("rules", "when = {}\n", "finding.no-text"),
    ("settings", 'type = "integer"\ndefault = 9\nmax = 5\n', "finding.bad-default"),
    ("settings", 'type = "yes_no"\ndefault = 1\n', "finding.bad-default"),
    ("models", 'like = "Qwen/Qwen3-8B"\nlicence = "free"\n', "finding.no-such"),
    ("gpus", 'like = "T4"\nsimilar = "T44"\n', "finding.no-such"),
    ("gpus", 'like = "T4"\ndate = "last week"\n', "finding.no-date"),
    (
        "questions",
        'kind = "choice"\norder = 1\nchoices = ["a"]\ndefault = "b"\n',
        "finding.bad-default",
    ),
    (
        "questions",
        'kind = "text"\norder = 1\nwhen = { goal = ["code"] }\n',
        "finding.condition-no-fact",
    ),
    (
        "questions",
        'kind = "text"\norder = 999\nwhen = { goal = ["cooking"] }\n',
        "finding.condition-no-value",
    ),
    ("rates", "low = 1\n", "finding.unusable"),
]


@pytest.mark.parametrize(("kind", "body", "text_id"), PLANTED)
def test_a_planted_fault_is_found(own_folder, kind, body, text_id):
    dated = "" if "date =" in body else 'date = "2026-11-01"\n'
    content = f'["planted"]\n{body}source = "us"\n{dated}'
    (own_folder / f"{kind}.toml").write_text(content, encoding="utf-8")
    loader.forget()
    found = [f for f in check() if f.text_id == text_id and f.kind == kind]
    assert found
    for finding in found:
        for lang in texts.LANGUAGES:
            assert texts.text(finding.text_id, lang, **finding.values)


def test_texts_that_differ_in_their_values_are_found(own_folder, tmp_path, monkeypatch):
    (tmp_path / "t.toml").write_text(
        '["a"]\nja = "{x}です"\nen = "it is {y}"\n\n["b"]\nja = "だけ"\n\n'
        '["c"]\nja = ""\nen = "not empty"\n',
        encoding="utf-8",
    )
    monkeypatch.setattr(texts, "FOLDER", tmp_path)
    texts.forget()
    try:
        found = {f.id: f.text_id for f in check() if f.kind == "texts"}
    finally:
        monkeypatch.undo()
        texts.forget()
    assert found == {
        "a": "finding.text-placeholders",
        "b": "finding.text-languages",
        "c": "finding.text-empty",
    }


@pytest.mark.parametrize(
    ("when", "fault"),
    [
        ({"n": {"gt": 5, "le": 5}}, "never"),
        ({"n": {"ge": 5, "le": 5}}, None),
        ({"n": {"ge": 5, "lt": 6}}, None),
        ({"n": {"known": False}}, None),
        ({"n": {"known": False, "ge": 1}}, "never"),
        ({"n": {"known": "no"}}, "no-value"),
        ({"n": "many"}, "no-value"),
        ({"flag": True}, None),
        ({"flag": 1}, "no-value"),
        ({"pick": ["a", "b"]}, None),
        ({"pick": []}, "never"),
        ({"pick": {"ne": "c"}}, "no-value"),
    ],
)
def test_conditions_that_can_never_be_met_are_told_from_those_that_can(when, fault):
    facts = {"n": "number", "flag": (True, False), "pick": ("a", "b")}
    assert [f for f, _ in faults_of(when, facts)] == ([fault] if fault else [])


def test_rules_may_name_every_fact_the_advisor_gives_them(own_folder):
    from advisor.rules import facts_of
    from advisor.types import Needs

    empty = Needs(
        goal="code",
        language="en",
        data_kind=None,
        data=None,
        changes=None,
        citations=None,
        confidential=None,
        may_send=False,
        budget_jpy=None,
        gpu=None,
        vram_gib=0.0,
        deadline_days=None,
        traffic_per_day=None,
        target_score=None,
        target_latency_s=None,
        skills=None,
        machine=None,
        n_examples=None,
        n_classes=None,
        corpus_tokens=None,
    )
    assert set(facts_of(empty)) <= set(rule_facts())
