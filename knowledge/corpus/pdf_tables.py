"""Where a PDF page draws a table: cells that stand below each other, told by their places.

A PDF has no tables, only words at places. Rows are words on one line, cells are words close
together; a table is a run of rows whose cells begin at the same places. Prose in two columns also
makes rows of two, but its cells are as wide as lines of text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from knowledge.corpus.tables import markdown

LEAST_ROWS = 3
_LONGEST_CELL = 40
"""Characters: the mean of a column of prose is above it, of a table's cells far below."""

Part = tuple[Literal["text", "table"], str]


@dataclass(frozen=True, slots=True)
class Word:
    """A stretch of text at its place, in points from the page's lower left corner."""

    left: float
    bottom: float
    right: float
    top: float
    text: str

    @property
    def height(self) -> float:
        return self.top - self.bottom


def with_tables(text: str, words: Sequence[Word]) -> list[Part]:
    """The page's text in its own order, with the lines that are tables made Markdown tables.

    A table is taken only where its rows are found in the text one after the other, so that
    nothing is lost, moved or said twice.
    """
    lines = text.split("\n")
    parts: list[Part] = []
    at = 0
    for table in _tables(_rows(words)):
        found = _place(lines, at, table)
        if found is None:
            continue
        start, end = found
        parts.append(("text", "\n".join(lines[at:start])))
        parts.append(("table", markdown(table[0], table[1:])))
        at = end
    parts.append(("text", "\n".join(lines[at:])))
    return [(kind, body) for kind, body in parts if body.strip()]


Row = list[Word]


def in_rows(words: Sequence[Word]) -> list[int]:
    """Which of `words`, told by their places alone, stand in rows that may make a table."""
    named = [Word(w.left, w.bottom, w.right, w.top, f" {i} ") for i, w in enumerate(words)]
    runs = (run for run in _runs(_rows(named)) if len(run) >= LEAST_ROWS)
    return [int(i) for run in runs for row in run for cell in row for i in cell.text.split()]


def _rows(words: Sequence[Word]) -> list[Row]:
    """Words on one line, joined to cells where the gap between them is about a space."""
    rows: list[Row] = []
    for word in sorted(words, key=lambda w: (-w.top, w.left)):
        last = rows[-1][0] if rows else None
        middle = (word.top + word.bottom) / 2
        if last is not None and last.bottom <= middle <= last.top:
            rows[-1].append(word)
        else:
            rows.append([word])
    return [_cells(sorted(row, key=lambda w: w.left)) for row in rows]


def _cells(row: Row) -> Row:
    cells: Row = []
    for word in row:
        last = cells[-1] if cells else None
        if last is not None and word.left - last.right < max(last.height, word.height):
            space = " " if word.left - last.right > 0.15 * last.height else ""
            joined = f"{last.text.rstrip()}{space}{word.text}"
            low, high = min(last.bottom, word.bottom), max(last.top, word.top)
            cells[-1] = Word(last.left, low, max(last.right, word.right), high, joined)
        else:
            cells.append(word)
    return cells


def _tables(rows: Sequence[Row]) -> list[list[list[str]]]:
    runs = (run for run in _runs(rows) if len(run) >= LEAST_ROWS)
    return [table for run in runs if (table := _aligned(run)) is not None]


def _runs(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Rows of two cells or more, one below the other."""
    run: list[Row] = []
    for row in rows:
        if len(row) >= 2 and (not run or _near(run[-1], row)):
            run.append(row)
        else:
            yield run
            run = [row] if len(row) >= 2 else []
    yield run


def _near(above: Row, below: Row) -> bool:
    """Rows of one table stand at most a few lines apart."""
    return above[0].bottom - below[0].top <= 3 * max(above[0].height, below[0].height)


def _aligned(run: Sequence[Row]) -> list[list[str]] | None:
    """The run as rows of equal width, when most of its cells begin or end where others do."""
    cells = [cell for row in run for cell in row]
    if sum(len(cell.text) for cell in cells) > _LONGEST_CELL * len(cells):
        return None
    columns = _columns(cells)
    if not 2 <= len(columns) <= 20:
        return None
    table = []
    for row in run:
        texts = [""] * len(columns)
        for cell in row:
            index = max(range(len(columns)), key=lambda i: _overlap(cell, columns[i]))
            if texts[index]:
                return None
            texts[index] = cell.text.strip()
        table.append(texts)
    filled = sum(bool(text) for texts in table for text in texts)
    return table if filled >= 0.6 * len(table) * len(columns) else None


def _columns(cells: Sequence[Word]) -> list[tuple[float, float]]:
    """Stretches of the page's width that cells share, from left to right."""
    columns: list[tuple[float, float]] = []
    for cell in sorted(cells, key=lambda c: c.left):
        if columns and cell.left < columns[-1][1]:
            columns[-1] = (columns[-1][0], max(columns[-1][1], cell.right))
        else:
            columns.append((cell.left, cell.right))
    return columns


def _overlap(cell: Word, column: tuple[float, float]) -> float:
    return min(cell.right, column[1]) - max(cell.left, column[0])


def _place(lines: Sequence[str], at: int, table: Sequence[Sequence[str]]) -> tuple[int, int] | None:
    """The first and the following line of the stretch of `lines` that says just this table."""
    wanted = [_squeezed("".join(row)) for row in table]
    for start in range(at, len(lines)):
        if not lines[start].strip() or not wanted[0].startswith(_squeezed(lines[start])):
            continue
        end = start
        for row in wanted:
            said = ""
            while end < len(lines) and len(said) < len(row):
                said += _squeezed(lines[end])
                end += 1
            if said != row:
                break
        else:
            return start, end
    return None


def _squeezed(text: str) -> str:
    return "".join(text.split())
