"""Which chunks and documents fit a question: by meaning, by keywords, or by both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, Protocol

from executors.rag.chunk import Chunk
from executors.rag.embed import Embedder
from executors.rag.filter import Filter
from executors.rag.index import RagIndex
from executors.rag.sparse import best_rows
from executors.rag.view import View, Views
from executors.rag.words import content_words

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
RERANKED = 20
"""Passages a reranker reads per question: each costs as much as the first, and a right one past
the twentieth is rare."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One chunk for one question; `score` is in the terms of the retriever's mode."""

    row: int
    chunk: Chunk
    score: float
    cosine: float
    bm25: float = 0.0


@dataclass(frozen=True, slots=True)
class Signals:
    """How well the papers fit a question, in figures that mean the same in any corpus."""

    contrast: float
    """The best cosine in standard deviations above what is usual for this question."""
    coverage: float
    """Share of the question's words, rare ones counting more, found in the best three chunks."""
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
    """Searches one index in one mode; a reranker looks at the first passages again."""

    def __init__(
        self,
        index: RagIndex,
        embedder: Embedder,
        mode: Mode,
        *,
        sparse_weight: float = SPARSE_WEIGHT,
        reranker: Reranker | None = None,
    ) -> None:
        self.index, self.embedder, self.mode = index, embedder, mode
        self.sparse_weight, self.reranker = sparse_weight, reranker
        self._views = Views(index)

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
        view = self._views.of(where)
        queries = self.embedder.queries(questions)
        cosines, rows = view.nearest(queries, depth)
        found = [
            self._one(view, text, queries[i], cosines[i], rows[i], depth)
            for i, text in enumerate(questions)
        ]
        if self.reranker is None:
            return found
        return [
            rerank(self.reranker, text, one) for text, one in zip(questions, found, strict=True)
        ]

    def _one(
        self,
        view: View,
        text: str,
        query: NDArray[np.float32],
        cosines: NDArray[np.float32],
        rows: NDArray[np.int64],
        depth: int,
    ) -> Found:
        by_row = {int(r): float(c) for r, c in zip(rows, cosines, strict=True) if r >= 0}
        dense = list(by_row)
        words = content_words(text, self.index.facts.words_by)
        rarity = {word: view.sparse.idf(word) for word in set(words)}
        bm25 = view.bm25(words)
        order = best_rows(bm25, depth)
        sparse = [int(view.rows[place]) for place in order if bm25[place] > 0]
        if self.mode == "dense" or (self.mode != "sparse" and not sparse):
            scored = list(by_row.items())
        elif self.mode == "sparse":
            scored = list(zip(sparse, bm25[order].tolist(), strict=False))
        elif self.mode == "rrf":
            scored = fuse_ranks(dense, sparse)
        else:
            both = {row: self._cosine(row, query, by_row) for row in (*dense, *sparse)}
            usual = float((view.background @ query).mean())
            known = dict(zip(both, bm25[view.places(list(both))].tolist(), strict=True))
            scored = fuse_scores(both, known, usual, self.sparse_weight)
        keywords = bm25[view.places([row for row, _ in scored])].tolist()
        hits = tuple(
            Hit(row, self.index.chunks[row], score, self._cosine(row, query, by_row), words)
            for (row, score), words in zip(scored, keywords, strict=True)
        )
        signals = self._signals(view, rarity, query, by_row, dense, sparse)
        return Found(hits, signals, rarity, view.sparse.n)

    def _cosine(self, row: int, query: NDArray[np.float32], known: dict[int, float]) -> float:
        found = known.get(row)
        return float(self.index.vector(row) @ query) if found is None else found

    def _signals(
        self,
        view: View,
        rarity: Mapping[str, float],
        query: NDArray[np.float32],
        cosines: dict[int, float],
        dense: Sequence[int],
        sparse: Sequence[int],
    ) -> Signals:
        if not cosines:
            return Signals(0.0, 0.0, 0.0)
        usual = view.background @ query
        spread = float(usual.std()) or 1.0
        contrast = (max(cosines.values()) - float(usual.mean())) / spread
        first = self._documents(dense)
        second = self._documents(sparse)
        agreement = 0.0
        if first and second:
            near = first[0] in second[:3] or second[0] in first[:3]
            agreement = 1.0 if first[0] == second[0] else 0.5 if near else 0.0
        best = [*dense[:2], *sparse[:1]]
        coverage = self._coverage(rarity, best)
        return Signals(contrast, coverage, agreement, float(usual.mean()), spread)

    def _documents(self, rows: Sequence[int]) -> list[str]:
        return list(dict.fromkeys(self.index.chunks[row].doc_id for row in rows[:20]))

    def _coverage(self, rarity: Mapping[str, float], rows: Sequence[int]) -> float:
        """Share of the words' rarity that the best-covering of these chunks holds."""
        whole = sum(rarity.values())
        if not whole:
            return 0.0
        held = (self.index.sparse.words_of(row) for row in rows)
        return max(
            (sum(w for word, w in rarity.items() if word in has) / whole for has in held),
            default=0.0,
        )


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
) -> list[tuple[int, float]]:
    """Rows by a weighted sum of both scores, each scaled so that its best is 1.

    Args:
        cosines: of every candidate row.
        bm25: of the same rows.
        usual: the cosine of any chunk with this question; counts as 0.
        weight: of the keywords beside the meaning.
    """
    reach = max(cosines.values()) - usual
    best = max(bm25.values())
    scored = [
        (
            row,
            (cosine - usual) / (reach if reach > 0 else 1.0) + weight * bm25[row] / (best or 1.0),
        )
        for row, cosine in cosines.items()
    ]
    return sorted(scored, key=lambda item: -item[1])


def fuse_ranks(dense: Sequence[int], sparse: Sequence[int]) -> list[tuple[int, float]]:
    """Reciprocal rank fusion of two lists of rows; ties go to the dense list's order."""
    scores: dict[int, float] = {}
    for ranking in (dense, sparse):
        for rank, row in enumerate(ranking, 1):
            scores[row] = scores.get(row, 0.0) + 1 / (RRF_K + rank)
    return sorted(scores.items(), key=lambda item: -item[1])


def distinct(hits: Sequence[Hit], k: int) -> list[Hit]:
    """At most `k` hits, best first, each document once as far as there are `k` documents."""
    first: dict[str, Hit] = {}
    for hit in hits:
        first.setdefault(hit.chunk.doc_id, hit)
    chosen = list(first.values())[:k]
    if len(chosen) < k:
        taken = {hit.row for hit in chosen}
        chosen += [hit for hit in hits if hit.row not in taken][: k - len(chosen)]
        chosen.sort(key=lambda hit: -hit.score)
    return chosen
