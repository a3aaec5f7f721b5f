"""Text made comparable: widths, spaces and punctuation folded, words cut, numbers read."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable
from typing import Any

# A point, comma or colon between two digits is part of a number: «3.5» is not «35».
_PUNCTUATION = re.compile(r"[\s、。!?「」『』()\[\]【】・…;\"'“”‘’]+|(?<!\d)[.,:]|[.,:](?!\d)")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_KANA_OR_HAN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff々]")
_WORD = re.compile(r"[a-z0-9]+(?:[.'-][a-z0-9]+)*|[^\sa-z0-9]")
_SMALL_UNITS = {"百": 100, "千": 1_000}
_MYRIADS = {"万": 10_000, "億": 100_000_000, "兆": 1_000_000_000_000}
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:[百千万億兆]+(?:\d+(?:\.\d+)?)?)*")
_NUMBER_PART = re.compile(r"\d+(?:\.\d+)?|[百千万億兆]")
CONTENT = (
    *("名詞", "動詞", "形容詞", "副詞", "形状詞", "代名詞", "接尾辞", "接頭辞"),
    "感動詞",  # はい and いいえ can be the whole answer
)
# «できません» must not equal «できます»: negation is grammar, but it decides what is said.
NEGATIONS = ("ず", "ない", "ぬ", "まい")


def fold(text: str) -> str:
    """NFKC and lower case: full-width and half-width forms become one."""
    return unicodedata.normalize("NFKC", text).lower()


def ungrouped(text: str) -> str:
    """Folded text in which 35,000 stands as 35000."""
    return _THOUSANDS.sub("", fold(text))


def bare(text: str) -> str:
    """Folded text without spaces and punctuation, for exact comparison."""
    return _PUNCTUATION.sub("", ungrouped(text))


@functools.cache
def _sudachi() -> tuple[Any, Any] | None:
    try:
        from sudachipy import Dictionary, SplitMode
    except ModuleNotFoundError:
        return None
    dictionary = Dictionary()
    # sudachipy 0.6.11 renamed it and warns about the old name.
    make = getattr(dictionary, "tokenizer", None) or dictionary.create
    return make(), SplitMode.A


def japanese_words_by() -> str:
    """Which word cutter is at hand; reported beside every word-based figure."""
    return "sudachi-a" if _sudachi() else "character-bigrams"


def words(text: str) -> list[str]:
    """Content words: Sudachi mode A normalised forms for Japanese, words for the rest.

    Without Sudachi, Japanese is cut into character bigrams.
    """
    folded = fold(text)
    if not _KANA_OR_HAN.search(folded):
        return [word for word in _WORD.findall(folded) if bare(word)]
    cutter = _sudachi()
    if cutter is None:
        plain = bare(folded)
        return [plain[i : i + 2] for i in range(max(1, len(plain) - 1))]
    tokenizer, mode = cutter
    return [
        str(m.normalized_form())
        for m in tokenizer.tokenize(folded, mode)
        if m.part_of_speech()[0] in CONTENT
        or (m.part_of_speech()[0] == "助動詞" and m.dictionary_form() in NEGATIONS)
    ]


def characters(text: str) -> list[str]:
    """The characters of the bare text."""
    return list(bare(text))


def numbers(text: str) -> list[float]:
    """Every number, full width and 百/千/万/億/兆 read, thousands separators removed, sorted."""
    return sorted(_value(m.group()) for m in _NUMBER.finditer(ungrouped(text)))


def plain_numbers(text: str) -> str:
    """Folded text in which 3万5千 and 35,000 both stand as 35000; other digits stay as written."""

    def plain(match: re.Match[str]) -> str:
        written = match.group()
        return written if written[-1].isdigit() and written.isascii() else f"{_value(written):.12g}"

    return _NUMBER.sub(plain, ungrouped(text))


def _value(written: str) -> float:
    """The value of digits with units: 1億2千万 is 1 × 10^8 + (2 × 10^3) × 10^4."""
    total, below_myriad, pending = 0.0, 0.0, None
    for part in _NUMBER_PART.findall(written):
        if part in _SMALL_UNITS:
            below_myriad += (1.0 if pending is None else pending) * _SMALL_UNITS[part]
            pending = None
        elif part in _MYRIADS:
            total += (below_myriad + (pending or 0.0)) * _MYRIADS[part]
            below_myriad, pending = 0.0, None
        else:
            pending = float(part)
    # 2.3億 is 229999999.99999997 in binary; money and days have no more than six decimals.
    return round(total + below_myriad + (pending or 0.0), 6)


Cutter = Callable[[str], list[str]]
