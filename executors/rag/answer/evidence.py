"""The signs that the papers hold an answer, in figures that mean the same in any corpus."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping

from executors.rag.answer.expect import expected, fulfilled
from executors.rag.answer.quote import Quote
from executors.rag.chunking.words import content_words
from executors.rag.search.retrieve import Found, Retriever

NEAREST = 10
"""Documents with which the best one is compared."""
_NAMED = re.compile(r"[0-9][0-9.,:/-]*|[A-Za-z][A-Za-z0-9._+#-]+|[ァ-ヶー]{2,}|[一-鿿々]{4,}")
_SENTENCE_START = re.compile(r"(?:^|[.!?]\s+)$")
_JAPANESE = re.compile(r"[぀-ヿ一-鿿]")


def evidence(
    question: str, found: Found, quote: Quote | None, retriever: Retriever
) -> Mapping[str, float]:
    """Every sign for one question; finite, and empty when nothing was found.

    Returns:
        cosine, quote_cosine: of the question with the best chunk and the best quoted sentence.
        contrast, quote_contrast: the same in standard deviations above what is usual here.
        peak: how far the best document stands above the nine after it, in the same unit.
        bm25: of the quoted chunk, as a share of the rarity of all the question's words.
        coverage: share of the question's words, rare ones counting more, in the quoted chunk.
        unknown: share of the words that no paper uses.
        names_missing: numbers, foreign words and long compounds that the quoted chunk lacks.
        form_failed: share of the expected forms (a date, a sum …) that the quotation lacks.
        agreement: whether both lists have the same first document.
    """
    if quote is None or not found.hits:
        return {}
    rarity = found.rarity
    whole = sum(rarity.values()) or 1.0
    quoted = next((hit for hit in found.hits if hit.id in quote.ids), found.hits[0])
    passage = f"{quoted.chunk.context}\n{quoted.chunk.text}"
    held = set(content_words(passage, retriever.facts.words_by))
    plain = unicodedata.normalize("NFKC", passage).lower()
    usual, spread = found.signals.usual, found.signals.spread
    best, *others = _by_document(found)
    rest = others[: NEAREST - 1] or [usual]
    forms = expected(question)
    never = math.log1p(2 * found.chunks + 1) - 1e-6
    signs = {
        "cosine": best,
        "quote_cosine": quote.cosine,
        "contrast": (best - usual) / spread,
        "quote_contrast": (quote.cosine - usual) / spread,
        "peak": (best - sum(rest) / len(rest)) / spread,
        "bm25": quoted.bm25 / whole,
        "coverage": sum(w for word, w in rarity.items() if word in held) / whole,
        "unknown": sum(w for w in rarity.values() if w >= never) / whole,
        "names_missing": float(sum(name not in plain for name in named(question))),
        "form_failed": 1 - fulfilled(forms, quote.text) if forms else 0.0,
        "agreement": found.signals.agreement,
    }
    return {name: value if math.isfinite(value) else 0.0 for name, value in signs.items()}


def named(question: str) -> list[str]:
    """Numbers, Latin and katakana words and long kanji compounds, lower case, once each."""
    text = unicodedata.normalize("NFKC", question)
    japanese = bool(_JAPANESE.search(text))
    found: dict[str, None] = {}
    for match in _NAMED.finditer(text):
        word = match.group()
        if word.isascii() and word[0].isalpha() and not japanese:
            # In English only a capital tells a name, and not at the start of a sentence.
            starts = bool(_SENTENCE_START.search(text[: match.start()]))
            if not word[0].isupper() or (starts and word[1:].islower()):
                continue
        found.setdefault(word.lower().rstrip(".,-:/"))
    return [word for word in found if word]


def _by_document(found: Found) -> list[float]:
    """The best cosine of every document, highest first."""
    best: dict[str, float] = {}
    for hit in found.hits:
        best[hit.chunk.doc_id] = max(hit.cosine, best.get(hit.chunk.doc_id, -1.0))
    return sorted(best.values(), reverse=True)
