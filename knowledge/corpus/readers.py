"""A file or folder of a company's material, read: what each file is and which reader takes it."""

from __future__ import annotations

import hashlib
import importlib
import io
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from knowledge.corpus.examples import with_unique_ids
from knowledge.corpus.garbled import garbled_text, garbling
from knowledge.corpus.health import document_problems, repetitions, text_problems
from knowledge.corpus.links import linked
from knowledge.corpus.own_work import written_file, written_folder
from knowledge.corpus.source import Reading, Refused, SourceFile, name_below
from knowledge.corpus.types import Corpus, FileReport, FileStatus, Problem

_READERS: dict[str, tuple[str, str]] = {
    "txt": ("plain", "read_text"),
    "md": ("plain", "read_markdown"),
    "html": ("html", "read_html"),
    "pdf": ("pdf", "read_pdf"),
    "docx": ("word", "read_docx"),
    "xlsx": ("sheets", "read_xlsx"),
    "csv": ("delimited", "read_delimited"),
    "tsv": ("delimited", "read_delimited"),
    "json": ("records", "read_json"),
    "jsonl": ("records", "read_jsonl"),
}
_SUFFIXES = {
    **{f".{kind}": kind for kind in _READERS},
    **{".text": "txt", ".log": "txt", ".markdown": "md", ".htm": "html", ".xhtml": "html"},
    **{".xlsm": "xlsx", ".tab": "tsv", ".ndjson": "jsonl"},
}
_TEXTUAL = {"txt", "md", "html", "csv", "tsv", "json", "jsonl"}
_SKIPPED = {"thumbs.db", "desktop.ini", "__macosx"}
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
_OFFICE = (("word/document.xml", "docx"), ("xl/workbook.xml", "xlsx"))


def read(path: Path, *, on_file: Callable[[str], None] | None = None) -> Corpus:
    """Read a file, or every file below a folder; hidden and lock files are passed over.

    Args:
        path: a file or a folder.
        on_file: called with each file's name before it is read.

    Raises:
        FileNotFoundError: `path` does not exist.
    """
    if not path.exists():
        raise FileNotFoundError(path)
    root = path if path.is_dir() else path.parent
    readings: list[Reading] = []
    reports: list[FileReport] = []
    digests: list[str] = []
    for file_path in walk(path):
        id_ = name_below(file_path, root)
        if on_file is not None:
            on_file(id_)
        reading, report, digest = read_file(file_path, id_)
        digests.append(f"{id_}\0{digest}")
        readings.append(reading)
        reports.append(report)
    documents, examples, notes = linked(readings, reports)
    repeated, between = repetitions(examples)
    return Corpus(
        path,
        documents,
        examples,
        tuple(_noted(r, [*notes.get(r.path, []), *repeated.get(r.path, [])]) for r in reports),
        hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest(),
        tuple(between),
    )


def _noted(report: FileReport, notes: Sequence[Problem]) -> FileReport:
    """The report with what came to light once all files were read."""
    if not notes:
        return report
    ids = {note.id for note in notes}
    worse = any(note.severity != "info" for note in notes) and report.status == "ok"
    return replace(
        report,
        status="warn" if worse else report.status,
        documents=0 if "already-in-corpus" in ids else report.documents,
        problems=(*report.problems, *notes),
    )


def walk(path: Path) -> Iterator[Path]:
    """The files to read, in the order of their paths; what okakae wrote is passed over."""
    if path.is_file():
        yield path
        return
    found = []
    for folder, folders, names in os.walk(path):
        if Path(folder) != path and written_folder(Path(folder), folders, names):
            folders.clear()
            continue
        folders[:] = [name for name in folders if not _passed_over(name)]
        found += [Path(folder, name) for name in names if not _passed_over(name)]
    files = (p for p in found if p.is_file() and not written_file(p))
    yield from sorted(files, key=lambda p: p.as_posix())


def _passed_over(name: str) -> bool:
    lock = name.startswith("~$") or (name.startswith(".~lock.") and name.endswith("#"))
    return lock or name.startswith(".") or name.lower() in _SKIPPED


