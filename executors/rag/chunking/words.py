"""Which words of a text keyword search compares: Sudachi mode A, normalised, content words only."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

_JAPANESE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff々〆ｦ-ﾟ]")
_WORD = re.compile(r"[a-z]+(?:['’][a-z]+)?|[0-9]+(?:[.,][0-9]+)*|[a-z0-9_]+")
_RUN = re.compile(r"[a-z][a-z0-9_.'’-]*[a-z0-9]|[a-z]")
_SUDACHI_REACH = 8000
"""Characters handed to Sudachi at once; it refuses more than 49,149 bytes."""
_POS = frozenset({"名詞", "動詞", "形容詞", "形状詞", "副詞", "接頭辞", "接尾辞"})
# Verbs and nouns that only carry grammar, as normalised by Sudachi.
LIGHT_WORDS = frozenset(
    "為る 居る 有る 成る 出来る 御座る 下さる 頂く 貰う 呉れる 来る 行く 言う 置く 仕舞う 見る "
    "事 物 者 所 時 為 様 訳 筈 何 等 達 御 させる られる れる せる こと もの ところ "
    "とき ため よう わけ はず".split()
)
# The stop words of Lucene's EnglishAnalyzer and the words questions are made of.
_STOP = frozenset(
    "a an and are as at be but by for if in into is it no not of on or such that the their then "
    "there these they this to was will with what which who whom whose when where why how do does "
    "did can could should would may might must i you we he she my your our me us am been being has "
    "have had any some its".split()
)
WORDS_BY_SUDACHI = "sudachi-a-normalised-content"
WORDS_BY_CHARACTERS = "character-1-2-grams"
HEADING_WEIGHT = 3
"""A word of the title or heading path counts as often as this in the text. Against 1: +.013 mean
reciprocal rank of BM25 over 1,065 questions of five sets, in none of them worse
(`bench retrieval_choices`, 2026-11-25)."""
_HEADINGS = ", headings x"


@functools.cache
def _sudachi() -> Callable[[str], Any] | None:
    try:
        from sudachipy import Dictionary, SplitMode
    except ModuleNotFoundError:
        return None
    dictionary = Dictionary()
    # `create` became `tokenizer` in SudachiPy 0.7.
    tokenizer = getattr(dictionary, "tokenizer", None) or dictionary.create
    return functools.partial(tokenizer().tokenize, mode=SplitMode.A)


def words_by() -> str:
    """How words are made here; stored with an index, which must be asked the same way."""
    cut = WORDS_BY_SUDACHI if _sudachi() else WORDS_BY_CHARACTERS
    return f"{cut}{_HEADINGS}{HEADING_WEIGHT}"


def needs_sudachi(by: str) -> bool:
    """Whether words made so can be made only with Sudachi's dictionary."""
    return by.startswith(WORDS_BY_SUDACHI)


def content_words(text: str, by: str | None = None) -> list[str]:
    """Words that say what a text is about, in order, with repetition.

    Args:
        text: Japanese, English or mixed.
        by: how to cut Japanese; None for the best this machine has.
    """
    folded = unicodedata.normalize("NFKC", text).lower()
    if not _JAPANESE.search(folded):
        return list(_english(folded))
    cut = _grams if (by or words_by()).startswith(WORDS_BY_CHARACTERS) else _japanese
    found: list[str] = []
    at = 0
    for run in _RUN.finditer(folded):
        found += cut(folded[at : run.start()])
        found += _english(run.group())
        at = run.end()
    return found + list(cut(folded[at:]))


def word_counts(context: str, text: str, by: str | None = None) -> Counter[str]:
    """How often keyword search counts each word of a chunk; its headings weigh more.

    Args:
        context: title and heading path.
        text: what stands below them.
        by: as in `content_words`.
    """
    weight = _heading_weight(by or words_by())
    counts = Counter({w: n * weight for w, n in Counter(content_words(context, by)).items()})
    counts.update(content_words(text, by))
    return counts


def _heading_weight(by: str) -> int:
    """As often as the index was made to count a heading; an earlier release said nothing of it."""
    _, _, weight = by.partition(_HEADINGS)
    return int(weight) if weight else 1


def _english(text: str) -> Iterator[str]:
    for word in _WORD.findall(text):
        if word not in _STOP:
            yield _singular(word.removesuffix("'s").removesuffix("’s").replace(",", ""))


def _singular(word: str) -> str:
    """Harman's S-stemmer (1991): three rules that fold plurals and little else."""
    if word.endswith("ies") and len(word) > 4 and word[-4] not in "ea":
        return word[:-3] + "y"
    if word.endswith("es") and len(word) > 3 and word[-3] not in "aeo":
        return word[:-1]
    if word.endswith("s") and len(word) > 3 and word[-2] not in "us":
        return word[:-1]
    return word


def _japanese(text: str) -> Iterator[str]:
    cut = _sudachi()
    if cut is None:
        raise LookupError("sudachipy")
    for part in _within_reach(text):
        for morpheme in cut(part):
            if morpheme.part_of_speech()[0] in _POS:
                word = morpheme.normalized_form().lower()
                if word not in LIGHT_WORDS and not word.isspace():
                    yield word


def morphemes(text: str) -> Iterator[Any]:
    """Sudachi's morphemes of a Japanese text; nothing without its dictionary."""
    cut = _sudachi()
    if cut is not None:
        for part in _within_reach(text):
            yield from cut(part)


def _within_reach(text: str) -> Iterator[str]:
    for line in re.split(r"(?<=[。\n])", text):
        for at in range(0, len(line), _SUDACHI_REACH):
            yield line[at : at + _SUDACHI_REACH]


def _grams(text: str) -> Iterator[str]:
    """Characters and neighbouring pairs within runs of letters (Lucene's CJK way, and unigrams)."""
    for run in re.findall(r"[^\W_]+", text):
        yield from run
        yield from (run[i : i + 2] for i in range(len(run) - 1))


def character_pairs(text: str) -> set[str]:
    """Neighbouring character pairs without spaces and punctuation, for likeness of wording."""
    plain = re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text).lower())
    return {plain[i : i + 2] for i in range(len(plain) - 1)}
