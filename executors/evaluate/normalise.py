"""Text made comparable: widths, spaces and punctuation folded, words cut, numbers read."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable
from typing import Any

_PUNCTUATION = re.compile(r"[\s、。，．,.!！?？「」『』（）()\[\]【】・…:：;；\"'“”‘’]+")
_KANA_OR_HAN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff々]")
_WORD = re.compile(r"[a-z0-9]+(?:[.'-][a-z0-9]+)*|[^\sa-z0-9]")
_NUMBER = re.compile(r"\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?")
_MYRIADS = (("億", 100_000_000), ("万", 10_000), ("千", 1_000))
_MYRIAD_NUMBER = re.compile(r"(?:\d+(?:\.\d+)?(?:億|万|千))+(?:\d+(?:\.\d+)?)?")
CONTENT = ("名詞", "動詞", "形容詞", "副詞", "形状詞", "代名詞", "接尾辞", "接頭辞")


def fold(text: str) -> str:
    """NFKC and lower case: full-width and half-width forms become one."""
    return unicodedata.normalize("NFKC", text).lower()


def bare(text: str) -> str:
    """Folded text without spaces and punctuation, for exact comparison."""
    return _PUNCTUATION.sub("", fold(text))


@functools.cache
def _sudachi() -> tuple[Any, Any] | None:
    try:
        from sudachipy import Dictionary, SplitMode
    except ModuleNotFoundError:
        return None
    return Dictionary().create(), SplitMode.A


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
    ]


def characters(text: str) -> list[str]:
    """The characters of the bare text."""
    return list(bare(text))


def numbers(text: str) -> list[float]:
    """Every number, full width and 万/億/千 read, thousands separators removed, sorted."""
    folded = fold(text)
    found: list[float] = []

    def take(match: re.Match[str]) -> str:
        rest, total = match.group(), 0.0
        for unit, size in _MYRIADS:
            if unit in rest:
                head, rest = rest.split(unit, 1)
                total += float(head) * size
        found.append(total + (float(rest) if rest else 0.0))
        return " "

    folded = _MYRIAD_NUMBER.sub(take, folded.replace(",", ""))
    found += [float(number.replace(",", "")) for number in _NUMBER.findall(folded)]
    return sorted(found)


Cutter = Callable[[str], list[str]]
