"""What a sentence says that a source must say too: numbers with units, days, names, negations."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from executors.evaluate.normalise import numbers
from executors.rag.chunking.words import LIGHT_WORDS, content_words, morphemes

_JAPANESE = re.compile(r"[぀-ヿ一-鿿]")
_KANJI_DIGITS = {mark: value for value, mark in enumerate("〇一二三四五六七八九")}
_SMALL = {"十": 10, "百": 100, "千": 1000}
_UNITS = (
    r"営業日|日間|日|週間|週|か月|ヶ月|カ月|ヵ月|ケ月|箇月|年度|年間|年|時間|時|分|秒|回|度|人|名|歳|才|円|%|割|倍"
    r"|個|枚|台|本|点|件|社|階|号|番|泊|条|項|章|つ|km|kg|mb|gb|m|g"
)
_SAME_UNIT = {
    **dict.fromkeys(("日間", "営業日"), "日"),
    **dict.fromkeys(("ヶ月", "カ月", "ヵ月", "ケ月", "箇月"), "か月"),
    **{"年間": "年", "週間": "週", "才": "歳", "名": "人"},
}
_COUNTED = re.compile(rf"(\d[\d,.]*(?:[百千万億兆]\d*)*)\s*({_UNITS})")
_KANJI_COUNTED = re.compile(rf"(?<![\d.])([一二三四五六七八九十百千]+)(?=(?:{_UNITS}))")
_ENGLISH_NUMBERS = {
    word: value
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve".split()
    )
}
_ENGLISH_NUMBERS |= {"once": 1, "twice": 2, "fifteen": 15, "twenty": 20, "thirty": 30}
_DAY = re.compile(r"([月火水木金土日])曜")
_FIRM = re.compile(
    r"(?:株式会社|有限会社|合同会社)\s*([^\s、。はがをにのでと()（）「」]{2,20})"
    r"|([^\s、。はがをにのでと()（）「」]{2,20}?)(?:株式会社|有限会社|合同会社)"
)
_KATAKANA = re.compile(r"[ァ-ヶー]{3,}")
_LATIN = re.compile(r"[A-Za-z][A-Za-z0-9+#._-]*[A-Za-z0-9+#]|[A-Z]")
# Addresses, part numbers and the like: one changed sign makes another thing of them.
_CODE = re.compile(
    r"(?=[\w./:#?=&%+-]*[A-Za-z])(?=[\w./:#?=&%+-]*\d)[A-Za-z0-9][\w./:#?=&%+-]{3,}\w", re.ASCII
)
# Words that begin English sentences in capitals without being names.
_OPENERS = frozenset(
    "a an the this that these those it its they there here he she we you i in on at by for "
    "from to of with without if when where while who what which why how as and or but so no "
    "not yes all any each every some most many both one two please use see also then than "
    "after before because since until although however otherwise only once first second "
    "finally instead note do don't does is are was were be can may must should will would "
    "could have has your our their my".split()
)
# Of each pair a source says one; saying the other turns the sentence round.
_OPPOSITES: tuple[tuple[str, str], ...] = (
    ("以上", "以下|未満"), ("以下", "以上|超え"), ("未満", "以上|超え"), ("有給", "無給"),
    ("必要", "不要"), ("有料", "無料"), ("可能", "不可能"), ("許可", "禁止"),
    ("含む|含め", "除く|除い"),
    ("以前", "以後|以降"), ("午前", "午後"), ("最大|最長|上限", "最小|最短|下限"), ("義務", "任意"),
    ("増", "減"), ("前払", "後払"), ("翌", "前(?=日|月|年)"),
    (r"\bat least\b|\bminimum\b", r"\bat most\b|\bno more than\b|\bmaximum\b|\bup to\b"),
    (r"\bbefore\b", r"\bafter\b"), (r"\brequired\b|\bmust\b", r"\boptional\b"),
    (r"\ballowed\b|\bpermitted\b", r"\bprohibited\b|\bforbidden\b"),
    (r"\balways\b", r"\bnever\b"), (r"\binclud(?:e|es|ed|ing)\b", r"\bexclud(?:e|es|ed|ing)\b"),
    (r"\bincreas\w+", r"\bdecreas\w+"), (r"\bfaster\b", r"\bslower\b"),
)  # fmt: skip
_NEGATION_EN = re.compile(r"\b(?:not|never|no|cannot|without|neither|nor|nobody|none)\b|n't\b")
# Denials in form only: obligation, «not only», «at most».
_NO_DENIAL = re.compile(
    r"(?:な(?:ければ|きゃ|くては|くちゃ)|ねば|ないと)(?:なら(?:ない|ぬ|ず|ないもの)|なりません|いけ(?:ない|ません)|だめ)"
    r"|(?:だけ|のみ)(?:で|では)?(?:は)?なく|かもしれ(?:ない|ません)|に(?:過|す)ぎ(?:ない|ません)|やむを得ない|やむを得ず"
    r"|とは限らない|にかかわらず|に関わらず|問わず|のみならず|少なからず|思わず"
)
_NEGATED_BY = frozenset({"ない", "ぬ", "無い", "ず", "まい", "不", "非", "無"})


@dataclass(frozen=True, slots=True)
class Claims:
    """The parts of one text that decide whether another says the same."""

    words: frozenset[str]
    numbers: frozenset[float]
    counted: frozenset[tuple[float, str]]
    days: frozenset[str]
    names: frozenset[str]
    negated: frozenset[str]
    """Content words under a negation."""
    affirmed: frozenset[str]
    """Content words outside every negation."""
    text: str


@functools.lru_cache(maxsize=4096)
def claims(text: str) -> Claims:
    """Read one sentence or passage."""
    plain = _arabic(unicodedata.normalize("NFKC", text))
    lowered = plain.lower()
    negated, affirmed = _polarity(lowered)
    return Claims(
        words=frozenset(content_words(plain)),
        numbers=frozenset(numbers(plain)),
        counted=frozenset(_counted(lowered)),
        days=frozenset(_DAY.findall(plain)),
        names=frozenset(_names(plain)),
        negated=frozenset(negated),
        affirmed=frozenset(affirmed),
        text=lowered,
    )


def conflicts(said: Claims, source: Claims, asked: Claims, heading: str = "") -> list[str]:
    """Why the source does not say what was said: number, unit, day, name, negation, opposite.

    Empty where nothing contradicts; that alone is no support. Numbers and names of the
    question, and names of the heading, may be said again.
    """
    found = []
    named = f"{source.text}\n{asked.text}\n{unicodedata.normalize('NFKC', heading).lower()}"
    if said.numbers - source.numbers - asked.numbers:
        found.append("number")
    elif any(
        pair not in source.counted and any(pair[0] == number for number, _ in source.counted)
        for pair in said.counted
    ):
        found.append("unit")
    if said.days - source.days - asked.days:
        found.append("day")
    if any(name not in named for name in said.names):
        found.append("name")
    turned = (said.negated & source.affirmed) - source.negated
    if turned | ((said.affirmed & source.negated) - source.affirmed):
        found.append("negation")
    if any(
        re.search(one, said.text)
        and not re.search(one, source.text)
        and re.search(other, source.text)
        and not re.search(other, said.text)
        for pair in _OPPOSITES
        for one, other in (pair, pair[::-1])
    ):
        found.append("opposite")
    return found


def _arabic(text: str) -> str:
    """Kanji numerals before a counter, and English number words, as digits: 六か月, six months."""
    text = _KANJI_COUNTED.sub(lambda match: str(_kanji_value(match[1])), text)
    if _JAPANESE.search(text):
        return text
    return re.sub(r"[A-Za-z]+", lambda m: str(_ENGLISH_NUMBERS.get(m[0].lower(), m[0])), text)


def _kanji_value(written: str) -> int:
    total, digit = 0, 0
    for mark in written:
        if mark in _SMALL:
            total += (digit or 1) * _SMALL[mark]
            digit = 0
        else:
            digit = digit * 10 + _KANJI_DIGITS[mark]
    return total + digit


def _counted(text: str) -> Iterator[tuple[float, str]]:
    for written, unit in _COUNTED.findall(text):
        for value in numbers(written):
            yield value, _SAME_UNIT.get(unit, unit)


def _names(text: str) -> Iterator[str]:
    """Names of firms, people and products, lower case."""
    yield from (match.lower() for match in _CODE.findall(text))
    if _JAPANESE.search(text):
        for before, after in _FIRM.findall(text):
            yield (before or after).lower()
        for word in morphemes(text):
            if word.part_of_speech()[1] == "固有名詞":
                yield word.surface().lower()
        yield from (match.lower() for match in _KATAKANA.findall(text))
        yield from (match.lower() for match in _LATIN.findall(text))
        return
    for match in _LATIN.finditer(text):
        word = match.group()
        if word[0].isupper() and word.lower() not in _OPENERS:
            yield word.lower().removesuffix("'s")


def _polarity(text: str) -> tuple[set[str], set[str]]:
    """Content words under a negation, and those that are not."""
    if _JAPANESE.search(text):
        return _polarity_ja(text)
    negated: set[str] = set()
    affirmed: set[str] = set()
    for clause in re.split(r"[.;:,!?\n]|\b(?:but|and|or|although|because|if|when)\b", text):
        mark = _NEGATION_EN.search(clause)
        if mark is None:
            affirmed.update(content_words(clause))
        else:
            # «is not paid», «no fee»: what follows is denied, what comes before is spoken of.
            affirmed.update(content_words(clause[: mark.start()]))
            after = content_words(clause[mark.end() :])
            negated.update(after[:2])
            affirmed.update(after[2:])
    return negated, affirmed


def _polarity_ja(text: str) -> tuple[set[str], set[str]]:
    heads: list[list[str]] = []
    """Content words in order, each with whether it is denied."""
    prefix = ""
    for word in morphemes(_NO_DENIAL.sub("", text)):
        part = word.part_of_speech()
        form = word.normalized_form()
        denies = form in _NEGATED_BY or (part[0] == "助動詞" and word.dictionary_form() == "ない")
        if denies and part[0] == "接頭辞":
            prefix = form
        elif denies and heads:
            heads[-1][1] = "denied"
        elif part[0] in ("動詞", "形容詞", "形状詞", "名詞") and form not in LIGHT_WORDS:
            heads.append([form, "denied" if prefix else ""])
            prefix = ""
        elif part[0] == "補助記号":
            prefix = ""
    denied = {form for form, state in heads if state}
    return denied, {form for form, state in heads if not state}
