"""PDF by page: its text and tables, pages that are only pictures, text without a usable map.

PDFium reads; where a page's fonts have no usable map of characters, pypdf tells what other
programs would make of it.
"""

from __future__ import annotations

import io
import logging
import re
from collections import defaultdict
from dataclasses import replace
from functools import cache
from typing import Any

from knowledge.corpus.garbled import Garbling, garbled_text, garbling
from knowledge.corpus.languages import character_counts
from knowledge.corpus.pdf_tables import Word, in_rows, with_tables
from knowledge.corpus.source import Reading, SourceFile, ranges, refuse
from knowledge.corpus.types import Problem, Section

_CJK = "[ぁ-ヿ㐀-鿿々〆！-｠（）]"
_ENDS_OPEN = re.compile(rf"({_CJK}|[、，])$")
_STARTS = re.compile(r"^(?![・●■◆○□※\-–•*(（第①-⑳\d])" + _CJK)
_DATE = re.compile(r"D:(\d{4})(\d{2})(\d{2})")
# PDFium's sign for a hyphen that a line break put into a word.
_SOFT_HYPHEN = re.compile("[\x02\ufffe]\r?\n?")
_PASSWORD = 4
"""FPDF_ERR_PASSWORD of fpdfview.h."""
_MOST_SECOND_OPINIONS = 20
"""Pages of a document that are read twice; its fonts are the same on the others."""


def read_pdf(file: SourceFile) -> Reading:
    """A PDF's pages as sections (`p.1` …).

    Raises:
        Refused: a password is needed, or the file is too damaged to open.
    """
    document = _open(file)
    reading = Reading("pdf")
    if b"%%EOF" not in file.data[-2048:]:
        reading.problems.append(Problem("cut-short", "warn"))
    sections: list[Section] = []
    pages: dict[str, list[int]] = defaultdict(list)
    total = len(document)
    for number in range(1, total + 1):
        text = _page(document, number, sections, pages)
        if file.checked and text:
            _check(text, number, pages, reading)
    for id_ in ("scanned-page", "unreadable-page"):
        if pages[id_]:
            where, values = f"page {ranges(pages[id_])}", {"n": len(pages[id_]), "pages": total}
            reading.problems.append(Problem(id_, "warn", where, values))
    garbled = any(problem.id == "garbled-text" for problem in reading.problems)
    if pages["japanese"] and not garbled:
        reading.problems += _second_opinion(file, pages["japanese"])
    title, changed = _metadata(document, sections)
    reading.documents = file.document(sections, title=title, modified=changed)
    document.close()
    return reading


def _open(file: SourceFile) -> Any:
    from pypdfium2 import PdfDocument, PdfiumError

    try:
        return PdfDocument(file.data)
    except PdfiumError as error:
        if getattr(error, "err_code", None) == _PASSWORD or "password" in str(error).lower():
            raise refuse("locked-file") from None
        raise refuse("damaged-file", why=str(error)[:120]) from None


def _page(
    document: Any,
    number: int,
    sections: list[Section],
    pages: dict[str, list[int]],
) -> str:
    """The text of one page, its parts added to `sections`; "" where there is none."""
    from pypdfium2 import PdfiumError

    try:
        page = document[number - 1]
        layer = page.get_textpage()
        text = _plain(layer.get_text_range())
    except (PdfiumError, UnicodeError, ValueError):  # one page is lost, the others are not
        pages["unreadable-page"].append(number)
        return ""
    if not text.strip():
        if any(True for _ in page.get_objects(filter=[_image_kind()], max_depth=3)):
            pages["scanned-page"].append(number)
        return ""
    for kind, part in with_tables(text, _words(layer, text)):
        body = part if kind == "table" else joined_lines(part.strip())
        sections.append(Section(body, f"p.{number}", (), kind))
    return text


def _check(text: str, number: int, pages: dict[str, list[int]], reading: Reading) -> None:
    if (found := garbling(text)) is not None:
        reading.problems.append(garbled_text(found, f"page {number}"))
    elif sum(n for c, n in character_counts(text).items() if _is_cjk(c)) > 0.05 * len(text):
        pages["japanese"].append(number)


@cache
def _is_cjk(character: str) -> bool:
    return re.match(_CJK, character) is not None


def _plain(text: str) -> str:
    text = _SOFT_HYPHEN.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return text.replace("\u2029", "\n").replace("\0", "").strip()


def _image_kind() -> int:
    from pypdfium2.raw import FPDF_PAGEOBJ_IMAGE

    return int(FPDF_PAGEOBJ_IMAGE)


def _words(layer: Any, text: str) -> list[Word]:
    """Stretches of text at their places; none where the page has no more of them than lines.

    Asking for the text at a place is slow, so only what may be a cell of a table is asked for.
    """
    count = layer.count_rects()
    if count < text.count("\n") + 4:
        return []
    places = [layer.get_rect(index) for index in range(count)]
    found = [Word(left, low, right, top, "") for left, low, right, top in places]
    for index in in_rows(found):
        found[index] = replace(found[index], text=_plain(layer.get_text_bounded(*places[index])))
    return found


def _second_opinion(file: SourceFile, numbers: list[int]) -> list[Problem]:
    """Pages that programs which trust the file's own character maps read as other letters."""
    from pypdf import PdfReader

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    found: dict[int, Garbling] = {}
    try:
        reader = PdfReader(io.BytesIO(file.data), strict=False)
        unmapped = [n for n in numbers if _has_unmapped_font(reader.pages[n - 1])]
        for number in unmapped[:_MOST_SECOND_OPINIONS]:
            if (garbled := garbling(reader.pages[number - 1].extract_text() or "")) is not None:
                found[number] = garbled
    except Exception:  # pypdf fails in many ways on files that PDFium reads; then nobody asks it
        return []
    if not found:
        return []
    layer = [garbled_text(garbled, f"page {number}") for number, garbled in found.items()]
    return [*layer, Problem("garbled-text-recovered", "info", f"page {ranges(found)}")]


def _has_unmapped_font(page: Any) -> bool:
    fonts = page.get("/Resources", {}).get("/Font", {})
    for name in fonts:
        font = fonts[name].get_object()
        if font.get("/Subtype") == "/Type0" and "/ToUnicode" not in font:
            return True
    return False


def joined_lines(text: str) -> str:
    """Japanese lines that break in the middle of a sentence, made whole.

    A line is joined to the next when it is about as long as the page's lines go and ends inside
    a sentence; lists, numbered articles and short lines keep their breaks.
    """
    lines = [line.rstrip() for line in text.split("\n")]
    lengths = sorted(len(line) for line in lines if len(line) >= 10)
    full = 0.8 * lengths[int(0.9 * (len(lengths) - 1))] if lengths else 0
    out: list[str] = []
    last = 0
    for line in lines:
        stripped = line.strip()
        if out and last >= full > 0 and _ENDS_OPEN.search(out[-1]) and _STARTS.match(stripped):
            out[-1] += stripped
        else:
            out.append(line)
        last = len(line)
    return "\n".join(out)


def _metadata(document: Any, sections: list[Section]) -> tuple[str, str | None]:
    """Title and date of change; a title that the first page does not show is a leftover."""
    title = str(document.get_metadata_value("Title") or "")
    changed = str(document.get_metadata_value("ModDate") or "")
    first = [s.text for s in sections if sections and s.where == sections[0].where]
    shown = "".join("".join(first).split())
    known = bool(title.strip()) and "".join(title.split()) in shown
    date = _DATE.match(changed)
    return title if known else "", "-".join(date.groups()) if date else None
