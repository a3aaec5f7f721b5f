"""Sentences, list items and tables are cut where a reader would cut them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executors.rag.chunking.sentences import blocks, sentences, table_rows


def cut(text: str) -> list[str]:
    return [span.of(text) for span in sentences(text)]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (
            "試用期間は6か月です。延長はありません。",
            ["試用期間は6か月です。", "延長はありません。"],
        ),
        ("本当ですか？はい！", ["本当ですか？", "はい！"]),
        ("「はい。そうです。」と答えた。次へ。", ["「はい。そうです。」と答えた。", "次へ。"]),
        ("規則（以下「規則」という。）は次による。", ["規則（以下「規則」という。）は次による。"]),
        ("閉じない（括弧がある。次の文。", ["閉じない（括弧がある。", "次の文。"]),
        (
            "Dr. Smith left at 5 p.m. yesterday. He rests.",
            ["Dr. Smith left at 5 p.m. yesterday.", "He rests."],
        ),
        ("Pi is 3.14 today. Is it? Yes!", ["Pi is 3.14 today.", "Is it?", "Yes!"]),
        ("1. 一つ目\n2. 二つ目", ["1. 一つ目", "2. 二つ目"]),
        ("- 打刻する\n- 着替える", ["- 打刻する", "- 着替える"]),
        ("", []),
    ],
)
def test_boundaries(text: str, parts: list[str]) -> None:
    assert cut(text) == parts


def test_a_wrapped_english_line_stays_one_sentence() -> None:
    text = "This sentence was wrapped by an editor at the margin\nand goes on here. Next one."
    assert cut(text) == [text[: text.index(" Next")], "Next one."]


def test_a_blank_line_ends_a_sentence_without_a_full_stop() -> None:
    assert cut("見出しのような行\n\n本文です。") == ["見出しのような行", "本文です。"]


def test_tables_are_told_from_prose() -> None:
    text = "前の文。\n| a | b |\n|---|:-:|\n| 1 | 2 \\| 3 |\n後の文。"
    found = [(block.kind, block.span.of(text)) for block in blocks(text)]
    assert [kind for kind, _ in found] == ["prose", "table", "prose"]
    assert table_rows(found[1][1]) == (["a", "b"], [["1", "2 | 3"]])


def test_a_line_with_bars_but_no_rule_below_is_prose() -> None:
    assert [b.kind for b in blocks("| これは表ではない |\n普通の文。")] == ["prose"]


@given(st.text(alphabet="あ亜a1.。！？「」（） \n|-", max_size=200))
def test_nothing_is_lost_or_said_twice(text: str) -> None:
    spans = sentences(text)
    assert all(a.end <= b.start for a, b in pairwise(spans))
    kept = "".join(span.of(text) for span in spans)
    assert "".join(kept.split()) == "".join(text.split())


def test_an_english_sentence_ends_before_a_japanese_one() -> None:
    text = "Ask the help desk. 社内は内線で。"
    assert [span.of(text) for span in sentences(text)] == ["Ask the help desk.", "社内は内線で。"]
