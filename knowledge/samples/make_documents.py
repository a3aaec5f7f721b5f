"""Writes the sample company's documents (md, txt, html, csv, docx, xlsx, pdf) from sources/.

Run by hand after editing a source: `python knowledge/samples/make_documents.py`. The written files
are committed and ship; sources/ and this script stay in the repository. Needs reportlab,
python-docx, openpyxl and, for the Japanese PDF files, a TrueType Japanese font (IPAex Gothic,
Debian package fonts-ipaexfont-gothic; its licence allows embedding in documents, and only the
glyphs used are embedded).
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import html
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
DEFAULT_FONT = Path("/usr/share/fonts/opentype/ipaexfont-gothic/ipaexg.ttf")
# Zip members and document properties carry this date, so that the same sources give the same bytes.
EDITION = dt.datetime(2026, 4, 1, 9, 0, 0)
LEFT, ABOVE = "<", "^"  # table cells merged with their neighbour on the left or above


@dataclass(frozen=True)
class Block:
    """One piece of a source: kind is heading, paragraph, bullets, numbers or table."""

    kind: str
    text: str = ""
    level: int = 0
    rows: list[list[str]] = field(default_factory=list)


@dataclass(frozen=True)
class Source:
    lang: str
    front: dict[str, str]
    body: str

    @property
    def blocks(self) -> list[Block]:
        return list(parse(self.body))


def read_source(path: Path, lang: str) -> Source:
    _, front, body = path.read_text(encoding="utf-8").split("---\n", 2)
    pairs = (line.split(": ", 1) for line in front.strip().splitlines())
    return Source(lang, {key: value for key, value in pairs}, body.lstrip("\n"))


def line_kind(line: str) -> str:
    if line.startswith("#"):
        return "heading"
    if line.startswith("|"):
        return "table"
    if line.startswith("- "):
        return "bullets"
    return "numbers" if re.match(r"\d+\. ", line) else "paragraph"


def parse(body: str) -> Iterator[Block]:
    """Yields the blocks of the small Markdown the sources are written in."""
    for chunk in re.split(r"\n{2,}", body.strip()):
        lines = chunk.splitlines()
        kind = line_kind(lines[0])
        if kind == "heading":
            marks, text = lines[0].split(" ", 1)
            yield Block("heading", text, level=len(marks))
        elif kind == "table":
            rows = [[c.strip() for c in line.strip("|").split("|")] for line in lines]
            yield Block("table", rows=[rows[0], *rows[2:]])
        elif kind in ("bullets", "numbers"):
            items = [[re.sub(r"^(- |\d+\. )", "", line)] for line in lines]
            yield Block(kind, rows=items)
        else:
            yield Block("paragraph", " ".join(lines))


def as_text(source: Source) -> bytes:
    return source.body.encode("utf-8")


def as_html(source: Source) -> bytes:
    parts = [
        f'<!DOCTYPE html>\n<html lang="{source.lang}">\n<head>\n<meta charset="utf-8">',
        f"<title>{html.escape(source.front['title'])}</title>\n</head>\n<body>",
    ]
    for block in source.blocks:
        if block.kind == "heading":
            parts.append(f"<h{block.level}>{html.escape(block.text)}</h{block.level}>")
        elif block.kind == "paragraph":
            parts.append(f"<p>{html.escape(block.text)}</p>")
        elif block.kind == "table":
            parts.append("<table>")
            for index, row in enumerate(block.rows):
                tag = "td" if index else "th"
                cells = "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row)
                parts.append(f"<tr>{cells}</tr>")
            parts.append("</table>")
        else:
            tag = "ul" if block.kind == "bullets" else "ol"
            items = "\n".join(f"<li>{html.escape(row[0])}</li>" for row in block.rows)
            parts.append(f"<{tag}>\n{items}\n</{tag}>")
    return "\n".join([*parts, "</body>\n</html>\n"]).encode("utf-8")


def as_csv(source: Source) -> bytes:
    table = next(block for block in source.blocks if block.kind == "table")
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows(table.rows)
    return out.getvalue().encode(source.front["encoding"])


def with_fixed_dates(data: bytes) -> bytes:
    """Returns the same zip with every member dated EDITION, so that runs give the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for member in old.infolist():
            info = zipfile.ZipInfo(member.filename, EDITION.timetuple()[:6])
            info.compress_type = zipfile.ZIP_DEFLATED
            content = old.read(member)
            if member.filename == "docProps/core.xml":
                stamp = EDITION.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
                content = re.sub(rb"\d{4}-\d\d-\d\dT[\d:]+Z", stamp, content)
            new.writestr(info, content)
    return out.getvalue()


