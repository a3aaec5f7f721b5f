"""Every sentence of an answer stands on a passage that says the same, or is told apart."""

from __future__ import annotations

import pytest
from rag_systems import Echo, ask, open_system
from small_corpus import document

from executors.base import Passage
from executors.evaluate.abstention import is_refusal
from executors.rag.answer.cite import citations, kept, numbered

PASSAGES = [
    Passage(
        "a",
        "a",
        "休暇",
        "祖父母が死亡したときの慶弔休暇は3日とする。結婚したときは5日とする。",
        1.0,
    ),
    Passage(
        "b", "b", "旅費", "株式会社ツクロアの宿泊費は8,000円とする。航空機は利用できない。", 0.9
    ),
    Passage(
        "c",
        "c",
        "Leave",
        "Overtime is paid at 125 percent. You must ask Contoso before March.",
        0.8,
    ),
]


def test_each_sentence_is_cited_or_not() -> None:
    answer = "宿泊費は8,000円です。慶弔休暇は祖父母の場合3日です。月の裏側にはうさぎが住みます。"
    cited = citations(answer, PASSAGES)
    assert [c.passage for c in cited] == [2, 1, 0]
    assert numbered(answer, cited).startswith("宿泊費は8,000円です。 [2]")
    assert numbered(answer, cited).endswith("うさぎが住みます。 [?]")
    left, still = kept(answer, cited)
    assert left == "宿泊費は8,000円です。慶弔休暇は祖父母の場合3日です。"
    assert [left[c.start : c.end] for c in still][1] == "慶弔休暇は祖父母の場合3日です。"


@pytest.mark.parametrize(
    ("sentence", "why"),
    [
        ("祖父母が死亡したときの慶弔休暇は5日とする。", "number"),
        ("祖父母が死亡したときの慶弔休暇は3か月とする。", "unit"),
        ("航空機は利用できる。", "negation"),
        ("株式会社ミライ商会の宿泊費は8,000円とする。", "name"),
        ("Overtime is not paid at 125 percent.", "negation"),
        ("Overtime is paid at 150 percent.", "number"),
        ("You must ask Northwind before March.", "name"),
        ("You must ask Contoso after March.", "opposite"),
    ],
)
def test_a_falsified_sentence_is_caught_and_says_why(sentence: str, why: str) -> None:
    (cited,) = citations(sentence, PASSAGES)
    assert (cited.passage, cited.why) == (0, why)


@pytest.mark.parametrize(
    "sentence",
    [
        "祖父母の慶弔休暇は三日です。",
        "航空機は利用できません。",
        "宿泊費は、8千円です。",
        "Overtime is paid at 125 percent.",
        "いいえ。航空機は利用できません。",
    ],
)
def test_the_same_said_otherwise_is_supported(sentence: str) -> None:
    assert all(c.passage for c in citations(sentence, PASSAGES))


def test_a_generated_sentence_without_support_is_dropped_and_named(handbook, embedder) -> None:
    echo = Echo("駐車場の利用料は月4,500円です。支払いはビットコインに限ります。")
    reply = ask(open_system(handbook, embedder, generator=echo), "駐車場の利用料は？")
    assert reply.answer == "駐車場の利用料は月4,500円です。"
    assert reply.dropped == ("支払いはビットコインに限ります。",)
    assert reply.passages[reply.citations[0].passage - 1].doc_id == "parking.md"
    assert not reply.abstained


def test_when_nothing_is_left_the_papers_do_not_say(handbook, embedder) -> None:
    echo = Echo("支払いはビットコインに限ります。")
    reply = ask(open_system(handbook, embedder, generator=echo), "駐車場の利用料は？")
    assert reply.abstained and is_refusal(reply.answer) and reply.citations == ()


def test_quotations_are_cited_too(handbook, embedder) -> None:
    reply = ask(open_system(handbook, embedder), "駐車場の利用料は月いくらですか？")
    assert reply.citations and all(c.passage for c in reply.citations)


def test_a_source_can_be_read_with_what_stands_around_it(embedder) -> None:
    long = document("a.md", *(f"規則その{n}は必ず守ること。" * 8 for n in range(4)))
    system = open_system([long], embedder)
    passage = ask(system, "規則その1").passages[0]
    before, after = system.around(passage)
    assert passage.text not in (before, after) and (before or after)
