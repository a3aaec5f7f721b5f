"""The extractive answer: the sentences or table rows found that answer the question."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from executors.rag.expect import expected, fulfilled
from executors.rag.quotable import Quotable, join, quotables
from executors.rag.retrieve import Hit, Retriever
from executors.rag.words import character_pairs, content_words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

READ_CHUNKS = 8
_EMBEDDED = 16
"""Candidates whose meaning is compared too; the rest fall behind by their words already."""
_CACHE = 4096
_MOST_QUOTES = 3
_MOST_CHARACTERS = {True: 260, False: 480}
"""Of an answer, for Japanese and for other scripts."""
_NEAR_BEST = 0.82
_GOES_ON = re.compile(
    r"^(?:ただし|但し|なお|また|この場合|その場合|その際|これ(?:は|ら)|それ以外"
    r"|however|but |this |these |if so|otherwise)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each sign of an answer counts; set on the sample company's questions (ja and en)."""

    words: float = 1.0
    context: float = 0.5
    pairs: float = 0.6
    meaning: float = 0.9
    passage: float = 0.9
    form: float = 0.7


@dataclass(frozen=True, slots=True)
class Quote:
    """An answer quoted from one or more chunks, best chunk first."""

    text: str
    rows: tuple[int, ...]
    score: float
    form: float
    """Share of the expected forms (a date, a sum …) shown; 0.5 when none is expected."""


@dataclass(slots=True)
class _Candidate:
    hit: Hit
    rank: int
    quotable: Quotable
    score: float = 0.0


class Quoter:
    """Finds quotations; remembers the vectors of sentences it has compared."""

    def __init__(self, retriever: Retriever, weights: Weights | None = None) -> None:
        self._retriever = retriever
        self._weights = weights or Weights()
        self._vectors: OrderedDict[str, NDArray[np.float32]] = OrderedDict()

    def quote(self, question: str, hits: Sequence[Hit]) -> Quote | None:
        """The best quotation for a question from the first chunks of `hits`; None without text."""
        found = [
            _Candidate(hit, rank, quotable)
            for rank, hit in enumerate(hits[:READ_CHUNKS])
            for quotable in quotables(hit.chunk.text)
        ]
        found = _once(found)
        if not found:
            return None
        self._score(question, found)
        chosen = _choose(question, found)
        best = max(chosen, key=lambda c: c.score)
        text = _compose(chosen)
        rows = dict.fromkeys([best.hit.row, *(c.hit.row for c in chosen)])
        return Quote(text, tuple(rows), best.score, fulfilled(expected(question), text))

    def _score(self, question: str, found: list[_Candidate]) -> None:
        index = self._retriever.index
        by = index.facts.words_by
        weights = {word: index.sparse.idf(word) for word in set(content_words(question, by))}
        whole = sum(weights.values()) or 1.0
        asked = character_pairs(question)
        forms = expected(question)
        top = max(hit.hit.score for hit in found) or 1.0
        w = self._weights
        for candidate in found:
            quotable, chunk = candidate.quotable, candidate.hit.chunk
            own = set(content_words(quotable.text, by))
            near = set(content_words(f"{chunk.context}\n{quotable.lead}", by)) - own
            words = sum(weights[word] for word in own & weights.keys()) / whole
            context = sum(weights[word] for word in near & weights.keys()) / whole
            pairs = len(asked & character_pairs(quotable.text)) / (len(asked) or 1)
            candidate.score = (
                w.words * words
                + w.context * context
                + w.pairs * pairs
                + w.passage * _standing(candidate.hit.score, top, candidate.rank)
                + w.form * fulfilled(forms, quotable.text)
            )
        found.sort(key=lambda c: (-c.score, c.rank, c.quotable.at))
        near_best = found[:_EMBEDDED]
        cosines = self._cosines(question, [c.quotable.whole for c in near_best])
        low, high = float(cosines.min()), float(cosines.max())
        for candidate, cosine in zip(near_best, cosines, strict=True):
            candidate.score += w.meaning * ((float(cosine) - low) / ((high - low) or 1.0))
        found.sort(key=lambda c: (-c.score, c.rank, c.quotable.at))

    def _cosines(self, question: str, texts: Sequence[str]) -> NDArray[np.float32]:
        import numpy as np

        embedder = self._retriever.embedder
        unknown = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        if unknown:
            for text, vector in zip(unknown, embedder.passages(unknown), strict=True):
                self._vectors[text] = vector
        matrix = np.stack([self._vectors[text] for text in texts])
        while len(self._vectors) > _CACHE:
            self._vectors.popitem(last=False)
        cosines: NDArray[np.float32] = matrix @ embedder.queries([question])[0]
        return cosines


def _standing(score: float, top: float, rank: int) -> float:
    """How the chunk stood in the search: its rank, which means the same in every mode."""
    return 0.7 / (1 + rank) + 0.3 * max(0.0, score / top)


def _once(found: list[_Candidate]) -> list[_Candidate]:
    """Without what overlapping chunks say twice."""
    seen: dict[tuple[str, str], _Candidate] = {}
    for candidate in found:
        seen.setdefault((candidate.hit.chunk.doc_id, candidate.quotable.whole), candidate)
    return list(seen.values())


def _choose(question: str, found: list[_Candidate]) -> list[_Candidate]:
    """The best candidate, what hangs on it, and what the question still asks for."""
    best = found[0]
    forms = expected(question)
    room = _MOST_CHARACTERS[_is_wide(best.quotable.text)] - len(best.quotable.whole)
    chosen = [best]
    for candidate in [*_hanging(best, found), *_others(best, found)]:
        if len(chosen) > _MOST_QUOTES + len(_hanging(best, found)):
            break
        if candidate in chosen or len(candidate.quotable.whole) > room:
            continue
        shown = fulfilled(forms, "\n".join(c.quotable.text for c in chosen))
        more = fulfilled(forms, "\n".join(c.quotable.text for c in [*chosen, candidate]))
        wanted = (
            candidate.quotable.parent == best.quotable.at
            or candidate.score >= _NEAR_BEST * best.score
            or (more > shown and candidate.score >= 0.5 * best.score)
            or _continues(best, candidate)
        )
        if wanted:
            chosen.append(candidate)
            room -= len(candidate.quotable.whole)
    return sorted(chosen, key=lambda c: (c.rank, c.quotable.at))


def _hanging(best: _Candidate, found: Sequence[_Candidate]) -> list[_Candidate]:
    """The items of a list whose introduction is the best candidate, and what goes on from it."""
    same = [c for c in found if c.hit.row == best.hit.row]
    items = [c for c in same if c.quotable.parent == best.quotable.at]
    after = [c for c in same if _continues(best, c)]
    return sorted(items, key=lambda c: c.quotable.at) + after


def _others(best: _Candidate, found: Sequence[_Candidate]) -> list[_Candidate]:
    return [c for c in found[1:12] if c.rank <= best.rank + 2]


def _continues(best: _Candidate, other: _Candidate) -> bool:
    return (
        other.hit.row == best.hit.row
        and other.quotable.at == best.quotable.at + 1
        and bool(_GOES_ON.match(other.quotable.text))
    )


def _compose(chosen: Sequence[_Candidate]) -> str:
    parts: list[str] = []
    for candidate in chosen:
        lead = candidate.quotable.lead
        if lead and lead not in parts:
            parts.append(lead)
        if candidate.quotable.text not in parts:
            parts.append(candidate.quotable.text)
    return join(parts)


def _is_wide(text: str) -> bool:
    return sum(ord(mark) > 0x2E80 for mark in text) > len(text) / 4