def as_docx(source: Source) -> bytes:
    import docx

    document = docx.Document()
    document.core_properties.title = source.front["title"]
    document.core_properties.author = "Sazanami Seiki Co., Ltd."
    for block in source.blocks:
        if block.kind == "heading":
            document.add_heading(block.text, level=block.level)
        elif block.kind == "paragraph":
            document.add_paragraph(block.text)
        elif block.kind == "table":
            table = document.add_table(len(block.rows), len(block.rows[0]), style="Table Grid")
            for row, cells in zip(block.rows, table.rows, strict=True):
                for text, cell in zip(row, cells.cells, strict=True):
                    cell.text = text
        else:
            style = "List Bullet" if block.kind == "bullets" else "List Number"
            for item in block.rows:
                document.add_paragraph(item[0], style=style)
    out = io.BytesIO()
    document.save(out)
    return with_fixed_dates(out.getvalue())


def merge_cells(sheet: Any, rows: list[list[str]]) -> None:
    """Merges runs of LEFT and ABOVE marks with the cell they point at."""
    for r, row in enumerate(rows, start=1):
        for c, text in enumerate(row, start=1):
            if text in (LEFT, ABOVE):
                continue
            right, down = c, r
            while right < len(row) and row[right] == LEFT:
                right += 1
            while down < len(rows) and rows[down][c - 1] == ABOVE:
                down += 1
            if (right, down) != (c, r):
                sheet.merge_cells(start_row=r, start_column=c, end_row=down, end_column=right)


def as_xlsx(source: Source) -> bytes:
    import openpyxl
    from openpyxl.styles import Alignment, Font

    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    book.properties.title = source.front["title"]
    book.properties.creator = "Sazanami Seiki Co., Ltd."
    sheet: Any = None
    for block in source.blocks:
        if block.kind == "heading":
            sheet = book.create_sheet(block.text)
            continue
        for r, row in enumerate(block.rows, start=1):
            for c, text in enumerate(row, start=1):
                if text not in (LEFT, ABOVE):
                    cell = sheet.cell(r, c, text)
                    cell.alignment = Alignment(vertical="top", wrap_text=True)
                    cell.font = Font(bold=r <= 2)
        merge_cells(sheet, block.rows)
        for c in range(1, len(block.rows[0]) + 1):
            sheet.column_dimensions["ABCDEFGH"[c - 1]].width = 28
    out = io.BytesIO()
    book.save(out)
    return with_fixed_dates(out.getvalue())


def as_pdf(source: Source, font: Path) -> bytes:
    """Lays the source out on A4 pages; body text is 10.5 point."""
    from reportlab.lib.pagesizes import A4  # type: ignore[import-untyped]
    from reportlab.lib.styles import ParagraphStyle  # type: ignore[import-untyped]
    from reportlab.pdfbase import pdfmetrics  # type: ignore[import-untyped]
    from reportlab.pdfbase.ttfonts import TTFont  # type: ignore[import-untyped]
    from reportlab.platypus import Paragraph, SimpleDocTemplate  # type: ignore[import-untyped]

    japanese = source.lang == "ja"
    name = "Helvetica"
    if japanese:
        name = "IPAexGothic"
        pdfmetrics.registerFont(TTFont(name, str(font)))

    def style(size: float, before: float) -> ParagraphStyle:
        return ParagraphStyle(
            f"{name}-{size}-{before}",
            fontName=name,
            fontSize=size,
            leading=size * 1.6,
            spaceBefore=before,
            wordWrap="CJK" if japanese else None,
            keepWithNext=size > 10.5,
        )

    story: list[Any] = []
    for block in source.blocks:
        if block.kind == "heading":
            story.append(Paragraph(html.escape(block.text), style(20 - 3 * block.level, 12)))
        elif block.kind == "paragraph":
            story.append(Paragraph(html.escape(block.text), style(10.5, 4)))
        elif block.kind in ("bullets", "numbers"):
            for number, item in enumerate(block.rows, start=1):
                mark = "・" if block.kind == "bullets" else f"{number}. "
                story.append(Paragraph(html.escape(mark + item[0]), style(10.5, 2)))
        else:
            raise ValueError(f"{source.front['target']}: tables are not laid out in pdf")
    out = io.BytesIO()
    layout = SimpleDocTemplate(
        out, pagesize=A4, title=source.front["title"], author="Sazanami Seiki", invariant=1
    )
    layout.build(story)
    return out.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--font", type=Path, default=DEFAULT_FONT)
    font: Path = parser.parse_args().font
    writers: dict[str, Callable[[Source], bytes]] = {
        "md": as_text,
        "txt": as_text,
        "html": as_html,
        "csv": as_csv,
        "docx": as_docx,
        "xlsx": as_xlsx,
        "pdf": lambda source: as_pdf(source, font),
    }
    for lang in ("ja", "en"):
        for path in sorted((HERE / "sources" / lang).glob("*.md")):
            source = read_source(path, lang)
            target = HERE / lang / "company" / "documents" / source.front["target"]
            target.parent.mkdir(parents=True, exist_ok=True)
            data = writers[source.front["format"]](source)
            target.write_bytes(data)
            print(f"{len(data):>8}  {target.relative_to(HERE)}")


if __name__ == "__main__":
    main()
