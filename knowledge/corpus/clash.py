"""Whether two answers to one question contradict each other, or only say it in other words.

Numbers, polarity and single things decide: another amount, can and cannot, another department.
Two answers in different words without such a difference are taken to agree.
"""

from __future__ import annotations

import re
import unicodedata
from difflib import SequenceMatcher

from knowledge.corpus.sameness import canonical

_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
_KANJI_AMOUNT = re.compile(r"(?<![\d一-鿿])([千万])(?=円|人|件|個)")
_SCALES = {"千": 1e3, "万": 1e4, "億": 1e8, "thousand": 1e3, "million": 1e6, "%": 1.0}
_UNITS = {"週間": ("日", 7.0), "weeks": ("days", 7.0), "week": ("days", 7.0)}
_UNITS |= {"年": ("か月", 12.0), "years": ("months", 12.0), "year": ("months", 12.0)}
_WORDS = {
    **{"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8},
    **{"nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "first": 1, "second": 2, "third": 3},
    **{"fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9, "tenth": 10},
    **{"once": 1, "twice": 2, "twenty": 20, "thirty": 30, "fifteen": 15, "fourteen": 14},
}
_WORD = re.compile(rf"\b(?:{'|'.join(_WORDS)})\b")
_JAPANESE = {
    "半年": "6か月",
    "半日": "12時間",
    "一": "1",
    "二": "2",
    "三": "3",
    "四": "4",
    "五": "5",
}
_JAPANESE |= {"六": "6", "七": "7", "八": "8", "九": "9"}
_COUNTED = re.compile(
    r"半年|半日|[一二三四五六七八九](?=つ|人|回|日|月|年|階|名|個|台|枚|本|週|か月|ヶ月|時)"
)
_NO = re.compile(
    r"ません|(?<=[されきけかわ])ず(?=[、。に])|ない(?!ように|よう)|なく|なし|無し|不可|不要|禁止|お断り|断って|対象外|無効|いいえ|廃止|"
    r"\b(?:no|not|never|none|cannot|nobody|without|neither|nor|prohibited|forbidden|unable|"
    r"unavailable|invalid|refused?|declined?|free of charge|n/a)\b|n't\b",
    re.IGNORECASE,
)
_DOUBLED = re.compile(
    r"なければなりません|なければならない|ないといけません|必要があります|かもしれません"
)
_OPPOSITES = (
    *(("有料", "無料"), ("必須", "任意"), ("許可", "禁止"), ("必要", "不要")),
    *(("paid", "unpaid"), ("paid", "free"), ("required", "optional"), ("allowed", "forbidden")),
    *(("allowed", "prohibited"), ("included", "excluded"), ("open", "closed"), ("before", "after")),
)
_YES_NO = re.compile(r"(?i)^(?:yes|no|はい|いいえ|可|不可|○|×|true|false)\b")
_CONTENT = re.compile(r"[a-z]+|[一-鿿々ァ-ヶー]+")
_EMPTY = frozenset(
    "the a an is are was be it its they you your we our to of for in on at by and or with from as "
    "this that can may will should must please there has have".split()
)
SHORT, SHORT_LATIN = 14, 60
"""Characters up to which an answer is one thing, so that another thing is another answer."""


def clash(a: str, b: str) -> bool:
    """Whether the answers `a` and `b` to the same question cannot both be right."""
    one, other = _plain(a), _plain(b)
    mine, theirs = _values(one), _values(other)
    if mine and theirs and not (mine <= theirs or theirs <= mine):
        return True
    if _polarity(one) != _polarity(other) or _opposite(one, other):
        return True
    most = SHORT_LATIN if one.isascii() and other.isascii() else SHORT
    short = max(len(canonical(a)), len(canonical(b))) <= most
    if short and not mine & theirs and not _shared(one, other):
        return True
    return _one_thing_changed(one, other)


def _plain(text: str) -> str:
    plain = " ".join(unicodedata.normalize("NFKC", text).lower().split())
    plain = _KANJI_AMOUNT.sub(r"1\1", plain)
    return _COUNTED.sub(lambda match: _JAPANESE[match[0]], plain)


def _values(text: str) -> set[float]:
    """The amounts in a text, in one unit of time and without scales."""
    found = {float(_WORDS[match[0]]) for match in _WORD.finditer(text)}
    for match in _NUMBER.finditer(text):
        value = float(match[0].replace(",", "") or 0)
        after = text[match.end() : match.end() + 10].lstrip()
        for scale, factor in _SCALES.items():
            if after.startswith(scale):
                value *= factor
                after = after[len(scale) :]
        for unit, (_, factor) in _UNITS.items():
            if after.startswith(unit):
                value *= factor
                break
        found.add(value)
    return found


def _polarity(text: str) -> bool:
    """Whether a text denies; two denials that make a duty do not."""
    return len(_NO.findall(_DOUBLED.sub("", text))) % 2 == 1 or bool(
        _YES_NO.match(text) and _NO.match(text)
    )


def _opposite(one: str, other: str) -> bool:
    """Whether one says a word and the other, in its place, the opposite."""
    for a, b in _OPPOSITES:
        said = [(_says(text, a), _says(text, b)) for text in (one, other)]
        if sorted(said) == [(False, True), (True, False)]:
            return True
    return False


def _says(text: str, word: str) -> bool:
    return bool(re.search(rf"\b{word}\b", text)) if word.isascii() else word in text


def _shared(one: str, other: str) -> bool:
    return bool(_things(one) & _things(other))


def _things(text: str) -> set[str]:
    return {word for word in _CONTENT.findall(text) if word not in _EMPTY}


def _one_thing_changed(one: str, other: str) -> bool:
    """Whether two sentences are built alike and name another thing at the same place."""
    a, b = _pieces(one), _pieces(other)
    matcher = SequenceMatcher(None, a, b, autojunk=False)
    codes = [code for code in matcher.get_opcodes() if code[0] != "equal"]
    kept = [
        piece
        for block in matcher.get_matching_blocks()
        for piece in a[block.a : block.a + block.size]
    ]
    alike = sum(1 for piece in kept if _is_thing(piece))
    if not codes or alike < 1 or matcher.ratio() < 0.5:
        return False
    for tag, i1, i2, j1, j2 in codes:
        if tag != "replace":
            continue
        old = [piece for piece in a[i1:i2] if _is_thing(piece)]
        new = [piece for piece in b[j1:j2] if _is_thing(piece)]
        if old and new and len(old) <= 3 and len(new) <= 3:
            return True
    return False


def _pieces(text: str) -> list[str]:
    return re.findall(r"[a-z']+|[一-鿿々]+|[ァ-ヶー]+|[ぁ-ゟ]+|\d[\d,.]*", text)


def _is_thing(piece: str) -> bool:
    return bool(_CONTENT.fullmatch(piece)) and piece not in _EMPTY
