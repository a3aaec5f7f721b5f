"""HTML pages: what a visitor reads, in order, without navigation, scripts and page furniture."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from knowledge.corpus.encoding import decode
from knowledge.corpus.source import Reading, SourceFile
from knowledge.corpus.tables import Cell, Grid, whole_table
from knowledge.corpus.types import Problem, Section

_CHARSET = re.compile(rb"<meta[^>]+?charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_XML_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_LEFT_OUT = {
    *("script", "style", "noscript", "template", "nav", "aside", "footer", "svg", "iframe"),
    *("button", "select", "input", "textarea", "object", "canvas", "audio", "video", "head"),
}
_ROLES = {"navigation", "banner", "contentinfo", "search", "complementary", "menu", "dialog"}
_FURNITURE = re.compile(
    r"^(nav(bar|igation)?|g(lobal)?-?nav|breadcrumbs?|side-?bar|site-?(header|footer)|"
    r"cookie-?(banner|consent|notice)|skip-?link|sns|share-?buttons?|pager|pagination|footer)$",
    re.IGNORECASE,
)
_BLOCKS = {
    *("p", "div", "section", "article", "main", "ul", "ol", "dl", "li", "dt", "dd", "blockquote"),
    *("figure", "figcaption", "form", "fieldset", "address", "details", "summary", "header", "hr"),
    *("body", "center", "caption"),
}
_HEADINGS = {f"h{n}": n for n in range(1, 7)}
_CJK = r"[ぁ-ヿ㐀-鿿！-｠、-〿]"
_JOINED = re.compile(rf"(?<={_CJK})[ \t\r\n]+(?={_CJK})")
_DEEPEST = 300


def read_html(file: SourceFile) -> Reading:
    """A page as sections under its headings; its title is the `<title>`, else the first heading."""
    sections, decoded = page_sections(file.data)
    first = next((s.headings[0] for s in sections if s.headings), "")
    reading = Reading("html", decoded.encoding, problems=list(decoded.problems))
    reading.documents = file.document(sections, title=decoded.title or first)
    return reading


@dataclass(frozen=True, slots=True)
class PageText:
    """What a page says of itself: its encoding, what was wrong with it, its `<title>`."""

    encoding: str
    problems: tuple[Problem, ...]
    title: str = ""


def page_sections(data: bytes, declared: str | None = None) -> tuple[list[Section], PageText]:
    """The sections of a page, for files, e-books and mails.

    Args:
        data: the page's bytes.
        declared: the encoding that a header around the page names.

    Raises:
        Refused: the bytes are not text.
    """
    from lxml import html

    named = _CHARSET.search(data[:4096])
    if declared is None and named is not None:
        declared = named[1].decode("ascii", "ignore")
    decoded = decode(data, declared)
    text = _XML_DECLARATION.sub("", decoded.text)
    if not text.strip():
        return [], PageText(decoded.encoding, decoded.problems)
    root = html.document_fromstring(text, parser=html.HTMLParser(huge_tree=False))
    title = _inline(root.findtext(".//title") or "")
    body = root.find("body")
    walk = _Page()
    walk.visit(_main(body if body is not None else root))
    walk.close()
    return walk.found, PageText(decoded.encoding, decoded.problems, title)


def _main(body: Any) -> Any:
    """The element with the content, when the page names one that holds most of its text."""
    named = body.xpath(".//main | .//*[@role='main']") or body.xpath(".//article")
    if len(named) == 1:
        whole = len(_inline("".join(_readable(body))))
        if len(_inline("".join(_readable(named[0])))) >= 0.5 * whole:
            return named[0]
    return body


def _readable(element: Any) -> list[str]:
    return [str(t) for t in element.xpath(".//text()[not(ancestor::script or ancestor::style)]")]


def _inline(text: str) -> str:
    """White space as a browser shows it; a line break between Japanese letters is no space."""
    return " ".join(_JOINED.sub("", text).split())


def _is_furniture(element: Any) -> bool:
    if element.tag in _LEFT_OUT or element.get("role", "").lower() in _ROLES:
        return True
    if element.get("hidden") is not None or "display:none" in _style(element):
        return True
    if element.tag == "header" and element.getparent().tag == "body":
        return element.find(".//h1") is None
    names = [element.get("id") or "", *(element.get("class") or "").split()]
    return any(_FURNITURE.match(name) for name in names)


def _style(element: Any) -> str:
    return (element.get("style") or "").replace(" ", "").lower()


class _Page:
    """The walk over a page; text gathers until a block, a heading or a table ends it."""

    def __init__(self) -> None:
        self.found: list[Section] = []
        self.path: list[tuple[int, str]] = []
        self.blocks: list[str] = []
        self.words: list[str] = []

    def visit(self, element: Any, depth: int = 0) -> None:
        if not isinstance(element.tag, str) or depth > _DEEPEST or _is_furniture(element):
            return
        if element.tag in _HEADINGS:
            self._heading(_HEADINGS[element.tag], element)
        elif element.tag == "table" and not _is_layout(element):
            self._table(element)
        elif element.tag == "pre":
            self._end_block()
            self.blocks.append("".join(element.itertext()).strip("\n"))
        elif element.tag == "br":
            self.words.append("\n")
        else:
            self._inside(element, depth)

    def _inside(self, element: Any, depth: int) -> None:
        block = element.tag in _BLOCKS or element.tag in ("table", "tr", "td", "th", "tbody")
        if block:
            self._end_block()
        if element.tag == "li":
            self.words.append("- ")
        self.words.append(_spaces(element.text))
        for child in element:
            self.visit(child, depth + 1)
            self.words.append(_spaces(child.tail))
        if block:
            self._end_block()

    def _end_block(self) -> None:
        lines = [_inline(line) for line in "".join(self.words).split("\n")]
        self.words = []
        text = "\n".join(line for line in lines if line and line != "-")
        if text:
            self.blocks.append(text)

    def _heading(self, level: int, element: Any) -> None:
        title = _inline("".join(element.itertext()))
        if not title:
            return
        self.close(deeper=bool(self.path) and level > self.path[-1][0])
        self.path = [(depth, name) for depth, name in self.path if depth < level]
        self.path.append((level, title))

    def _table(self, element: Any) -> None:
        self.close(deeper=True)
        caption = element.find("caption")
        if caption is not None:
            self.blocks.append(_inline("".join(caption.itertext())))
            self.close(deeper=True)
        table = whole_table(_grid(element))
        if table is not None:
            self.found.append(Section(table.markdown(), "", self._headings(), "table"))

    def _headings(self) -> tuple[str, ...]:
        return tuple(name for _, name in self.path)

    def close(self, *, deeper: bool = False) -> None:
        self._end_block()
        text = "\n\n".join(self.blocks).replace("\n\n- ", "\n- ")
        self.blocks = []
        said = self.found and self.found[-1].headings == self._headings()
        if text or (self.path and not deeper and not said):
            self.found.append(Section(text, "", self._headings()))


def _spaces(text: str | None) -> str:
    # A source line break is a space; only <br> breaks a line.
    return (text or "").replace("\r", "").replace("\n", " ")


def _is_layout(table: Any) -> bool:
    """A table that only places things: one column, or other tables and headings inside."""
    if table.find(".//table") is not None or table.xpath(".//h1 | .//h2 | .//h3 | .//form"):
        return True
    return max((len(row.xpath("./td | ./th")) for row in table.iter("tr")), default=0) < 2


def _grid(table: Any) -> Grid:
    """Rows of cells with colspan and rowspan filled."""
    grid: Grid = []
    hanging: dict[int, tuple[int, Cell]] = {}
    for row in table.iter("tr"):
        cells: list[Cell] = []
        for cell in row.xpath("./td | ./th"):
            _drop_hanging(cells, hanging)
            text = _inline(" ".join(cell.itertext()))
            across = _span(cell, "colspan")
            for i in range(across):
                if (down := _span(cell, "rowspan")) > 1:
                    hanging[len(cells)] = (down - 1, Cell(text, i > 0, True))
                cells.append(Cell(text, i > 0))
        _drop_hanging(cells, hanging)
        grid.append(cells)
    width = max((len(row) for row in grid), default=0)
    return [row + [Cell()] * (width - len(row)) for row in grid]


def _drop_hanging(cells: list[Cell], hanging: dict[int, tuple[int, Cell]]) -> None:
    while (index := len(cells)) in hanging:
        left, cell = hanging.pop(index)
        cells.append(cell)
        if left > 1:
            hanging[index] = (left - 1, cell)


def _span(cell: Any, name: str) -> int:
    value = cell.get(name, "1").strip()
    return min(int(value), 1000) if value.isdigit() and int(value) else 1
