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
from knowledge.corpus.types import DataFacts, Document, FieldMap

if TYPE_CHECKING:
    from advisor.inspect_draft import Drafting
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
@click.option("--as", "model", metavar="MODEL", help=t("inspect.option.as"))
@click.option(
    "--set", "sets", multiple=True, metavar="finetune.seq_len=N", help=t("inspect.option.set")
)
@click.option(
    "--draft",
    type=click.Path(path_type=Path),
    metavar="OUT.jsonl",
    help=t("inspect.option.draft"),
)
@click.option(
    "--n", "n_drafts", type=click.IntRange(1, 10_000), default=30, help=t("inspect.option.n")
)
@click.option("--review", is_flag=True, help=t("inspect.option.review"))
def inspect(
    session: Session,
    paths: tuple[Path, ...],
    documents: Path | None,
    examples: Path | None,
    clean: Path | None,
    maps: tuple[str, ...],
    keep_personal: bool,
    model: str | None,
    sets: tuple[str, ...],
    draft: Path | None,
    n_drafts: int,
    review: bool,
) -> None:
    """Exit code 8 when a file or a row was refused, 4 without MODEL, 2 for a missing path."""
    from advisor.inspect_after import told_after
    from advisor.inspect_draft import Drafting
    from advisor.inspect_mapping import check_maps, parse_maps
    from advisor.inspect_records import DocumentSpool, as_document, example_records, write_lines

    drafting = Drafting(draft, n_drafts, review, session)
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
            found.append(look(path, session, spool, asked, drafting))
            spool.keep(found[-1].corpus.documents)
        check_maps(found, asked)
        if documents is not None:
            session.say("inspect.wrote", path=documents, n=spool.finish())
        if clean is not None:
            _write_clean(found, spool, clean, session, keep_personal)
    if examples is not None:
        records = (record for one in found for record in example_records(one.corpus.examples))
        session.say("inspect.wrote", path=examples, n=write_lines(examples, records))

    drafted = drafting.finish(found, session)
    after = told_after(found, session, model, sets)

    def human() -> None:
        from advisor.inspect_page import show

        show(found, session)
        after.show(session)

    session.out(after.into(as_document(found, session), session) | drafted, human)
    after.stop(session)
    if after.refused or any(one.facts.n_refused for one in found):
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
    drafting: Drafting | None = None,
) -> Inspection:
    """Read `path` with a progress bar and count what is in it; documents pass on to `spool`."""
    from advisor.caches import reading_cache
    from knowledge.corpus.reading import survey
    from knowledge.corpus.walking import walk

    wanted = [taker for taker in (spool, drafting) if taker is not None and taker.wanted]

    def take(document: Document) -> None:
        for taker in wanted:
            taker.take(document)

    total = sum(1 for _ in walk(path))
    with session.progress(session.t("inspect.reading"), total=total) as progress:
        found = survey(
            path,
            on_file=lambda name: progress.advance(1, name[-40:]),
            on_document=take if wanted else None,
            cache=reading_cache(),
            asked=asked,
        )
    return Inspection(found)
