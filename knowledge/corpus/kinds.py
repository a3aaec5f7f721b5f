"""What kind of file this is: by its first bytes, then by its extension, then as text."""

from __future__ import annotations

import io
from pathlib import PurePosixPath

from knowledge.corpus.source import SourceFile, refuse

READERS: dict[str, tuple[str, str]] = {
    "txt": ("plain", "read_text"),
    "md": ("plain", "read_markdown"),
    "rst": ("rst", "read_rst"),
    "html": ("html", "read_html"),
    "pdf": ("pdf", "read_pdf"),
    "docx": ("word", "read_docx"),
    "xlsx": ("sheets", "read_xlsx"),
    "pptx": ("slides", "read_pptx"),
    "epub": ("book", "read_epub"),
    "eml": ("mail", "read_eml"),
    "csv": ("delimited", "read_delimited"),
    "tsv": ("delimited", "read_delimited"),
    "json": ("records", "read_json"),
    "jsonl": ("records", "read_jsonl"),
    "zip": ("archive", "read_zip"),
    "permissions": ("permissions", "read_permissions"),
}
"""Kind → module and function of `knowledge.corpus` that reads it."""
SUFFIXES = {
    **{f".{kind}": kind for kind in READERS if kind != "permissions"},
    **{".text": "txt", ".log": "txt", ".markdown": "md", ".htm": "html", ".xhtml": "html"},
    **{".xlsm": "xlsx", ".tab": "tsv", ".ndjson": "jsonl", ".rest": "rst", ".pptm": "pptx"},
    **{".ppsx": "pptx", ".docm": "docx", ".dotx": "docx", ".xltx": "xlsx"},
}
PERMISSIONS = "permissions.toml"
"""At the top of a data folder: who may see what. Anywhere else it is a file like others."""
TEXTUAL = {"txt", "md", "rst", "html", "csv", "tsv", "json", "jsonl", "eml"}
_MAGIC = (
    (b"\x89PNG", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF8", "gif"),
    (b"{\\rtf", "rtf"),
    (b"\x1f\x8b", "gzip"),
    (b"\x7fELF", "program"),
    (b"MZ", "program"),
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_IN_ZIP = (
    ("word/document.xml", "docx"),
    ("xl/workbook.xml", "xlsx"),
    ("ppt/presentation.xml", "pptx"),
    ("META-INF/container.xml", "epub"),
)


def claimed_kind(name: str) -> str | None:
    """The kind that a name's extension claims; None for an unknown one."""
    return SUFFIXES.get(PurePosixPath(name).suffix.lower())


def kind_of(file: SourceFile) -> str:
    """What a file is, whatever its name says.

    Raises:
        Refused: an old or locked Office file, which only its first bytes tell; or a file that is
            not what its extension claims and not text either.
    """
    data = file.data
    if file.id == PERMISSIONS:
        return "permissions"
    if b"%PDF-" in data[:1024]:
        return "pdf"
    if data.startswith(_OLE):
        locked = "EncryptedPackage".encode("utf-16-le") in data
        raise refuse("locked-file" if locked else "old-office-file")
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zipped(data)
    claimed = claimed_kind(file.id)
    for magic, name in _MAGIC:
        if data.startswith(magic) and not (claimed in TEXTUAL and name == "program"):
            return name
    if claimed in TEXTUAL:
        return claimed
    if claimed is not None and not data:
        return "txt"
    if claimed is not None and data[:1] and _looks_textual(data):
        return "txt"
    if claimed is not None:
        raise refuse("damaged-file", why=f"not {claimed}")
    return "txt" if not file.suffix or _looks_textual(data) else file.suffix.lstrip(".")


def _looks_textual(data: bytes) -> bool:
    head = data[:4096]
    odd = sum(1 for b in head if b < 9 or 13 < b < 27 or 27 < b < 32 or b == 127)
    return odd <= 0.01 * len(head)


def _zipped(data: bytes) -> str:
    import zipfile

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError):
        raise refuse("damaged-file", why="zip") from None
    return next((kind for name, kind in _IN_ZIP if name in names), "zip")
