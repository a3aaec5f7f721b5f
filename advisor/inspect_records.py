"""What `inspect` writes for programs: documents, examples, and the contract's one JSON document."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

from advisor.inspect_mapping import as_mapping
from advisor.session import Session
from advisor.types import SCHEMA_VERSION
from knowledge.corpus.facts import DocumentFacts
from knowledge.corpus.patterns import masked, patterns
from knowledge.corpus.types import Document, Example, FileReport, Problem

if TYPE_CHECKING:
    from advisor.commands_inspect import Inspection

_PARTS = ("text", "why", "fix")


class DocumentSpool:
    """Documents on their way to OUT.jsonl: set down as they pass, written once all are known.

    Which of them are copies of a corpus.jsonl's records shows only at the end, and all of them
    together may be more than memory holds.
    """

    def __init__(self, out: Path | None, *, wanted: bool = False) -> None:
        self._out = out
        self._wanted = wanted or out is not None
        self._lines: IO[str] | None = None
        self._kept: list[DocumentFacts] = []

    @property
    def wanted(self) -> bool:
        """Whether anybody will ask for the documents."""
        return self._wanted

    def __enter__(self) -> Self:
        if self.wanted:
            self._lines = tempfile.TemporaryFile("w+", encoding="utf-8", errors="surrogatepass")
        return self

    def __exit__(self, *_: object) -> None:
        if self._lines is not None:
            self._lines.close()

    def take(self, document: Document) -> None:
        """Set down one document."""
        if self._lines is not None:
            record = json.dumps(document_record(document), ensure_ascii=False)
            self._lines.write(f"{record}\n")

    def keep(self, documents: Sequence[DocumentFacts]) -> None:
        """The documents that stay, in the order in which they passed, under their final ids."""
        self._kept += documents

    def finish(self) -> int:
        """Write OUT.jsonl; returns how many documents it holds."""
        if self._out is None:
            return 0
        return write_lines(self._out, self.records())

    def records(self) -> Iterator[dict[str, Any]]:
        """The documents that stay, each as a record of corpus.jsonl under its final id."""
        if (lines := self._lines) is None:
            return
        lines.seek(0)
        kept = iter(self._kept)
        awaited = next(kept, None)
        for line in lines:
            record = json.loads(line)
            if awaited is None or awaited.source != record["source"]:
                continue
            if awaited.id in (record["_id"], f"{record['source']}#{record['_id']}"):
                yield {**record, "_id": awaited.id}
                awaited = next(kept, None)


def document_record(document: Document) -> dict[str, Any]:
    """A document as `corpus.jsonl` carries it; `where` lists the places of its sections.

    Who may see it goes along, so that a clean copy is as closed as what it was made of.
    """
    return {
        **document.metadata,
        "_id": document.id,
        "title": document.title,
        "text": document.text,
        "source": document.source,
        "where": _where(document),
        "modified": document.modified,
        "digest": document.digest,
        **({"groups": sorted(document.groups)} if document.groups else {}),
    }


def _where(document: Document) -> list[str]:
    return [where for where in dict.fromkeys(s.where for s in document.sections) if where]


def example_records(examples: Iterable[Example]) -> Iterator[dict[str, Any]]:
    """Examples in the form that okakae reads back: fields by kind, then where they stood."""
    for example in examples:
        yield {**sides(example), **_rest(example)}


def sides(example: Example) -> dict[str, Any]:
    names = {"qa": ("question", "answer"), "rewrite": ("source", "target")}
    prompt, completion = names.get(example.kind, ("text", "label"))
    return {
        "id": example.id,
        "kind": example.kind,
        prompt: example.prompt,
        completion: example.completion,
    }


def _rest(example: Example) -> dict[str, Any]:
    optional = {
        "doc_ids": list(example.doc_ids),
        "must_contain": [list(group) for group in example.must_contain],
        "gold_passage": example.gold_passage,
        "group": example.group,
        "type": example.type,
        "split": example.part,
    }
    if example.kind == "qa":
        optional["label"] = example.label
    kept = {key: value for key, value in optional.items() if value}
    return {
        "answerable": example.answerable,
        **kept,
        "from": example.source,
        "where": example.where,
    }


def write_lines(path: Path, records: Iterable[dict[str, Any]]) -> int:
    """Replace `path` by one JSON line a record, in one step; returns how many."""
    from advisor.files import replacing

    written = 0
    with replacing(path) as stream:
        for record in records:
            line = json.dumps(record, ensure_ascii=False)
            stream.write(f"{line}\n".encode("utf-8", "replace"))
            written += 1
    return written


def as_document(found: Sequence[Inspection], session: Session) -> dict[str, Any]:
    """The contract's JSON, with data facts per path beside it."""
    from advisor.inspect_summary import as_health, graded
    from knowledge.corpus.languages import TOKEN_RATES_SOURCE

    reports = [report for one in found for report in named_reports(one, len(found) > 1)]
    return {
        "schema_version": SCHEMA_VERSION,
        "files": [_file(report, session) for report in reports],
        "totals": {
            "documents": sum(one.facts.n_documents for one in found),
            "examples": sum(one.facts.n_examples for one in found),
            "qa_pairs": sum(one.facts.n_qa_pairs for one in found),
            "rewrites": sum(one.facts.n_rewrites for one in found),
            "labelled": sum(one.facts.n_labelled for one in found),
            "unanswerable": sum(one.facts.n_unanswerable for one in found),
            "refused": sum(one.facts.n_refused for one in found),
            "characters": sum(one.facts.corpus_characters for one in found),
            "tokens": sum(one.facts.corpus_tokens for one in found),
            "tokens_basis": TOKEN_RATES_SOURCE,
            "languages": languages(found),
            "newest": max((one.facts.newest for one in found if one.facts.newest), default=None),
        },
        "problems": [problem_record(p, session) for one in found for p in one.corpus.problems],
        "health": as_health(graded(found), session),
        "digests": {str(one.corpus.root): one.corpus.digest for one in found},
    }


