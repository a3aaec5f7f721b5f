"""Chunks fit the embedder, end with sentences, keep tables whole, and know where they stood."""

from __future__ import annotations

from itertools import pairwise

from small_corpus import document

from executors.rag.chunking.chunk import Chunk, chunk_document
from executors.rag.chunking.sentences import sentences
from knowledge.corpus.types import Section


def count(text: str) -> int:
    return len(text)


def chunks(*sections: Section | str, size: int = 60, overlap: int = 0) -> list[Chunk]:
    made = document("規程.md", *sections, title="規程")
    return chunk_document(made, count, chunk_tokens=size, overlap_tokens=overlap)


LONG = "".join(f"第{n}の文はここで終わります。" for n in range(20))


def test_every_chunk_ends_with_a_sentence_and_fits() -> None:
    found = chunks(LONG)
    assert len(found) > 3
    for chunk in found:
        assert chunk.text.endswith("。")
        assert count(chunk.embedded_text) <= 60 + 1
    assert "".join(chunk.text for chunk in found) == LONG


def test_overlap_repeats_whole_sentences() -> None:
    found = chunks(LONG, overlap=15)
    for before, after in pairwise(found):
        last = [span.of(before.text) for span in sentences(before.text)][-1]
        assert after.text.startswith(last)


def test_headings_part_chunks_and_are_carried() -> None:
    found = chunks(
        Section("休みは3日です。", headings=("休暇", "慶弔")),
        Section("旅費は実費です。", headings=("旅費",), where="p.2"),
    )
    assert [c.context for c in found] == ["規程 > 休暇 > 慶弔", "規程 > 旅費"]
    assert found[1].where == "p.2"
    assert found[0].embedded_text == "規程 > 休暇 > 慶弔\n休みは3日です。"
    assert [c.position for c in found] == [0, 1]


def test_a_title_that_a_heading_repeats_is_said_once() -> None:
    assert chunks(Section("本文。", headings=("規程", "総則")))[0].context == "規程 > 総則"


def test_a_table_that_fits_is_never_cut() -> None:
    table = "| 日数 | 時間 |\n|---|---|\n| 31日 | 132時間 |\n| 30日 | 128時間 |"
    found = chunks("前置きの文です。" * 6, Section(table, kind="table"), size=80)
    assert sum(table in chunk.text for chunk in found) == 1


def test_a_long_table_repeats_its_header() -> None:
    rows = [f"| {n}日 | {n}時間 |" for n in range(30)]
    found = chunks(Section("\n".join(["| 日数 | 時間 |", "|---|---|", *rows]), kind="table"))
    assert len(found) > 2
    assert all(chunk.text.startswith("| 日数 | 時間 |\n|---|---|\n") for chunk in found)
    assert [line for c in found for line in c.text.splitlines()[2:]] == rows


def test_a_sentence_longer_than_a_chunk_is_cut_at_a_comma() -> None:
    found = chunks("とても長い文で、" * 30 + "終わる。")
    assert all(chunk.text.endswith(("、", "。")) for chunk in found)
    assert all(count(chunk.text) <= 60 for chunk in found)


def test_text_without_any_break_still_fits() -> None:
    assert all(count(c.text) <= 60 for c in chunks("あ" * 500))


def test_ids_follow_content() -> None:
    one, again, other = chunks("同じ文。")[0], chunks("同じ文。")[0], chunks("別の文。")[0]
    assert one.id == again.id != other.id
    assert 0 <= one.id < 2**63


def test_a_document_of_headings_only_makes_no_chunk() -> None:
    assert chunks(Section("", headings=("見出し",)), "  \n ") == []


def test_a_chunk_survives_its_record() -> None:
    chunk = chunks(Section("本文。", headings=("章",), where="p.3"))[0]
    assert Chunk.from_record(chunk.record()) == chunk
