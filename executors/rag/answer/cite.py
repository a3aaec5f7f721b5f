"""Which passage supports each sentence of an answer: found and checked here, whatever a model says.

A sentence is supported by the statements of one passage when enough of its wording (or of its
meaning, by cosine) stands there and nothing in it is contradicted: numbers, days, names, negation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from executors.base import Citation, Passage
from executors.evaluate.abstention import is_refusal
from executors.evaluate.normalise import bare
from executors.rag.answer.claims import Claims, claims, conflicts
from executors.rag.answer.quotable import quotables
from executors.rag.chunking.sentences import sentences
from executors.rag.chunking.words import character_pairs

SUPPORTED_FROM = 0.5
"""Share of a sentence's words that the statements it rests on must hold."""
ALIKE_FROM = 0.3
"""With a cosine of `MEANS_THE_SAME` this share is enough: another wording of the same."""
MEANS_THE_SAME = 0.9
STATEMENTS = 3
"""Statements of one passage that one sentence may put together."""
_ADDS = 0.1
_OUTWEIGHS = 0.1
_BRIEF = 4
"""Words up to which an answer («Six hours.») says something only together with its question."""

_DIGIT = re.compile(r"\d")
_YES_OR_NO = re.compile(r"(?:はい|いいえ|ええ|yes|no)[。.,、!！]?", re.IGNORECASE)

Cosine = Callable[[str, Sequence[str]], Sequence[float]]
"""Cosines of one sentence with several statements."""


@dataclass(frozen=True, slots=True)
class _Source:
    passage: int
    text: str
    coverage: float
    against: tuple[str, ...]


def citations(
    answer: str, passages: Sequence[Passage], *, question: str = "", cosine: Cosine | None = None
) -> tuple[Citation, ...]:
    """One citation per sentence of the answer, in order.

    Args:
        answer: quoted or generated.
        passages: what it may rest on, best first.
        question: what it says again counts neither for nor against the answer.
        cosine: compares meanings where the wording alone does not decide.
    """
    found: list[Citation] = []
    opening: int | None = None
    spans = sentences(answer)
    for number, span in enumerate(spans):
        start = span.start if opening is None else opening
        # «Yes.» claims what the sentence after it says.
        if _YES_OR_NO.fullmatch(span.of(answer)) and number + 1 < len(spans):
            opening = start
            continue
        found.append(
            _cited(start, span.end, answer[span.start : span.end], passages, question, cosine)
        )
        opening = None
    return tuple(found)


def numbered(answer: str, cited: Sequence[Citation]) -> str:
    """The answer as people read it: `[n]` after each sentence that passage n supports, [?] else."""
    out, at = "", 0
    for citation in cited:
        out += answer[at : citation.end] + f" [{citation.passage or '?'}]"
        at = citation.end
    return out + answer[at:]


def kept(answer: str, cited: Sequence[Citation]) -> tuple[str, tuple[Citation, ...]]:
    """The answer without its unsupported sentences, and the citations of what is left."""
    out, at, left = "", 0, []
    for citation in cited:
        if citation.passage:
            out += answer[at : citation.start] if out else ""
            start = len(out)
            out += answer[citation.start : citation.end]
            left.append(Citation(start, len(out), citation.passage, citation.support))
        at = citation.end
    return out.strip(), tuple(left)


