"""What a filter leaves of a Milvus collection, with statistics of its chunks alone.

How many chunks there are and in how many a word occurs is counted by query. The average length
comes from the chunks with the smallest ids: exact up to `SAMPLE` chunks, and beyond a fair sample,
since ids are digests. Stored halves of BM25 carry the average length of the whole collection: they
only choose the candidates, which are then scored from their own counts. So neither a score nor a
rarity tells of what is forbidden.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from executors.rag.index.sparse import K1, B
from executors.rag.search.store import BACKGROUND, Scored

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from executors.rag.search.milvus import MilvusStore

SAMPLE = 4096
"""Chunks whose lengths are read for the average: off by about 1 % where there are more."""
_EVERY_ID = (1 << 63) - 1


class MilvusView:
    """The chunks that an expression of Milvus allows; all of them when it is empty."""

    def __init__(self, store: MilvusStore, told: str) -> None:
        self._store, self._told = store, told
        self._frequency: dict[str, int] = {}

    @cached_property
    def n(self) -> int:
        return self._store.count(self._told) if self._told else self._store.n

    @cached_property
    def background(self) -> NDArray[np.float32]:
        ids = [id_ for id_, _ in self._smallest] if self._told else self._store.background
        return self._store.vectors(ids[:BACKGROUND])

    def nearest(self, queries: NDArray[np.float32], depth: int) -> list[Scored]:
        if not self.n:
            return [[] for _ in queries]
        return self._store.search("vector", [q.tolist() for q in queries], depth, self._told)

    def keywords(
        self, words: Sequence[str], depth: int, also: Sequence[int]
    ) -> tuple[Scored, Mapping[int, float]]:
        query = self._weights(words)
        if not query or not depth or not self.n:
            return [], dict.fromkeys(also, 0.0)
        (best,) = self._store.search("words", [query], depth, self._told)
        best = [(id_, score) for id_, score in best if score > 0]
        others = [id_ for id_ in also if id_ not in dict(best)]
        if self._told:
            own = self._scored(query, [*(id_ for id_, _ in best), *others])
            best = sorted(((i, own[i]) for i, _ in best), key=lambda pair: -pair[1])
        else:
            own = self._stored(query, others) | dict(best)
        return best, {id_: own.get(id_, 0.0) for id_ in also}

    def rarity(self, words: Sequence[str]) -> dict[str, float]:
        return {word: self._idf(word) for word in words}

    def _weights(self, words: Sequence[str]) -> dict[int, float]:
        """The query's half of BM25, without words that no chunk uses."""
        held = [word for word in words if self._held(word)]
        return {self._store.number[word]: self._idf(word) for word in held}

    def _idf(self, word: str) -> float:
        frequency = self._held(word)
        return math.log1p((self.n - frequency + 0.5) / (frequency + 0.5))

    def _held(self, word: str) -> int:
        """In how many chunks a word occurs."""
        store = self._store
        number = store.number.get(word)
        if number is None or not self._told:
            return 0 if number is None else store.frequency[number]
        if word not in self._frequency:
            holds = f"array_contains(terms, {number})"
            self._frequency[word] = store.count(all_of(self._told, holds))
        return self._frequency[word]

    def _stored(self, query: Mapping[int, float], ids: Sequence[int]) -> dict[int, float]:
        """BM25 of chunks from their stored halves."""
        if not ids:
            return {}
        (found,) = self._store.search("words", [query], len(ids), named(ids))
        return dict(found)

    def _scored(self, query: Mapping[int, float], ids: Sequence[int]) -> dict[int, float]:
        """BM25 of chunks from their counts and the average length of what is allowed."""
        fields = ("length", "terms", "counts")
        rows = self._store.query(named(ids), *fields) if ids else []
        return {int(row["id"]): self._bm25(query, *(row[name] for name in fields)) for row in rows}

    def _bm25(
        self, query: Mapping[int, float], length: int, terms: Sequence[Any], counts: Sequence[Any]
    ) -> float:
        norm = K1 * (1 - B + B * length / (self._average or 1.0))
        return sum(
            query[int(term)] * int(tf) / (int(tf) + norm)
            for term, tf in zip(terms, counts, strict=True)
            if int(term) in query
        )

    @cached_property
    def _average(self) -> float:
        lengths = [length for _, length in self._smallest]
        return sum(lengths) / len(lengths) if lengths else 0.0

    @cached_property
    def _smallest(self) -> list[tuple[int, int]]:
        """Ids and lengths of the chunks with the smallest ids."""
        wanted = min(self.n, SAMPLE)
        # Ids are spread evenly; a quarter more, so that one query is nearly always enough.
        share = 1.25 * wanted / max(1, self.n)
        while True:
            top = min(_EVERY_ID, int(share * _EVERY_ID))
            rows = self._store.query(all_of(self._told, f"id<={top}"), "length")
            if len(rows) >= wanted or top == _EVERY_ID:
                found = sorted((int(row["id"]), int(row["length"])) for row in rows)
                return found[:wanted]
            share *= 2


def all_of(*conditions: str) -> str:
    """Every one of these expressions."""
    return " and ".join(f"({condition})" for condition in conditions)


def named(ids: Sequence[int]) -> str:
    """These chunks as an expression."""
    return f"id in [{', '.join(map(str, ids))}]"
