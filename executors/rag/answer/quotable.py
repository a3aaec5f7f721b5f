"""Cuts a chunk into what can be quoted: sentences, list items with their lead, table rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from executors.rag.answer.fence import without_orders
from executors.rag.chunking.sentences import MARKER, Span, blocks, sentences, table_rows

_MARK_UP = re.compile(r"\*\*|__|`|^#{1,6}\s+|^\s*>\s?")
_FORMULA_LINE = re.compile(r"^[\s|:=-]*$")
_NUMBERED = re.compile(
    r"^\s*[（(]?[0-9０-９]{1,3}[.)．）]\s*(?![0-9０-９])|^\s*[-*+•・●○]\s*(?![0-9])"
)
_LONGEST = 400
"""Characters of one quotation; a longer one is code or a broken text."""


@dataclass(frozen=True, slots=True)
class Quotable:
    """Something of a chunk that can be an answer on its own or with its lead."""

    text: str
    """As it is shown."""
    lead: str
    """The line that introduces it (a list's or table's), or nothing."""
    at: int
    """Its place within the chunk."""
    parent: int
    """The place of its lead, or -1."""
    same_line: bool = False
    """Whether it goes on the line of the sentence before it."""

    @property
    def whole(self) -> str:
        return f"{self.lead}{_gap(self.lead)}{self.text}" if self.lead else self.text


def quotables(text: str) -> list[Quotable]:
    """What can be quoted, in reading order; text that speaks to a model is left out."""
    found: list[Quotable] = []
    text = without_orders(text)
    for block in blocks(text):
        body = block.span.of(text)
        if block.kind == "table":
            found += _rows(body, len(found), found[-1] if found else None)
        else:
            found += _prose(body, len(found))
    return found


def join(parts: list[str]) -> str:
    """Quotations put together: no space after Japanese, one after English, lines for lists."""
    out = ""
    for part in parts:
        out += (_gap(out) if out else "") + part
    return out


def _gap(before: str) -> str:
    last = before.rstrip()[-1:]
    if last in "。！？":
        return ""
    return " " if last.isascii() and last in ".!?:;,)\"'" else "\n"


def _prose(body: str, first: int) -> Iterator[Quotable]:
    # Indentation and markers of the lines so far: what an item hangs on.
    above: list[tuple[int, bool, Quotable]] = []
    at = first
    for span in sentences(body):
        raw = span.of(body)
        text = _shown(raw)
        if not text or len(text) > _LONGEST or _FORMULA_LINE.match(text):
            continue
        starts_line = not body[_line_start(body, span) : span.start].strip()
        marked = bool(MARKER.match(raw)) and starts_line
        indent = span.start - _line_start(body, span) if starts_line else None
        lead = _lead(above, indent, marked)
        place = lead.at if lead else -1
        quotable = Quotable(text, lead.text if lead else "", at, place, not starts_line)
        at += 1
        yield quotable
        if indent is not None:
            above.append((indent, marked, quotable))
        elif _introduces(text) and above:
            # «… . The following apply:» – its last sentence introduces the list.
            above.append((above[-1][0], above[-1][1], quotable))


def _lead(
    above: list[tuple[int, bool, Quotable]], indent: int | None, marked: bool
) -> Quotable | None:
    if indent is None or not marked:
        return None
    for other, was_marked, quotable in reversed(above):
        if other < indent or (not was_marked and other <= indent):
            return quotable if other < indent or _introduces(quotable.text) else None
    return None


def _introduces(text: str) -> bool:
    tail = text.rstrip("。.")[-14:]
    return text.rstrip()[-1:] in ":：" or any(
        word in tail for word in ("次の", "以下", "下記", "とおり", "通り", "following", "below")
    )


def _rows(table: str, first: int, before: Quotable | None) -> Iterator[Quotable]:
    header, rows = table_rows(table)
    lead = before if before is not None and _introduces(before.text) else None
    for number, row in enumerate(rows):
        cells = [(_plain(h), _plain(c)) for h, c in zip(header, row, strict=False)]
        pairs = [f"{head}: {cell}" if head else cell for head, cell in cells if cell]
        wide = any(ord(mark) > 0x3000 for mark in "".join(pairs))
        text = ("、" if wide else ", ").join(pairs)
        if text and len(text) <= _LONGEST:
            place = -1 if lead is None else lead.at
            yield Quotable(text, lead.text if lead else "", first + number, place)


def _line_start(body: str, span: Span) -> int:
    return body.rfind("\n", 0, span.start) + 1


def _shown(raw: str) -> str:
    lines = [_plain(line) for line in raw.splitlines()]
    text = lines[0] if lines else ""
    for line in lines[1:]:
        glue = " " if text[-1:].isascii() and line[:1].isascii() else ""
        text += glue + line
    return _NUMBERED.sub("", text).strip()


def _plain(line: str) -> str:
    return _MARK_UP.sub("", line).strip()
