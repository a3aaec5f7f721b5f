"""Which chunks and documents fit a question: by meaning, by keywords, or by both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, Protocol

from executors.rag.chunking.chunk import Chunk
from executors.rag.chunking.words import content_words
from executors.rag.embedding import Embedder
from executors.rag.index.rag_index import IndexFacts
from executors.rag.search.filter import Filter
from executors.rag.search.store import Scored, Store, View

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Mode = Literal["dense", "sparse", "hybrid", "rrf"]
MODES: tuple[Mode, ...] = ("dense", "sparse", "hybrid", "rrf")
RRF_K = 60
"""Cormack, Clarke and Büttcher, SIGIR 2009."""
SPARSE_WEIGHT = 0.35
"""Of the best BM25 score beside the best cosine. Adding scaled scores kept more right documents
among the first ten than fusing ranks did (bench/results/retrieval_*.json; so too Bruch, Gai and
Ingber, ACM TOIS 2023); anything from 0.2 to 0.5 came out alike."""
LEAST_DEPTH = 100
_COMPARED = 20
"""Chunks of each list whose documents are compared."""
RERANKED = 20
"""Passages a reranker reads per question: each costs as much as the first, and a right one past
the twentieth is rare."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One chunk for one question; `score` is in the terms of the retriever's mode."""

    id: int
    """The chunk's."""
    chunk: Chunk
    score: float
    cosine: float
    bm25: float = 0.0


@dataclass(frozen=True, slots=True)
class Signals:
    """How well the papers fit a question, in figures that mean the same in any corpus."""

    agreement: float
    """1 when both lists have the same first document, 0.5 when within the first three."""
    usual: float = 0.0
    """The mean cosine of this question with chunks from all over the corpus."""
    spread: float = 1.0
    """The standard deviation of those cosines."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found for one question, chunks best first."""

    hits: tuple[Hit, ...]
    signals: Signals
    rarity: Mapping[str, float] = field(default_factory=dict)
    """How rare each word of the question is among the chunks that may be found."""
    chunks: int = 0
    """How many chunks may be found."""


class Reranker(Protocol):
    """Scores passages against a question; higher is better, in [0, 1]."""

    id: str

    def scores(self, question: str, passages: Sequence[str]) -> list[float]:
        """One score per passage."""
        ...


class Retriever:
    """Searches one store in one mode; a reranker looks at the first passages again."""

    def __init__(
        self,
        store: Store,
        embedder: Embedder,
        mode: Mode,
        *,
        sparse_weight: float = SPARSE_WEIGHT,
        reranker: Reranker | None = None,
    ) -> None:
        self.store, self.embedder, self.mode = store, embedder, mode
        self.sparse_weight, self.reranker = sparse_weight, reranker

    @property
    def facts(self) -> IndexFacts:
        return self.store.facts

    def find(
        self, questions: Sequence[str], *, depth: int = LEAST_DEPTH, where: Filter | None = None
    ) -> list[Found]:
        """Chunks for every question, at most `depth` of each list.

        Args:
            questions: as asked.
            depth: chunks taken from each way of searching.
            where: what may be found; None is the owner's view of everything.
        """
        if not questions:
            return []
        view = self.store.within(where)
        queries = self.embedder.queries(questions)
        found = [
            self._one(view, text, query, dense, depth)
            for text, query, dense in zip(
                questions, queries, view.nearest(queries, depth), strict=True
            )
        ]
        if self.reranker is None:
            return found
        return [
            rerank(self.reranker, text, one) for text, one in zip(questions, found, strict=True)
        ]

    def _one(
        self, view: View, text: str, query: NDArray[np.float32], dense: Scored, depth: int
    ) -> Found:
        words = sorted(set(content_words(text, self.facts.words_by)))
        dense = in_order(dense)
        sparse, bm25 = view.keywords(words, depth, [id_ for id_, _ in dense])
        sparse = in_order(sparse)
        bm25 = {**bm25, **dict(sparse)}
        cosines = dict(dense)
        usual = view.background @ query
        mean = float(usual.mean()) if len(usual) else 0.0
        if self.mode == "dense" or (self.mode != "sparse" and not sparse):
            scored = dense
        else:
            cosines |= self._cosines([id_ for id_, _ in sparse if id_ not in cosines], query)
            if self.mode == "sparse":
                scored = sparse
            elif self.mode == "rrf":
                scored = fuse_ranks([id_ for id_, _ in dense], [id_ for id_, _ in sparse])
            else:
                scored = fuse_scores(cosines, bm25, mean, self.sparse_weight)
        shown = dict.fromkeys(id_ for id_, _ in (*scored, *dense[:_COMPARED], *sparse[:_COMPARED]))
        chunks = dict(zip(shown, self.store.chunks(list(shown)), strict=True))
        hits = tuple(Hit(id_, chunks[id_], score, cosines[id_], bm25[id_]) for id_, score in scored)
        agreement = _agreement(*(_documents(one[:_COMPARED], chunks) for one in (dense, sparse)))
        spread = float(usual.std()) if len(usual) else 0.0
        signals = Signals(agreement, mean, spread or 1.0)
        return Found(hits, signals, view.rarity(words), view.n)

    def _cosines(self, ids: Sequence[int], query: NDArray[np.float32]) -> dict[int, float]:
        if not ids:
            return {}
        return dict(zip(ids, (self.store.vectors(ids) @ query).tolist(), strict=True))


