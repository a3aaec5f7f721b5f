"""Slides, books, mails, manuals' sources and archives: what a person sees comes out of them."""

from __future__ import annotations

import io
import zipfile
from email.message import EmailMessage
from pathlib import Path

import pytest

from knowledge.corpus.archive import MOST_UNPACKED_BYTES
from knowledge.corpus.reading import read
from knowledge.corpus.types import Corpus

A = "http://schemas.openxmlformats.org/drawingml/2006/main"
P = "http://schemas.openxmlformats.org/presentationml/2006/main"
R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
REL = "http://schemas.openxmlformats.org/package/2006/relationships"


def packed(files: dict[str, str | bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def only(path: Path, data: bytes) -> Corpus:
    path.write_bytes(data)
    return read(path, workers=0)


def shape(text: str, place: str = "") -> str:
    lines = "".join(f"<a:p><a:r><a:t>{line}</a:t></a:r></a:p>" for line in text.split("\n"))
    kind = f'<p:ph type="{place}"/>' if place else ""
    return f"<p:sp><p:nvSpPr><p:nvPr>{kind}</p:nvPr></p:nvSpPr><p:txBody>{lines}</p:txBody></p:sp>"


def slide(*shapes: str) -> str:
    body = "".join(shapes)
    return (
        f'<p:sld xmlns:a="{A}" xmlns:p="{P}"><p:cSld><p:spTree>{body}</p:spTree></p:cSld></p:sld>'
    )


def relations(**targets: str) -> str:
    rows = "".join(
        f'<Relationship Id="{id_}" Type="{R}/{target.split(":")[0]}" '
        f'Target="{target.split(":")[1]}"/>'
        for id_, target in targets.items()
    )
    return f'<Relationships xmlns="{REL}">{rows}</Relationships>'


def presentation() -> bytes:
    table = "".join(
        "<a:tr>" + "".join(f"<a:tc><a:txBody><a:p><a:r><a:t>{c}</a:t></a:r></a:p></a:txBody></a:tc>"
                           for c in row) + "</a:tr>"
        for row in (("区分", "日額"), ("国内", "2,500円"))
    )  # fmt: skip
    frame = f"<p:graphicFrame><a:graphic><a:graphicData><a:tbl>{table}</a:tbl></a:graphicData></a:graphic></p:graphicFrame>"  # noqa: E501
    order = '<p:sldId id="256" r:id="rId2"/><p:sldId id="257" r:id="rId1"/>'
    return packed(
        {
            "ppt/presentation.xml": f'<p:presentation xmlns:p="{P}" xmlns:r="{R}">'
            f"<p:sldIdLst>{order}</p:sldIdLst></p:presentation>",
            "ppt/_rels/presentation.xml.rels": relations(
                rId1="slide:slides/slide1.xml", rId2="slide:slides/slide2.xml"
            ),
            "ppt/slides/slide1.xml": slide(shape("手当", "title"), frame, shape("3", "sldNum")),
            "ppt/slides/slide2.xml": slide(shape("説明会", "ctrTitle"), shape("人事部\n4月")),
            "ppt/slides/_rels/slide1.xml.rels": relations(
                rId9="notesSlide:../notesSlides/notesSlide1.xml"
            ),
            "ppt/notesSlides/notesSlide1.xml": slide(shape("質問を受ける", "body")),
        }
    )


def test_slides_come_in_shown_order_with_tables_and_notes(tmp_path: Path) -> None:
    corpus = only(tmp_path / "a.pptx", presentation())
    (document,) = corpus.documents
    assert document.title == "説明会"
    said = [(s.where, s.headings, s.kind) for s in document.sections]
    assert said == [
        ("slide 1", ("説明会",), "text"),
        ("slide 2", ("手当",), "table"),
        ("slide 2, notes", ("手当",), "text"),
    ]
    assert "| 国内 | 2,500円 |" in document.text
    assert "質問を受ける" in document.text
    assert "3" not in document.sections[1].text.replace("2,500", "")


def book(*, encrypted: bool = False) -> bytes:
    container = (
        '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="OPS/book.opf"/></rootfiles></container>'
    )
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf"><metadata '
        'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>手引き</dc:title></metadata>'
        '<manifest><item id="b" href="two.xhtml" media-type="application/xhtml+xml"/>'
        '<item id="a" href="one.xhtml" media-type="application/xhtml+xml"/></manifest>'
        '<spine><itemref idref="a"/><itemref idref="b"/></spine></package>'
    )
    files: dict[str, str | bytes] = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": container,
        "OPS/book.opf": package,
        "OPS/one.xhtml": "<html><body><h1>第1章</h1><p>はじめに。</p></body></html>",
        "OPS/two.xhtml": "<html><body><h1>第2章</h1><p>おわりに。</p></body></html>",
    }
    if encrypted:
        files["META-INF/encryption.xml"] = (
            '<encryption xmlns:e="http://www.w3.org/2001/04/xmlenc#">'
            '<e:CipherReference URI="OPS/one.xhtml"/></encryption>'
        )
    return packed(files)


