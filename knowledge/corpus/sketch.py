"""Which documents are copies or versions of each other, told from a small sketch of each.

A sketch holds the 64 smallest hashes of a document's sentences (bottom-k, Cohen & Kaplan 2007):
the share of sentences that two documents have in common follows from their sketches alone, exactly
up to 64 sentences and within about 0.06 (one standard error) beyond. Texts need not be kept.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from knowledge.corpus.source import excerpt
from knowledge.corpus.types import Problem

SIZE = 64
"""Hashes in a sketch."""
SHORTEST = 8
"""Characters: shorter sentences are headings and table cells that many documents share."""
VERSION, COPY = 0.5, 0.9
"""Share of sentences in common from which two documents are versions, and nearly copies."""
LEAST_COMMON = 3
"""Sentences in common below which two short documents only quote the same line."""
_COMMON = 100
"""Sentences that more documents share are boilerplate and make no candidates."""
_MOST_SHOWN = 3
_ENDS = re.compile(r"[。!?;\n]|\.\s")


class Sketched(Protocol):
    """What is compared: a document's id, when it was changed, and its sketch."""

    @property
    def id(self) -> str: ...
    @property
    def modified(self) -> str | None: ...
    @property
    def text_digest(self) -> str: ...
    @property
    def sketch(self) -> tuple[int, ...]: ...


@dataclass(frozen=True, slots=True)
class Copy:
    """One document that repeats an earlier one, by their places; `share` of sentences in common."""

    index: int
    of: int
    share: float

    @property
    def exact(self) -> bool:
        return self.share == 1.0


def sketch(text: str) -> tuple[str, tuple[int, ...]]:
    """Digest of the normalised text ("" without any) and the smallest hashes of its sentences."""
    plain = unicodedata.normalize("NFKC", text).lower()
    whole = "".join(plain.split())
    if not whole:
        return "", ()
    said = {"".join(sentence.split()) for sentence in _ENDS.split(plain)}
    hashes = sorted(_hash(sentence) for sentence in said if len(sentence) >= SHORTEST)
    return f"{_hash(whole):016x}", tuple(hashes[:SIZE])


def _hash(text: str) -> int:
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def share(a: Sequence[int], b: Sequence[int]) -> float:
    """Jaccard similarity of two documents' sentences, from their sketches; 0 without any."""
    smallest = sorted({*a, *b})[: SIZE if max(len(a), len(b)) >= SIZE else None]
    both = set(a) & set(b)
    return sum(h in both for h in smallest) / len(smallest) if smallest else 0.0


def find_copies(documents: Sequence[Sketched]) -> list[Copy]:
    """For each document the earlier one it repeats most, if any; exact copies have share 1.0."""
    first: dict[str, int] = {}
    holding: dict[int, list[int]] = defaultdict(list)
    found: list[Copy] = []
    for index, this in enumerate(documents):
        if not this.text_digest:
            continue
        if (same := first.setdefault(this.text_digest, index)) != index:
            found.append(Copy(index, same, 1.0))
            continue
        common = Counter(i for h in this.sketch for i in holding.get(h, ()))
        best: Copy | None = None
        for other, n in common.items():
            if n < LEAST_COMMON:
                continue
            alike = min(share(this.sketch, documents[other].sketch), 0.99)
            if alike >= VERSION and (best is None or alike > best.share):
                best = Copy(index, other, round(alike, 2))
        if best is not None:
            found.append(best)
        for h in this.sketch:
            if len(holding[h]) < _COMMON:
                holding[h].append(index)
    return found


def copy_problems(documents: Sequence[Sketched], found: Sequence[Copy]) -> list[Problem]:
    """Copies, near copies and other versions between documents, each kind one problem."""
    problems = []
    for exact in (True, False):
        kind = [one for one in found if one.exact is exact]
        if not kind:
            continue
        places = [documents[one.index].id for one in kind]
        of = [documents[one.of].id for one in kind]
        pairs = [
            f"{place} = {other}" if one.exact else f"{place} ~ {other} ({one.share:.0%})"
            for one, place, other in zip(kind, places, of, strict=True)
        ]
        more = "; ..." if len(pairs) > _MOST_SHOWN else ""
        near = [one.share for one in kind]
        problems.append(
            Problem(
                "duplicate-document" if exact else "near-duplicate-document",
                "warn" if exact or max(near) >= COPY else "info",
                "; ".join(pairs[:_MOST_SHOWN]) + more,
                {"n": len(kind), "shares": near, "most": f"{max(near):.0%}"},
                excerpt(places[0]),
                tuple(places),
                tuple(of),
            )
        )
    return problems
