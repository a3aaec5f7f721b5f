"""Leaving documents out of a search is as if they had never been indexed."""

from __future__ import annotations

import pytest
from rag_systems import open_system

from executors.rag.index.build import build_index
from executors.rag.search.faiss_store import FaissStore
from executors.rag.search.leaveout import without
from executors.rag.search.retrieve import MODES, Retriever

QUESTION = "駐車場の利用料は月いくらですか？"


def index_of(documents, embedder):
    return build_index(documents, embedder, chunk_tokens=120, overlap_tokens=0, ram_bytes=2**33)


@pytest.mark.parametrize("mode", MODES)
def test_what_is_left_out_is_never_found(handbook, embedder, mode) -> None:
    whole = Retriever(FaissStore(index_of(handbook, embedder)), embedder, mode)
    found = without(whole, ["parking.md"]).find([QUESTION])[0]
    assert all(hit.chunk.doc_id != "parking.md" for hit in found.hits)
    assert whole.find([QUESTION])[0].hits[0].chunk.doc_id == "parking.md"


def test_ranks_and_rarity_are_those_of_an_index_without_it(handbook, embedder) -> None:
    view = without(
        Retriever(FaissStore(index_of(handbook, embedder)), embedder, "dense"), ["parking.md"]
    )
    rest = [document for document in handbook if document.id != "parking.md"]
    built = Retriever(FaissStore(index_of(rest, embedder)), embedder, "dense")
    seen, expected = (r.find([QUESTION])[0].hits for r in (view, built))
    assert [hit.chunk for hit in seen] == [hit.chunk for hit in expected]
    words = ("駐車", "利用", "宿泊", "総務", "社員", "nowhere")
    left, made = (r.store.within(None) for r in (view, built))
    assert left.rarity(words) == pytest.approx(made.rarity(words), rel=1e-5)
    assert left.n == made.n


def test_a_question_without_its_document_is_less_sure(handbook, embedder) -> None:
    system = open_system(handbook, embedder)
    with_it = system.confidences([QUESTION])[0]
    assert system.confidence_without(QUESTION, ["parking.md"]) < with_it
    assert system.confidences([QUESTION])[0] == with_it


def test_leaving_everything_out_is_no_confidence_at_all(handbook, embedder) -> None:
    system = open_system(handbook, embedder)
    assert system.confidence_without(QUESTION, [d.id for d in handbook]) == 0.0
