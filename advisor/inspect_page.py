"""`inspect` on a terminal: the files as a table, then each problem, its place and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from advisor.inspect_records import languages, named_reports, words
from advisor.session import Session
from knowledge.corpus.types import FileReport, Problem

if TYPE_CHECKING:
    from advisor.commands_inspect import Inspection

_MOST_CLEAN_FILES = 40
# No fault of the file, but a person must know of it before anybody may ask.
_SAID_ANYWAY = {"personal-data"}
_ORDER = {"error": 0, "warn": 1, "info": 2}


def show(found: Sequence[Inspection], session: Session) -> None:
    """The files as a table, then each problem with its place, an excerpt and what to do."""
    from advisor.inspect_mapping import show_mapping
    from advisor.inspect_summary import graded, show_summary
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
    show_mapping(shown, session)
    listed = [
        (r.path, p)
        for r in shown
        for p in r.problems
        if p.severity != "info" or p.id in _SAID_ANYWAY
    ]
    listed += [
        (session.t("inspect.between-files"), p) for one in found for p in one.corpus.problems
    ]
    show_problems(listed, session)
    show_summary(graded(found), session)
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


def show_problems(listed: Sequence[tuple[str, Problem]], session: Session) -> None:
    """Each problem with its file, gravest first."""
    if not listed:
        return
    click.echo(f"\n{session.t('inspect.problems')}")
    for path, problem in sorted(listed, key=lambda item: _ORDER[item[1].severity]):
        place = f"{path} ({problem.where})" if problem.where else path
        mark = session.t(f"inspect.status.{'refused' if problem.severity == 'error' else 'warn'}")
        said = words(problem, session)
        click.echo(f"[{mark}] {place} [{problem.id}]\n    {said['text']}")
        if said["excerpt"]:
            click.echo(f"    > {said['excerpt']}")
        click.echo(f"    {said['why']}")
        click.echo(f"    {session.t('inspect.fix', fix=said['fix'])}")
    click.echo("")
