"""`okakae inspect`: what a company's files are, what is wrong with them, and what was read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from advisor.errors import UsageError
from advisor.session import Session, okakae_command
from advisor.texts import t
from advisor.types import SCHEMA_VERSION
from knowledge.corpus.types import Corpus, DataFacts, Document, Example, FileReport, Problem

REFUSED_EXIT_CODE = 8
_MOST_CLEAN_FILES = 40
_ORDER = {"error": 0, "warn": 1, "info": 2}


@dataclass(frozen=True, slots=True)
class Inspection:
    """One path as asked for, and what is in it."""

    corpus: Corpus
    facts: DataFacts


@okakae_command("inspect")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--documents",
    type=click.Path(path_type=Path),
    metavar="OUT.jsonl",
    help=t("inspect.option.documents"),
)
@click.option(
    "--examples",
    type=click.Path(path_type=Path),
    metavar="OUT.jsonl",
    help=t("inspect.option.examples"),
)
def inspect(
    session: Session,
    paths: tuple[Path, ...],
    documents: Path | None,
    examples: Path | None,
) -> None:
    """Exit code 8 when a file was refused, 2 for a path that does not exist."""
    for path in paths:
        if not path.exists():
            raise UsageError("path-missing", where=str(path), path=str(path))
    found = [look(path, session) for path in paths]
    if documents is not None:
        written = _write(documents, (r for one in found for r in document_records(one.corpus)))
        session.say("inspect.wrote", path=documents, n=written)
    if examples is not None:
        written = _write(examples, (r for one in found for r in example_records(one.corpus)))
        session.say("inspect.wrote", path=examples, n=written)
    session.out(as_document(found, session), lambda: show(found, session))
    if any(one.facts.n_refused for one in found):
        raise click.exceptions.Exit(REFUSED_EXIT_CODE)


def look(path: Path, session: Session) -> Inspection:
    """Read `path` with a progress bar and count what is in it."""
    from knowledge.corpus.facts import facts
    from knowledge.corpus.readers import read, walk

    total = sum(1 for _ in walk(path))
    with session.progress(session.t("inspect.reading"), total=total) as progress:
        corpus = read(path, on_file=lambda name: progress.advance(1, name[-40:]))
    return Inspection(corpus, facts(corpus))


def document_records(corpus: Corpus) -> Iterable[dict[str, Any]]:
    """Documents as `corpus.jsonl` carries them; `where` lists the places of their sections."""
    for document in corpus.documents:
        yield {
            "_id": document.id,
            "title": document.title,
            "text": document.text,
            "source": document.source,
            "where": _where(document),
            "modified": document.modified,
            "digest": document.digest,
        }


def _where(document: Document) -> list[str]:
    return [where for where in dict.fromkeys(s.where for s in document.sections) if where]


def example_records(corpus: Corpus) -> Iterable[dict[str, Any]]:
    """Examples in the form that okakae reads back: fields by kind, then where they stood."""
    for example in corpus.examples:
        yield {**_sides(example), **_rest(example)}


def _sides(example: Example) -> dict[str, Any]:
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


def _write(path: Path, records: Iterable[dict[str, Any]]) -> int:
    from advisor.files import write_text

    lines = [json.dumps(record, ensure_ascii=False) for record in records]
    write_text(path, "".join(f"{line}\n" for line in lines))
    return len(lines)


def as_document(found: Sequence[Inspection], session: Session) -> dict[str, Any]:
    """The contract's JSON, with data facts per path beside it."""
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
        "problems": [_problem(p, session) for one in found for p in one.corpus.problems],
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
        "problems": [_problem(problem, session) for problem in report.problems],
    }


def _problem(problem: Problem, session: Session) -> dict[str, Any]:
    return {
        "id": problem.id,
        "severity": problem.severity,
        "where": problem.where,
        "text": session.t(f"problem.{problem.id}.text", **problem.values),
        "fix": session.t(f"problem.{problem.id}.fix", **problem.values),
        "excerpt": problem.excerpt,
        "values": dict(problem.values),
    }


def show(found: Sequence[Inspection], session: Session) -> None:
    """The files as a table, then each problem with its place, an excerpt and what to do."""
    from advisor.render import command_line, table
    from knowledge.corpus.languages import TOKEN_RATES_SOURCE

    reports = [report for one in found for report in named_reports(one, len(found) > 1)]
    if not reports:
        click.echo(session.t("inspect.none"))
        return
    clean = [r for r in reports if not r.problems]
    shown = reports if len(reports) <= _MOST_CLEAN_FILES else [r for r in reports if r.problems]
    columns = ("file", "kind", "encoding", "status", "documents", "examples", "characters")
    rows = [_row(report, session) for report in shown]
    if rows:
        table([session.t(f"inspect.column.{name}") for name in columns], rows)
    if len(shown) < len(reports):
        click.echo(session.t("inspect.more-files", n=len(clean)))
    listed = [(r.path, p) for r in shown for p in r.problems if p.severity != "info"]
    listed += [
        (session.t("inspect.between-files"), p) for one in found for p in one.corpus.problems
    ]
    _show_problems(listed, session)
    said = ", ".join(f"{name} {share:.0%}" for name, share in languages(found).items())
    click.echo(
        session.t(
            "inspect.total",
            documents=f"{sum(one.facts.n_documents for one in found):,}",
            examples=f"{sum(one.facts.n_examples for one in found):,}",
            tokens=f"{sum(one.facts.corpus_tokens for one in found):,}",
            basis=TOKEN_RATES_SOURCE,
            languages=said or "-",
        )
    )
    if refused := sum(one.facts.n_refused for one in found):
        click.echo(session.t("inspect.refused", n=refused), err=True)
    click.echo(session.t("inspect.next", path=command_line(found[0].corpus.root)))


def _row(report: FileReport, session: Session) -> list[str]:
    status = session.t(f"inspect.status.{report.status}")
    counts = [f"{n:,}" for n in (report.documents, report.examples, report.characters)]
    return [report.path, report.kind, report.encoding or "-", status, *counts]


def _show_problems(listed: Sequence[tuple[str, Problem]], session: Session) -> None:
    if not listed:
        return
    click.echo(f"\n{session.t('inspect.problems')}")
    for path, problem in sorted(listed, key=lambda item: _ORDER[item[1].severity]):
        place = f"{path} ({problem.where})" if problem.where else path
        mark = session.t(f"inspect.status.{'refused' if problem.severity == 'error' else 'warn'}")
        text = session.t(f"problem.{problem.id}.text", **problem.values)
        click.echo(f"[{mark}] {place} [{problem.id}]\n    {text}")
        if problem.excerpt:
            click.echo(f"    > {problem.excerpt}")
        fix = session.t(f"problem.{problem.id}.fix", **problem.values)
        click.echo(f"    {session.t('inspect.fix', fix=fix)}")
    click.echo("")
