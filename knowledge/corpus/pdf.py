"""PDF by page: its text, pages that are only pictures, text that came out as other letters."""

from __future__ import annotations

import io
import logging
import re
import time
from collections import defaultdict
from typing import Any

from knowledge.corpus.garbled import garbled_text, garbling
from knowledge.corpus.source import Reading, SourceFile, ranges, refuse
from knowledge.corpus.types import Problem, Section

# Pages that take long are rare, files made to take for ever are not: reading stops and says so.
LONGEST_SECONDS = 60.0
_CJK = "[ぁ-ヿ㐀-鿿々〆！-｠（）]"
_ENDS_OPEN = re.compile(rf"({_CJK}|[、，])$")
_STARTS = re.compile(r"^(?![・●■◆○□※\-–•*(（第①-⑳\d])" + _CJK)
_DATE = re.compile(r"D:(\d{4})(\d{2})(\d{2})")


def read_pdf(file: SourceFile) -> Reading:
    """A PDF's pages as sections (`p.1` …).

    Raises:
        Refused: a password is needed, or the file is too damaged to open.
    """
    reader = _open(file)
    reading = Reading("pdf")
    if b"%%EOF" not in file.data[-2048:]:
        reading.problems.append(Problem("cut-short", "warn"))
    sections: list[Section] = []
    pages: dict[str, list[int]] = defaultdict(list)
    started = time.monotonic()
    total = len(reader.pages)
    for number in range(1, total + 1):
        if time.monotonic() - started > LONGEST_SECONDS:
            values = {"page": number - 1, "pages": total, "seconds": round(LONGEST_SECONDS)}
            where = f"page {number}-{total}"
            reading.problems.append(Problem("reading-stopped", "warn", where, values))
            break
        _page(reader, number, sections, pages, reading)
    for id_ in ("scanned-page", "unreadable-page"):
        if pages[id_]:
            where, values = f"page {ranges(pages[id_])}", {"n": len(pages[id_]), "pages": total}
            reading.problems.append(Problem(id_, "warn", where, values))
    title, changed = _metadata(reader, sections)
    reading.documents = file.document(sections, title=title, modified=changed)
    return reading


def _open(file: SourceFile) -> Any:
    from pypdf import PdfReader
    from pypdf.errors import DependencyError, PyPdfError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = PdfReader(io.BytesIO(file.data), strict=False)
        # An empty password opens files that only forbid printing or copying.
        if reader.is_encrypted and not reader.decrypt(""):
            raise refuse("locked-file")
        len(reader.pages)
    except DependencyError:
        # AES needs pypdf[crypto]; without it an owner's lock cannot be told from a reader's.
        raise refuse("locked-file") from None
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise refuse("damaged-file", why=str(error)[:120] or type(error).__name__) from None
    return reader


def _page(
    reader: Any,
    number: int,
    sections: list[Section],
    pages: dict[str, list[int]],
    reading: Reading,
) -> None:
    try:
        page = reader.pages[number - 1]
        text = page.extract_text() or ""
    except Exception:  # pypdf meets broken streams with many kinds of error; one page is lost
        pages["unreadable-page"].append(number)
        return
    text = text.replace("\u2029", "\n").replace("\0", "").strip()
    if not text:
        if _has_image(page):
            pages["scanned-page"].append(number)
        return
    if (found := garbling(text)) is not None:
        reading.problems.append(garbled_text(found, f"page {number}"))
    sections.append(Section(joined_lines(text), f"p.{number}"))


def _has_image(page: Any) -> bool:
    try:
        objects = page["/Resources"]["/XObject"].get_object()
        return any(objects[name].get_object().get("/Subtype") == "/Image" for name in objects)
    except Exception:  # no resources, or broken ones: no image that could be read
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


def _metadata(reader: Any, sections: list[Section]) -> tuple[str, str | None]:
    """Title and date of change; a title that the first page does not show is a leftover."""
    try:
        data = reader.metadata or {}
        title, changed = str(data.get("/Title") or ""), str(data.get("/ModDate") or "")
    except Exception:  # broken metadata says nothing about the text
        return "", None
    shown = "".join(sections[0].text.split()) if sections else ""
    known = bool(title.strip()) and "".join(title.split()) in shown
    date = _DATE.match(changed)
    return title if known else "", "-".join(date.groups()) if date else None
