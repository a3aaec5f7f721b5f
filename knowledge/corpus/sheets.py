"""Excel workbooks: every visible sheet, merged cells filled, titles and remarks beside tables."""

from __future__ import annotations

import datetime as dt
import io
import warnings
import zipfile
from typing import Any

from knowledge.corpus.examples import Tally
from knowledge.corpus.source import Reading, SourceFile, excerpt, refuse
from knowledge.corpus.tables import Cell, Grid, Table, find_tables
from knowledge.corpus.tabular import take_table
from knowledge.corpus.types import Problem, Section

# Formatting far below the data makes sheets of a million empty rows; cells beyond are not data.
_MOST_COLUMNS = 1000


def read_xlsx(file: SourceFile) -> Reading:
    """The sheets of a workbook: examples from question–answer tables, the rest as one document.

    Hidden sheets are left out and named: people hide drafts and lists that are not for readers.

    Raises:
        Refused: it cannot be opened as a workbook.
    """
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # styles and extensions that openpyxl does not know
            book = openpyxl.load_workbook(io.BytesIO(file.data), data_only=True)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise refuse("damaged-file", why=str(error)[:120]) from None
    except (SyntaxError, TypeError, AttributeError) as error:  # broken XML inside
        raise refuse("damaged-file", why=type(error).__name__) from None
    reading = Reading("xlsx", rows=0)
    sections: list[Section] = []
    for sheet in book.worksheets:
        if sheet.sheet_state != "visible":
            _hidden(sheet, reading)
            continue
        tally = Tally(f"sheet {sheet.title}, row")
        sections += _sheet(sheet, file, reading, tally)
        reading.problems += tally.problems()
    changed = book.properties.modified
    book.close()
    date = changed.date().isoformat() if isinstance(changed, dt.datetime) else None
    reading.documents = file.document(sections, modified=date)
    return reading


def _sheet(sheet: Any, file: SourceFile, reading: Reading, tally: Tally) -> list[Section]:
    """The sheet's tables and texts; its notes stay only where a table is left as document."""
    sections: list[Section] = []
    notes: list[Section] = []
    tables = find_tables(_grid(sheet))
    for part in tables:
        if isinstance(part, Table):
            reading.rows = (reading.rows or 0) + len(part.rows)
            section = take_table(part, file, reading, tally, sheet=sheet.title)
            if section is not None:
                sections += [*notes, section]
                notes = []
        else:
            notes.append(Section(part, sheet.title, (sheet.title,)))
    only_examples = any(isinstance(part, Table) for part in tables) and not sections
    return sections if only_examples else sections + notes


def _hidden(sheet: Any, reading: Reading) -> None:
    cells = [str(v) for row in sheet.iter_rows(values_only=True) for v in row if v is not None]
    if cells:
        values = {"sheet": sheet.title, "n": len(cells)}
        shown = excerpt(" ".join(cells[:5]))
        where = f"sheet {sheet.title}"
        reading.problems.append(Problem("hidden-sheet", "warn", where, values, shown))


def _grid(sheet: Any) -> Grid:
    grid: Grid = [[Cell(_shown(cell)) for cell in row[:_MOST_COLUMNS]] for row in sheet.iter_rows()]
    offset, left = sheet.min_row, sheet.min_column
    for area in sheet.merged_cells.ranges:
        top, first = area.min_row - offset, area.min_col - left
        if not (0 <= top < len(grid) and 0 <= first < len(grid[top])):
            continue
        text = grid[top][first].text
        for row in range(top, min(area.max_row - offset + 1, len(grid))):
            for column in range(first, min(area.max_col - left + 1, len(grid[row]))):
                grid[row][column] = Cell(text, column > first, row > top)
    if offset > 1:
        width = len(grid[0]) if grid else 0
        grid = [[Cell()] * width for _ in range(offset - 1)] + grid
    return grid


def _shown(cell: Any) -> str:
    """The value as the sheet shows it: dates without midnight, whole numbers, percentages."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, dt.datetime):
        plain = value.time() == dt.time(0)
        return value.date().isoformat() if plain else value.isoformat(" ", "minutes")
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, dt.time):
        return value.isoformat("minutes")
    if isinstance(value, int | float):
        if "%" in (cell.number_format or ""):
            return f"{round(value * 100, 6):g}%"
        return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(value)
    return str(value).strip()
