"""Encodings are told from all of a file's bytes, and broken bytes are reported by line."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.corpus.encoding import decode
from knowledge.corpus.source import Refused

PROSE = (
    "試用期間は採用した日から6か月間です。\n休憩は60分取ってください。\n"
    "経費の精算は翌月の10日までに、総務部へ申請書を出します。\n"
)
SENTENCES = st.lists(
    st.sampled_from(
        [
            "試用期間はどのくらいですか？",
            "㈱さざなみの①番窓口へ髙橋さんが行きます。",
            "在宅勤務手当は1日340円です。",
            "カバーを閉めて、緑のボタンを押します。",
            "ﾊﾝｶｸの伝票は、経理の﨑山さんに渡してください。",
            "The form goes to 総務部 by Friday.",
        ]
    ),
    min_size=2,
    max_size=30,
).map("\n".join)


@settings(max_examples=60, deadline=None)
@given(SENTENCES, st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp932"]))
def test_japanese_comes_back_from_each_encoding(text: str, encoding: str) -> None:
    decoded = decode(text.encode(encoding))
    assert decoded.text == text
    assert decoded.encoding == encoding
    assert decoded.problems == ()


@pytest.mark.parametrize("encoding", ["euc_jp", "iso2022_jp", "utf-16-le", "utf-16-be"])
def test_japanese_prose_comes_back(encoding: str) -> None:
    decoded = decode(PROSE.encode(encoding))
    assert decoded.text == PROSE
    assert decoded.encoding == encoding


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1))
def test_any_utf8_text_comes_back(text: str) -> None:
    assert decode(text.encode()).text.removeprefix("\ufeff") == text.removeprefix("\ufeff")


def test_windows_mail_keeps_circled_numbers_and_ladder_taka() -> None:
    pairs = "".join(
        # What Windows writes: the CP932 code of each character moved into the JIS plane.
        _to_jis(character.encode("cp932"))
        for character in "①髙橋です。"
    )
    data = b"\x1b$B" + bytes.fromhex(pairs) + b"\x1b(B 10:00\n"
    assert decode(data).text == "①髙橋です。 10:00\n"


def _to_jis(code: bytes) -> str:
    lead, trail = code
    row = ((lead - (0x81 if lead < 0xE0 else 0xC1)) << 1) + 0x21
    if trail >= 0x9F:
        return f"{row + 1:02x}{trail - 0x7E:02x}"
    return f"{row:02x}{trail - (0x20 if trail >= 0x80 else 0x1F):02x}"


def test_half_width_kana_of_a_bank_file_is_not_taken_for_euc() -> None:
    text = "ｶﾌﾞｼｷｶﾞｲｼｬ ｻｻﾞﾅﾐｾｲｷ,1234567\nﾀｶﾊｼ ｼﾞﾛｳ,7654321\n"
    decoded = decode(text.encode("cp932"))
    assert (decoded.text, decoded.encoding) == (text, "cp932")


def test_western_accents_are_not_made_japanese() -> None:
    text = "Le café de l'école est fermé. Où est la clé ? À bientôt, François.\n" * 3
    decoded = decode(text.encode("cp1252"))
    assert decoded.text == text


def test_lost_bytes_are_replaced_and_located() -> None:
    data = "一行目です。\n二行目です。\n三行目です。\n".encode()
    at = data.index("二".encode())
    decoded = decode(data[: at + 1] + data[at + 2 :])
    assert decoded.encoding == "utf-8"
    assert "一行目です。" in decoded.text and "三行目です。" in decoded.text
    assert "\ufffd" in decoded.text.split("\n")[1]
    (problem,) = decoded.problems
    assert (problem.id, problem.severity, problem.where) == ("broken-bytes", "warn", "line 2")


def test_lines_in_another_encoding_are_read_and_named() -> None:
    lines = PROSE.strip().split("\n")
    data = b"\n".join([lines[0].encode(), lines[1].encode("cp932"), lines[2].encode()])
    decoded = decode(data)
    assert decoded.text == "\n".join(lines)
    (problem,) = decoded.problems
    assert problem.id == "mixed-encoding"
    assert problem.where == "line 2"
    assert problem.values["encodings"] == "cp932, utf-8"


def test_broken_cp932_keeps_its_good_lines() -> None:
    lines = [*PROSE.strip().split("\n")] * 4
    data = "\n".join(lines).encode("cp932") + b"\n\x81"
    decoded = decode(data)
    assert decoded.encoding == "cp932"
    assert decoded.text.startswith(lines[0])
    assert [p.id for p in decoded.problems] == ["broken-bytes"]


def test_nul_bytes_are_taken_out_and_counted() -> None:
    decoded = decode("前半です。\0\n後半です。\0\0".encode())
    assert decoded.text == "前半です。\n後半です。"
    assert decoded.problems[0].values == {"n": 3, "lines": "1-2"}


def test_declared_encoding_is_used_when_it_fits() -> None:
    text = "経費精算"  # four kanji alone do not tell CP932 from EUC-JP
    assert decode(text.encode("euc_jp"), "EUC-JP").text == text
    assert decode(text.encode("cp932"), "Shift_JIS").encoding == "cp932"
    assert decode(PROSE.encode(), "shift_jis").encoding == "utf-8"


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_text_or_refused(data: bytes) -> None:
    try:
        decoded = decode(data)
    except Refused as refused:
        assert refused.problem.id in ("not-text", "unknown-encoding")
    else:
        assert "\0" not in decoded.text
