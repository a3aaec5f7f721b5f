"""CSV and TSV: the delimiter found, ragged rows kept and reported."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from knowledge.corpus.encoding import decode
from knowledge.corpus.examples import Tally, field_map
from knowledge.corpus.source import Reading, SourceFile
from knowledge.corpus.tables import Table
from knowledge.corpus.tabular import take_table

_LARGEST_CELL = 1 << 24


def read_delimited(file: SourceFile) -> Reading:
    """A table with a header row: examples when it has such columns, else one document."""
    decoded = decode(file.data)
    kind = "tsv" if file.suffix in (".tsv", ".tab") else "csv"
    reading = Reading(kind, decoded.encoding, problems=list(decoded.problems), rows=0)
    tally = Tally("line")
    rows = list(_rows(decoded.text, "\t" if kind == "tsv" else _delimiter(decoded.text)))
    filled = [(n, row) for n, row in rows if any(cell.strip() for cell in row)]
    if not filled:
        return reading
    header = [cell.strip() for cell in filled[0][1]]
    table = Table(header, [(n, _fit(n, row, header, tally)) for n, row in filled[1:]])
    reading.rows = len(table.rows)
    if not table.rows:
        return reading
    section = take_table(table, file, reading, tally)
    if section is not None:
        reading.documents = file.document([section])
    reading.problems += tally.problems()
    return reading


def _rows(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Rows with the number of the line on which each begins."""
    csv.field_size_limit(_LARGEST_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    start = 1
    for row in reader:
        yield start, row
        start = reader.line_num + 1


def _delimiter(text: str) -> str:
    """The separator that the first lines share most evenly."""
    lines = [line for line in text.split("\n")[:20] if line.strip()]
    if not lines:
        return ","
    return max(",\t;", key=lambda d: (min(line.count(d) for line in lines[:5]), lines[0].count(d)))


def _fit(number: int, row: list[str], header: list[str], tally: Tally) -> list[str]:
    """The row in the header's width; what stands beyond it is joined to the last cell."""
    cells = [cell.strip() for cell in row]
    width = len(header)
    extra = [cell for cell in cells[width:] if cell]
    if extra:
        tally.add("row-too-long", number, ", ".join(extra), width=width)
        cells = [*cells[: width - 1], ",".join([*cells[width - 1 : width], *extra])]
    elif len(cells) < width and field_map(header) is None:
        tally.add("row-too-short", number, ", ".join(cells), width=width)
    return (cells + [""] * width)[:width]
