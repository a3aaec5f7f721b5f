"""Where sentences, list items and table rows begin and end, in Japanese and English."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

_CLOSERS_OF = {"「": "」", "『": "』", "（": "）", "(": ")", "【": "】", "〔": "〕", "“": "”"}
_CLOSERS = frozenset(_CLOSERS_OF.values())
_BRACKET_REACH = 200
"""A bracket without its partner within this many characters is a slip, not a quotation."""

MARKER = re.compile(
    r"[ \t　]*(?:[-*+•・●○◆◇■□▪※＊](?=\s|[^\s\-*+・])|[（(]?[0-9０-９]{1,3}[.)．）](?![0-9０-９])"
    r"|[（(][一二三四五六七八九十ア-ン][)）]|[①-⑳]|第[0-9０-９一二三四五六七八九十百]+[条項章]"
    r"|#{1,6}\s|[A-Za-z][.)]\s|Q[0-9]*[.:：])"
)
_TABLE_LINE = re.compile(r"[ \t]*\|.*\|[ \t]*$")
_RULE_LINE = re.compile(r"[ \t]*\|?[ \t:|-]*-[ \t:|-]*\|?[ \t]*$")
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff々〆！-～、。・ー]")
# Ends with a full stop but not a sentence.
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|vs|cf|Mr|Mrs|Ms|Dr|Prof|St|No|Nos|Fig|Inc|Ltd|Co|Corp|approx|dept|ext"
    r"|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|a\.m|p\.m|U\.S|U\.K)|\b[A-Z])\.$"
)
_AFTER_STOP = re.compile(
    r"[\"'”’)\]]*(?:\s+(?=[\"'“‘(\[「『（]*[A-Z0-9*`_\-\u3040-\u30ff\u3400-\u9fff])|\s*$)"
)

BlockKind = Literal["prose", "table"]


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` to `end` of a text."""

    start: int
    end: int

    def of(self, text: str) -> str:
        return text[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Block:
    """A run of prose lines, or the lines of one Markdown table."""

    kind: BlockKind
    span: Span


def blocks(text: str) -> Iterator[Block]:
    """The text as prose and tables in reading order; blank lines stay inside prose."""
    lines = _lines(text)
    at = 0
    while at < len(lines):
        is_table = _starts_table(text, lines, at)
        end = at + 1
        while end < len(lines) and (
            bool(_TABLE_LINE.match(lines[end].of(text)))
            if is_table
            else not _starts_table(text, lines, end)
        ):
            end += 1
        span = Span(lines[at].start, lines[end - 1].end)
        if span.of(text).strip():
            yield Block("table" if is_table else "prose", span)
        at = end


def _starts_table(text: str, lines: list[Span], at: int) -> bool:
    if at + 1 >= len(lines):
        return False
    head, rule = lines[at].of(text), lines[at + 1].of(text)
    return bool(_TABLE_LINE.match(head)) and "|" in rule and bool(_RULE_LINE.match(rule))


def sentences(text: str) -> list[Span]:
    """Sentences and list items of prose, trimmed; brackets are never cut open.

    A line break ends a sentence unless the line was only wrapped.
    """
    found: list[Span] = []
    for unit in _unwrapped(text):
        start = unit.start
        for cut in _ends(unit.of(text)):
            _add(found, text, start, unit.start + cut)
            start = unit.start + cut
        _add(found, text, start, unit.end)
    return found


def table_rows(table: str) -> tuple[list[str], list[list[str]]]:
    """Header cells and rows of cells of a Markdown table."""
    lines = [line for line in table.splitlines() if line.strip()]
    cells = [
        [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip()[1:-1])]
        for line in lines
    ]
    return cells[0], cells[2:]


def _add(found: list[Span], text: str, start: int, end: int) -> None:
    piece = text[start:end]
    if piece.strip():
        left = len(piece) - len(piece.lstrip(" \t\r\n　"))
        found.append(Span(start + left, start + len(piece.rstrip())))


def _lines(text: str) -> list[Span]:
    spans, at = [], 0
    for line in text.splitlines(keepends=True):
        spans.append(Span(at, at + len(line.rstrip("\r\n"))))
        at += len(line)
    return spans


def _unwrapped(text: str) -> Iterator[Span]:
    """Lines, with those that only a margin broke put together again."""
    lines = [line for line in _lines(text) if line.of(text).strip()]
    longest = max((line.end - line.start for line in lines), default=0)
    start: int | None = None
    for here, after in zip_longest(lines, lines[1:]):
        start = here.start if start is None else start
        if after is None or not _only_wrapped(text, here, after, longest):
            yield Span(start, here.end)
            start = None


def _only_wrapped(text: str, here: Span, after: Span, longest: int) -> bool:
    line, following = here.of(text), after.of(text)
    if "\n" in text[here.end : after.start].replace("\n", "", 1) or MARKER.match(following):
        return False
    if _TABLE_LINE.match(line) or _TABLE_LINE.match(following):
        return False
    last, first = line.rstrip()[-1], following.strip()[0]
    if last in "。！？!?:：」』":
        return False
    length = here.end - here.start
    if _WIDE.match(last) or _WIDE.match(first):
        # A full line of Japanese broken by a margin; shorter lines were ended by their writer.
        return longest >= 24 and length >= 0.85 * longest and last not in "、・"
    return length >= 40 or (length >= 0.6 * longest and first.islower())


def _ends(text: str) -> Iterator[int]:
    """Positions after which a new sentence begins."""
    waiting: list[str] = []
    at = 0
    while at < len(text):
        mark = text[at]
        if mark in _CLOSERS_OF:
            if _CLOSERS_OF[mark] in text[at + 1 : at + _BRACKET_REACH]:
                waiting.append(_CLOSERS_OF[mark])
        elif waiting and mark == waiting[-1]:
            waiting.pop()
        elif not waiting and (end := _end_at(text, at)):
            yield end
            at = end
            continue
        at += 1


def _end_at(text: str, at: int) -> int:
    """Where the sentence ends that the mark at `at` closes, or 0."""
    mark = text[at]
    if mark in "。！？" or (mark in "!?" and _beside_wide(text, at)):
        end = at + 1
        while end < len(text) and (text[end] in "。！？!?" or text[end] in _CLOSERS):
            end += 1
        return end
    if mark in ".!?" and (after := _AFTER_STOP.match(text, at + 1)):
        if mark == "." and (
            _ABBREVIATION.search(text[: at + 1]) or MARKER.fullmatch(text[: at + 1])
        ):
            return 0
        return after.end()
    return 0


def _beside_wide(text: str, at: int) -> bool:
    return bool(_WIDE.match(text[at - 1 : at]) or _WIDE.match(text[at + 1 : at + 2]))
