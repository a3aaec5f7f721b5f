"""The seam between searching and where vectors and words lie: FAISS in memory, or Milvus.

Both find the same passages: words are cut here, and BM25's two halves are computed here. What a
chunk is called is its id, which both hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from executors.rag.chunk import Chunk
from executors.rag.embed import Embedder
from executors.rag.filter import Filter
from executors.rag.index import IndexFacts, RagIndex
from executors.rag.retrieve import (
    LEAST_DEPTH,
    Found,
    Hit,
    Mode,
    Signals,
    fuse_ranks,
    fuse_scores,
)
from executors.rag.words import content_words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BACKGROUND = 256
"""Chunks, evenly spread, whose cosines tell what is usual for a question in this corpus."""
Scored = list[tuple[int, float]]
"""Chunk ids with scores, best first."""


class Store(Protocol):
    """Chunks that can be searched by vector and by words."""

    @property
    def facts(self) -> IndexFacts: ...

    def dense(
        self, queries: NDArray[np.float32], depth: int, where: Filter | None = None
    ) -> list[Scored]:
        """The nearest chunks of each query, with cosines, among those `where` allows."""
        ...

    def sparse(self, words: Sequence[str], depth: int, where: Filter | None = None) -> Scored:
        """The best chunks by BM25 of the distinct words, among those `where` allows."""
        ...

    def bm25(self, words: Sequence[str], ids: Sequence[int]) -> Mapping[int, float]:
        """BM25 of these chunks; 0 where none of the words occurs."""
        ...

    def vectors(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """Vectors of shape (len(ids), dimension)."""
        ...

    def chunks(self, ids: Sequence[int]) -> list[Chunk]: ...

    def background(self) -> NDArray[np.float32]:
        """Vectors of at most `BACKGROUND` chunks, evenly spread over the documents."""
        ...

    def idf(self, word: str) -> float:
        """How rare a word is; one the papers never use counts as the rarest possible."""
        ...

    def close(self) -> None: ...


class FaissStore:
    """An index in memory."""

    def __init__(self, index: RagIndex) -> None:
        self.index = index

    @property
    def facts(self) -> IndexFacts:
        return self.index.facts

    def dense(
        self, queries: NDArray[np.float32], depth: int, where: Filter | None = None
    ) -> list[Scored]:
        import faiss
        import numpy as np

        allowed = self._allowed(where)
        if allowed is None:
            scores, rows = self.index.nearest(queries, depth)
            ids = np.array([[self.index.ids[row] for row in line] for line in rows], np.int64)
        else:
            chosen = np.array([self.index.ids[row] for row in allowed], dtype=np.int64)
            parameters = self._parameters(faiss.IDSelectorBatch(chosen))
            scores, ids = self.index.vectors.search(
                queries, min(depth, len(chosen)), params=parameters
            )
        return [
            [(int(i), float(s)) for i, s in zip(line, marks, strict=True) if i >= 0]
            for line, marks in zip(ids, scores, strict=True)
        ]

    def sparse(self, words: Sequence[str], depth: int, where: Filter | None = None) -> Scored:
        import numpy as np

        scores = self.index.sparse.scores(words)
        allowed = self._allowed(where)
        rows = np.arange(len(scores)) if allowed is None else np.array(allowed, dtype=np.int64)
        order = rows[np.argsort(-scores[rows], kind="stable")[:depth]]
        return [(self.index.ids[row], float(scores[row])) for row in order if scores[row] > 0]

    def bm25(self, words: Sequence[str], ids: Sequence[int]) -> Mapping[int, float]:
        scores = self.index.sparse.scores(words)
        return {id_: float(scores[self.index.row_of[id_]]) for id_ in ids}

    def vectors(self, ids: Sequence[int]) -> NDArray[np.float32]:
        import numpy as np

        return np.stack([self.index.vector(self.index.row_of[id_]) for id_ in ids])

    def chunks(self, ids: Sequence[int]) -> list[Chunk]:
        return [self.index.chunks[self.index.row_of[id_]] for id_ in ids]

    def background(self) -> NDArray[np.float32]:
        return self.vectors(spread(self.index.ids))

    def idf(self, word: str) -> float:
        return self.index.sparse.idf(word)

    def close(self) -> None:
        if self.index.lease is not None:
            self.index.lease.close()

    def _allowed(self, where: Filter | None) -> list[int] | None:
        if where is None:
            return None
        return [row for row, chunk in enumerate(self.index.chunks) if where.allows(chunk)]

    def _parameters(self, selector: object) -> object:
        import faiss

        nprobe = self.index.facts.policy.nprobe
        if nprobe:
            return faiss.SearchParametersIVF(sel=selector, nprobe=nprobe)
        return faiss.SearchParameters(sel=selector)


def spread(ids: Sequence[int]) -> list[int]:
    """Ids evenly spread over chunks that stand by document and position."""
    import numpy as np

    rows = np.linspace(0, len(ids) - 1, min(BACKGROUND, len(ids))).astype(int)
    return [ids[row] for row in rows]


@dataclass(frozen=True, slots=True)
class _Lists:
    """What one question found: both lists, the fused one, and cosines of all in it."""

    dense: Scored
    sparse: Scored
    fused: Scored
    cosines: Mapping[int, float]


def search(
    store: Store,
    embedder: Embedder,
    questions: Sequence[str],
    mode: Mode = "hybrid",
    *,
    depth: int = LEAST_DEPTH,
    where: Filter | None = None,
) -> list[Scored]:
    """The chunks that fit each question, as `Retriever` finds them, out of any store."""
    queries = embedder.queries(questions)
    background = store.background()
    lists = _search(store, questions, queries, background, mode, depth, where)
    return [one.fused for one in lists]


class StoreRetriever:
    """A `Retriever` over any store; what answers need of an index is the store's."""

    def __init__(self, store: Store, embedder: Embedder, mode: Mode) -> None:
        self.store, self.embedder, self.mode = store, embedder, mode
        self._background = store.background()
        self.index = _Answering(store.facts, store)

    def find(
        self, questions: Sequence[str], *, depth: int = LEAST_DEPTH, where: Filter | None = None
    ) -> list[Found]:
        """Chunks for every question, at most `depth` of each list."""
        if not questions:
            return []
        queries = self.embedder.queries(questions)
        lists = _search(self.store, questions, queries, self._background, self.mode, depth, where)
        return [
            self._found(text, queries[number], one)
            for number, (text, one) in enumerate(zip(questions, lists, strict=True))
        ]

    def _found(self, text: str, query: NDArray[np.float32], one: _Lists) -> Found:
        ids = [id_ for id_, _ in one.fused]
        known = dict(zip(ids, self.store.chunks(ids), strict=True)) if ids else {}
        cosines = dict(one.cosines)
        other = [id_ for id_ in ids if id_ not in cosines]
        if other:
            cosines |= dict(zip(other, (self.store.vectors(other) @ query).tolist(), strict=True))
        hits = tuple(Hit(id_, known[id_], score, cosines[id_]) for id_, score in one.fused)
        usual = self._background @ query
        spread_ = float(usual.std()) or 1.0
        best = max((score for _, score in one.dense), default=float(usual.mean()))
        contrast = (best - float(usual.mean())) / spread_
        first, second = (self._documents(scored) for scored in (one.dense, one.sparse))
        agreement = 0.0
        if first and second:
            near = first[0] in second[:3] or second[0] in first[:3]
            agreement = 1.0 if first[0] == second[0] else 0.5 if near else 0.0
        covering = [id_ for id_, _ in (*one.dense[:2], *one.sparse[:1])]
        return Found(hits, Signals(contrast, self._coverage(text, covering), agreement))

    def _documents(self, scored: Scored) -> list[str]:
        ids = [id_ for id_, _ in scored[:20]]
        return list(dict.fromkeys(c.doc_id for c in self.store.chunks(ids))) if ids else []

    def _coverage(self, text: str, ids: Sequence[int]) -> float:
        by = self.store.facts.words_by
        weights = {word: self.store.idf(word) for word in set(content_words(text, by))}
        whole = sum(weights.values())
        held = [set(content_words(c.embedded_text, by)) for c in self.store.chunks(ids)]
        shares = (sum(w for word, w in weights.items() if word in has) / whole for has in held)
        return max(shares, default=0.0) if whole else 0.0


