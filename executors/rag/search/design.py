"""Decides how a finished index is searched, and why: ways, weights, a second reading or none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from advisor.session import Session
from executors.rag.embedding import Embedder
from executors.rag.index.rag_index import RagIndex
from executors.rag.search.faiss_store import FaissStore
from executors.rag.search.fusion import ModeChoice, answerable_here, choose_mode, judge_reranker
from executors.rag.search.rerank import choose_reranker, milliseconds, open_reranker
from executors.rag.search.retrieve import SPARSE_WEIGHT, Reranker, Retriever
from executors.rag.search.store import Store
from executors.rag.search.tune import LEAST_QUESTIONS, Tuning, tune
from knowledge.corpus.types import Example

LEAST_CHUNK_TOKENS = 128
"""Half of the chunk size is tried too, but no chunks shorter than a few sentences."""
TUNE_WITHIN_SECONDS = 300.0
"""Another chunk size means embedding everything again; it is tried where that took less."""

IndexAt = Callable[[int], RagIndex]
"""Makes an index of the same documents with another chunk size in tokens."""


@dataclass(frozen=True, slots=True)
class Search:
    """How to search, with everything that explains it."""

    index: RagIndex
    """As tuning left it."""
    retriever: Retriever
    mode: ModeChoice
    top_k: int | None
    """Passages to read, where tuning chose them."""
    record: dict[str, Any]
    """For retrieval.json; `open_search` makes the same retriever of it."""


def design_search(
    index: RagIndex,
    embedder: Embedder,
    questions: Sequence[Example],
    languages: Mapping[str, float],
    session: Session,
    *,
    wanted: str,
    reranker: str,
    tuned: bool,
    index_at: IndexAt,
    embed_seconds: float,
) -> Search:
    """The search that the settings and the company's own questions call for.

    Args:
        index: of the company's documents.
        embedder: of that index.
        questions: not held out; empty where there are none.
        languages: shares of the corpus by language.
        session: what is told, and what may be loaded.
        wanted: `rag.retrieval`.
        reranker: `rag.reranker`.
        tuned: `rag.tune`.
        index_at: for trying another chunk size.
        embed_seconds: what embedding took, to know whether it may be done again.
    """
    store = FaissStore(index)
    mode = choose_mode(wanted, store, embedder, questions, languages)
    session.say(f"rag.why.{mode.reason}", **mode.values)
    tuning, store = _tuned(
        store, embedder, mode, questions, session, tuned, index_at, embed_seconds
    )
    weight = tuning.chosen.sparse_weight if tuning else SPARSE_WEIGHT
    chosen, ranking = _reranking(store, embedder, mode, questions, languages, session, reranker)
    record = {
        "mode": mode.mode,
        "sparse_weight": weight,
        "fusion": asdict(mode),
        "reranker": ranking,
        "tuning": asdict(tuning) if tuning else None,
    }
    retriever = Retriever(store, embedder, mode.mode, sparse_weight=weight, reranker=chosen)
    return Search(store.index, retriever, mode, tuning.top_k if tuning else None, record)


def open_search(
    stored: Mapping[str, Any], store: Store, embedder: Embedder, session: Session
) -> Retriever:
    """The retriever that retrieval.json records, of this release or an earlier one.

    Raises:
        MachineError: its reranker is not here.
    """
    ranking = stored.get("reranker") or {}
    reranker = open_reranker(ranking["id"], session) if ranking.get("used") else None
    weight = float(stored.get("sparse_weight", SPARSE_WEIGHT))
    return Retriever(store, embedder, stored["mode"], sparse_weight=weight, reranker=reranker)


def _tuned(
    store: FaissStore,
    embedder: Embedder,
    mode: ModeChoice,
    questions: Sequence[Example],
    session: Session,
    wanted: bool,
    index_at: IndexAt,
    embed_seconds: float,
) -> tuple[Tuning | None, FaissStore]:
    if not wanted:
        return None, store
    size = store.facts.chunk_tokens
    stores = {size: store}
    enough = len(answerable_here(store, questions)) >= LEAST_QUESTIONS
    half = size // 2
    if enough and half >= LEAST_CHUNK_TOKENS and embed_seconds <= TUNE_WITHIN_SECONDS:
        stores[half] = FaissStore(index_at(half))
    found = tune(stores, embedder, mode.mode, questions)
    session.say(
        f"rag.why.{found.reason}",
        n=found.questions,
        tried=found.tried,
        least=LEAST_QUESTIONS,
        apparent=f"{found.apparent_gain:+.3f}",
        held_out=f"{found.held_out_gain:+.3f}",
        tokens=found.chosen.chunk_tokens,
        weight=found.chosen.sparse_weight,
    )
    return found, stores[found.chosen.chunk_tokens]


def _reranking(
    store: FaissStore,
    embedder: Embedder,
    mode: ModeChoice,
    questions: Sequence[Example],
    languages: Mapping[str, float],
    session: Session,
    wanted: str,
) -> tuple[Reranker | None, dict[str, Any]]:
    choice = choose_reranker(wanted, languages)
    if choice.id is None:
        return None, {"id": None, "used": False, "reason": choice.reason}
    reranker = open_reranker(choice.id, session)
    judged = judge_reranker(store, embedder, mode.mode, reranker, questions, asked_for=choice.asked)
    plain = Retriever(store, embedder, mode.mode)
    text = questions[0].prompt if questions else store.index.chunks[0].text[:60]
    took = milliseconds(reranker, text, plain.find([text])[0])
    gain = judged.difference.get("value")
    session.say(
        f"rag.why.{judged.reason}",
        reranker=choice.id,
        n=judged.questions,
        gain="-" if gain is None else f"{gain:+.3f}",
        ms=round(took),
    )
    record = {"id": choice.id, **asdict(judged), "milliseconds_per_question": round(took, 1)}
    return (reranker if judged.used else None), record
