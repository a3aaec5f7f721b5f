"""Finds what the patterns describe: open slots, orders to a model, personal data, secrets.

Patterns are records of patterns.toml. Long clean text is the usual case, so each pattern is tried
only where the strings it needs stand, and everything made of digits only around runs of digits.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from itertools import chain
from typing import Any, NamedTuple

from knowledge.corpus.faults import persons
from knowledge.corpus.faults.orders import Sign, orders
from knowledge.corpus.faults.slots import (
    is_bracket_to_fill,
    is_filler,
    is_hidden_value,
    is_note,
    is_open_slot,
)
from knowledge.corpus.faults.words import records, with_words, word_lists
from knowledge.corpus.languages import character_counts
from knowledge.corpus.personal import CHECKS as PERSONAL
from knowledge.corpus.personal import Check, honoured_names
from knowledge.corpus.presence import SHORTEST_TEXT, Places

ORDERS = "instruction-like-text"
KINDS = ("unfilled-placeholder", "instruction-like-text", "personal-data", "secret")
FAULTS = ("slots.toml", "orders.toml", "identity.toml")
"""Files of patterns in the room `faults`, beside patterns.toml."""
# Remembered, since what is found thousands of times mostly stands in the same words.
CHECKS: Mapping[str, Check] = {
    check.__name__: lru_cache(maxsize=1 << 12)(check)
    for check in (
        *PERSONAL.values(),
        is_open_slot,
        is_bracket_to_fill,
        is_filler,
        is_hidden_value,
        is_note,
        persons.is_personal_mail,
        persons.is_private_phone,
        persons.is_private_place,
        persons.is_labelled_name,
        persons.is_full_name,
        persons.is_english_name,
        persons.is_id,
        persons.is_public_ip,
    )
}
MASKED = ("personal-data", "secret")
"""Kinds whose findings no output shows."""
# Full-width ASCII, the ideographic space and the hyphens people type; one for one, so that places
# in the folded text are places in the text.
_FOLD = {0xFF01 + i: 0x21 + i for i in range(94)}
_FOLD |= {0x3000: 0x20, 0x2010: 0x2D, 0x2011: 0x2D, 0x2012: 0x2D, 0x2013: 0x2D, 0x2212: 0x2D}
_DIGIT_RUN = re.compile(r"\d[\d\-()\s./+ー―—ｰ]{2,}\d|\d{4,}")
_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u180e"
# Only inside a word does such a character hide it; page makers put one behind their headings.
_IN_A_WORD = re.compile(rf"(?<=\w)[{_INVISIBLE}]+(?=\w)")
_SPACED = re.compile(r"(?<![^\s])(?:[^\s|\-–*#\d][ \u3000]{1,3}){7,}[^\s|](?![^\s])")
_GAP = re.compile(r"[ \u3000]+")
_BETWEEN_DIGITS = re.compile(r"(?<=\d)[ー―—ｰ](?=\d)")
# Numbers in kanji, digit by digit, as phone numbers are written in formal letters.
_KANJI_NUMBER = re.compile(
    r"[〇零一二三四五六七八九]{2,4}(?:[-‐―－ー][〇零一二三四五六七八九]{3,4}){2}"
)
_KANJI_DIGITS = str.maketrans("〇零一二三四五六七八九‐―－ー", "00123456789----")
_BEFORE, _AFTER, _CONTEXT = 40, 24, 40
# Characters of one text up to which replacing them one by one is faster than a table of all.
_MOST_REPLACED = 40
# No finding reaches further than this from the string it needs.
_REACH = 160


class Hit(NamedTuple):
    """One finding: characters `start` to `end` of the text."""

    kind: str
    name: str
    start: int
    end: int
    cloze: bool = False


@dataclass(frozen=True, slots=True)
class Pattern:
    """One record of patterns.toml, ready to search with."""

    kind: str
    name: str
    regex: re.Pattern[str]
    needs: tuple[str, ...]
    ignores_case: bool
    digits: bool
    check: str | None
    cloze: bool = False
    """Whether exam questions have this form too."""
    signal: str = ""
    weight: int = 0
    """What kind of sign of an order it is, and how much it weighs (orders.toml)."""


@cache
def patterns() -> tuple[Pattern, ...]:
    """All patterns, compiled once."""
    own = tomllib.loads(files("knowledge.corpus").joinpath("patterns.toml").read_text("utf-8"))
    read: list[tuple[Mapping[str, Any], Mapping[str, str]]] = [(raw, {}) for raw in own["pattern"]]
    for name in FAULTS:
        read += [(raw, word_lists(name)) for raw in records(name)["pattern"]]
    return tuple(_pattern(raw, lists) for raw, lists in read)


def _pattern(raw: Mapping[str, Any], lists: Mapping[str, str]) -> Pattern:
    regex = with_words(raw["regex"], lists)
    return Pattern(
        raw["kind"],
        raw["name"],
        re.compile(_scoped(regex), re.MULTILINE if raw.get("multiline") else 0),
        tuple(raw.get("needs", ())),
        "(?i" in regex,
        raw.get("digits", False),
        raw.get("check"),
        raw.get("cloze", False),
        raw.get("signal", ""),
        raw.get("weight", 0),
    )


def _scoped(regex: str) -> str:
    """`(?i)` in front of an alternative holds for it alone: Python allows it only up front."""
    parts = re.split(r"(?:^|\|)(?=\(\?i\))", regex)
    if len(parts) == 1:
        return regex
    plain = [part if not part.startswith("(?i)") else f"(?i:{part[4:]})" for part in parts if part]
    return "|".join(plain)


def scan(text: str, kinds: Sequence[str] = KINDS, *, veiled: bool = False) -> list[Hit]:
    """Everything found in `text`, in order; of two findings that overlap the longer one."""
    if not text:
        return []
    folded = folded_text(text)
    lowered = folded.lower()
    distinct = "".join(character_counts(text)).translate(_FOLD)
    found, signs = [], []
    for pattern, hit in _all(folded, lowered, distinct, kinds):
        if pattern.signal:
            signs.append(Sign(pattern.signal, pattern.name, pattern.weight, hit.start, hit.end))
        else:
            found.append(hit)
    told = [Hit(ORDERS, *order) for order in orders(folded, signs, veiled=veiled)]
    if "personal-data" in kinds:
        found += [Hit("personal-data", "name", *place) for place in honoured_names(folded)]
    return sorted([*_apart(found), *_apart(told)], key=lambda hit: hit.start)


def masked(text: str) -> str:
    """`text` with personal data and secrets replaced by what they are, such as `[phone]`."""
    return replaced(text, scan(text, MASKED), lambda name: f"[{name}]")


def replaced(text: str, hits: Sequence[Hit], named: Callable[[str], str]) -> str:
    """`text` with each of `hits`, in order and apart, replaced by what `named` calls it."""
    parts, at = [], 0
    for hit in hits:
        parts += [text[at : hit.start], named(hit.name)]
        at = hit.end
    return "".join([*parts, text[at:]])


def unveiled(text: str) -> str:
    """`text` with nothing invisible inside words; letters that were s p a c e d out together."""
    counts = character_counts(text)
    if any(c in counts for c in _INVISIBLE):
        text = _IN_A_WORD.sub("", text)
    if " " in counts:
        text = _SPACED.sub(lambda m: _GAP.sub(lambda g: " " * (len(g[0]) > 1), m[0]), text)
    return text


def folded_text(text: str) -> str:
    """Full-width letters, digits and signs as ASCII, at the same places."""
    wide = [c for c in character_counts(text) if ord(c) in _FOLD]
    if len(wide) > _MOST_REPLACED:
        return text.translate(_FOLD)
    for character in wide:
        text = text.replace(character, chr(_FOLD[ord(character)]))
    return text


def _all(
    folded: str, lowered: str, distinct: str, kinds: Sequence[str]
) -> Iterator[tuple[Pattern, Hit]]:
    windows: list[tuple[int, str]] | None = None
    needed = dict(_needed(folded, distinct, ignores_case=False))
    ignoring = dict(_needed(lowered, distinct.lower(), ignores_case=True))
    for pattern in patterns():
        if pattern.kind not in kinds:
            continue
        if pattern.digits:
            windows = _windows(folded) if windows is None else windows
            for offset, window in windows:
                yield from ((pattern, hit) for hit in _matches(pattern, window, offset))
        else:
            places = ignoring if pattern.ignores_case else needed
            found = [(need, places[need]) for need in pattern.needs if need in places]
            for start, end in _around(found):
                yield from ((pattern, hit) for hit in _matches(pattern, folded, 0, start, end))


def _needed(text: str, distinct: str, *, ignores_case: bool) -> Iterator[tuple[str, list[int]]]:
    """The strings that patterns need, with their places in `text`, where they have any.

    Places within reach of the one before are left out.
    """
    needs = _needs(ignores_case)
    if len(text) >= SHORTEST_TEXT:
        yield from _finder(ignores_case).within(text, _REACH).items()
        needs = tuple(need for need in needs if len(need) == 1)
    # Most needs hold a character that stands nowhere in the text: no search is cheaper than none.
    characters = set(distinct)
    for need in needs:
        if characters.issuperset(need) and (places := _places(need, text)):
            yield need, places


@cache
def _needs(ignores_case: bool) -> tuple[str, ...]:
    chosen = [p.needs for p in patterns() if not p.digits and p.ignores_case is ignores_case]
    return tuple(dict.fromkeys(chain.from_iterable(chosen)))


@cache
def _finder(ignores_case: bool) -> Places:
    return Places([need for need in _needs(ignores_case) if len(need) > 1])


def _places(need: str, text: str) -> list[int]:
    """Where `need` stands, those left out that are within reach of the one before."""
    places = []
    at = text.find(need)
    while at >= 0:
        places.append(at)
        at = text.find(need, at + _REACH)
    return places


def _around(found: Sequence[tuple[str, Sequence[int]]]) -> list[list[int]]:
    """Stretches of text around strings at their places, none twice."""
    spans = [
        [max(0, at - _REACH), at + len(need) + _REACH] for need, places in found for at in places
    ]
    spans.sort()
    merged: list[list[int]] = []
    for span in spans:
        if merged and span[0] <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], span[1])
        else:
            merged.append(span)
    return merged


def _windows(folded: str) -> list[tuple[int, str]]:
    """Stretches around runs of digits, hyphens of all kinds between digits made plain."""
    if "九" in folded or "〇" in folded:
        folded = _KANJI_NUMBER.sub(lambda match: match[0].translate(_KANJI_DIGITS), folded)
    spans: list[list[int]] = []
    for run in _DIGIT_RUN.finditer(folded):
        start, end = max(0, run.start() - _BEFORE), min(len(folded), run.end() + _AFTER)
        if spans and start <= spans[-1][1]:
            spans[-1][1] = end
        else:
            spans.append([start, end])
    return [(start, _BETWEEN_DIGITS.sub("-", folded[start:end])) for start, end in spans]


def _matches(
    pattern: Pattern, text: str, offset: int, first: int = 0, last: int | None = None
) -> Iterator[Hit]:
    check = CHECKS[pattern.check] if pattern.check else None
    for match in pattern.regex.finditer(text, first, len(text) if last is None else last):
        group = match.lastgroup or 0
        start, end = match.span(group)
        if check is not None:
            before = text[max(0, start - _CONTEXT) : start]
            if not check(match[group], before, text[end : end + _CONTEXT]):
                continue
        yield Hit(pattern.kind, pattern.name, start + offset, end + offset, pattern.cloze)


def _apart(found: Sequence[Hit]) -> list[Hit]:
    """Findings in order; of two of one kind that overlap the longer one stays."""
    kept: list[Hit] = []
    joined: list[Hit] = []
    end = 0
    # Findings that no other reaches are settled by themselves: thousands of them stay cheap.
    for hit in sorted(found, key=lambda h: h.start):
        if joined and hit.start >= end:
            kept += _longest(joined)
            joined = []
        end = max(end, hit.end) if joined else hit.end
        joined.append(hit)
    return kept + _longest(joined)


def _longest(found: Sequence[Hit]) -> list[Hit]:
    kept: list[Hit] = []
    starts: list[int] = []
    for hit in sorted(found, key=lambda h: (h.start - h.end, h.start)):
        at = bisect_left(starts, hit.start)
        clash = any(
            other.start < hit.end and hit.start < other.end
            for other in kept[max(0, at - 2) : at + 2]
        )
        if not clash:
            kept.insert(at, hit)
            starts.insert(at, hit.start)
    return kept
