"""Which passage supports each sentence of an answer, found by wording, not by the model's word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from executors.base import Passage
from executors.rag.sentences import sentences
from executors.rag.words import character_pairs

SUPPORTED_FROM = 0.5
"""Share of a sentence's character pairs that its passage must hold."""


@dataclass(frozen=True, slots=True)
class Citation:
    """One sentence of an answer and the passage that supports it best."""

    start: int
    end: int
    passage: int
    """Number of the passage from 1, as people count; 0 when nothing supports the sentence."""
    support: float


def citations(answer: str, passages: Sequence[Passage]) -> tuple[Citation, ...]:
    """One citation per sentence of the answer, in order."""
    held = [character_pairs(f"{p.title}\n{p.text}") for p in passages]
    found = []
    for span in sentences(answer):
        said = character_pairs(span.of(answer))
        shares = [len(said & pairs) / len(said) for pairs in held] if said else []
        best = max(range(len(shares)), key=lambda i: (shares[i], -i), default=-1)
        support = shares[best] if best >= 0 else 0.0
        number = best + 1 if support >= SUPPORTED_FROM else 0
        found.append(Citation(span.start, span.end, number, round(support, 4)))
    return tuple(found)


def numbered(answer: str, passages: Sequence[Passage]) -> str:
    """The answer as people read it, with `[n]` after each sentence that passage n supports."""
    out, at = "", 0
    for citation in citations(answer, passages):
        out += answer[at : citation.end]
        out += f" [{citation.passage}]" if citation.passage else ""
        at = citation.end
    return out + answer[at:]
