"""PowerPoint: slide by slide what stands on it – title, texts, tables – and the speaker's notes."""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from typing import Any

from knowledge.corpus.archive import opened
from knowledge.corpus.source import Reading, SourceFile, refuse
from knowledge.corpus.tables import Cell, Grid, whole_table
from knowledge.corpus.types import Section

_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_REL = "{http://schemas.openxmlformats.org/package/2006/relationships}"
_DC = "{http://purl.org/dc/terms/}"
# Page furniture that every slide repeats.
_FURNITURE = {"dt", "ftr", "sldNum", "hdr"}
_NOTES = "notesSlide"


def read_pptx(file: SourceFile) -> Reading:
    """A presentation: one section a text block or table, under its slide's title, at `slide n`.

    Raises:
        Refused: it cannot be opened as a presentation.
    """
    archive = opened(file)
    sections: list[Section] = []
    titles: list[str] = []
    for number, part in enumerate(_slides(archive), 1):
        shapes = _parsed(archive, part)
        if shapes is None:
            continue
        title = next((text for text in map(_text, _placed(shapes, "title")) if text), "")
        titles.append(title)
        notes = _related(archive, part).get(_NOTES, [])
        sections += _sections(shapes, title, f"slide {number}")
        for note in notes:
            sections += _notes(_parsed(archive, note), title, f"slide {number}, notes")
    first = next((title for title in titles if title), "")
    return Reading("pptx", None, file.document(sections, title=first, modified=_modified(archive)))


def _slides(archive: zipfile.ZipFile) -> list[str]:
    """The slides in the order in which they are shown; hidden ones are material too."""
    main = "ppt/presentation.xml"
    root = _parsed(archive, main)
    if root is None:
        raise refuse("damaged-file", why="ppt/presentation.xml")
    targets = _targets(archive, main)
    ids = [node.get(f"{_R}id") for node in root.iter(f"{_P}sldId")]
    return [targets[id_][1] for id_ in ids if id_ in targets]


def _targets(archive: zipfile.ZipFile, part: str) -> dict[str, tuple[str, str]]:
    """Relationship id → (its kind's last word, the part it leads to)."""
    folder, name = posixpath.split(part)
    root = _parsed(archive, f"{folder}/_rels/{name}.rels")
    if root is None:
        return {}
    return {
        node.get("Id"): (
            node.get("Type", "").rsplit("/", 1)[-1],
            posixpath.normpath(posixpath.join(folder, node.get("Target", "")))
            if not node.get("Target", "").startswith("/")
            else node.get("Target", "").lstrip("/"),
        )
        for node in root.iter(f"{_REL}Relationship")
    }


def _related(archive: zipfile.ZipFile, part: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for kind, target in _targets(archive, part).values():
        found.setdefault(kind, []).append(target)
    return found


def _parsed(archive: zipfile.ZipFile, part: str) -> Any:
    """A part's XML; None when it is missing or broken: the other slides are still read."""
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    try:
        return etree.fromstring(archive.read(part), parser)
    except (KeyError, etree.XMLSyntaxError, zipfile.BadZipFile, OSError, ValueError):
        return None


def _placed(root: Any, kind: str) -> Iterator[Any]:
    for shape in root.iter(f"{_P}sp"):
        place = shape.find(f"{_P}nvSpPr/{_P}nvPr/{_P}ph")
        name = place.get("type", "body") if place is not None else ""
        if name == kind or (kind == "title" and name == "ctrTitle"):
            yield shape


def _sections(root: Any, title: str, where: str) -> list[Section]:
    """Texts in the order of the file, which is the order screen readers follow."""
    headings = (title,) if title else ()
    found: list[Section] = []
    blocks: list[str] = []

    def close() -> None:
        if blocks:
            found.append(Section("\n\n".join(blocks), where, headings))
            blocks.clear()

    for element in root.iter(f"{_P}sp", f"{_A}tbl"):
        if element.tag == f"{_A}tbl":
            close()
            table = whole_table(_grid(element))
            if table is not None:
                found.append(Section(table.markdown(), where, headings, "table"))
            continue
        place = element.find(f"{_P}nvSpPr/{_P}nvPr/{_P}ph")
        kind = place.get("type", "body") if place is not None else ""
        text = _text(element)
        if text and kind not in _FURNITURE and not (kind in ("title", "ctrTitle") and title):
            blocks.append(text)
    close()
    return found or ([Section("", where, headings)] if headings else [])


def _notes(root: Any, title: str, where: str) -> list[Section]:
    if root is None:
        return []
    texts = [text for text in map(_text, _placed(root, "body")) if text]
    return [Section("\n\n".join(texts), where, (title,) if title else ())] if texts else []


def _text(shape: Any) -> str:
    lines = ["".join(_pieces(p)).strip() for p in shape.iter(f"{_A}p")]
    return "\n".join(line for line in lines if line)


def _pieces(paragraph: Any) -> Iterator[str]:
    for node in paragraph.iter(f"{_A}t", f"{_A}br"):
        yield "\n" if node.tag == f"{_A}br" else node.text or ""


def _grid(table: Any) -> Grid:
    """Rows of cells; merged cells repeat what they show."""
    grid: Grid = []
    for row in table.iter(f"{_A}tr"):
        cells: list[Cell] = []
        for cell in row.iter(f"{_A}tc"):
            text = _text(cell)
            spread, below = cell.get("hMerge") == "1", cell.get("vMerge") == "1"
            if spread and cells:
                text = cells[-1].text
            elif below and grid and len(cells) < len(grid[-1]):
                text = grid[-1][len(cells)].text
            cells.append(Cell(text, spread, below))
        grid.append(cells)
    width = max((len(row) for row in grid), default=0)
    return [row + [Cell()] * (width - len(row)) for row in grid]


def _modified(archive: zipfile.ZipFile) -> str | None:
    core = _parsed(archive, "docProps/core.xml")
    node = core.find(f"{_DC}modified") if core is not None else None
    return node.text[:10] if node is not None and node.text else None
