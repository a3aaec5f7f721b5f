"""What a question or an answer is about, apart from how it is put: stems, and what is asked for.

Grammar, politeness and words that only say which kind of answer is wanted (price, 料金, how much,
いくら) are no part of it. Japanese is cut at its scripts, without a dictionary: nouns are in kanji,
katakana or Latin letters, and the kana behind a kanji tell a verb from a noun.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from itertools import pairwise

_PIECE = re.compile(
    r"[一-鿿々〆ヶ]+|[ァ-ヴー]{2,}|[a-z][a-z]*(?:['’][a-z]+)?|\d+(?:[.,:]\d+)*|[ぁ-ゟ]+"
)
_CODE = re.compile(r"(?<![a-z0-9])(?=[a-z]*\d)(?=\d*[a-z])[a-z0-9]+(?:-[a-z0-9]+)*(?![a-z0-9])")
_LETTER = re.compile(
    r"(?<![A-Za-z0-9'’.])[B-HJ-Z](?![A-Za-z0-9'’.])|(?<=[^\x00-\x7f])A(?![A-Za-z0-9])"
)
# Behind a kanji: a verb's ending. Particles stand behind nouns.
_ENDING = re.compile(
    r"(?!の|は|が(?![らりるれろっ])|を|に|で(?!き)|と(?!ら|り|る|れ)|も(?!ら)|へ|や(?!す)|か(?:ら|$|[?？])|まで|よ(?:り|う)|"
    r"など|だ|な(?!り|る|っ|く)|さん|さま|くん|ちゃん)[ぁ-ゟ]"
)
_WAY = re.compile(
    r"([a-z]+) (?:to|into|from) (?:an? |the )?([a-z]+)|([一-鿿ァ-ヴー]+)から([一-鿿ァ-ヴー]+)"
)
_DOUBLED = re.compile(r"([b-df-hj-km-np-rtv-z])\1$")
# A noun made a verb says what is done as no other word does: 登録する is not 削除する.
_SAHEN = re.compile(r"し|す|さ[れせ]|せ|でき|いた|くだ")
_MAY = re.compile(r"\b(in|of|by|for|since|until) may\b(?! (?:i|we|you|be)\b)|\bmay(?= \d)")
_SUFFIX = re.compile(r"(?<=[一-鿿ァ-ヴー]{2})[年月日時分料代費額率数量先者用]$")
_LATIN = re.compile(r"[a-z]")


@dataclass(frozen=True, slots=True)
class Content:
    """What a text is about.

    `things` are what must agree for two questions to be the same; `acts` are verbs and the like,
    which two people choose differently; `asks` are kinds of answer wanted.
    """

    things: frozenset[str]
    acts: frozenset[str]
    asks: frozenset[str]
    numbers: frozenset[str]
    pairs: frozenset[str]
    """Latin words that stand beside each other, written as one."""
    ways: frozenset[tuple[str, str]]
    """From what to what: a string to a number is no number to a string."""
    poles: frozenset[str]
    """Words of grammar that have an opposite."""

    def turned(self, other: Content) -> bool:
        """Whether the other goes the way back, or up where this one goes down."""
        return any((b, a) in other.ways for a, b in self.ways) or any(
            {a in self.poles, a in other.poles}
            == {b in self.poles, b in other.poles}
            == {True, False}
            and (a in self.poles) is (b in other.poles)
            for a, b in _poles()
        )

    @property
    def stems(self) -> frozenset[str]:
        return self.things | self.acts


@cache
def _lexicon() -> Mapping[str, object]:
    return tomllib.loads(files("knowledge.corpus").joinpath("content.toml").read_text("utf-8"))


@cache
def _english() -> tuple[frozenset[str], frozenset[str], Mapping[str, str], Mapping[str, str]]:
    """Words of grammar, verbs of little meaning, stems by other forms, kinds of answer by stem."""
    words = _lexicon()
    same = {
        stem(form, plain=True): stem(group.split()[0], plain=True)
        for group in words["same_en"]  # type: ignore[attr-defined]
        for form in group.split()
    }
    asks = {
        stem(form, plain=True): kind
        for kind, group in words["asks_en"].items()  # type: ignore[attr-defined]
        for form in group.split()
    }
    grammar = frozenset(str(words["grammar_en"]).split())
    light = frozenset(stem(word, plain=True) for word in str(words["light_en"]).split())
    return grammar, light, same, asks


@cache
def _poles() -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(pair.split()) for pair in _lexicon()["poles_en"])  # type: ignore[attr-defined]


@cache
def _asks_ja() -> tuple[tuple[str, re.Pattern[str]], ...]:
    found = _lexicon()["asks_ja"]
    return tuple((kind, re.compile(words)) for kind, words in found.items())  # type: ignore[attr-defined]


@cache
def _patterns_ja() -> tuple[re.Pattern[str], re.Pattern[str], Mapping[str, str], re.Pattern[str]]:
    words = _lexicon()
    kana = {str(k): str(v) for k, v in words["same_ja"].items()}  # type: ignore[attr-defined]
    asked = "|".join(pattern.pattern for _, pattern in _asks_ja())
    light = re.compile(
        f"(?<![一-鿿々])(?:{words['light_ja']})(?![一-鿿々])|(?:{asked})(?=(?:{words['acts_ja']})|[^一-鿿々]|$)"
    )
    acts = re.compile(str(words["acts_ja"]))
    return light, acts, kana, re.compile("|".join(sorted(map(re.escape, kana), key=len)[::-1]))


@cache
def _irregular() -> Mapping[str, str]:
    return {
        form: line.split()[0]
        for line in _lexicon()["forms_en"]  # type: ignore[attr-defined]
        for form in line.split()
    }


@lru_cache(maxsize=1 << 16)
def stem(word: str, *, plain: bool = False) -> str:
    """An English word without its endings; `plain` leaves words of like meaning apart."""
    word = _irregular().get(word, word)
    for ending, least in (("ations", 3), ("ation", 3), ("ing", 3), ("ies", 2), ("ed", 3)):
        if word.endswith(ending) and len(word) - len(ending) >= least:
            word = _DOUBLED.sub(r"\1", word[: -len(ending)])
            break
    else:
        if word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3:
            word = word[:-1]
    word = re.sub(r"(?<=..)[eyi]+$", "", word)
    return word if plain else _english()[2].get(word, word)


@lru_cache(maxsize=1 << 16)
def content(text: str) -> Content:
    """What `text` is about."""
    folded = unicodedata.normalize("NFKC", text)
    codes = {letter.lower() for letter in _LETTER.findall(folded)}
    plain = " ".join(folded.lower().replace("’", "'").split())
    plain = _MAY.sub(r"\1 fifthmonth", plain)
    codes |= set(_CODE.findall(plain))
    plain = _CODE.sub(" ", plain)
    light, acts_ja, kana, spelled = _patterns_ja()
    plain = spelled.sub(lambda match: kana[match[0]], plain)
    asks = {kind for kind, pattern in _asks_ja() if pattern.search(plain)}
    things, acts, numbers, words = set(codes), set(), set(), []
    for piece, behind in _pieces(light.sub(" ", plain)):
        if piece[0].isdigit():
            numbers.add(piece.replace(",", ""))
        elif _LATIN.match(piece):
            words.append(piece)
        elif acts_ja.fullmatch(piece) or (
            (len(piece) == 1 or not _SAHEN.match(behind)) and _is_act(piece, behind)
        ):
            acts |= set(_grams(piece))
        else:
            # 人数変更 is 人数 and a deed; 創業年 and 創業 differ in what is asked for.
            deed = next((m for m in acts_ja.finditer(piece) if m.end() == len(piece)), None)
            named = piece[: deed.start()] if deed else _SUFFIX.sub("", piece)
            things |= set(_grams(named or piece))
            acts |= {deed[0]} if deed else set()
    for word in words:
        _add_english(word, things, acts, asks)
    pairs = {stem(a + b) for a, b in pairwise(words)}
    ways = {
        (_end(match[1] or match[3]), _end(match[2] or match[4])) for match in _WAY.finditer(plain)
    }
    return Content(
        frozenset(things),
        frozenset(acts),
        frozenset(asks),
        frozenset(numbers),
        frozenset(pairs),
        frozenset(ways),
        frozenset(words) & {word for pair in _poles() for word in pair},
    )


def _end(word: str) -> str:
    return stem(word) if word.isascii() else word


def _pieces(plain: str) -> Iterator[tuple[str, str]]:
    found = list(_PIECE.finditer(plain))
    for match in found:
        if not ("ぁ" <= match[0][0] <= "ゟ"):
            yield match[0], plain[match.end() : match.end() + 3]


def _is_act(piece: str, behind: str) -> bool:
    """Whether kana behind a word in kanji make it a verb."""
    return bool("一" <= piece[0] <= "鿿" and _ENDING.match(behind))


def _grams(piece: str) -> Iterator[str]:
    """Compounds by pairs of characters, so that 移転日 and 移転 share what they have in common."""
    if "ァ" <= piece[0] <= "ヴ" or len(piece) < 3:
        yield piece.rstrip("ー")
        return
    yield from (piece[i : i + 2] for i in range(len(piece) - 1))


def _add_english(word: str, things: set[str], acts: set[str], asks: set[str]) -> None:
    grammar, light, _, kinds = _english()
    word = word.removesuffix("'s")
    if word in grammar or word.endswith("n't"):
        return
    form = stem(word, plain=True)
    if form in kinds:
        asks.add(kinds[form])
    elif form in light:
        acts.add(form)
    elif len(form) > 1:
        things.add(stem(word))
