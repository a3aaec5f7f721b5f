"""Keeps documents data: text in them that reads like an instruction cannot reach the task.

What such text looks like is known in one place, knowledge/corpus/patterns.toml, and so is what is
only a warning of it. Here it is kept out of prompts and quotations.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from executors.rag.chunking.sentences import Span, sentences
from knowledge.corpus.patterns import ORDERS, scan, unveiled

# Turn marks of chat templates; they also stand in honest manuals, so they are only defused.
_TEMPLATE_MARK = re.compile(
    r"<\|[^|<>\n]{1,40}\|>|</?(?:start_of_turn|end_of_turn|bos|eos|s)>|\[/?INST\]|<</?SYS>>"
    r"|^\s*#{1,6}\s*(?:system|assistant|user)\b",
    re.IGNORECASE | re.MULTILINE,
)
_FENCE = re.compile(r"<(?=/?\s*(?:passage|passages|資料)\b)", re.IGNORECASE)
_INVISIBLE = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\U000e0000-\U000e007f]")
# A document that writes our fence, or passages numbered as ours for a model's eyes, wants to be
# taken for the task.
_SPOOF = re.compile(
    r"</?\s*(?:passages?|資料)\b[^\n]*"
    r"|^\s*\[\d{1,2}\][^\n]*(?:\bAI\b|AI(?=[はがにをのへ])|言語モデル|アシスタント"
    r"|assistant|language model)",
    re.IGNORECASE | re.MULTILINE,
)
# A document numbering itself like our passages would borrow their standing.
_OWN_NUMBER = re.compile(r"(?<!\w)\[(\d{1,2})\]")
_DEFUSED = {ord("<"): "‹", ord(">"): "›", ord("["): "［", ord("]"): "］", ord("#"): "＃"}


def is_instruction(text: str) -> bool:
    """Whether the text speaks to a model rather than to a reader."""
    plain = _plain(text)
    return bool(_SPOOF.search(plain) or _orders_in(plain))


@lru_cache(maxsize=2048)
def orders(text: str) -> tuple[Span, ...]:
    """Stretches of a text that speak to a model: whole sentences, to the end of their line.

    What follows an order in the same paragraph is mostly what it wants said.
    """
    if not is_instruction(text):
        return ()
    hits = [*_orders_in(text), *(match.span() for match in _SPOOF.finditer(text))]
    found: list[Span] = []
    for span in sentences(text):
        if found and span.start < found[-1].end:
            continue
        hit = any(start < span.end and span.start < end for start, end in hits)
        if hit or is_instruction(span.of(text)):
            line_end = text.find("\n", span.end)
            end = max(span.end, len(text) if line_end < 0 else line_end)
            found.append(Span(span.start, end))
    # Seen in the whole but in no sentence: hidden by signs or cut across lines.
    return tuple(found) or (Span(0, len(text)),)


def without_orders(text: str, put: str = "") -> str:
    """The text with `put` in place of what speaks to a model."""
    kept: list[str] = []
    at = 0
    for span in orders(text):
        kept += [text[at : span.start], put]
        at = span.end
    return "".join([*kept, text[at:]])


def as_data(text: str, withheld: str) -> str:
    """The text as it may stand inside a fence.

    Args:
        text: a passage.
        withheld: what is put in place of sentences that speak to a model.
    """
    plain = without_orders(_INVISIBLE.sub("", text), withheld)
    for marks in (_FENCE, _TEMPLATE_MARK, _OWN_NUMBER):
        plain = marks.sub(lambda mark: mark.group().translate(_DEFUSED), plain)
    return plain


def one_line(text: str, withheld: str = "") -> str:
    """A title or source name that cannot break out of the line it stands on, or give orders."""
    plain = " ".join(_INVISIBLE.sub("", text).split())
    if is_instruction(plain):
        return withheld
    return plain.translate({ord("<"): "‹", ord(">"): "›", ord('"'): "”"})[:200]


def _orders_in(text: str) -> list[tuple[int, int]]:
    """Where orders stand, also those that a line break cuts in two."""
    found = [(hit.start, hit.end) for hit in scan(text, (ORDERS,))]
    if not found and "\n" in text:
        found = [(hit.start, hit.end) for hit in scan(text.replace("\n", " "), (ORDERS,))]
    return found


def _plain(text: str) -> str:
    return unveiled(_INVISIBLE.sub("", unicodedata.normalize("NFKC", text)))