def test_a_book_is_read_in_the_order_of_its_spine(tmp_path: Path) -> None:
    (document,) = only(tmp_path / "a.epub", book()).documents
    assert document.title == "手引き"
    assert [(s.where, s.headings) for s in document.sections] == [
        ("chapter 1", ("第1章",)),
        ("chapter 2", ("第2章",)),
    ]


def test_a_protected_book_is_refused_as_locked(tmp_path: Path) -> None:
    (report,) = only(tmp_path / "a.epub", book(encrypted=True)).files
    assert (report.status, report.problems[0].id) == ("refused", "locked-file")


def mail() -> bytes:
    message = EmailMessage()
    message["From"], message["Subject"] = "総務 <soumu@example.co.jp>", "休暇の残り"
    message["Date"] = "Tue, 24 Nov 2026 10:00:00 +0900"
    message.set_content("残りは5日です。", charset="iso-2022-jp")
    message.add_attachment(
        "質問,回答\n残りは？,5日です。\n".encode("cp932"),
        maintype="text",
        subtype="csv",
        filename="../質問.csv",
    )
    return bytes(message)


def test_a_mail_is_its_text_and_its_attachments(tmp_path: Path) -> None:
    corpus = only(tmp_path / "m.eml", mail())
    (document,) = corpus.documents
    assert (document.title, document.modified) == ("休暇の残り", "2026-11-24")
    assert "残りは5日です。" in document.text
    assert [report.path for report in corpus.files] == ["m.eml", "m.eml/質問.csv"]
    assert [(e.prompt, e.completion) for e in corpus.examples] == [("残りは？", "5日です。")]


def test_a_text_that_only_calls_itself_mail_is_refused(tmp_path: Path) -> None:
    (report,) = only(tmp_path / "m.eml", "ただの文章です。\n".encode()).files
    assert report.status == "refused"


def test_rst_keeps_what_sphinx_would_show(tmp_path: Path) -> None:
    source = """==========
手引き
==========

.. _label:
.. comment, not shown

休暇
====

.. note::

   有給は *10日* です。:ref:`規程 <leave>` を見てください。

.. code-block:: python
   :linenos:

   print(1)

See `the site
<https://example.com>`_ and :pep:`8`.

.. toctree::

   other
"""
    (document,) = only(tmp_path / "a.rst", source.encode()).documents
    assert document.title == "手引き"
    assert document.sections[-1].headings == ("手引き", "休暇")
    text = document.text
    assert "有給は *10日* です。規程 を見てください。" in text
    assert "print(1)" in text
    assert "See the site and PEP 8." in text
    for hidden in ("comment", "linenos", "toctree", "label", "other", "python"):
        assert hidden not in text


def test_members_of_an_archive_are_read_as_what_they_are(tmp_path: Path) -> None:
    data = packed({"規程/休暇.md": "# 休暇\n10日", "m.eml": mail(), ".hidden": "x"})
    corpus = only(tmp_path / "a.zip", data)
    assert [d.id for d in corpus.documents] == ["a.zip/m.eml", "a.zip/規程/休暇.md"]
    assert [e.source for e in corpus.examples] == ["a.zip/m.eml/質問.csv"]
    assert corpus.files[0].status == "ok"


def test_a_japanese_windows_archive_has_readable_names(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(zipfile.ZipInfo("AAAA.txt"), "本文")
    data = stream.getvalue().replace(b"AAAA", "経費".encode("cp932"))
    corpus = only(tmp_path / "a.zip", data)
    assert [d.id for d in corpus.documents] == ["a.zip/経費.txt"]


@pytest.mark.parametrize("name", ["../out.txt", "/etc/x.txt", "C:/x.txt", "a/../../b.txt"])
def test_a_name_that_leaves_the_archive_is_refused(tmp_path: Path, name: str) -> None:
    corpus = only(tmp_path / "a.zip", packed({name: "秘密", "good.txt": "よい"}))
    assert [d.id for d in corpus.documents] == ["a.zip/good.txt"]
    (bad,) = [r for r in corpus.files if r.status == "refused"]
    assert [p.id for p in bad.problems] == ["unsafe-path"]
    assert ".." not in bad.path
    assert [p.name for p in tmp_path.iterdir()] == ["a.zip"]


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    (report,) = only(tmp_path / "b.zip", packed({"zeros.txt": b"0" * 30_000_000})).files
    assert (report.status, report.problems[0].id) == ("refused", "archive-too-large")
    assert MOST_UNPACKED_BYTES > 30_000_000


def test_archives_are_not_followed_for_ever(tmp_path: Path) -> None:
    data = packed({"x.txt": "底"})
    for _ in range(5):
        data = packed({"inner.zip": data})
    corpus = only(tmp_path / "a.zip", data)
    assert not corpus.documents
    assert corpus.files[-1].problems[0].id == "nested-too-deep"
