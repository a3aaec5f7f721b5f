"""The checker: nothing to say about what ships, and every kind of fault found when planted."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.catalog import loader, texts
from knowledge.catalog.checker import check, fires, proved, reached, rule_facts
from knowledge.catalog.conditions import faults_of, witness


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


def test_everything_that_ships_is_proved(own_folder):
    counts = proved()
    assert all(n == of > 0 for n, of in counts.values()), counts
    assert counts["rules"][1] == len(loader.load("rules"))
    assert counts["questions"][1] == len(loader.load("questions"))


def test_the_facts_found_make_each_rule_hold(own_folder):
    from advisor.rules import holds

    for id_, rule in loader.load("rules").items():
        found = fires(id_)
        assert found is not None and holds(rule.when, found), id_


def test_the_answers_found_lead_to_each_question(own_folder):
    from advisor.rules import holds

    for id_, question in loader.load("questions").items():
        found = reached(id_)
        assert found is not None and holds(question.when, found), id_


def test_a_question_that_waits_for_another_that_is_never_asked_is_found(own_folder):
    texts_of = 'kind = "choice"\nchoices = ["a", "b"]\nsource = "us"\ndate = "2026-11-01"\n'
    (own_folder / "questions.toml").write_text(
        f'["one"]\norder = 901\nwhen = {{ goal = ["code"] }}\n{texts_of}\n'
        f'["two"]\norder = 902\nwhen = {{ one = ["a"], goal = ["translation"] }}\n{texts_of}\n',
        encoding="utf-8",
    )
    loader.forget()
    assert [f.id for f in check() if f.text_id == "finding.never-asked"] == ["two"]
    n, of = proved()["questions"]
    assert (n, of) == (len(loader.load("questions")) - 1, len(loader.load("questions")))


@given(
    st.dictionaries(
        st.sampled_from(["n_examples", "corpus_tokens"]),
        st.dictionaries(
            st.sampled_from(["lt", "le", "gt", "ge", "eq", "ne"]),
            st.integers(-50, 50),
            min_size=1,
            max_size=3,
        ),
        min_size=1,
    )
)
def test_a_witness_is_never_wrong_and_missing_only_where_bounds_leave_nothing(when):
    from advisor.rules import holds

    facts = dict.fromkeys(("n_examples", "corpus_tokens"), "number")
    found = witness([when], facts)
    possible = all(
        any(holds({"x": part}, {"x": value / 4}) for value in range(-220, 221))
        for part in when.values()
    )
    assert (found is not None) is possible
    assert found is None or holds(when, found)