def in_order(scored: Scored) -> Scored:
    """By score; engines give equal scores in any order, and ranks must not depend on it."""
    return sorted(scored, key=lambda pair: (-round(pair[1], 5), pair[0]))


def _documents(scored: Scored, chunks: Mapping[int, Chunk]) -> list[str]:
    return list(dict.fromkeys(chunks[id_].doc_id for id_, _ in scored))


def _agreement(dense: Sequence[str], sparse: Sequence[str]) -> float:
    if not (dense and sparse):
        return 0.0
    near = dense[0] in sparse[:3] or sparse[0] in dense[:3]
    return 1.0 if dense[0] == sparse[0] else 0.5 if near else 0.0


def rerank(reranker: Reranker, question: str, found: Found, depth: int = RERANKED) -> Found:
    """The same hits, the first `depth` in the reranker's order; the others follow as they were.

    Scores become the reranker's. Those of the others continue below in their old proportions, so
    that a list of hits still falls from its first to its last.
    """
    read, rest = found.hits[:depth], found.hits[depth:]
    if not read:
        return found
    scores = reranker.scores(question, [hit.chunk.embedded_text for hit in read])
    first = sorted(
        (replace(hit, score=score) for hit, score in zip(read, scores, strict=True)),
        key=lambda hit: -hit.score,
    )
    return replace(found, hits=(*first, *_below(first[-1].score, read[-1], rest)))


def _below(floor: float, last: Hit, rest: Sequence[Hit]) -> list[Hit]:
    scale = floor / last.score if last.score > 0 else 0.0
    return [replace(hit, score=max(0.0, hit.score) * scale) for hit in rest]


def fuse_scores(
    cosines: Mapping[int, float],
    bm25: Mapping[int, float],
    usual: float,
    weight: float = SPARSE_WEIGHT,
) -> Scored:
    """Chunks by a weighted sum of both scores, each scaled so that its best is 1.

    Args:
        cosines: of every candidate.
        bm25: of the same candidates.
        usual: the cosine of any chunk with this question; counts as 0.
        weight: of the keywords beside the meaning.
    """
    reach = max(cosines.values()) - usual
    best = max(bm25.values())
    scored = [
        (id_, (cosine - usual) / (reach if reach > 0 else 1.0) + weight * bm25[id_] / (best or 1.0))
        for id_, cosine in cosines.items()
    ]
    return sorted(scored, key=lambda item: -item[1])


def fuse_ranks(dense: Sequence[int], sparse: Sequence[int]) -> Scored:
    """Reciprocal rank fusion of two lists of chunks; ties go to the dense list's order."""
    scores: dict[int, float] = {}
    for ranking in (dense, sparse):
        for rank, id_ in enumerate(ranking, 1):
            scores[id_] = scores.get(id_, 0.0) + 1 / (RRF_K + rank)
    return sorted(scores.items(), key=lambda item: -item[1])


def distinct(hits: Sequence[Hit], k: int) -> list[Hit]:
    """At most `k` hits, best first, each document once as far as there are `k` documents."""
    first: dict[str, Hit] = {}
    for hit in hits:
        first.setdefault(hit.chunk.doc_id, hit)
    chosen = list(first.values())[:k]
    if len(chosen) < k:
        taken = {hit.id for hit in chosen}
        chosen += [hit for hit in hits if hit.id not in taken][: k - len(chosen)]
        chosen.sort(key=lambda hit: -hit.score)
    return chosen
