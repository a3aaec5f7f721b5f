"""One file read: what it is, what came out of it and what is wrong with it; never an error."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path, PurePosixPath

from knowledge.corpus.examples import with_unique_ids
from knowledge.corpus.facts import DocumentFacts, ExampleFacts, document_facts, example_facts
from knowledge.corpus.garbled import garbled_text, garbling
from knowledge.corpus.health import document_problems, text_problems
from knowledge.corpus.kinds import READERS, claimed_kind, kind_of
from knowledge.corpus.quality import quality_problems
from knowledge.corpus.source import Reading, Refused, SourceFile
from knowledge.corpus.types import (
    Document,
    Example,
    FieldMap,
    FileReport,
    FileStatus,
    Problem,
)

Asked = tuple[tuple[str, FieldMap], ...]
DEEPEST = 3
"""A mail with an archive with a document in it is read; archives nested deeper are not."""
# Names of columns that a report tells; JSON made by machines may have thousands of keys.
_MOST_COLUMNS = 200
# Kinds whose pages or parts report garbled text themselves, with their place.
_OWN_GARBLING = {"pdf"}


@dataclass(frozen=True, slots=True)
class FileRead:
    """Everything that came out of one file."""

    report: FileReport
    digest: str
    documents: tuple[Document, ...] = ()
    document_facts: tuple[DocumentFacts, ...] = ()
    examples: tuple[Example, ...] = ()
    example_facts: ExampleFacts = field(default_factory=ExampleFacts)


def read_file(path: Path, id_: str, asked: Asked = (), *, checked: bool = True) -> list[FileRead]:
    """Read one file and, after it, the files inside it (an archive's members, attachments).

    Whatever is wrong becomes a line of a report.

    Args:
        path: where it lies.
        id_: its name in the corpus.
        asked: names of question and answer, each for one file or, under "", for all.
        checked: False looks neither for what is wrong with the texts nor counts them.
    """
    try:
        file = replace(SourceFile.open(path, id_), checked=checked)
    except Refused as refusal:
        return [refused(id_, refusal.problem)]
    except OSError as error:
        why = error.strerror or type(error).__name__
        return [refused(id_, Problem("unreadable-file", "error", "", {"why": why}))]
    return _read_with_members(file, dict(asked))


def _read_with_members(file: SourceFile, asked: Mapping[str, FieldMap]) -> list[FileRead]:
    if asked:
        file = replace(file, asked=asked.get(file.id, asked.get("")))
    kind, reading = _try(file)
    inside: list[FileRead] = []
    try:
        for member in reading.members:
            if not isinstance(member, SourceFile):
                inside.append(refused(*member))
            elif member.depth > DEEPEST:
                inside.append(refused(member.id, Problem("nested-too-deep", "error")))
            else:
                inside += _read_with_members(replace(member, checked=file.checked), asked)
    except Exception as error:  # a broken archive may break a library in any way
        reading.problems.append(_damaged(error))
    return [_finished(file, kind, reading), *inside]


def _try(file: SourceFile) -> tuple[str, Reading]:
    kind = file.suffix.lstrip(".") or "unknown"
    try:
        kind = kind_of(file)
        return kind, _read(file, kind)
    except Refused as refusal:
        problem = refusal.problem
    except ImportError as error:
        values = {"package": error.name or "okakae[docs]"}
        problem = Problem("reader-missing", "error", "", values)
    except MemoryError:
        problem = Problem("too-much-memory", "error")
    except Exception as error:  # a broken file may break a library in any way; the others go on
        problem = _damaged(error)
    return kind, Reading(kind, problems=[problem])


def _damaged(error: Exception) -> Problem:
    return Problem("damaged-file", "error", "", {"why": type(error).__name__})


def _read(file: SourceFile, kind: str) -> Reading:
    if kind not in READERS:
        raise Refused(Problem("unknown-kind", "error", "", {"kind": kind}))
    module, name = READERS[kind]
    reading: Reading = getattr(importlib.import_module(f"knowledge.corpus.{module}"), name)(file)
    claimed = claimed_kind(file.id) or kind
    if file.data and claimed != kind and {claimed, kind} - {"json", "jsonl"}:
        values = {"claimed": file.suffix, "kind": kind}
        reading.problems.append(Problem("wrong-extension", "warn", "", values))
    nothing = not reading.documents and not reading.examples and not reading.members
    if nothing and not reading.problems and kind != "permissions":
        reading.problems.append(Problem("empty-file", "warn"))
    with_unique_ids(reading)
    if file.checked:
        _check(reading, kind)
    return reading


def _check(reading: Reading, kind: str) -> None:
    """Look for what is wrong with the texts."""
    for document in reading.documents:
        reading.problems += document_problems(document)
        if kind not in _OWN_GARBLING:
            reading.problems += _garbled(document, reading.problems)
    reading.problems += [*text_problems(reading.examples), *quality_problems(reading.examples)]


def _garbled(document: Document, known: list[Problem]) -> list[Problem]:
    """The first section that came out wrong; bytes that were broken are told already."""
    told = any(problem.id == "broken-bytes" for problem in known)
    for section in document.sections:
        found = garbling(section.text)
        if found is not None and not (told and found.kind == "replacement"):
            record = "" if document.id == document.source else document.id
            heading = section.headings[-1] if section.headings else ""
            where = " ".join(filter(None, (record, section.where or heading)))
            return [garbled_text(found, where)]
    return []


def refused(id_: str, problem: Problem) -> FileRead:
    """A file that could not be read at all, and why."""
    kind = PurePosixPath(id_).suffix.lstrip(".").lower() or "unknown"
    return FileRead(_report(Reading(kind, problems=[problem]), id_, 0), "")


def _finished(file: SourceFile, kind: str, reading: Reading) -> FileRead:
    reading.kind = kind if reading.kind == "unknown" else reading.kind
    facts = tuple(
        document_facts(
            d, record=kind in ("json", "jsonl") and d.id != file.id, counted=file.checked
        )
        for d in reading.documents
    )
    characters = sum(f.characters for f in facts)
    characters += sum(len(e.prompt) + len(e.completion) for e in reading.examples)
    return FileRead(
        _report(reading, file.id, characters),
        file.digest if file.depth == 0 else "",
        reading.documents,
        facts,
        tuple(reading.examples),
        example_facts(reading.examples) if file.checked else ExampleFacts(),
    )


def _report(reading: Reading, id_: str, characters: int) -> FileReport:
    severities = {problem.severity for problem in reading.problems}
    status: FileStatus = "warn" if severities & {"warn", "error"} else "ok"
    if "error" in severities and not reading.documents and not reading.examples:
        status = "refused"
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
        tuple(islice(reading.columns, _MOST_COLUMNS)),
        tuple(reading.taken),
    )
