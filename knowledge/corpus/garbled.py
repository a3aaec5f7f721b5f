"""Whether text came out as other characters than were written, and in which way.

Kinds: `cid` (a PDF font without a Unicode map), `replacement` (U+FFFD), `private` (private-use
characters), `scripts` (Japanese turned into letters of many unrelated scripts), `double` (UTF-8
read as CP932 or Latin-1 and saved again).
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache

from knowledge.corpus.languages import character_counts, is_letter
from knowledge.corpus.source import excerpt
from knowledge.corpus.types import Problem

_REPLACEMENT = re.compile("\ufffd")
# Typographic quotes and accents of UTF-8 read as Windows-1252, or as CP932.
_DOUBLE_QUOTES = re.compile(
    r"â€[\x80-\x9f\u2018-\u203a\u0152\u0153\u0160-\u017e™˜œ¦]|Ã[\x80-\xbf¢]|Â[\xa0-\xbf]|窶[ｦ-ﾟ弩彭徃亙廊彡]?"
)
_CID = re.compile(r"\(cid:\d+\)")
_PRIVATE = re.compile("[\ue000-\uf8ff\U000f0000-\U0010fffd]")
# What the lead bytes E2–E6 of UTF-8 become when read as CP932 (縺 繧 繝 …) or as Latin-1.
_DOUBLE_CP932 = re.compile(r"[縺繧繝譁蜿莉蛟譛險髢逕]|・[ｽ､｡]")
_DOUBLE_LATIN = re.compile(r"[ãäåæçèé][\x80-\xbf€-™¡-¿Œ-Ÿ]")
_EXPECTED = {
    *("LATIN", "CJK", "HIRAGANA", "KATAKANA", "IDEOGRAPHIC", "HANGUL", "FULLWIDTH", "HALFWIDTH"),
    *("MATHEMATICAL", "SCRIPT", "DOUBLE", "BLACK", "PLANCK", "MODIFIER", "CIRCLED"),
}

# Kind, what every such text holds (a string, or a class of characters), how it looks, from which
# share on.
_KINDS = (
    ("cid", "(cid:", _CID, 0.002),
    ("double", "[âÃÂ]", _DOUBLE_QUOTES, 0.0),
    ("double", "窶", _DOUBLE_QUOTES, 0.0),
    ("replacement", "\ufffd", _REPLACEMENT, 0.002),
    ("double", "[縺繧繝譁蜿莉蛟譛險髢逕・]", _DOUBLE_CP932, 0.08),
    ("double", "[ãäåæçèé]", _DOUBLE_LATIN, 0.03),
    ("private", _PRIVATE.pattern, _PRIVATE, 0.01),
)


@cache
def _marks(mark: str) -> Callable[[str], object]:
    return re.compile(mark).search


@dataclass(frozen=True, slots=True)
class Garbling:
    kind: str
    count: int
    share: float
    excerpt: str


def garbled_text(found: Garbling, where: str) -> Problem:
    values = {"kind": found.kind, "n": found.count, "share": f"{found.share:.0%}"}
    return Problem("garbled-text", "warn", where, values, found.excerpt)


@lru_cache(maxsize=8192)
def _script(character: str) -> str:
    """The first word of the Unicode name; an unassigned code point has none."""
    name = unicodedata.name(character, "")
    first = name.split(" ", 1)[0].split("-")[0]
    return first or "UNASSIGNED"


def garbling(text: str) -> Garbling | None:
    """The main way in which `text` is garbled, or None when it reads as written."""
    counts = character_counts(text)
    distinct = "".join(counts)
    total = max(1, sum(n for character, n in counts.items() if not character.isspace()))
    for kind, mark, pattern, least in _KINDS:
        # Most texts hold no such character at all: searching them would only take time.
        if mark not in text if kind == "cid" else not _marks(mark)(distinct):
            continue
        found = pattern.findall(text)
        weight = sum(map(len, found)) if kind == "cid" else len(found)
        if found and weight / total >= least and (not least or kind == "cid" or len(found) >= 2):
            return Garbling(kind, len(found), weight / total, _around(text, pattern))
    return _undecoded(text) or _mixed_scripts(text)


# Text that was never turned back into letters: one run of any of these is no accident.
_UNDECODED = (
    ("escapes", "\\u", re.compile(r"(?:\\u[0-9a-fA-F]{4}){4,}")),
    ("entities", "&#", re.compile(r"(?:&(?:amp;)?#\d{2,6};\s?){4,}")),
    ("entities", "&amp;", re.compile(r"&amp;(?:#\d{2,6}|amp|quot|nbsp|lt|gt);")),
    ("iso-2022-jp", "$B", re.compile(r"\$B(?:[!-~]{2}){3,}\(B")),
    ("quoted-printable", "=E", re.compile(r"(?:=[0-9A-F]{2}){6,}")),
    ("question marks", "????", re.compile(r"(?:\?{5,}[^\n]{0,6}){2,}|\?{9,}")),
    ("boxes", "□", re.compile(r"(?:[□]+[^\n□]{1,4}){4,}[□]")),
    ("boxes", "〓", re.compile(r"〓{2,}")),
)


def _undecoded(text: str) -> Garbling | None:
    for kind, mark, pattern in _UNDECODED:
        if mark in text and (found := pattern.findall(text)):
            share = sum(map(len, found)) / len(text)
            return Garbling(kind, len(found), share, _around(text, pattern))
    return None


def _mixed_scripts(text: str) -> Garbling | None:
    """Letters of three or more unexpected scripts, or unassigned ones, side by side.

    Measured on a Japanese PDF without a usable map: 6 to 12 scripts a page and 20–60 % of the
    letters; pages in good Japanese, English, Russian or Greek have none or one.
    """
    characters = character_counts(text)
    odd = {c: n for c, n in characters.items() if ord(c) > 0x24F and _is_odd(c)}
    scripts: Counter[str] = Counter()
    for character, n in odd.items():
        scripts[_script(character)] += n
    letters = sum(n for c, n in characters.items() if is_letter(c))
    share = sum(odd.values()) / max(1, letters)
    several = sum(1 for n in scripts.values() if n >= 2) >= 3
    if (several and share >= 0.03) or (len(scripts) >= 6 and share >= 0.01):
        start = min(text.index(character) for character in odd)
        shown = excerpt(text[max(0, start - 5) : start + 80])
        return Garbling("scripts", sum(odd.values()), share, shown)
    return None


@cache
def _is_odd(character: str) -> bool:
    """A letter of a script that Japanese and European business papers do not use."""
    name = _script(character)
    return (is_letter(character) or name in _ODD) and name not in _EXPECTED


_ODD = {"UNASSIGNED", "COMBINING"}


def _around(text: str, pattern: re.Pattern[str]) -> str:
    found = pattern.search(text)
    start = max(0, found.start() - 15) if found else 0
    return excerpt(text[start : start + 80])
