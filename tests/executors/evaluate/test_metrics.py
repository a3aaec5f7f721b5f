"""An answer is called right when it is: in Japanese and English, with the traps of both."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executors.evaluate.metrics import (
    chrf,
    contains_all,
    exact,
    numbers_agree,
    numbers_conflict,
    overlap_f1,
    score,
)
from executors.evaluate.normalise import (
    bare,
    characters,
    japanese_words_by,
    numbers,
    plain_numbers,
    words,
)
from knowledge.corpus.types import Example


def qa(completion: str, **over: object) -> Example:
    fields: dict[str, object] = {
        "id": "1",
        "kind": "qa",
        "prompt": "届け出はいつまでですか",
        "completion": completion,
        "source": "qa.csv",
        "where": "row 2",
    }
    return Example(**(fields | over))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "有給休暇は３日前までに届け出てください。",
        "はい。",
        "いいえ",
        "はい、そうです。",
        "1,200円",
        "OK",
        "Three days before the leave.",
    ],
)
def test_identical_texts_score_one_on_every_overlap(text: str) -> None:
    assert exact(text, text) == 1
    assert overlap_f1(text, text, words) == 1
    assert overlap_f1(text, text, characters) == 1
    assert chrf(text, text) == pytest.approx(1)


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        ("はい", "いいえ"),
        ("持出はできます", "持出はできません"),
        ("You may", "You may not"),
    ],
)
def test_the_opposite_answer_is_not_a_full_score(answer: str, gold: str) -> None:
    assert overlap_f1(answer, gold, words) < 1
    assert exact(answer, gold) == 0


def test_japanese_is_cut_into_words_not_into_one_token() -> None:
    assert japanese_words_by() == "sudachi-a"
    half = overlap_f1("休暇は三日前に届け出る", "休暇は課長に届け出る", words)
    assert 0.3 < half < 1


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("ＡＢＣ　１２３", "abc123"),
        ("「総務部」です。", "総務部です"),
        ("10,000円", "１００００円"),
        ("ｶﾞｲﾄﾞ", "ガイド"),
    ],
)
def test_width_spaces_and_punctuation_do_not_count(a: str, b: str) -> None:
    assert exact(a, b) == 1


@pytest.mark.parametrize(("a", "b"), [("3.5%", "35%"), ("10:30", "1030"), ("1,2", "12")])
def test_a_point_inside_a_number_counts(a: str, b: str) -> None:
    assert exact(a, b) == 0


@pytest.mark.parametrize(
    ("answer", "needle"),
    [
        ("３日前までです", "3日"),
        ("3 日前", "3日"),
        ("上限は30,000円です", "3万円"),
        ("上限は3万円です", "30,000円"),
        ("上限は３万５千円です", "35000円"),
        ("1億2千万円", "120,000,000円"),
        ("The rule is fixed. 3 days before.", "3 days"),
        ("項目は1,3日です", "3日"),
        ("総 務 部 へ", "総務部"),
        ("2026年11月3日", "11月3日"),
    ],
)
def test_what_must_be_there_is_found(answer: str, needle: str) -> None:
    assert contains_all(answer, [[needle]]) == 1


@pytest.mark.parametrize(
    ("answer", "needle"),
    [
        ("13日前までです", "3日"),
        ("１３日前までです", "3日"),
        ("0.3日", "3日"),
        ("3.5%", "3"),
        ("35%", "3"),
        ("1,300円", "300円"),
        ("15万円", "5万円"),
        ("第1 3日間", "13日"),
        ("3万円", "3"),
        ("", "3日"),
        ("何か", ""),
    ],
)
def test_a_part_of_another_number_is_not_found(answer: str, needle: str) -> None:
    assert contains_all(answer, [[needle]]) == 0


def test_every_group_needs_one_alternative() -> None:
    groups = [["総務部", "総務"], ["3日", "三日"]]
    assert contains_all("総務へ三日前に", groups) == 1
    assert contains_all("総務へ", groups) == 0


def test_a_needle_far_down_a_rambling_answer_does_not_count() -> None:
    assert contains_all("あ" * 700 + "総務部", [["総務部"]]) == 0


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("３日と１０日", [3, 10]),
        ("1,234円と5円", [5, 1234]),
        ("1,2,3", [1, 2, 3]),
        ("３億２，０００万円", [320_000_000]),
        ("1億2千万", [120_000_000]),
        ("2.3億", [230_000_000]),
        ("5千円", [5000]),
        ("2千5百", [2500]),
        ("1兆", [10**12]),
        ("9:30", [9, 30]),
        ("千葉と百貨店", []),
    ],
)
def test_numbers_are_read_as_people_write_them(text: str, values: list[float]) -> None:
    assert numbers(text) == values


@given(st.integers(0, 10**11))
def test_a_number_is_the_same_in_every_dress(n: int) -> None:
    wide = str(n).translate(str.maketrans("0123456789", "０１２３４５６７８９"))
    assert numbers(f"{n}円") == numbers(f"{n:,}円") == numbers(f"{wide}円") == [n]


@given(st.integers(1, 9999), st.integers(1, 9999))
def test_ten_thousands_are_equal_to_their_digits(man: int, rest: int) -> None:
    assert plain_numbers(f"{man}万{rest}円") == f"{man * 10_000 + rest}円"


@given(st.text(max_size=60))
def test_no_text_breaks_a_metric_and_identity_holds(text: str) -> None:
    assert exact(text, text) == 1
    assert overlap_f1(text, text, characters) == 1
    assert numbers_agree(text, text) == 1
    assert not numbers_conflict(text, text)
    assert bare(bare(text)) == bare(text) or text != bare(text)
    score(qa(text), text, False)


@given(st.text(max_size=30), st.text(max_size=30))
def test_overlap_is_symmetric_and_bounded(a: str, b: str) -> None:
    one, other = overlap_f1(a, b, characters), overlap_f1(b, a, characters)
    assert one == pytest.approx(other)
    assert 0 <= one <= 1


def test_a_wrong_number_fails_however_similar_the_sentence() -> None:
    example = qa("届け出は3日前までにお願いします。")
    right = score(example, "届け出は3日前までにお願いします。", False)
    wrong = score(example, "届け出は5日前までにお願いします。", False)
    assert right["correct"] == 1
    assert wrong["f1"] > 0.6
    assert (wrong["correct"], wrong["numbers"]) == (0, 0)


def test_a_number_said_once_is_enough_and_a_missing_one_is_no_wrong_one() -> None:
    example = qa("3日前です。つまり第12条により3日前です。")
    said = score(example, "3日前です。", False)
    assert said["numbers"] == 0
    assert said["correct"] == said["f1"] > 0
    assert numbers_agree("3日前です", "3日前、3日です") == 1


def test_a_number_repeated_from_the_question_is_no_wrong_answer() -> None:
    example = qa("5日です", prompt="勤続10年の休暇は?")
    assert score(example, "勤続10年の休暇は5日です", False)["correct"] > 0
    assert not numbers_conflict("勤続10年なら", "5日", "勤続10年の休暇は?")


def test_number_agreement_is_not_claimed_where_there_is_no_number() -> None:
    assert "numbers" not in score(qa("総務部です"), "総務部です", False)


def test_a_refusal_is_right_exactly_where_the_papers_say_nothing() -> None:
    declined = "資料には記載がありません。"
    unanswerable = qa(declined, answerable=False)
    assert score(unanswerable, declined, False)["correct"] == 1
    assert score(unanswerable, "", True)["correct"] == 1
    assert score(unanswerable, "3日です", False)["correct"] == 0
    answerable = qa("3日です", must_contain=(("3日",),))
    refused = score(answerable, "3日かは資料に記載がありません。", False)
    assert (refused["correct"], refused["abstained"]) == (0, 1)


def test_a_right_answer_that_sounds_like_a_refusal_is_right() -> None:
    example = qa("服装の定めはありません。")
    figures = score(example, "服装の定めはありません。", False)
    assert (figures["correct"], figures["abstained"]) == (1, 0)


def test_labels_are_compared_bare_and_rewrites_by_chrf() -> None:
    labelled = qa("苦情", kind="labelled", label="苦情")
    assert score(labelled, "「苦情」", False)["correct"] == 1
    assert score(labelled, "要望", False)["correct"] == 0
    rewrite = qa("お願いいたします。", kind="rewrite")
    figures = score(rewrite, "お願いいたします。", False)
    assert figures["correct"] == figures["chrf"] == pytest.approx(1)
