"""Nothing forbidden is found, in any way of searching, nor can it be told from what is found."""

from __future__ import annotations

from dataclasses import astuple, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_corpus import HashingEmbedder, document

from advisor.errors import UsageError
from executors.base import Question
from executors.rag.answer.system import RagSystem
from executors.rag.index.build import build_index
from executors.rag.index.policy import IndexPolicy
from executors.rag.index.rag_index import RagIndex
from executors.rag.index.vectors import make_faiss, prepare
from executors.rag.search.faiss_store import FaissStore
from executors.rag.search.filter import Filter, group_names, metadata_wanted
from executors.rag.search.retrieve import MODES, Mode, Retriever
from knowledge.corpus.types import Document

law = settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
EMBEDDER = HashingEmbedder()
GROUPS = ("hr", "board", "sales")
WORDS = ("給与", "査定", "出張", "駐車場", "賞与", "休暇", "評価", "役員", "申請", "期限")
questions = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map("と".join)


def made(texts: list[tuple[list[str], frozenset[str], str]]) -> list[Document]:
    return [
        replace(
            document(f"{n}.md", f"{'と'.join(words)}について、第{n}号で定める。"),
            groups=groups,
            metadata={"place": place},
        )
        for n, (words, groups, place) in enumerate(texts)
    ]


documents = st.lists(
    st.tuples(
        st.lists(st.sampled_from(WORDS), min_size=1, max_size=5),
        st.frozensets(st.sampled_from(GROUPS), max_size=2),
        st.sampled_from(("tokyo", "osaka")),
    ),
    min_size=1,
    max_size=14,
).map(made)
filters = st.builds(
    Filter,
    groups=st.one_of(st.none(), st.frozensets(st.sampled_from(GROUPS))),
    metadata=st.sampled_from(
        ({}, {"place": frozenset({"tokyo"})}, {"place": frozenset({"tokyo", "osaka"})})
    ),
)


def indexed(papers: list[Document]) -> RagIndex:
    return build_index(papers, EMBEDDER, chunk_tokens=64, overlap_tokens=0, ram_bytes=1 << 30)


@pytest.mark.parametrize("mode", MODES)
@law
@given(papers=documents, where=filters, question=questions, depth=st.integers(1, 20))
def test_only_and_as_far_as_there_are_all_allowed_passages_are_found(
    mode: Mode, papers: list[Document], where: Filter, question: str, depth: int
) -> None:
    index = indexed(papers)
    found = Retriever(FaissStore(index), EMBEDDER, mode).find([question], depth=depth, where=where)[
        0
    ]
    assert all(where.allows(hit.chunk) for hit in found.hits)
    allowed = sum(where.allows(chunk) for chunk in index.chunks)
    if mode != "sparse":
        assert len(found.hits) >= min(depth, allowed)
    assert len({hit.id for hit in found.hits}) == len(found.hits)


@pytest.mark.parametrize("mode", MODES)
@law
@given(papers=documents, where=filters, question=questions)
def test_what_is_forbidden_might_as_well_not_exist(
    mode: Mode, papers: list[Document], where: Filter, question: str
) -> None:
    """Scores, word rarities and signals of abstention equal those of the allowed papers alone."""
    index = indexed(papers)
    kept = {chunk.doc_id for chunk in index.chunks if where.allows(chunk)}
    found = Retriever(FaissStore(index), EMBEDDER, mode).find([question], where=where)[0]
    if not kept:
        assert found.hits == ()
        return
    alone = Retriever(FaissStore(indexed([p for p in papers if p.id in kept])), EMBEDDER, mode)
    expected = alone.find([question])[0]
    assert found.rarity == pytest.approx(expected.rarity)
    assert [h.score for h in found.hits] == pytest.approx([h.score for h in expected.hits])
    assert [h.bm25 for h in found.hits] == pytest.approx([h.bm25 for h in expected.hits])
    assert astuple(found.signals) == pytest.approx(astuple(expected.signals), abs=1e-3)
    assert found.chunks == expected.chunks


