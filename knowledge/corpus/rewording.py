"""Which questions ask the same in other words, and which answers say the same.

Candidates share rare stems; a pair is then weighed by what its questions have in common, and by
what only one of them has. A word that stands in one question alone may narrow it (the Bristol shop,
the wool jumper), unless the other's answer says it too.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from knowledge.corpus.clash import amounts, clash, conflict
from knowledge.corpus.content import Content, content
from knowledge.corpus.sameness import (
    canonical,
    denials,
    framed,
    numbers,
    said,
    says_the_same,
    slips,
)
from knowledge.corpus.stem_index import WORTH, Weights, candidates
from knowledge.corpus.types import Example

ALIKE = 0.55
"""Share of the weight of both questions in common from which they may ask the same."""
NARROWER = 0.7
"""The same where one question has a word of its own."""
ANSWERED = 0.5
"""Share of stems in common from which two answers in other words say the same."""
REPEATED = 0.8
"""Share from which long answers are one text, whatever the questions have of their own."""
LONG = 5
"""Stems from which an answer is long."""
WORDY = 16
"""Stems from which two answers must be one text to say the same."""
COPY = 0.88
"""Share of words or characters in one order from which two texts of one label are one text."""
SHORT = 6
"""Characters: one more or fewer makes another answer of a shorter one."""
LEAST_SAID = 3
"""Words that two texts must have which are the same to the last."""
_YES = re.compile(r"(?i)^(?:はい|いいえ|yes|no)[、。,.!]\s*(?=\S)")
LEAST_WORDS = 6
"""Words, or half as many characters, from which two texts are not alike by chance."""
_LOOSE = frozenset({"how", "count", "duration"})
_LABEL = re.compile(r"[A-Za-z]+(?:_[A-Za-z]+)+\\??")
STOCK = 3
"""Questions with one answer from which it is a label or a stock phrase: no sign of a copy."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """How near two questions are.

    `share` of their weight and `common` stems in both; the nouns and numbers that one alone has;
    whether each has verbs of its own or neither, whether each has anything of its own, and whether
    either has another deed. `apart`: each asks for something, or has a deed, that the other has
    not. `named` of the stems in common are nouns.
    """

    share: float
    common: int
    here: frozenset[str]
    there: frozenset[str]
    named: int
    balanced: bool
    both: bool
    done: bool
    apart: bool


def likeness(
    a: Content, b: Content, weights: Weights, answers: tuple[Content, Content]
) -> Likeness:
    """Compare two questions; a word of one that the other's answer says is nobody's own."""
    here, there = set(a.things - b.stems), set(b.things - a.stems)
    alike = _alike(here, there)
    mine, theirs = _spelled(a.stems - b.stems, b), _spelled(b.stems - a.stems, a)
    here -= {one for one, _ in alike} | mine
    there -= {other for _, other in alike} | theirs
    common = (a.stems & b.stems) | {one for one, _ in alike}
    written = mine | theirs
    acts = a.acts | b.acts
    whole = _weight(a.stems, acts, weights) + _weight(b.stems, acts, weights)
    here = (here | a.numbers - b.numbers) - answers[1].stems - _telling(answers[1])
    there = (there | b.numbers - a.numbers) - answers[0].stems - _telling(answers[0])
    does, did = a.acts - b.stems - mine, b.acts - a.stems - theirs
    same = 2 * _weight(common, acts, weights) + _weight(written, acts, weights)
    return Likeness(
        same / whole if whole else 0.0,
        len(common) + len(a.asks & b.asks) + bool(written),
        frozenset(here),
        frozenset(there),
        len(common - acts) + len(a.asks & b.asks),
        _meant(does) is _meant(did),
        bool((here or _meant(does)) and (there or _meant(did)) and (here or there)),
        _meant(does) or _meant(did),
        bool(
            (here or a.asks - b.asks or _meant(does)) and (there or b.asks - a.asks or _meant(did))
        ),
    )


def _meant(acts: Iterable[str]) -> bool:
    """Whether verbs say what is done: the English ones kept as verbs say nothing."""
    return any(not act.isascii() for act in acts)


def _telling(answer: Content) -> set[str]:
    """Numbers that may stand in a question too: a year, not the figure that is asked for."""
    return {number for number in answer.numbers if len(number) > 2}


def _weight(stems: Iterable[str], acts: frozenset[str], weights: Weights) -> float:
    """Verbs weigh half: two people choose them differently."""
    return sum(weights.one(stem) * (0.5 if stem in acts else 1.0) for stem in stems)


def _alike(here: set[str], there: set[str]) -> list[tuple[str, str]]:
    """Words of both that are one word mistyped or with another ending."""
    by_letter: dict[str, list[str]] = defaultdict(list)
    for other in there:
        if len(other) >= 4 and other.isascii():
            by_letter[other[0]].append(other)
    found = []
    for one in here:
        for other in by_letter.get(one[0], ()):
            if _one_word(one, other):
                found.append((one, other))
                break
    return found


def _one_word(a: str, b: str) -> bool:
    short, long = sorted((a, b), key=len)
    if any(map(str.isdigit, a + b)) or len(short) < 4 or a[0] != b[0]:
        return False
    begins = len(short) >= 5 and long.startswith(short[: max(5, round(0.7 * len(long)))])
    return begins or slips(a, b, 1 if len(short) < 6 else 2) <= (1 if len(short) < 6 else 2)


def _spelled(alone: Iterable[str], other: Content) -> set[str]:
    """Words that the other question writes in two, or in two compounds."""
    characters = set("".join(other.stems))
    return {
        stem
        for stem in alone
        if stem in other.pairs
        or (not stem.isascii() and "ヶ" < stem[0] and characters >= set(stem))
    }


def common_share(a: Content, b: Content) -> float:
    """Share of the stems of two answers that they have in common."""
    one, other = a.stems | a.numbers, b.stems | b.numbers
    whole = len(one) + len(other)
    both = len(one & other)
    # Slips of the pen are few: texts that share little do not come to share much by them.
    if 2 * both >= ANSWERED * whole / 2:
        both += len(_alike(set(one - other), set(other - one)))
    return 2 * both / whole if whole else 0.0


def judge(
    a: Example, b: Example, weights: Weights, labels: Mapping[str, int]
) -> Literal["near-duplicate", "contradiction"] | None:
    """What two examples are to each other, by what they say and not by how they put it."""
    is_label = a.kind == "labelled" or labels[a.completion] >= STOCK
    if is_label or _LABEL.fullmatch(a.completion) or _LABEL.fullmatch(b.completion):
        same = a.completion == b.completion and _near_copy(a.prompt, b.prompt)
        return "near-duplicate" if same else None
    if a.answerable != b.answerable or any(c.prompt == c.completion for c in (a, b)):
        return None
    one, other = content(a.prompt), content(b.prompt)
    answers = content(a.completion), content(b.completion)
    like = likeness(one, other, weights, answers)
    if like.share < WORTH and not framed(a.prompt, b.prompt):
        return None
    wordy = _wordy(answers)
    same = a.completion == b.completion or (
        not wordy and _same_answer(a.completion, b.completion, answers)
    )
    repeated = not same and repeats(a.completion, b.completion)
    if (same or repeated) and _near_copy(a.prompt, b.prompt):
        return "near-duplicate"
    if denials(a.prompt) != denials(b.prompt) or (wordy and not same and not repeated):
        return None
    if like.share < WORTH or framed(a.prompt, b.prompt):
        return None
    clashing = not same and not repeated and conflict(a.completion, b.completion)
    if same or repeated or (not clashing and _agree(a.completion, b.completion, answers, like)):
        return "near-duplicate" if _asks_the_same(one, other, like, same, repeated) else None
    if like.common >= 2 and _contradicts(a, b, like, clashing):
        return "contradiction"
    return None


def _contradicts(a: Example, b: Example, like: Likeness, clashing: bool) -> bool:
    one, other = content(a.prompt), content(b.prompt)
    if like.both or (like.apart and not one.asks & other.asks) or _asks_otherwise(one, other):
        return False
    if _chooses_another(a, b):
        return like.share >= NARROWER
    if _from_the_other_end(a, b) or ("when" in one.asks & other.asks and like.done):
        return False
    if like.here or like.there:
        return clashing and like.share >= NARROWER
    if like.share < ALIKE:
        return False
    return clashing or (like.balanced and like.named >= 2 and clash(a.completion, b.completion))


def _wordy(answers: tuple[Content, Content]) -> bool:
    """What a support desk says at length sounds alike, whatever it is about."""
    return max(len(one.stems) for one in answers) > WORDY


def _same_answer(a: str, b: str, answers: tuple[Content, Content]) -> bool:
    """Equal answers; one slip of the pen makes another word of a short one."""
    one, other = (_YES.sub("", text) for text in (a, b))
    if len(answers[0].stems) >= LONG and common_share(*answers) < ANSWERED:
        return False
    if min(len(one), len(other)) < SHORT:
        return canonical(one) == canonical(other)
    return one == other or says_the_same(one, other)


def repeats(a: str, b: str) -> bool:
    """Whether two long answers are one text, slips of the pen and turns of phrase aside."""
    if denials(a) != denials(b) or numbers(a) != numbers(b):
        return False
    one, other = content(a), content(b)
    if min(len(one.stems), len(other.stems)) < LONG:
        return False
    if 3 * len(one.stems & other.stems) < len(one.stems) or common_share(one, other) < REPEATED:
        return False
    here, there = one.things - other.stems, other.things - one.stems
    alike = _alike(set(here), set(there))
    here -= {word for word, _ in alike} | _spelled(here, other)
    there -= {word for _, word in alike} | _spelled(there, one)
    return not (here and there) and not conflict(a, b)


def _agree(a: str, b: str, answers: tuple[Content, Content], like: Likeness) -> bool:
    """Whether two answers say the same in other words, or name the same values."""
    if answers[0].turned(answers[1]):
        return False
    if common_share(*answers) >= ANSWERED and not like.apart:
        return True
    mine, theirs = amounts(a), amounts(b)
    return bool(mine.keys() - {"count"}) and mine == theirs


def _asks_the_same(
    one: Content, other: Content, like: Likeness, same: bool, repeated: bool
) -> bool:
    if like.common < (1 if repeated else 2) or one.turned(other):
        return False
    if like.both:
        return repeated and like.share >= NARROWER
    if like.here or like.there:
        if not repeated and like.common < 3:
            return False
        return like.share >= (ALIKE if same or repeated else NARROWER)
    return like.share >= (WORTH if same or repeated else ALIKE) and not _asks_otherwise(one, other)


def _asks_otherwise(one: Content, other: Content) -> bool:
    """Whether the two want different kinds of answer, such as a price and a place."""
    mine, theirs = one.asks - _LOOSE, other.asks - _LOOSE
    return bool(mine and theirs and not mine & theirs)


def _chooses_another(a: Example, b: Example) -> bool:
    """Whether both questions name both answers and ask which of the two it is."""
    chosen = canonical(a.completion), canonical(b.completion)
    asked = canonical(a.prompt), canonical(b.prompt)
    within = chosen[0] in chosen[1] or chosen[1] in chosen[0]
    return not within and all(len(c) > 1 and c in q for c in chosen for q in asked)


def _from_the_other_end(a: Example, b: Example) -> bool:
    """Whether one question gives what the other asks for, or goes the way back."""
    one, other = content(a.prompt), content(b.prompt)
    if one.turned(other):
        return True
    answers = content(a.completion).things, content(b.completion).things
    given = (answers[0] and answers[0] <= other.stems and not answers[0] & one.stems) or (
        answers[1] and answers[1] <= one.stems and not answers[1] & other.stems
    )
    return bool(given)


def _near_copy(a: str, b: str) -> bool:
    """Whether two texts are one but for frames, slips of the pen and a word: labels are shared."""
    if framed(a, b):
        return True
    if denials(a) != denials(b) or numbers(a) != numbers(b) or content(a).turned(content(b)):
        return False
    latin = a.isascii() and b.isascii()
    for one, other in ((said(a), said(b)), (said(a, whole=True), said(b, whole=True))):
        if latin:
            other = _corrected(other, one)
        if one == other and len(one) >= LEAST_SAID:
            return True
        if min(len(one), len(other)) >= (LEAST_WORDS if latin else 2 * LEAST_WORDS):
            matcher = SequenceMatcher(None, one, other, autojunk=False)
            if matcher.real_quick_ratio() >= COPY and matcher.ratio() >= COPY:
                return not _replaced(matcher, one, other)
    return False


def _corrected(words: Sequence[str], by: Sequence[str]) -> list[str]:
    """Words as the other text spells them, where they are one word mistyped."""
    known = set(by)
    unknown = known - set(words)
    return [
        word
        if word in known
        else next((o for o in unknown if len(word) > 3 and _one_word(word, o)), word)
        for word in words
    ]


def _replaced(matcher: SequenceMatcher[str], one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether a word or a kanji that says something stands in another's place."""
    return any(
        content(" ".join(one[i1:i2])).stems and content(" ".join(other[j1:j2])).stems
        for tag, i1, i2, j1, j2 in matcher.get_opcodes()
        if tag == "replace"
    )


def reworded(
    examples: Sequence[Example], told: Container[tuple[int, bool]], *, growing: bool = False
) -> Iterator[tuple[Literal["near-duplicate", "contradiction"], int, int]]:
    """Kind, row and earlier row of what says the same, or the contrary, in other words.

    `told` holds the rows already known to repeat one of their own file (True) or another (False).
    `growing` judges each row by those before it alone, so that rows added later change nothing; an
    answer that many rows share is taken as any other then, since parts of a set have fewer.
    """
    contents = [content(example.prompt) for example in examples]
    weights = Weights() if growing else Weights(contents)
    labels = Counter(example.completion for example in examples if not growing)
    for index, others in candidates(contents, weights, growing=growing):
        this = examples[index]
        best: dict[bool, tuple[Literal["near-duplicate", "contradiction"], int]] = {}
        for other in others:
            own = examples[other].source == this.source
            if (index, own) in told or own in best or examples[other].kind != this.kind:
                continue
            if this.kind == "rewrite":  # one sentence has several, which differ in manner only
                continue
            if (kind := judge(examples[other], this, weights, labels)) is not None:
                best[own] = kind, other
        yield from ((kind, index, other) for kind, other in best.values())