@dataclass(frozen=True, slots=True)
class _Answering:
    """Of an index what quoting asks for."""

    facts: IndexFacts
    sparse: Store


def _search(
    store: Store,
    questions: Sequence[str],
    queries: NDArray[np.float32],
    background: NDArray[np.float32],
    mode: Mode,
    depth: int,
    where: Filter | None,
) -> list[_Lists]:
    usual = (background @ queries.T).mean(axis=0)
    found = []
    for number, dense in enumerate(store.dense(queries, depth, where)):
        words = sorted(set(content_words(questions[number], store.facts.words_by)))
        sparse = store.sparse(words, depth, where)
        cosines = dict(dense)
        if mode == "sparse":
            fused = sparse
        elif mode == "dense" or not sparse:
            fused = dense
        elif mode == "rrf":
            fused = fuse_ranks(_in_order(dense), _in_order(sparse))
        else:
            other = [id_ for id_, _ in sparse if id_ not in cosines]
            if other:
                more = (store.vectors(other) @ queries[number]).tolist()
                cosines |= dict(zip(other, more, strict=True))
            bm25 = store.bm25(words, list(cosines))
            fused = fuse_scores(cosines, bm25, float(usual[number]))
        found.append(_Lists(dense, sparse, fused, cosines))
    return found


def _in_order(scored: Scored) -> list[int]:
    """Ids by score; engines give equal scores in any order, ranks must not depend on it."""
    return [id_ for id_, _ in sorted(scored, key=lambda pair: (-round(pair[1], 5), pair[0]))]
