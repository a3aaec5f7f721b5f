"""The questionnaire's records: complete, in both languages, reachable, and readable in a list."""

from __future__ import annotations

from wcwidth import wcswidth

from advisor.questions import Questionnaire
from advisor.texts import has_text, t
from knowledge.catalog.loader import load

PROMISED = {
    *("language", "goal", "data.path", "data.kind", "data.changes", "citations", "confidential"),
    *("budget_jpy", "gpu", "deadline_days", "traffic_per_day", "target.score"),
    "target.latency_s",
}


def test_the_promised_ids_are_there():
    assert set(load("questions")) >= PROMISED


def test_only_the_goal_must_be_answered():
    assert [q.id for q in load("questions").values() if q.default is None] == ["goal"]


def test_a_first_result_takes_six_to_eight_questions():
    assert 6 <= sum(q.core for q in load("questions").values()) <= 8


def test_every_question_says_why_in_both_languages():
    for id_, question in load("questions").items():
        for lang in ("ja", "en"):
            assert t(f"question.{id_}.text", lang).strip()
            assert t(f"question.{id_}.why", lang).strip()
            for choice in question.choices:
                label = t(f"question.{id_}.choice.{choice}", lang)
                assert wcswidth(label) <= 40, label
        assert question.sources, f"{id_} does not say what its reason rests on"


def test_defaults_are_possible_answers():
    for question in load("questions").values():
        if question.default not in (None, ""):
            assert Questionnaire().parse(question, question.default) == question.default


def test_conditions_name_earlier_questions_and_possible_values():
    questions = load("questions")
    for question in questions.values():
        for id_, wanted in question.when.items():
            assert questions[id_].order < question.order
            assert set(wanted) <= set(questions[id_].choices)


def test_what_is_impossible_names_choices_answers_and_texts():
    questions = load("questions")
    for question in questions.values():
        for rule in question.impossible:
            assert set(rule) == {"values", "when", "why"}
            assert set(rule["values"]) < set(question.choices), "one choice is always left"
            assert set(rule["when"]) <= {*questions, "offline"}
            for id_ in (f"impossible.{rule['why']}", f"error.needs-{rule['why']}.what"):
                assert has_text(id_), id_


def test_choices_cover_every_size_of_card():
    sizes = {f"vram-{n}" for n in (3, 6, 8, 12, 16, 24, 48, 80)}
    assert {"none", "colab", "kaggle", "cloud", *sizes} <= set(load("questions")["gpu"].choices)
    assert sizes <= set(load("gpus")), "each size class has its usable memory in the catalog"


def test_reasons_name_studies_or_addresses():
    for question in load("questions").values():
        for source in question.sources:
            assert source in load("evidence") or source.startswith("https://"), source
    assert has_text("question.goal.text")
