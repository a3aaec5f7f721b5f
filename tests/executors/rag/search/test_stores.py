"""FAISS and Milvus find the same, filter before ranking, tell nothing, and follow the index."""

from __future__ import annotations

from dataclasses import astuple, replace
from importlib.util import find_spec

import pytest
from small_corpus import HashingEmbedder, document

from advisor.errors import Forbidden
from advisor.session import Session
from executors.rag.index.build import build_index
from executors.rag.search.faiss_store import FaissStore
from executors.rag.search.filter import Filter
from executors.rag.search.milvus import DRIFT, MilvusStore, expression
from executors.rag.search.milvus_client import connect
from executors.rag.search.retrieve import Found, Retriever

QUESTIONS = (
    "宿泊費の上限はいくら？",
    "駐車場の利用料",
    "祖父母の慶弔休暇は何日",
    "books",
    "該当なしzzz",
)
NEEDS_MILVUS = pytest.mark.skipif(
    not (find_spec("pymilvus") and find_spec("milvus_lite")),
    reason="the extra okakae[milvus] is not installed",
)
quiet = pytest.mark.filterwarnings("ignore")
MODES = ("dense", "sparse", "hybrid", "rrf")
FILTERS = (
    None,
    Filter(frozenset()),
    Filter(frozenset({"hr"})),
    Filter(frozenset({"hr"}), {"place": frozenset({"tokyo"})}),
    Filter(frozenset({"board"}), {"place": frozenset({"nowhere"})}),
)


def built(documents):
    return build_index(
        documents, HashingEmbedder(), chunk_tokens=60, overlap_tokens=0, ram_bytes=2**33
    )


def total_words(index) -> int:
    return int(index.sparse.word_counts().counts.sum())


def session(**more) -> Session:
    return Session(lang="en", plain=True, no_input=True, **more)


@pytest.fixture
def papers(handbook):
    """The handbook with some of its documents closed, and places to search within."""
    closed = {"leave.md": {"hr"}, "hours.md": {"hr", "board"}, "parking.md": {"board"}}
    long = document("long.md", "".join(f"第{n}条の届けは総務課へ出す。" for n in range(30)))
    return [
        replace(
            paper,
            groups=frozenset(closed.get(paper.id, ())),
            metadata={"place": "tokyo" if number % 2 else "osaka"},
        )
        for number, paper in enumerate([long, *handbook])
    ]


def synced(index, folder) -> MilvusStore:
    client = connect(str(folder / "m.db"), session())
    store = MilvusStore(client, "okakae", folder, index.facts)
    store.sync(index, "v1")
    return store


@pytest.fixture
def milvus(papers, tmp_path):
    store = synced(built(papers), tmp_path)
    yield store
    store.close()


def assert_same(one: Found, other: Found) -> None:
    """The same passages with the same figures; equal scores may stand in any order."""
    ours, theirs = ({hit.id: hit for hit in found.hits} for found in (one, other))
    assert ours.keys() == theirs.keys()
    for id_, hit in ours.items():
        assert hit.chunk == theirs[id_].chunk
        figures = [(h.score, h.cosine, h.bm25) for h in (hit, theirs[id_])]
        assert figures[0] == pytest.approx(figures[1], abs=1e-4)
    assert one.rarity == pytest.approx(other.rarity, rel=1e-5)
    assert astuple(one.signals) == pytest.approx(astuple(other.signals), abs=1e-4)
    assert one.chunks == other.chunks


@quiet
@NEEDS_MILVUS
@pytest.mark.parametrize("mode", MODES)
def test_milvus_finds_the_same_whoever_asks(papers, milvus, mode) -> None:
    embedder, index = HashingEmbedder(), built(papers)
    for where in FILTERS:
        ours = Retriever(FaissStore(index), embedder, mode).find(QUESTIONS, where=where)
        theirs = Retriever(milvus, embedder, mode).find(QUESTIONS, where=where)
        for one, other in zip(ours, theirs, strict=True):
            assert_same(one, other)


