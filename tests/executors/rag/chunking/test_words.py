"""Keyword search sees through width, inflection, numerals and plurals, and leaves grammar out."""

from __future__ import annotations

import pytest

from executors.rag.chunking.words import (
    HEADING_WEIGHT,
    WORDS_BY_CHARACTERS,
    content_words,
    word_counts,
)
from executors.rag.index.sparse import SparseIndex


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("休暇を申請した", "休暇の申請"),
        ("ｶﾞｲﾄﾞ", "ガイド"),
        ("１０，０００円", "10,000円"),
        ("けが", "怪我"),
        ("Policies", "policy"),
        ("the employees' forms", "employee form"),
    ],
)
def test_the_same_words_in_other_dress(one: str, other: str) -> None:
    assert content_words(one) == content_words(other)


def test_grammar_is_left_out() -> None:
    assert content_words("これはどのようにすることですか") == content_words("") == []
    assert content_words("What is the limit?") == ["limit"]


def test_english_inside_japanese_is_one_word() -> None:
    assert "excel" in content_words("Excelの表を開く")


def test_a_text_longer_than_sudachi_takes_is_cut() -> None:
    assert content_words("規程" * 30_000).count("規程") > 20_000


def test_without_a_dictionary_characters_and_pairs_do() -> None:
    assert content_words("休暇", WORDS_BY_CHARACTERS) == ["休", "暇", "休暇"]


def test_a_word_of_the_heading_weighs_more_than_one_of_the_text() -> None:
    assert word_counts("旅費規程", "旅費は実費。")["旅費"] == HEADING_WEIGHT + 1
    assert word_counts("", "leave") == {"leave": 1}


def test_bm25_equals_the_formula() -> None:
    import math

    index = SparseIndex.build([{"a": 2, "b": 1}, {"b": 1}, {"c": 3}])
    mean = (3 + 1 + 3) / 3
    tf = 2 / (2 + 1.2 * (1 - 0.75 + 0.75 * 3 / mean))
    idf = math.log(1 + (3 - 1 + 0.5) / (1 + 0.5))
    scores = index.scores(["a", "a", "unknown"])
    assert scores[0] == pytest.approx(tf * idf, rel=1e-5)
    assert scores[1] == scores[2] == 0
    assert index.words_of(0) == {"a": 2, "b": 1}
    assert index.idf("unknown") > index.idf("a") > index.idf("b")


def test_counts_survive_the_disk_without_pickle(tmp_path) -> None:
    index = SparseIndex.build([{"休暇": 2}, {"旅費": 1, "休暇": 1}])
    index.save(tmp_path)
    again = SparseIndex.load(tmp_path)
    assert again.vocabulary == index.vocabulary
    assert again.scores(["休暇"]).tolist() == index.scores(["休暇"]).tolist()
