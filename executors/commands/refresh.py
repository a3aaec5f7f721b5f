"""`okakae refresh`: bring a run's index up to date with its documents."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from advisor.errors import RunError, UsageError
from advisor.render import command_line
from advisor.session import Session, okakae_command

if TYPE_CHECKING:
    from executors.rag.refresh.update import Refreshed
    from executors.rundir import RunDir

INDEXED = ("rag", "hybrid")
"""Executors whose runs have an index."""
SHOWN = 10
"""Names shown of each kind; `--json` has them all."""
SOME_REFUSED = 8


@okakae_command("refresh")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--changes", type=click.Path(path_type=Path), default=None)
def refresh(session: Session, run: Path, changes: Path | None) -> None:
    """Make the index what building it from the present documents would give.

    Without `--changes` the documents are those of the plan's data folder: files that are new,
    changed, moved or gone since are found by their content. With `--changes DIR` that folder is
    not looked at: files of DIR are added, or replace those of the same path; records of a
    corpus.jsonl replace the records with their `_id`, and the others stay; every line of
    DIR/deleted.txt names a path, a folder or an `_id` to delete. DIR changes the index, not the
    data folder: the next refresh without it follows the data folder again, and says so.

    Only what changed is embedded. Held-out questions, thresholds and the report stay as they are.
    The index from before answers until the new one is whole, and after any error. Each refresh is
    a line of the run's events.jsonl.

    `--json`: added, changed, moved, deleted, unchanged (documents), chunks, chunks_embedded,
    chunks_removed, seconds, version, paths (names by kind), refused (files with why).

    Ends with 0, also when nothing changed; 8 when files could not be read (the rest was done);
    2 no such run or folder; 4 the embedder is not here; 6 nothing would be left, the index is
    damaged or could not be written, the embedder changed.
    """
    from advisor.caches import reading_cache
    from executors.rag.embedding import open_embedder
    from executors.rag.executor import ram_bytes, stored_embedder
    from executors.rag.refresh.update import refresh_index
    from executors.rag.search.place import milvus_client, milvus_store, on_milvus
    from executors.rundir import RunDir

    started = time.perf_counter()
    opened = RunDir.open(run)
    plan = opened.plan
    if plan.executor not in INDEXED:
        raise UsageError("refresh-no-index", where=str(run), name=plan.executor)
    if not opened.done("build"):
        status, path = opened.manifest.status, command_line(run)
        raise RunError("run-unfinished", where=str(run), status=status, path=path)
    session = session.with_confidential(str(plan.answers.get("confidential", "")) or None)
    with (
        opened.locked(),
        session.progress(session.t("refresh.progress", run=run.name), total=1.0) as bar,
    ):
        done = refresh_index(
            opened.index,
            opened.data_root,
            lambda: open_embedder(stored_embedder(opened), session),
            changes=changes,
            cache=reading_cache(),
            ram_bytes=ram_bytes(),
            on_progress=lambda n, total: bar.update(n / total, f"{n}/{total}"),
        )
        if on_milvus(plan.config):
            milvus_store(opened, milvus_client(opened, plan.config, session)).close()
        done.seconds = time.perf_counter() - started
        document = _document(session, done)
        _record(opened, changes, document)
    session.out({"schema_version": 1, "run": str(run), **document}, lambda: _show(session, done))
    if done.suspicious:
        named = ", ".join(done.suspicious[:5])
        session.say("rag.suspicious", n=len(done.suspicious), documents=named)
    if done.refused:
        raise click.exceptions.Exit(SOME_REFUSED)


def _document(session: Session, done: Refreshed) -> dict[str, Any]:
    return {
        "added": len(done.added),
        "changed": len(done.changed),
        "moved": len(done.moved),
        "deleted": len(done.deleted),
        "unchanged": done.unchanged,
        "undone": len(done.undone),
        "chunks": done.chunks,
        "chunks_embedded": done.chunks_embedded,
        "chunks_removed": done.chunks_removed,
        "seconds": round(done.seconds, 3),
        "version": done.version,
        "version_before": done.version_before,
        "paths": {
            "added": done.added,
            "changed": done.changed,
            "moved": [list(pair) for pair in done.moved],
            "deleted": done.deleted,
            "undone": done.undone,
        },
        "refused": [
            {"path": path, "id": problem.id, "text": _why(session, problem)}
            for path, problem in done.refused
        ],
        "not_found": done.absent,
        "suspicious": done.suspicious,
    }


def _record(run: RunDir, changes: Path | None, document: dict[str, Any]) -> None:
    """The run's own note of it; every name stands there too, so that it can be looked into."""
    source = {} if changes is None else {"changes": changes.name}
    run.event("refresh", **source, **document)


def _show(session: Session, done: Refreshed) -> None:
    touched = (
        ("added", done.added),
        ("changed", done.changed),
        ("moved", [f"{old} -> {new}" for old, new in done.moved]),
        ("deleted", done.deleted),
        ("undone", done.undone),
    )
    if not any(names for _, names in touched):
        click.echo(session.t("refresh.nothing", unchanged=done.unchanged))
    else:
        values = {kind: len(names) for kind, names in touched}
        click.echo(session.t("refresh.done", unchanged=done.unchanged, **values))
    for kind, names in touched:
        _list(session, kind, names)
    click.echo(
        session.t(
            "refresh.cost",
            embedded=done.chunks_embedded,
            chunks=done.chunks,
            seconds=f"{done.seconds:.1f}",
        )
    )
    for path, problem in done.refused[:SHOWN]:
        session.say("refresh.refused", path=path, why=_why(session, problem))
    if done.absent:
        named = ", ".join(done.absent[:SHOWN])
        session.say("refresh.not-found", n=len(done.absent), names=named)


def _list(session: Session, kind: str, names: Sequence[str]) -> None:
    if not names:
        return
    click.echo(f"  {session.t(f'refresh.kind.{kind}')}")
    for name in names[:SHOWN]:
        click.echo(f"    {name}")
    if len(names) > SHOWN:
        click.echo(f"    {session.t('refresh.more', n=len(names) - SHOWN)}")


def _why(session: Session, problem: Any) -> str:
    from advisor.inspect_records import words

    return words(problem, session)["text"]
