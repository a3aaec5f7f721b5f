"""Word documents in reading order: headings, paragraphs and tables where they stand."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

from knowledge.corpus.source import Reading, SourceFile, refuse
from knowledge.corpus.tables import Cell, Grid, whole_table
from knowledge.corpus.types import Section

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_LEFT_OUT = {f"{_W}{name}" for name in ("del", "moveFrom", "pPr", "rPr", "sectPr", "tblPr", "tcPr")}
_HEADING_STYLE = re.compile(r"^(?:heading|見出し)\s*([1-9１-９])", re.IGNORECASE)


def read_docx(file: SourceFile) -> Reading:
    """A Word document; its title is its Title paragraph or first heading.

    Raises:
        Refused: it cannot be opened as a Word document.
    """
    import docx
    from docx.opc.exceptions import PackageNotFoundError

    try:
        opened = docx.Document(io.BytesIO(file.data))
    except (PackageNotFoundError, KeyError, ValueError, SyntaxError, OSError) as error:
        raise refuse("damaged-file", why=str(error)[:120]) from None
    walk = _Body(_levels(opened))
    walk.visit(opened.element.body)
    walk.close()
    changed = opened.core_properties.modified
    first = next((s.headings[0] for s in walk.found if s.headings), "")
    documents = file.document(
        walk.found,
        title=walk.title or first,
        modified=changed.date().isoformat() if changed else None,
    )
    return Reading("docx", None, documents)


def _levels(opened: Any) -> dict[str, int]:
    """Style id → heading level; 0 is the document's title."""
    levels: dict[str, int] = {}
    for style in opened.styles.element.iter(f"{_W}style"):
        name = style.find(f"{_W}name")
        outline = style.find(f"{_W}pPr/{_W}outlineLvl")
        title = name.get(f"{_W}val", "") if name is not None else ""
        if title.lower() in ("title", "表題"):
            levels[style.get(f"{_W}styleId")] = 0
        elif found := _HEADING_STYLE.match(title):
            levels[style.get(f"{_W}styleId")] = int(found[1])
        elif outline is not None and int(outline.get(f"{_W}val", "9")) < 9:
            levels[style.get(f"{_W}styleId")] = int(outline.get(f"{_W}val")) + 1
    return levels


class _Body:
    def __init__(self, levels: dict[str, int]) -> None:
        self.levels = levels
        self.title = ""
        self.found: list[Section] = []
        self.path: list[tuple[int, str]] = []
        self.blocks: list[str] = []

    def visit(self, parent: Any) -> None:
        for element in parent:
            if element.tag == f"{_W}p":
                self._paragraph(element)
            elif element.tag == f"{_W}tbl":
                self._table(element)
            elif element.tag not in _LEFT_OUT and isinstance(element.tag, str):
                # Content controls, insertions and custom XML wrap what people see as plain text.
                self.visit(element)

    def _paragraph(self, paragraph: Any) -> None:
        text = _text(paragraph).strip()
        if not text:
            return
        level = self._level(paragraph)
        if level is None:
            listed = paragraph.find(f"{_W}pPr/{_W}numPr") is not None
            self.blocks.append(f"- {text}" if listed else text)
            return
        self.close(deeper=bool(self.path) and level > self.path[-1][0])
        if level == 0:
            self.title = self.title or text
        self.path = [(depth, name) for depth, name in self.path if depth < level]
        self.path.append((level, " ".join(text.split())))

    def _level(self, paragraph: Any) -> int | None:
        own = paragraph.find(f"{_W}pPr/{_W}outlineLvl")
        if own is not None and int(own.get(f"{_W}val", "9")) < 9:
            return int(own.get(f"{_W}val")) + 1
        style = paragraph.find(f"{_W}pPr/{_W}pStyle")
        return self.levels.get(style.get(f"{_W}val")) if style is not None else None

    def _table(self, element: Any) -> None:
        self.close(deeper=True)
        table = whole_table(_grid(element))
        if table is not None:
            self.found.append(Section(table.markdown(), "", self._headings(), "table"))

    def _headings(self) -> tuple[str, ...]:
        return tuple(name for _, name in self.path)

    def close(self, *, deeper: bool = False) -> None:
        text = "\n\n".join(self.blocks).replace("\n\n- ", "\n- ")
        self.blocks = []
        said = self.found and self.found[-1].headings == self._headings()
        if text or (self.path and not deeper and not said):
            self.found.append(Section(text, "", self._headings()))


def _text(element: Any) -> str:
    return "".join(_pieces(element))


def _pieces(element: Any) -> Iterator[str]:
    """Text as shown: insertions taken, deletions and field codes left out."""
    for child in element:
        if child.tag == f"{_W}t":
            yield child.text or ""
        elif child.tag == f"{_W}tab":
            yield "\t"
        elif child.tag in (f"{_W}br", f"{_W}cr"):
            yield "\n"
        elif child.tag.endswith("}Fallback"):
            # A text box stands twice: once for new readers (Choice), once for old ones.
            continue
        elif child.tag == f"{_W}p":
            yield _text(child) + "\n"
        elif child.tag not in _LEFT_OUT:
            yield from _pieces(child)


def _grid(table: Any) -> Grid:
    """Rows of cells; cells merged down repeat the text above, nested tables read as text."""
    grid: Grid = []
    for row in _rows(table):
        cells: list[Cell] = []
        for cell in row.iter(f"{_W}tc"):
            if cell.getparent() is not row and _owner(cell, row) is not row:
                continue
            text, below = _cell_text(cell), False
            merge = cell.find(f"{_W}tcPr/{_W}vMerge")
            if merge is not None and merge.get(f"{_W}val") != "restart" and grid:
                below = len(cells) < len(grid[-1])
                text = grid[-1][len(cells)].text if below else text
            span = cell.find(f"{_W}tcPr/{_W}gridSpan")
            across = int(span.get(f"{_W}val", "1")) if span is not None else 1
            cells += [Cell(text, i > 0, below) for i in range(min(across, 100))]
        grid.append(cells)
    width = max((len(row) for row in grid), default=0)
    return [row + [Cell()] * (width - len(row)) for row in grid]


def _rows(table: Any) -> Iterator[Any]:
    for row in table.iter(f"{_W}tr"):
        if _owner(row, table, "tbl") is table:
            yield row


def _owner(element: Any, stop: Any, name: str = "tr") -> Any:
    """The nearest enclosing row (or table), to leave those of nested tables alone."""
    parent = element.getparent()
    while parent is not None and parent.tag != f"{_W}{name}" and parent is not stop:
        parent = parent.getparent()
    return parent


def _cell_text(cell: Any) -> str:
    parts: list[str] = []
    for child in cell:
        if child.tag == f"{_W}tbl":
            rows = [[c.text for c in row if not c.spread] for row in _grid(child)]
            parts += [" ".join(filter(None, row)) for row in rows]
        elif child.tag not in _LEFT_OUT:
            parts.append(_text(child))
    return "\n".join(part.strip() for part in parts if part.strip())
