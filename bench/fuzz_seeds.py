"""Whole files that the fuzzing starts from: the awkward files, and kinds that they lack."""

from __future__ import annotations

import io
import zipfile
from email.message import EmailMessage
from pathlib import Path

LARGEST = 400_000
_DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/main"
_SHOW = "http://schemas.openxmlformats.org/presentationml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def seeds(files: Path) -> dict[str, bytes]:
    """Name → content of what is mutated."""
    found = {
        path.name: path.read_bytes()
        for path in sorted(files.iterdir())
        if path.is_file() and path.stat().st_size <= LARGEST
    }
    made = {
        "slides.pptx": slides(),
        "book.epub": book(),
        "mail.eml": mail(),
        "manual.rst": MANUAL.encode(),
    }
    inside = {name: found[name] for name in found if name.endswith((".csv", ".html", ".docx"))}
    made["folder.zip"] = packed({**inside, "deep/slides.pptx": made["slides.pptx"]})
    return found | made


def packed(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def slides() -> bytes:
    targets = "".join(
        f'<Relationship Id="rId{n}" Type="{_OFFICE}/slide" Target="slides/slide{n}.xml"/>'
        for n in (1, 2)
    )
    shown = "".join(f'<p:sldId id="{255 + n}" r:id="rId{n}"/>' for n in (1, 2))
    show = f'xmlns:p="{_SHOW}" xmlns:r="{_OFFICE}"'
    files = {
        "ppt/presentation.xml": f"<p:presentation {show}><p:sldIdLst>{shown}</p:sldIdLst>"
        "</p:presentation>",
        "ppt/_rels/presentation.xml.rels": f'<Relationships xmlns="{_PACKAGE}">{targets}'
        "</Relationships>",
    }
    for n, text in ((1, "経費精算の手引き"), (2, "締切は毎月５日です。")):
        shape = f"<p:sp><p:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:txBody></p:sp>"
        files[f"ppt/slides/slide{n}.xml"] = (
            f'<p:sld xmlns:a="{_DRAWING}" xmlns:p="{_SHOW}"><p:cSld><p:spTree>{shape}'
            "</p:spTree></p:cSld></p:sld>"
        )
    return packed({name: text.encode() for name, text in files.items()})


def book() -> bytes:
    page = "<html xmlns='http://www.w3.org/1999/xhtml'><body><h1>{0}</h1><p>{1}</p></body></html>"
    items = "".join(
        f'<item id="c{n}" href="c{n}.xhtml" media-type="application/xhtml+xml"/>' for n in (1, 2)
    )
    files = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:'
        'container"><rootfiles><rootfile full-path="book.opf"/></rootfiles></container>',
        "book.opf": '<package xmlns="http://www.idpf.org/2007/opf"><manifest>'
        f'{items}</manifest><spine><itemref idref="c1"/><itemref idref="c2"/></spine></package>',
        "c1.xhtml": page.format("はじめに", "この本は就業規則の解説です。"),
        "c2.xhtml": page.format("Leave", "Twenty days a year are paid."),
    }
    return packed({name: text.encode() for name, text in files.items()})


def mail() -> bytes:
    message = EmailMessage()
    message["Subject"] = "備品の申請について"
    message["From"] = "soumu@example.com"
    message.set_content("備品は前月の20日までに申請してください。")
    message.add_alternative("<p>備品は前月の<b>20日</b>までに。</p>", subtype="html")
    message.add_attachment("品名,数\n椅子,3\n".encode(), maintype="text", subtype="csv")
    return message.as_bytes()


MANUAL = """Manual
======

.. note:: Read this first.

Leave
-----

Twenty days a year. See `the form <form.html>`_.

.. list-table::
   :header-rows: 1

   * - Kind
     - Days
   * - Paid
     - 20

.. include:: ../../../etc/hostname
"""
