"""Which question comes next, and what typed answers mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.questions import Questionnaire, Unreadable, allowed_values, number_in
from advisor.types import Answer, Answers


def answered(**values: str | int) -> Answers:
    answers = Answers()
    for key, value in values.items():
        answers = answers.with_answer(Answer(key.replace("__", "."), value, "asked"))
    return answers


@pytest.mark.parametrize(
    ("typed", "unit", "means"),
    [
        ("３，０００", "JPY", 3000),
        ("5万", "JPY", 50_000),
        ("５万円", "JPY", 50_000),
        ("1億2000万", "JPY", 120_000_000),
        ("1.5万", "JPY", 15_000),
        ("三十万円", "JPY", 300_000),
        ("百万", "JPY", 1_000_000),
        ("3千", "JPY", 3000),
        ("¥100,000", "JPY", 100_000),
        ("￥１００，０００", "JPY", 100_000),
        ("約5万円", "JPY", 50_000),
        ("50k", "JPY", 50_000),
        ("3か月", "days", 90),
        ("３ヶ月以内", "days", 90),
        ("2週間", "days", 14),
        ("半年", "days", 182),
        ("1年", "days", 365),
        ("2 months", "days", 60),
        ("10日後", "days", 10),
        ("100回", "per day", 100),
        ("200 per day", "per day", 200),
        ("500ms", "s", 0.5),
        ("2分", "s", 120),
        ("8割", "", 0.8),
        ("80%", "", 0.8),
        ("0", "JPY", 0),
    ],
)
def test_numbers_as_people_type_them(typed: str, unit: str, means: float) -> None:
    assert number_in(typed, unit) == pytest.approx(means)


@pytest.mark.parametrize(
    "typed", ["", "たくさん", "5 6", "1-2", "万", "3か月", "nan", "inf", "1e5", "5円玉"]
)
def test_what_is_no_amount_of_yen(typed: str) -> None:
    assert number_in(typed, "JPY") is None


@given(st.integers(min_value=0, max_value=10**10))
def test_every_amount_reads_back_from_digits_commas_and_full_width(amount: int) -> None:
    full_width = str(amount).translate(str.maketrans("0123456789", "０１２３４５６７８９"))
    assert number_in(f"{amount:,}", "JPY") == number_in(full_width, "JPY") == amount


@given(st.text(max_size=30))
def test_any_text_is_a_number_or_none(text: str) -> None:
    assert number_in(text, "days") is None or number_in(text, "days") is not None


def test_core_questions_come_first_and_in_order() -> None:
    questionnaire, answers, asked = Questionnaire(), Answers(), []
    while (question := questionnaire.next(answers)) is not None:
        asked.append(question.id)
        value = question.choices[0] if question.choices else (question.min or "papers")
        answers = answers.with_answer(Answer(question.id, value, "asked"))
    assert asked[:3] == ["language", "goal", "data.path"]
    assert 6 <= len(asked) <= 8


def test_a_question_with_one_possible_answer_is_not_asked() -> None:
    some = Questionnaire().open(answered(confidential="some"), core=False)
    every = Questionnaire().open(answered(confidential="all"), core=False)
    assert "apis" in [question.id for question in some]
    assert "apis" not in [question.id for question in every]


def test_what_is_not_asked_is_known_with_its_reason() -> None:
    answers = answered(goal="new_facts", confidential="all", data__kind="none")
    questionnaire = Questionnaire()
    decided = {q.id: a.value for q, a in questionnaire.decided(answers)}
    assert decided == {"apis": "no", "citations": "no"}
    reasons = questionnaire.reasons_against(questionnaire.questions["apis"], answers)
    assert reasons == ("impossible.confidential-api",)
    assert questionnaire.completed(answers).value("apis") == "no"
    assert Questionnaire(offline=True).completed(answered(goal="code")).value("apis") == "no"


def test_an_impossible_choice_says_why_and_is_no_default() -> None:
    questionnaire = Questionnaire()
    gpu = questionnaire.questions["gpu"]
    blocked = {
        c.value for c in questionnaire.choices(gpu, answered(confidential="all")) if c.impossible
    }
    assert blocked == {"colab", "kaggle", "cloud"}
    kind = questionnaire.questions["data.kind"]
    detected = Questionnaire(detected={"data.kind": Answer("data.kind", "none", "detected")})
    default = detected.default(kind, answered(data__path="papers"))
    assert default is not None and default.value != "none"


def test_a_detected_card_is_offered_first() -> None:
    card = Answer("gpu", "NVIDIA H100 PCIe", "detected", "NVML")
    questionnaire = Questionnaire(detected={"gpu": card})
    gpu = questionnaire.questions["gpu"]
    assert questionnaire.choices(gpu, Answers())[0].value == "NVIDIA H100 PCIe"
    assert questionnaire.default(gpu, Answers()) == card


def test_defaults_keep_their_source() -> None:
    completed = Questionnaire().completed(answered(goal="new_facts"))
    assert completed.entries["goal"].source == "asked"
    assert completed.entries["budget_jpy"].source == "default"
    assert "data.path" not in completed


def test_a_change_makes_dependent_answers_stale() -> None:
    answers = answered(goal="new_facts", confidential="all", gpu="colab", apis="yes")
    assert set(Questionnaire().stale(answers)) == {"gpu", "apis"}


def test_choices_are_read_kindly_and_refused_with_suggestions() -> None:
    questionnaire = Questionnaire()
    goal, gpu = questionnaire.questions["goal"], questionnaire.questions["gpu"]
    assert questionnaire.parse(goal, "ＮＥＷ＿ＦＡＣＴＳ") == "new_facts"
    assert questionnaire.parse(questionnaire.questions["citations"], True) == "yes"
    assert questionnaire.parse(gpu, "rtx 4090") == "RTX 4090"
    with pytest.raises(Unreadable) as refused:
        questionnaire.parse(goal, "new_fact")
    assert dict(refused.value.fault.values)["near"].split(", ")[0] == "new_facts"


def test_out_of_range_names_the_range() -> None:
    questionnaire = Questionnaire()
    with pytest.raises(Unreadable) as refused:
        questionnaire.parse(questionnaire.questions["target.score"], "80")
    assert refused.value.fault.ref == "answer-out-of-range"
    assert "0..1" in allowed_values(questionnaire.questions["target.score"])
