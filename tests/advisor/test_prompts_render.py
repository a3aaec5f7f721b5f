"""Widths, line breaks and glyphs on a terminal."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.render import ascii_only, cells, safe, table, wrap_ja

SENTENCE = (
    "社内規程の質問に答えるAIを作りたい場合、検索して答える方式（RAG）が勧められます。"
    "費用は3,000円です。"
)


@pytest.mark.parametrize("width", [20, 40, 60])
def test_japanese_breaks_between_phrases(width: int) -> None:
    lines = wrap_ja(SENTENCE, width).split("\n")
    assert "".join(lines) == SENTENCE
    assert max(map(cells, lines)) <= width
    assert not any(line[0] in "、。）」" for line in lines)
    assert any("3,000" in line for line in lines)


@given(
    st.text(alphabet=st.sampled_from("あ漢、。（）a b1-,\n"), max_size=80),
    st.integers(min_value=4, max_value=40),
)
def test_no_line_is_too_wide_and_nothing_is_lost(text: str, width: int) -> None:
    wrapped = wrap_ja(text, width)
    assert all(cells(line) <= width for line in wrapped.split("\n"))
    assert wrapped.replace("\n", "").replace(" ", "") == text.replace("\n", "").replace(" ", "")


@pytest.mark.parametrize("columns", ["60", "100"])
def test_a_table_folds_japanese_and_keeps_it_all(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    table(["方法", "理由", "円"], [["RAG", SENTENCE, "3,000"]], numbers=(2,))
    shown = capsys.readouterr().out
    assert "…" not in shown
    assert max(cells(line) for line in shown.splitlines()) <= int(columns)
    packed = "".join(shown.split())
    assert "3,000" in packed and packed.count("す。") == 2


def test_glyphs_give_way_where_they_cannot_be_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ascii_only(io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    assert not ascii_only(io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
    monkeypatch.setenv("OKAKAE_ASCII", "1")
    assert safe("a → b…") == "a -> b..."
