"""Which way of searching to use: both ways only where both together were measured to be better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from executors.evaluate.statistics import paired_difference
from executors.rag.embedding import Embedder
from executors.rag.search.faiss_store import FaissStore
from executors.rag.search.retrieve import Mode, Reranker, Retriever, distinct
from knowledge.catalog.loader import find_embedder, load
from knowledge.corpus.types import Example

SIMPLER: tuple[Mode, ...] = ("dense", "sparse")
"""The legs of hybrid search; the first where nothing at all was measured."""
LEAST_QUESTIONS = 20
"""Fewer questions of the company's own decide nothing."""
PRIOR_QUESTIONS = 100
"""The published measurement counts as much as this many questions of the company's own: 25 of
them, with a paired deviation of about .25, are wrong by ±.1, more than any gain to be found."""
RANKED = 10


@dataclass(frozen=True, slots=True)
class ModeChoice:
    """The mode, the reason (text under `rag.why.<reason>`), and each mode's figures."""

    mode: Mode
    reason: str
    values: Mapping[str, object] = field(default_factory=dict)
    questions: int = 0
    reciprocal_rank: Mapping[str, float] = field(default_factory=dict)
    gain: float | None = None
    """Hybrid minus the better leg in mean reciprocal rank, as expected from both measurements."""
    found_in_five: float | None = None
    """Share of the questions whose document is among the first five, in the chosen mode."""


@dataclass(frozen=True, slots=True)
class RerankingChoice:
    """Whether the reranker is used, and what it did to the company's own questions."""

    used: bool
    reason: str
    questions: int = 0
    difference: Mapping[str, float] = field(default_factory=dict)
    """Mean reciprocal rank with it minus without it: value, low, high."""


def choose_mode(
    wanted: str,
    store: FaissStore,
    embedder: Embedder,
    questions: Sequence[Example],
    languages: Mapping[str, float],
) -> ModeChoice:
    """What `rag.retrieval` means for this index.

    Args:
        wanted: auto, dense, sparse, hybrid or rrf.
        store: of the company's documents.
        embedder: of that store.
        questions: not held out; those whose documents are known decide.
        languages: shares of the corpus by language.
    """
    asked = answerable_here(store, questions)
    if wanted != "auto":
        mode = _mode(wanted)
        ranks = {mode: reciprocal_ranks(Retriever(store, embedder, mode), asked)}
        return _choice(mode, "asked", {}, ranks, None)
    modes: tuple[Mode, ...] = ("hybrid", *SIMPLER)
    ranks = {mode: reciprocal_ranks(Retriever(store, embedder, mode), asked) for mode in modes}
    language = "ja" if languages.get("ja", 0.0) >= 0.5 else "en"
    known, own = known_ranks(embedder.id, language)
    n = len(asked) if len(asked) >= LEAST_QUESTIONS else 0
    expected = {
        mode: (PRIOR_QUESTIONS * known.get(mode, 0.0) + n * _mean(ranks[mode]))
        / (PRIOR_QUESTIONS + n)
        for mode in modes
    }
    better = max(SIMPLER, key=lambda leg: expected[leg])
    gain = expected["hybrid"] - expected[better]
    values = {"language": language, "embedder": embedder.id, "gain": f"{gain:+.3f}", "n": n}
    how = "measured" if n else "known" if own else "other-embedders"
    if gain > 0:
        return _choice("hybrid", f"fusion-{how}", values, ranks, gain)
    return _choice(better, f"single-{how}", {**values, "mode": better}, ranks, gain)


def known_ranks(embedder: str, language: str) -> tuple[Mapping[str, float], bool]:
    """Mean reciprocal rank by mode on the published sets of a language, and if of this embedder.

    One that was not measured counts as the strongest that was: who names an embedder names one
    that is at least as good as those that come in a package.
    """
    record = find_embedder(embedder)
    if record is not None and language in record.reciprocal_rank:
        return record.reciprocal_rank[language], True
    measured = [e.reciprocal_rank.get(language) for e in load("embedders").values()]
    ranks = [each for each in measured if each]
    return max(ranks, key=lambda each: each["dense"], default={}), False


def judge_reranker(
    store: FaissStore,
    embedder: Embedder,
    mode: Mode,
    reranker: Reranker,
    questions: Sequence[Example],
    *,
    asked_for: bool,
) -> RerankingChoice:
    """Whether to use a reranker: when it was asked for, or when it is shown to rank better here."""
    asked = answerable_here(store, questions)
    if len(asked) < LEAST_QUESTIONS:
        return RerankingChoice(asked_for, "reranker-asked" if asked_for else "reranker-untested")
    plain = reciprocal_ranks(Retriever(store, embedder, mode), asked)
    again = reciprocal_ranks(Retriever(store, embedder, mode, reranker=reranker), asked)
    gain = paired_difference(again, plain)
    figures = {
        "value": round(gain.value, 4),
        "low": round(gain.low, 4),
        "high": round(gain.high, 4),
    }
    better = gain.low > 0
    reason = "reranker-asked" if asked_for else "reranker-better" if better else "reranker-no-gain"
    return RerankingChoice(asked_for or better, reason, len(asked), figures)


def answerable_here(store: FaissStore, questions: Sequence[Example]) -> list[Example]:
    """Questions whose right documents are known and indexed."""
    rows_of = store.index.rows_of
    return [q for q in questions if q.answerable and any(map(rows_of, q.doc_ids))]


def reciprocal_ranks(retriever: Retriever, questions: Sequence[Example]) -> list[float]:
    """1 / rank of the first right document for every question, 0 past the tenth."""
    out = []
    found = retriever.find([q.prompt for q in questions])
    for question, one in zip(questions, found, strict=True):
        documents = [hit.chunk.doc_id for hit in distinct(one.hits, RANKED)]
        first = next((i for i, d in enumerate(documents, 1) if d in question.doc_ids), 0)
        out.append(1 / first if first else 0.0)
    return out


def _choice(
    mode: Mode,
    reason: str,
    values: Mapping[str, object],
    ranks: Mapping[Mode, Sequence[float]],
    gain: float | None,
) -> ModeChoice:
    n = len(ranks[mode])
    means: dict[str, float] = {name: round(_mean(r), 4) for name, r in ranks.items() if r}
    share = sum(rank >= 1 / 5 for rank in ranks[mode]) / n if n else None
    rounded = None if gain is None else round(gain, 4)
    return ModeChoice(mode, reason, values, n, means, rounded, share)


def _mode(wanted: str) -> Mode:
    known: tuple[Mode, ...] = ("dense", "sparse", "hybrid", "rrf")
    return next((mode for mode in known if mode == wanted), "hybrid")


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