@quiet
@NEEDS_MILVUS
def test_milvus_tells_nothing_of_what_is_forbidden(papers, milvus, tmp_path) -> None:
    """Everything a stranger gets is what a collection of the open documents alone gives."""
    stranger = Filter(frozenset())
    (tmp_path / "open").mkdir()
    alone = synced(built([p for p in papers if not p.groups]), tmp_path / "open")
    ours, theirs = (
        Retriever(store, HashingEmbedder(), "hybrid").find(QUESTIONS, where=stranger)
        for store in (milvus, alone)
    )
    alone.close()
    for one, other in zip(ours, theirs, strict=True):
        assert_same(one, other)


@quiet
@NEEDS_MILVUS
def test_where_more_is_allowed_than_is_sampled_the_sample_is_of_the_smallest_ids(
    papers, milvus, monkeypatch
) -> None:
    monkeypatch.setattr("executors.rag.search.milvus_view.SAMPLE", 2)
    view = milvus.within(Filter(frozenset({"hr"})))
    ids = [chunk.id for p in papers if not p.groups or "hr" in p.groups
           for chunk in milvus.document(p.id)]  # fmt: skip
    assert [id_ for id_, _ in view._smallest] == sorted(ids)[:2]
    assert view.n == len(ids)


@pytest.mark.parametrize("kind", ["faiss", pytest.param("milvus", marks=[quiet, NEEDS_MILVUS])])
def test_a_document_is_given_in_reading_order(papers, kind, request) -> None:
    index = built(papers)
    store = FaissStore(index) if kind == "faiss" else request.getfixturevalue("milvus")
    expected = [chunk for chunk in index.chunks if chunk.doc_id == "long.md"]
    assert len(expected) > 1 and store.document("long.md") == expected
    assert store.document('nowhere".md') == []


@quiet
@NEEDS_MILVUS
def test_what_changed_is_written_and_what_went_is_gone_at_once(papers, milvus, tmp_path) -> None:
    edited = document("books.md", "書籍は会社の所有とする。", title="書籍購入補助")
    before, after = built(papers), built([*papers[:-1], edited])
    drift = total_words(after) / total_words(before) - 1
    written, deleted = milvus.sync(after, "v2")
    assert deleted == 1 and written == (1 if abs(drift) <= DRIFT else len(after.ids))
    assert milvus.sync(after, "v2") == (0, 0)
    stores = (FaissStore(after), milvus)
    ours, theirs = (Retriever(s, HashingEmbedder(), "hybrid").find(QUESTIONS) for s in stores)
    for one, other in zip(ours, theirs, strict=True):
        assert {hit.id for hit in one.hits} == {hit.id for hit in other.hits}
    reopened = MilvusStore(milvus._client, "okakae", tmp_path, after.facts)
    again, now = (store.within(None).rarity(["書籍"]) for store in (reopened, milvus))
    assert reopened.version == "v2" and again == now


@quiet
@NEEDS_MILVUS
def test_a_document_that_was_closed_is_closed_on_milvus_too(papers, milvus) -> None:
    closed = [replace(p, groups=frozenset({"board"})) if p.id == "books.md" else p for p in papers]
    stranger, asked = Filter(frozenset()), ["書籍は誰のもの？"]
    retriever = Retriever(milvus, HashingEmbedder(), "hybrid")
    assert "books.md" in {h.chunk.doc_id for h in retriever.find(asked, where=stranger)[0].hits}
    assert milvus.sync(built(closed), "v2") == (1, 0)
    assert "books.md" not in {h.chunk.doc_id for h in retriever.find(asked, where=stranger)[0].hits}


def test_a_filter_becomes_an_expression() -> None:
    assert expression(None) == "" and expression(Filter()) == ""
    assert expression(Filter(frozenset())) == "(array_length(groups) == 0)"
    told = expression(Filter(frozenset({"hr", 'a"b'}), {"kind": frozenset({"pdf"})}))
    assert 'array_contains_any(groups, ["a\\"b", "hr"])' in told
    assert told.endswith('and array_contains_any(metadata, ["kind=pdf"])')


def test_documents_leave_only_with_permission_and_never_when_confidential() -> None:
    cluster = "https://milvus.example.com:19530"
    with pytest.raises(Forbidden) as error:
        connect(cluster, session())
    assert error.value.ref == "no-consent"
    agreed = session(allow=frozenset({"upload"})).with_confidential("all")
    with pytest.raises(Forbidden) as error:
        connect(cluster, agreed)
    assert error.value.ref == "confidential-stays-here"