@pytest.mark.parametrize(
    "policy",
    [
        IndexPolicy("ivf_sq8", "IVF32,SQ8", 0, "index-lists", nprobe=2),
        IndexPolicy("hnsw", "IDMap2,HNSW8", 0, "index-graph"),
    ],
)
@pytest.mark.parametrize("exact_up_to", [0, 20_000])
def test_an_approximate_index_obeys_too(policy, exact_up_to: int, monkeypatch) -> None:
    monkeypatch.setattr("executors.rag.search.faiss_store._EXACT_UP_TO", exact_up_to)
    papers = [
        replace(
            document(f"{n}.md", f"{WORDS[n % 10]}の第{n}号を{WORDS[n % 7]}で定める。"),
            groups=frozenset({"hr"} if n % 40 == 0 else {"board"}),
        )
        for n in range(1600)
    ]
    index = indexed(papers)
    matrix = EMBEDDER.passages([chunk.embedded_text for chunk in index.chunks])
    index.vectors = prepare(policy, make_faiss(policy, matrix, index.ids))
    index.facts = replace(index.facts, policy=policy)
    where = Filter(frozenset({"hr"}))
    found = Retriever(FaissStore(index), EMBEDDER, "dense").find(
        ["給与の第80号"], depth=40, where=where
    )[0]
    assert len(found.hits) == 40
    assert all(hit.chunk.groups == {"hr"} for hit in found.hits)


def test_an_answer_never_quotes_what_the_asker_may_not_see() -> None:
    papers = [
        replace(document("pay.md", "役員の給与は月300万円とする。"), groups=frozenset({"board"})),
        document("parking.md", "駐車場の利用料は月4,500円とする。"),
    ]
    retriever = Retriever(FaissStore(indexed(papers)), EMBEDDER, "hybrid")
    system = RagSystem(
        retriever, threshold=0.0, top_k=5, lang="ja", generator=None, max_new_tokens=8
    )
    text = "役員の給与はいくらですか？"
    anybody, board = system.answer(
        [Question("1", text), Question("2", text, groups=frozenset({"board"}))]
    )
    assert "300万円" not in anybody.answer
    assert [p.doc_id for p in anybody.passages] == ["parking.md"]
    assert "300万円" in board.answer


def test_where_nothing_is_open_the_answer_is_that_the_papers_do_not_say() -> None:
    papers = [replace(document("pay.md", "給与は月末に払う。"), groups=frozenset({"hr"}))]
    system = RagSystem(
        Retriever(FaissStore(indexed(papers)), EMBEDDER, "hybrid"),
        threshold=0.0,
        top_k=5,
        lang="ja",
        generator=None,
        max_new_tokens=8,
    )
    reply = system.answer([Question("1", "給与はいつ払われますか？")])[0]
    assert reply.abstained and reply.passages == ()


def test_a_view_keeps_nothing_of_rows_outside_it() -> None:
    papers = made([(["給与"], frozenset({"hr"}), "tokyo"), (["出張"], frozenset(), "tokyo")])
    view = FaissStore(indexed(papers)).within(Filter(frozenset()))
    assert view.rows.tolist() == [1]
    assert view.n == view.sparse.n == 1 and len(view.background) == 1
    assert not np.any(view.sparse.scores(["給与"]))


def test_conditions_are_read_as_written() -> None:
    wanted = metadata_wanted(["kind=pdf", "kind = docx", "title=規程=改"])
    assert wanted == {"kind": frozenset({"pdf", "docx"}), "title": frozenset({"規程=改"})}
    assert group_names(" hr, board,,") == {"hr", "board"}
    with pytest.raises(UsageError) as error:
        metadata_wanted(["pdf"])
    assert error.value.ref == "where-form"


def test_every_chunk_can_be_searched_by_source_kind_date_and_title() -> None:
    paper = replace(
        document("手引/旅費.PDF", "旅費は実費とする。", title="旅費"), modified="2026-11-01"
    )
    index = indexed([paper])
    for name, value in {
        "source": "手引/旅費.PDF",
        "kind": "pdf",
        "date": "2026-11-01",
        "title": "旅費",
    }.items():
        assert Filter(None, {name: frozenset({value})}).allows(index.chunks[0])
        assert not Filter(None, {name: frozenset({"other"})}).allows(index.chunks[0])