def read_file(path: Path, id_: str) -> tuple[Reading, FileReport, str]:
    """Read one file; whatever is wrong with it becomes a line of its report, never an error."""
    digest = ""
    kind = PurePosixPath(id_).suffix.lstrip(".").lower() or "unknown"
    try:
        file = SourceFile.open(path, id_)
        digest = file.digest
        kind = kind_of(file)
        reading = _read(file, kind)
    except Refused as refusal:
        reading = Reading(kind, problems=[refusal.problem])
    except ImportError as error:
        values = {"package": error.name or "okakae[docs]"}
        reading = Reading(kind, problems=[Problem("reader-missing", "error", "", values)])
    except OSError as error:
        values = {"why": error.strerror or type(error).__name__}
        reading = Reading(kind, problems=[Problem("unreadable-file", "error", "", values)])
    except Exception as error:  # a broken file may break a library in any way; the others go on
        values = {"why": type(error).__name__}
        reading = Reading(kind, problems=[Problem("damaged-file", "error", "", values)])
    return reading, _report(reading, id_), digest


def _read(file: SourceFile, kind: str) -> Reading:
    if kind not in _READERS:
        raise Refused(Problem("unknown-kind", "error", "", {"kind": kind}))
    module, name = _READERS[kind]
    reading: Reading = getattr(importlib.import_module(f"knowledge.corpus.{module}"), name)(file)
    claimed = _SUFFIXES.get(file.suffix, kind)
    if file.data and claimed != kind and {claimed, kind} - {"json", "jsonl"}:
        values = {"claimed": file.suffix, "kind": kind}
        reading.problems.append(Problem("wrong-extension", "warn", "", values))
    if not reading.documents and not reading.examples and not reading.problems:
        reading.problems.append(Problem("empty-file", "warn"))
    with_unique_ids(reading)
    for document in reading.documents:
        reading.problems += document_problems(document)
        if kind != "pdf" and (found := garbling(document.text)) and found.kind != "replacement":
            where = "" if document.id == file.id else document.sections[0].where
            reading.problems.append(garbled_text(found, where))
    reading.problems += text_problems(reading.examples)
    return reading


def kind_of(file: SourceFile) -> str:
    """What a file is by its first bytes, then by its extension, then as text.

    Raises:
        Refused: an old or locked Office file, which only its first bytes tell.
    """
    data = file.data
    if b"%PDF-" in data[:1024]:
        return "pdf"
    if data.startswith(_OLE):
        locked = "EncryptedPackage".encode("utf-16-le") in data
        raise Refused(Problem("locked-file" if locked else "old-office-file", "error"))
    if data.startswith(b"PK\x03\x04"):
        return _zipped(data)
    claimed = _SUFFIXES.get(file.suffix)
    for magic, name in _MAGIC:
        if data.startswith(magic) and not (claimed in _TEXTUAL and name == "program"):
            return name
    if claimed in _TEXTUAL:
        return claimed
    if claimed is not None and not data:
        return "txt"
    if claimed is not None and data[:1] and _looks_textual(data):
        return "txt"
    if claimed is not None:
        raise Refused(Problem("damaged-file", "error", "", {"why": f"not {claimed}"}))
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
    except zipfile.BadZipFile:
        raise Refused(Problem("damaged-file", "error", "", {"why": "zip"})) from None
    return next((kind for name, kind in _OFFICE if name in names), "zip")


def _report(reading: Reading, id_: str) -> FileReport:
    severities = {problem.severity for problem in reading.problems}
    status: FileStatus = "warn" if severities & {"warn", "error"} else "ok"
    if "error" in severities and not reading.documents and not reading.examples:
        status = "refused"
    characters = sum(len(d.text) for d in reading.documents) + sum(
        len(e.prompt) + len(e.completion) for e in reading.examples
    )
    return FileReport(
        id_,
        reading.kind,
        reading.encoding,
        status,
        len(reading.documents),
        len(reading.examples),
        characters,
        tuple(reading.problems),
        reading.rows,
    )