def named_reports(one: Inspection, several: bool) -> list[FileReport]:
    """The reports of one path; with several paths each file says which it belongs to."""
    reports = list(one.corpus.files)
    if not several:
        return reports
    root = one.corpus.root if one.corpus.root.is_dir() else one.corpus.root.parent
    return [replace(report, path=(root / report.path).as_posix()) for report in reports]


def languages(found: Sequence[Inspection]) -> dict[str, float]:
    """Shares over all paths, weighted by the characters in each."""
    weights: dict[str, float] = {}
    for one in found:
        characters = sum(report.characters for report in one.corpus.files)
        for name, share in one.facts.languages.items():
            weights[name] = weights.get(name, 0.0) + share * characters
    total = sum(weights.values())
    if not total:
        return {}
    ordered = sorted(weights.items(), key=lambda item: -item[1])
    return {name: round(weight / total, 4) for name, weight in ordered}


def _file(report: FileReport, session: Session) -> dict[str, Any]:
    return {
        "path": report.path,
        "kind": report.kind,
        "encoding": report.encoding,
        "status": report.status,
        "documents": report.documents,
        "examples": report.examples,
        "characters": report.characters,
        "rows": report.rows,
        "columns": list(report.columns),
        "mapping": as_mapping(report),
        "problems": [problem_record(problem, session) for problem in report.problems],
    }


def problem_record(problem: Problem, session: Session) -> dict[str, Any]:
    """One problem as the contract's JSON has it."""
    return {
        "id": problem.id,
        "severity": problem.severity,
        "where": problem.where,
        "places": list(problem.places),
        **({"of": list(problem.of)} if problem.of else {}),
        **words(problem, session),
        "values": dict(problem.values),
    }


def words(problem: Problem, session: Session) -> dict[str, str]:
    """What is said of a problem: text, why it hurts, fix, and an excerpt without secrets."""
    values = dict(problem.values)
    if isinstance(types := values.get("types"), Mapping):
        named = [f"{session.t(f'pattern.{name}')} {n}" for name, n in types.items()]
        values["types"] = ", ".join(named)
    said = {part: session.t(f"problem.{problem.id}.{part}", **values) for part in _PARTS}
    shown = masked(problem.excerpt)
    for name in dict.fromkeys(pattern.name for pattern in patterns()):
        shown = shown.replace(f"[{name}]", f"[{session.t(f'pattern.{name}')}]")
    return {**said, "excerpt": shown}