def _cited(
    start: int,
    end: int,
    sentence: str,
    passages: Sequence[Passage],
    question: str,
    cosine: Cosine | None,
) -> Citation:
    if is_refusal(sentence) and not any(bare(sentence) in bare(p.text) for p in passages):
        # «The papers do not say» claims nothing that a passage could support.
        return Citation(start, end, 0, 0.0, "refusal")
    said = claims(sentence)
    brief = bool(question) and len(said.words) <= _BRIEF
    looked_for = claims(f"{question}\n{sentence}") if brief else said
    sources = [
        _source(number, sentence, said, looked_for, passage, question)
        for number, passage in enumerate(passages, 1)
    ]
    sources.sort(key=lambda s: (bool(s.against), -s.coverage, s.passage))
    closest = max((source.coverage for source in sources), default=0.0)
    for source in sources:
        # A passage that says much less of it does not outweigh one that contradicts.
        if source.coverage < closest - _OUTWEIGHS:
            continue
        enough = source.coverage >= SUPPORTED_FROM
        if not source.against and not enough and cosine and source.coverage >= ALIKE_FROM:
            enough = max(cosine(sentence, [source.text])) >= MEANS_THE_SAME
        if not source.against and enough:
            return Citation(start, end, source.passage, round(source.coverage, 4))
    best = max(sources, key=lambda s: s.coverage, default=None)
    if best is None or best.coverage < SUPPORTED_FROM:
        return Citation(start, end, 0, round(best.coverage if best else 0.0, 4), "not-found")
    return Citation(start, end, 0, round(best.coverage, 4), (best.against or ("not-found",))[0])


def _source(
    number: int,
    sentence: str,
    said: Claims,
    looked_for: Claims,
    passage: Passage,
    question: str,
) -> _Source:
    """The statements of one passage that fit a sentence best, and what they contradict in it."""
    if looked_for is said and bare(sentence) and bare(sentence) in bare(passage.text):
        return _Source(number, sentence, 1.0, ())
    statements = _statements(passage.text)
    if not statements:
        return _Source(number, "", 0.0, ())
    frame = claims(passage.title).words
    asked = claims(question).words if question and looked_for is said else frozenset()
    pairs = character_pairs(looked_for.text)
    # A brief answer («60 minutes.») has little but its number to be found by.
    brief = looked_for is not said
    chosen: list[str] = []
    covered = 0.0
    while len(chosen) < STATEMENTS:
        tried = [
            (
                _coverage(looked_for, pairs, [*chosen, text], frame, asked, with_numbers=brief),
                -at,
                text,
            )
            for at, text in enumerate(statements)
            if text not in chosen
        ]
        if not tried:
            break
        best, _, text = max(tried)
        if chosen and best < covered + _ADDS:
            break
        chosen.append(text)
        covered = best
    covered = _coverage(looked_for, pairs, chosen, frame, asked, with_numbers=True)
    if brief:
        own = character_pairs(sentence)
        alone = _coverage(said, own, chosen, frame, frozenset(), with_numbers=True)
        covered = max(covered, alone)
    against = conflicts(said, claims("\n".join(chosen)), claims(question), passage.title)
    return _Source(number, "\n".join(chosen), covered, tuple(against))


def _coverage(
    said: Claims,
    pairs: set[str],
    texts: Sequence[str],
    frame: frozenset[str],
    asked: frozenset[str],
    *,
    with_numbers: bool = False,
) -> float:
    """Share of the sentence that the statements hold: words and character pairs, half each.

    A word of the heading or of the question counts half: it is the topic, not what is said of it.
    In choosing statements numbers count nothing (`with_numbers` False): a wrong one would find
    itself a statement that happens to hold it.
    """
    own = [word for word in said.words if with_numbers or not _DIGIT.search(word)]
    pairs = {pair for pair in pairs if with_numbers or not _DIGIT.search(pair)}
    words = frozenset[str]().union(*(claims(text).words for text in texts))
    held = sum(
        1.0 if word in words else 0.5 if word in frame or word in asked else 0.0 for word in own
    )
    by_words = held / len(own) if own else 0.0
    wording = set[str]().union(*(character_pairs(text) for text in texts))
    by_pairs = len(pairs & wording) / len(pairs) if pairs else 0.0
    return (by_words + by_pairs) / 2 if own else by_pairs


@lru_cache(maxsize=512)
def _statements(text: str) -> tuple[str, ...]:
    """Every statement of a passage: sentences, list items with their lead, table rows."""
    return tuple(dict.fromkeys(quotable.whole for quotable in quotables(text)))
