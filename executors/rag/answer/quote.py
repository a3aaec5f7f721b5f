"""The extractive answer: the sentences or table rows found that answer the question."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from executors.rag.answer.expect import expected, fulfilled
from executors.rag.answer.quotable import Quotable, join, quotables
from executors.rag.chunking.words import character_pairs, content_words
from executors.rag.search.retrieve import Hit, Retriever

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
_NEAR_BEST = 0.76
_STILL_ASKED = 0.5
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
    pairs: float = 1.6
    meaning: float = 0.9
    passage: float = 0.4
    form: float = 1.1


@dataclass(frozen=True, slots=True)
class Quote:
    """An answer quoted from one or more chunks, best chunk first."""

    text: str
    ids: tuple[int, ...]
    """Of those chunks."""
    score: float
    form: float
    """Share of the expected forms (a date, a sum …) shown; 0.5 when none is expected."""
    cosine: float = 0.0
    """Of the question and the quoted sentence nearest to it."""


SIGNS = ("words", "context", "pairs", "passage", "form", "meaning")


@dataclass(slots=True)
class Candidate:
    """Something quotable from one chunk, with the signs that it answers the question."""

    hit: Hit
    rank: int
    quotable: Quotable
    signs: dict[str, float]
    score: float = 0.0
    cosine: float = 0.0
    """With the question; 0 for those too unlikely to be embedded."""

    def weigh(self, weights: Weights) -> None:
        self.score = sum(getattr(weights, name) * sign for name, sign in self.signs.items())


class Quoter:
    """Finds quotations; remembers the vectors of sentences it has compared."""

    def __init__(self, retriever: Retriever, weights: Weights | None = None) -> None:
        self._retriever = retriever
        self._weights = weights or Weights()
        self._vectors: OrderedDict[str, NDArray[np.float32]] = OrderedDict()

    def over(self, retriever: Retriever) -> Quoter:
        """The same over another view of the index; what was embedded stays known."""
        other = Quoter(retriever, self._weights)
        other._vectors = self._vectors
        return other

    def quote(
        self, question: str, hits: Sequence[Hit], rarity: Mapping[str, float]
    ) -> Quote | None:
        """The best quotation for a question from the first chunks of `hits`; None without text.

        Args:
            question: as asked.
            hits: best first.
            rarity: of the question's words among the chunks that may be found.
        """
        found = self.candidates(question, hits, rarity)
        return compose(question, found, self._weights) if found else None

    def candidates(
        self, question: str, hits: Sequence[Hit], rarity: Mapping[str, float]
    ) -> list[Candidate]:
        """Everything quotable in the first chunks with its signs, likeliest first."""
        found = _once(
            [
                Candidate(hit, rank, quotable, {})
                for rank, hit in enumerate(hits[:READ_CHUNKS])
                for quotable in quotables(hit.chunk.text)
            ]
        )
        if not found:
            return []
        self._read(question, found, rarity)
        for candidate in found:
            candidate.weigh(self._weights)
        found.sort(key=_order)
        likely = found[:_EMBEDDED]
        cosines = self._cosines(question, [c.quotable.whole for c in likely])
        low, high = float(cosines.min()), float(cosines.max())
        for candidate, cosine in zip(likely, cosines, strict=True):
            candidate.cosine = float(cosine)
            candidate.signs["meaning"] = (candidate.cosine - low) / ((high - low) or 1.0)
        return found

    def _read(self, question: str, found: Sequence[Candidate], rarity: Mapping[str, float]) -> None:
        """Set every candidate's signs that need no model."""
        by = self._retriever.facts.words_by
        whole = sum(rarity.values()) or 1.0
        asked = character_pairs(question)
        forms = expected(question)
        top = max(candidate.hit.score for candidate in found) or 1.0
        for candidate in found:
            quotable, chunk = candidate.quotable, candidate.hit.chunk
            own = set(content_words(quotable.text, by))
            near = set(content_words(f"{chunk.context}\n{quotable.lead}", by)) - own
            candidate.signs = {
                "words": sum(rarity[word] for word in own & rarity.keys()) / whole,
                "context": sum(rarity[word] for word in near & rarity.keys()) / whole,
                "pairs": len(asked & character_pairs(quotable.text)) / (len(asked) or 1),
                "passage": _standing(candidate.hit.score, top, candidate.rank),
                "form": fulfilled(forms, quotable.text),
            }

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


def _once(found: list[Candidate]) -> list[Candidate]:
    """Without what overlapping chunks say twice."""
    seen: dict[tuple[str, str], Candidate] = {}
    for candidate in found:
        seen.setdefault((candidate.hit.chunk.doc_id, candidate.quotable.whole), candidate)
    return list(seen.values())


def compose(question: str, found: list[Candidate], weights: Weights) -> Quote:
    """The answer made of the best candidate, what hangs on it, and what is still asked for."""
    for candidate in found:
        candidate.weigh(weights)
    found.sort(key=_order)
    best, forms = found[0], expected(question)
    chosen = [best]
    room = _MOST_CHARACTERS[_is_wide(best.quotable.text)] - len(best.quotable.whole)
    hanging = _hanging(best, found)
    for candidate in [*hanging, *_others(best, found)]:
        size = len(candidate.quotable.text)
        if candidate in chosen or size > room or len(chosen) > len(hanging) + _MOST_QUOTES:
            continue
        shown = fulfilled(forms, "\n".join(c.quotable.text for c in chosen))
        more = fulfilled(forms, "\n".join(c.quotable.text for c in [*chosen, candidate]))
        if (
            candidate in hanging
            or candidate.score >= _NEAR_BEST * best.score
            or (more > shown and candidate.score >= _STILL_ASKED * best.score)
        ):
            chosen.append(candidate)
            room -= size
    chosen.sort(key=lambda c: (c.rank, c.quotable.at))
    text = _joined(chosen)
    ids = dict.fromkeys([best.hit.id, *(c.hit.id for c in chosen)])
    cosine = max(candidate.cosine for candidate in chosen)
    return Quote(text, tuple(ids), best.score, fulfilled(forms, text), cosine)


def _order(candidate: Candidate) -> tuple[float, int, int]:
    return -candidate.score, candidate.rank, candidate.quotable.at


def _hanging(best: Candidate, found: Sequence[Candidate]) -> list[Candidate]:
    """What belongs to the best candidate: a list it introduces, its list, the sentence after it."""
    same = [c for c in found if c.hit.id == best.hit.id]
    at, parent = best.quotable.at, best.quotable.parent
    items = [c for c in same if c.quotable.parent == at]
    lead = next((c for c in same if c.quotable.at == parent), None)
    if lead is not None and lead.score >= _NEAR_BEST * best.score:
        items += [c for c in same if c.quotable.parent == parent and c is not best]
    after = [c for c in same if c.quotable.at == at + 1 and _goes_on(best, c)]
    return sorted(items, key=lambda c: c.quotable.at) + after


def _goes_on(best: Candidate, after: Candidate) -> bool:
    """Whether the next sentence is part of the same statement or paragraph."""
    return bool(_GOES_ON.match(after.quotable.text)) or (
        after.quotable.same_line and best.quotable.parent == after.quotable.parent
    )


def _others(best: Candidate, found: Sequence[Candidate]) -> list[Candidate]:
    return [c for c in found[1:12] if c.rank <= best.rank + 2]


def _joined(chosen: Sequence[Candidate]) -> str:
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
