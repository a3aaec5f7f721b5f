"""What a table is for: question–answer columns make examples, anything else is a document."""

from __future__ import annotations

from knowledge.corpus.examples import Tally, example_from_record, field_map, known_format
from knowledge.corpus.source import Reading, SourceFile
from knowledge.corpus.tables import Table
from knowledge.corpus.types import Section, TakenFields

# Below this share of rows with both sides the columns only happen to bear such names.
_LEAST_SHARE = 0.2


def take_table(
    table: Table, file: SourceFile, reading: Reading, tally: Tally, *, sheet: str = ""
) -> Section | None:
    """Add the table's examples to `reading`, or give it back as a section of the document."""
    reading.columns |= dict.fromkeys(name for name in table.header if name)
    fields = field_map(table.header, file.asked)
    if fields is not None and table.rows:
        trial = Tally(tally.unit)
        found = [
            example
            for number, row in table.rows
            if (
                example := example_from_record(
                    dict(zip(table.header, row, strict=False)), fields, file, number, trial
                )
            )
        ]
        if found and (file.asked or len(found) >= _LEAST_SHARE * len(table.rows)):
            reading.taken.append(TakenFields(fields, known_format(fields), len(found)))
            reading.examples += found
            tally.merge(trial)
            return None
    if not table.rows and not any(table.header):
        return None
    where = ", ".join(part for part in (sheet, table.where) if part)
    return Section(table.markdown(), where, (sheet,) if sheet else (), "table")
