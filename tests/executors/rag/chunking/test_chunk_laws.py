"""Whatever the text: nothing is lost, nothing is too long, sentences and tables stay whole."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_corpus import document

from executors.rag.chunking.chunk import Chunk, chunk_document
from executors.rag.chunking.parents import Parents, joined
from executors.rag.chunking.sentences import sentences
from knowledge.corpus.types import Section

law = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
SIZE = 60


def count(text: str) -> int:
    """As a tokenizer that gives spaces no token of their own."""
    return len("".join(text.split()))


japanese = st.text("休暇賞与規程届出会社員日月", min_size=3, max_size=30).map(
    lambda s: f"{s}する。"
)
english = st.lists(
    st.sampled_from("staff may leave early when the office closes today".split()),
    min_size=2,
    max_size=8,
).map(lambda words: " ".join(words).capitalize() + ". ")
items = japanese.map(lambda s: f"\n- {s}")
prose = st.lists(st.one_of(japanese, english, items), min_size=1, max_size=12).map("".join)
rows = st.lists(st.sampled_from(("東京", "大阪", "9,000円", "3日")), min_size=2, max_size=2)
tables = st.lists(rows, min_size=1, max_size=3).map(
    lambda lines: "\n".join(["| 甲 | 乙 |", "|---|---|", *(f"| {a} | {b} |" for a, b in lines)])
)
sections = st.lists(
    st.one_of(
        prose.map(lambda text: Section(text, headings=("章",))),
        tables.map(lambda text: Section(text, headings=("表",), kind="table")),
    ),
    min_size=1,
    max_size=4,
)


def cut(parts: list[Section], overlap: int = 0) -> list[Chunk]:
    made = document("規程.md", *parts, title="規程")
    return chunk_document(made, count, chunk_tokens=SIZE, overlap_tokens=overlap)


def bare(text: str) -> str:
    return "".join(text.split())


@law
@given(sections)
def test_nothing_is_lost_or_said_twice(parts: list[Section]) -> None:
    whole = bare("".join(part.text for part in parts))
    assert bare("".join(chunk.text for chunk in cut(parts))) == whole


@law
@given(sections, st.integers(0, 20))
def test_no_chunk_is_longer_than_allowed(parts: list[Section], overlap: int) -> None:
    assert all(count(chunk.embedded_text) <= SIZE for chunk in cut(parts, overlap))


@law
@given(prose)
def test_chunks_end_where_sentences_end(text: str) -> None:
    ends = set()
    for span in sentences(text):
        ends.add(len(bare(text[: span.end])))
    at = 0
    for chunk in cut([Section(text)]):
        at += len(bare(chunk.text))
        assert at in ends


@law
@given(sections)
def test_a_table_that_fits_stays_whole_under_its_heading(parts: list[Section]) -> None:
    found = cut(parts)
    for part in parts:
        if part.kind == "table" and count(f"規程 > 表\n{part.text}") <= SIZE:
            holding = [chunk for chunk in found if part.text in chunk.text]
            assert holding and all(chunk.headings == ("表",) for chunk in holding)


@law
@given(st.lists(japanese, min_size=2, max_size=25), st.integers(0, 20))
def test_the_section_around_any_chunk_is_the_text_it_was_cut_from(texts, overlap: int) -> None:
    # Numbered, so that no sentence stands there twice and the overlap is told from repetition.
    text = "".join(f"第{n:05d}条{one}" for n, one in enumerate(texts))
    found = cut([Section(text, headings=("章",))], overlap)
    parents = Parents(found)
    for chunk in found:
        assert parents.of(chunk) == tuple(found)
        around = parents.text(chunk, count, 10_000)
        assert bare(around) == text
        little = parents.text(chunk, count, 2 * SIZE)
        assert chunk.text in little and little in around
        assert count(little) <= 2 * SIZE


def test_neighbours_without_a_shared_seam_are_set_apart() -> None:
    assert joined("甲は乙とする。", "丙は丁とする。") == "甲は乙とする。\n丙は丁とする。"
