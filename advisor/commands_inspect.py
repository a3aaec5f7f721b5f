"""`okakae inspect`: what a company's files are, what is wrong with them, and what was read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from advisor.errors import UsageError
from advisor.session import Session, okakae_command
from advisor.texts import t
from knowledge.corpus.reading import Survey
from knowledge.corpus.types import DataFacts, FieldMap

if TYPE_CHECKING:
    from advisor.inspect_records import DocumentSpool

REFUSED_EXIT_CODE = 8


@dataclass(frozen=True, slots=True)
class Inspection:
    """One path as asked for, and what is in it."""

    corpus: Survey

    @property
    def facts(self) -> DataFacts:
        return self.corpus.facts


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
@click.option(
    "--fix",
    "clean",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help=t("inspect.option.fix"),
)
@click.option("--map", "maps", multiple=True, metavar="NAMES", help=t("inspect.option.map"))
@click.option("--keep-personal", is_flag=True, help=t("inspect.option.keep-personal"))
def inspect(
    session: Session,
    paths: tuple[Path, ...],
    documents: Path | None,
    examples: Path | None,
    clean: Path | None,
    maps: tuple[str, ...],
    keep_personal: bool,
) -> None:
    """Exit code 8 when a file was refused, 2 for a path that does not exist."""
    from advisor.inspect_mapping import check_maps, parse_maps
    from advisor.inspect_records import DocumentSpool, as_document, example_records, write_lines

    for path in paths:
        if not path.exists():
            raise UsageError("path-missing", where=str(path), path=str(path))
    asked = parse_maps(maps)
    if clean is not None:
        from advisor.inspect_fix import check_target

        check_target(clean, paths)
    found: list[Inspection] = []
    with DocumentSpool(documents, wanted=clean is not None) as spool:
        for path in paths:
            found.append(look(path, session, spool, asked))
            spool.keep(found[-1].corpus.documents)
        check_maps(found, asked)
        if documents is not None:
            session.say("inspect.wrote", path=documents, n=spool.finish())
        if clean is not None:
            _write_clean(found, spool, clean, session, keep_personal)
    if examples is not None:
        records = (record for one in found for record in example_records(one.corpus.examples))
        session.say("inspect.wrote", path=examples, n=write_lines(examples, records))

    def human() -> None:
        from advisor.inspect_page import show

        show(found, session)

    session.out(as_document(found, session), human)
    if any(one.facts.n_refused for one in found):
        raise click.exceptions.Exit(REFUSED_EXIT_CODE)


def _write_clean(
    found: list[Inspection], spool: DocumentSpool, out: Path, session: Session, keep: bool
) -> None:
    from advisor.inspect_fix import write_clean

    cleaned = write_clean(found, spool, out, session, keep_personal=keep)
    session.say(
        "fix.wrote",
        path=out,
        documents=f"{cleaned.documents:,}",
        examples=f"{cleaned.examples:,}",
        changes=f"{len(cleaned.changes):,}",
        aside=f"{cleaned.aside:,}",
        to_decide=f"{cleaned.to_decide:,}",
    )


def look(
    path: Path,
    session: Session,
    spool: DocumentSpool | None = None,
    asked: tuple[tuple[str, FieldMap], ...] = (),
) -> Inspection:
    """Read `path` with a progress bar and count what is in it; documents pass on to `spool`."""
    from advisor.caches import reading_cache
    from knowledge.corpus.reading import survey
    from knowledge.corpus.walking import walk

    total = sum(1 for _ in walk(path))
    with session.progress(session.t("inspect.reading"), total=total) as progress:
        found = survey(
            path,
            on_file=lambda name: progress.advance(1, name[-40:]),
            on_document=spool.take if spool is not None and spool.wanted else None,
            cache=reading_cache(),
            asked=asked,
        )
    return Inspection(found)
