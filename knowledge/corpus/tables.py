"""Where the tables of a grid of cells are, what heads them, and how they read as text.

Excel sheets as people draw them: title rows, headers of two rows, merged cells, remarks below.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

_NOTE = re.compile(r"^\s*(以上|※|＊|\*|注[)）:：]|（注|出典|備考[:：]|Note\b)")
_NUMBER = re.compile(r"^[\s¥$€+-]*[\d,.]+\s*(%|％|円|年|月|日|時間|分|個|件|人)?$")


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell; a merged cell's text is repeated in all it covers.

    `spread`: filled from the left, `below`: filled from above.
    """

    text: str = ""
    spread: bool = False
    below: bool = False

    @property
    def own(self) -> bool:
        return bool(self.text) and not self.spread and not self.below


Grid = list[list[Cell]]


@dataclass(slots=True)
class Table:
    """A header and its rows, each with its row number in the file (from 1)."""

    header: list[str]
    rows: list[tuple[int, list[str]]] = field(default_factory=list)
    columns: tuple[int, ...] = ()

    @property
    def where(self) -> str:
        if not self.rows:
            return ""
        first, last = self.rows[0][0], self.rows[-1][0]
        return f"rows {first}-{last}" if last > first else f"row {first}"

    def markdown(self) -> str:
        return markdown(self.header, [row for _, row in self.rows])


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; line breaks inside a cell become spaces."""
    lines = [_line(header), "|" + " --- |" * len(header)]
    return "\n".join([*lines, *(_line(row) for row in rows)])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(c.split()).replace("|", "\\|") for c in cells) + " |"


def grid(rows: Sequence[Sequence[str]]) -> Grid:
    """Plain rows as a grid of equal width without merged cells."""
    width = max((len(row) for row in rows), default=0)
    return [[Cell(c.strip()) for c in row] + [Cell()] * (width - len(row)) for row in rows]


def whole_table(cells: Grid, first_row: int = 1) -> Table | None:
    """The grid as one table with its first filled row as header (HTML, Word, CSV)."""
    numbered = [(first_row + i, row) for i, row in enumerate(cells) if any(c.text for c in row)]
    return _table(numbered) if numbered else None


def find_tables(cells: Grid) -> list[Table | str]:
    """The tables and loose texts of a sheet in reading order; blank rows part them."""
    found: list[Table | str] = []
    for block in _blocks(cells):
        notes, body, after = _without_notes(block)
        found += notes
        previous = found[-1] if found else None
        if body and isinstance(previous, Table) and _continues(previous, body):
            previous.rows += [(n, _body(row, previous.columns)) for n, row in body]
        elif body:
            found.append(_table(body))
        found += after
    return found


Numbered = list[tuple[int, list[Cell]]]


def _blocks(cells: Grid) -> list[Numbered]:
    blocks: list[Numbered] = [[]]
    for number, row in enumerate(cells, 1):
        if any(c.text for c in row):
            blocks[-1].append((number, row))
        elif blocks[-1]:
            blocks.append([])
    return [block for block in blocks if block]


def _filled(row: Sequence[Cell]) -> int:
    return sum(1 for c in row if c.text and not c.spread)


def _without_notes(block: Numbered) -> tuple[list[str], Numbered, list[str]]:
    """Part title rows above and remarks below from the table between them."""
    start, end = 0, len(block)
    while start < end and _filled(block[start][1]) == 1:
        start += 1
    if start == end or all(_filled(row) == 1 for _, row in block):
        return [_loose(row) for _, row in block], [], []
    while (
        end > start and _filled(block[end - 1][1]) == 1 and _NOTE.match(_loose(block[end - 1][1]))
    ):
        end -= 1
    before = [_loose(row) for _, row in block[:start]]
    return before, block[start:end], [_loose(row) for _, row in block[end:]]


def _loose(row: Sequence[Cell]) -> str:
    return " ".join(c.text for c in row if c.text and not c.spread)


def _continues(table: Table, body: Numbered) -> bool:
    """Whether a block after a blank row goes on with the table above it, without its own header."""
    first = [c for c in body[0][1] if c.text and not c.spread]
    inside = {i for i, c in enumerate(body[0][1]) if c.text} <= set(table.columns)
    return inside and any(_NUMBER.match(c.text) for c in first) and len(first) >= 2


def _table(numbered: Numbered) -> Table:
    head, height = [c.text for c in numbered[0][1]], 1
    if len(numbered) > 2 and _two_rows(numbered[0][1], numbered[1][1]):
        height = 2
        head = [
            a if not b.text or b.below or b.text == a else f"{a} {b.text}".strip()
            for a, b in zip(head, numbered[1][1], strict=True)
        ]
    rows = numbered[height:]
    top = numbered[0][1]
    columns = tuple(
        i
        for i in range(len(head))
        if any(row[i].text and not row[i].spread for _, row in rows)
        or (head[i] and not top[i].spread)
        or (height == 2 and numbered[1][1][i].own)
    )
    names = [head[i] for i in columns]
    return Table(names, [(n, _body(row, columns)) for n, row in rows], columns)


def _two_rows(first: Sequence[Cell], second: Sequence[Cell]) -> bool:
    """A second header row: cells merged down into it, or names below a name merged across."""
    own = [c for c in second if c.own]
    if not own or any(_NUMBER.match(c.text) for c in own):
        return False
    if any(c.below for c in second):
        return True
    under = [b for a, b in zip(first, second, strict=True) if a.spread]
    return bool(under) and all(b.own and len(b.text) <= 20 for b in under)


def _body(row: Sequence[Cell], columns: Sequence[int]) -> list[str]:
    return ["" if row[i].spread else row[i].text for i in columns if i < len(row)]
