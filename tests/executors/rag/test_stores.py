"""FAISS and Milvus find the same passages, filter before ranking, and follow the index."""

from __future__ import annotations

from dataclasses import astuple
from importlib.util import find_spec

import numpy as np
import pytest
from small_corpus import HashingEmbedder, document

from advisor.errors import Forbidden
from advisor.session import Session
from executors.rag.filter import Filter
from executors.rag.index import build_index
from executors.rag.milvus import DRIFT, MilvusStore, connect, expression
from executors.rag.retrieve import Retriever
from executors.rag.stores import FaissStore, StoreRetriever, search

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


def built(documents):
    return build_index(
        documents, HashingEmbedder(), chunk_tokens=60, overlap_tokens=0, ram_bytes=2**33
    )


def total_words(index) -> int:
    return int(index.sparse.word_counts().counts.sum())


def session(**more) -> Session:
    return Session(lang="en", plain=True, no_input=True, **more)


@pytest.fixture
def milvus(handbook, tmp_path):
    index = built(handbook)
    client = connect(str(tmp_path / "m.db"), session())
    store = MilvusStore(client, "okakae", tmp_path, index.facts)
    store.sync(index, "v1")
    yield store
    store.close()


def test_the_store_on_faiss_finds_what_the_retriever_finds(handbook) -> None:
    index, embedder = built(handbook), HashingEmbedder()
    found = search(FaissStore(index), embedder, QUESTIONS)
    expected = Retriever(index, embedder, "hybrid").find(QUESTIONS)
    for one, other in zip(found, expected, strict=True):
        assert [index.row_of[i] for i, _ in one] == [hit.row for hit in other.hits]
        assert np.allclose([s for _, s in one], [hit.score for hit in other.hits], atol=1e-5)
    through = StoreRetriever(FaissStore(index), embedder, "hybrid").find(QUESTIONS)
    for one, other in zip(through, expected, strict=True):
        assert [hit.chunk for hit in one.hits] == [hit.chunk for hit in other.hits]
        assert np.allclose(astuple(one.signals), astuple(other.signals), atol=1e-5)


@quiet
@NEEDS_MILVUS
@pytest.mark.parametrize("mode", ["dense", "sparse", "hybrid", "rrf"])
def test_milvus_finds_the_same_with_the_same_scores(handbook, milvus, mode) -> None:
    index, embedder = built(handbook), HashingEmbedder()
    ours = search(FaissStore(index), embedder, QUESTIONS, mode)
    theirs = search(milvus, embedder, QUESTIONS, mode)
    for one, other in zip(ours, theirs, strict=True):
        assert dict(one).keys() == dict(other).keys()
        assert all(abs(score - dict(other)[id_]) < 1e-4 for id_, score in one)
    ids = [id_ for id_, _ in ours[0]]
    assert milvus.chunks(ids) == FaissStore(index).chunks(ids)


@quiet
@NEEDS_MILVUS
def test_what_changed_is_written_and_what_went_is_gone_at_once(handbook, milvus, tmp_path) -> None:
    edited = document("books.md", "書籍は会社の所有とする。", title="書籍購入補助")
    before, after = built(handbook), built([*handbook[:-1], edited])
    drift = total_words(after) / total_words(before) - 1
    written, deleted = milvus.sync(after, "v2")
    assert deleted == 1 and written == (1 if abs(drift) <= DRIFT else len(after.ids))
    assert milvus.sync(after, "v2") == (0, 0)
    ours = search(FaissStore(after), HashingEmbedder(), QUESTIONS)
    theirs = search(milvus, HashingEmbedder(), QUESTIONS)
    assert [dict(a).keys() for a in ours] == [dict(b).keys() for b in theirs]
    reopened = MilvusStore(milvus._client, "okakae", tmp_path, after.facts)
    assert reopened.version == "v2" and reopened.idf("書籍") == milvus.idf("書籍")


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
