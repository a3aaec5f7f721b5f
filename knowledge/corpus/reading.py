"""A file or folder of a company's material, read in full, or surveyed without keeping texts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from knowledge.corpus.facts import DocumentFacts, ExampleFacts, summed
from knowledge.corpus.links import linked
from knowledge.corpus.permissions import load, permitted
from knowledge.corpus.readers import Asked, FileRead
from knowledge.corpus.repetition import find_repetitions, told
from knowledge.corpus.sketch import copy_problems, find_copies
from knowledge.corpus.source import name_below
from knowledge.corpus.types import (
    Corpus,
    DataFacts,
    Document,
    Example,
    FileReport,
    KnownDocument,
    KnownFile,
    Problem,
)
from knowledge.corpus.walking import walk
from knowledge.corpus.workers import Job, cores, read_all, read_here

OnFile = Callable[[str], None]
SMALL_BYTES = 1 << 20
"""Below 1 MiB of plain files, processes of their own cost more than they save."""
_PLAIN = {".txt", ".md", ".csv", ".tsv", ".json", ".jsonl", ".html", ".htm", ".rst"}


@dataclass(frozen=True, slots=True)
class Survey:
    """A folder read for what is in it and what is wrong; its texts are not kept."""

    root: Path
    documents: tuple[DocumentFacts, ...]
    examples: tuple[Example, ...]
    files: tuple[FileReport, ...]
    digest: str
    problems: tuple[Problem, ...]
    facts: DataFacts


def read(
    path: Path,
    *,
    on_file: OnFile | None = None,
    workers: int | None = None,
    cache: Path | None = None,
    checked: bool = True,
) -> Corpus:
    """Read a file, or every file below a folder; hidden and lock files are passed over.

    Args:
        path: a file or a folder.
        on_file: called with each file's name once it has been read.
        workers: reader processes; None takes all cores where that pays, 0 reads in this process.
        cache: folder of what was read before; files that have not changed come from there.
        checked: False looks for nothing wrong with the texts, nor for copies: twice as fast, for
            callers that only need them. Files that cannot be read are told all the same.

    Raises:
        FileNotFoundError: `path` does not exist.
    """
    by_file = list(_by_file(path, on_file, workers, cache, texts=True, checked=checked))
    found = [read for _, reads in by_file for read in reads]
    documents: list[Document] = [d for read in found for d in read.documents]
    records = {
        id(document)
        for read in found
        for document, facts in zip(read.documents, read.document_facts, strict=True)
        if facts.record
    }
    kept, examples, notes = linked(documents, records, [e for read in found for e in read.examples])
    repeated, between = told(examples, find_repetitions(examples) if checked else [])
    counted = [facts for read in found for facts in read.document_facts]
    names = {document.id for document in kept}
    if checked:
        between += _copies([facts for facts in counted if facts.id in names])
    return Corpus(
        path,
        permitted(kept, path),
        examples,
        _noted(found, (notes, repeated)),
        _digest(found),
        tuple(between),
        tuple(known_file(name, reads) for name, reads in by_file),
    )


def read_files(
    files: Sequence[tuple[Path, str]], *, cache: Path | None = None
) -> Iterator[tuple[str, list[FileRead]]]:
    """Single files under the names they have in a corpus, in order; members after what holds them.

    Args:
        files: where each lies, and its name below the data root.
        cache: as in `read`.
    """
    yield from _read([Job(file, name) for file, name in files], None, None, cache, texts=True)


def known_file(name: str, reads: Sequence[FileRead]) -> KnownFile:
    """What to remember of a file that was read."""
    return KnownFile(
        name,
        reads[0].digest if reads else "",
        tuple(
            KnownDocument(
                document.id, document.source, document.fingerprint, facts.record, document.groups
            )
            for read in reads
            for document, facts in zip(read.documents, read.document_facts, strict=True)
        ),
    )


def survey(
    path: Path,
    *,
    on_file: OnFile | None = None,
    on_document: Callable[[Document], None] | None = None,
    workers: int | None = None,
    cache: Path | None = None,
    asked: Asked = (),
) -> Survey:
    """Read everything at `path` in bounded memory: the texts pass by, examples and facts stay.

    Args:
        path: a file or a folder.
        on_file: called with each file's name once it has been read.
        on_document: given every document as it passes, also those that turn out to be copies.
        workers: as in `read`.
        cache: as in `read`.
        asked: names of question and answer, each for one file or, under "", for all.

    Raises:
        FileNotFoundError: `path` does not exist.
    """
    found: list[FileRead] = []
    texts = on_document is not None
    permissions = load(path)
    by_file = _by_file(path, on_file, workers, cache, texts=texts, asked=asked)
    for one in (read for _, reads in by_file for read in reads):
        for document in one.documents if on_document is not None else ():
            on_document(replace(document, groups=permissions.of(document)))  # type: ignore[misc]
        found.append(replace(one, documents=()))
    documents = [facts for read in found for facts in read.document_facts]
    records = {id(facts) for facts in documents if facts.record}
    kept, examples, notes = linked(documents, records, [e for read in found for e in read.examples])
    repeated, between = told(examples, find_repetitions(examples))
    between += _copies(kept)
    reports = _noted(found, (notes, repeated))
    digest = _digest(found)
    counted: list[ExampleFacts] = [read.example_facts for read in found]
    return Survey(
        path,
        kept,
        examples,
        reports,
        digest,
        tuple(between),
        summed(str(path), kept, counted, reports, digest),
    )


def _by_file(
    path: Path,
    on_file: OnFile | None,
    workers: int | None,
    cache: Path | None,
    *,
    texts: bool,
    asked: Asked = (),
    checked: bool = True,
) -> Iterator[tuple[str, list[FileRead]]]:
    """Everything read, file by file in the order of their names; members after what holds them."""
    if not path.exists():
        raise FileNotFoundError(path)
    root = path if path.is_dir() else path.parent
    jobs = [Job(file, name_below(file, root), asked, checked) for file in walk(path)]
    yield from _read(jobs, on_file, workers, cache, texts=texts)


def _read(
    jobs: Sequence[Job],
    on_file: OnFile | None,
    workers: int | None,
    cache: Path | None,
    *,
    texts: bool,
) -> Iterator[tuple[str, list[FileRead]]]:
    wanted = _workers(jobs) if workers is None else workers
    results: Iterable[list[FileRead]]
    if wanted:
        results = read_all(jobs, workers=min(wanted, len(jobs)), cache=cache, texts=texts)
    else:
        results = (read_here(job, cache, texts=texts) for job in jobs)
    for job, reads in zip(jobs, results, strict=True):
        if on_file is not None:
            on_file(job.id)
        yield job.id, reads


def _copies(documents: Sequence[DocumentFacts]) -> list[Problem]:
    return copy_problems(documents, find_copies(documents))


def _workers(jobs: Sequence[Job]) -> int:
    """All cores, but none for a few small plain files."""
    size = 0
    for job in jobs:
        try:
            size += job.path.stat().st_size
        except OSError:
            continue
        if size > SMALL_BYTES or job.path.suffix.lower() not in _PLAIN:
            return cores()
    return 0


def _digest(found: Iterable[FileRead]) -> str:
    """SHA-256 over names and bytes of the files themselves; members are part of theirs."""
    named = sorted(f"{read.report.path}\0{read.digest}" for read in found if read.digest)
    return hashlib.sha256("\n".join(named).encode()).hexdigest()


def _noted(
    found: Sequence[FileRead], notes: Sequence[dict[str, list[Problem]]]
) -> tuple[FileReport, ...]:
    """The reports with what came to light once all files were read."""
    return tuple(
        _with(read.report, [p for note in notes for p in note.get(read.report.path, [])])
        for read in found
    )


def _with(report: FileReport, notes: Sequence[Problem]) -> FileReport:
    if not notes:
        return report
    worse = any(note.severity != "info" for note in notes) and report.status == "ok"
    return replace(
        report,
        status="warn" if worse else report.status,
        documents=0 if "already-in-corpus" in {n.id for n in notes} else report.documents,
        problems=(*report.problems, *notes),
    )
