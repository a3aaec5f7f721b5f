"""`okakae escalate`: prompting, RAG, tuning – each measured – until the target is met."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from advisor.errors import UsageError
from advisor.files import check_writable
from advisor.render import command_line
from advisor.session import Session, okakae_command

if TYPE_CHECKING:
    from advisor.types import Answers
    from executors.compare.escalate import Walk
    from executors.compare.target import Target

TARGETS = ("target.score", "target.latency_s")


@okakae_command("escalate")
@click.option("--answers", type=click.Path(path_type=Path), default=None)
@click.option("--set", "sets", multiple=True, metavar="id=value")
@click.option("--run", "folder", type=click.Path(path_type=Path), default=None)
@click.option("--resume", is_flag=True)
def escalate(
    session: Session,
    answers: Path | None,
    sets: tuple[str, ...],
    folder: Path | None,
    resume: bool,
) -> None:
    """Take one step after the other, measure it, and stop when the target is met."""
    from executors.compare.candidates import advise
    from executors.compare.escalate import STATE
    from executors.compare.escalate import escalate as walk_on
    from executors.report.document import load_document
    from executors.rundir import new_run_path

    if resume and folder is None:
        raise UsageError("resume-needs-run")
    target_folder = folder or new_run_path("escalate")
    if not resume:
        if (target_folder / STATE).is_file():
            raise UsageError("run-exists", where=str(target_folder), path=str(target_folder))
        check_writable(target_folder / STATE)
    again = _again(answers, sets, target_folder)
    need = ("goal", *TARGETS) if session.interactive else ("goal",)
    advised = advise(session, answers, sets, need=need)
    target = target_of(advised.gathered.answers, session)
    try:
        walk = walk_on(advised, target, target_folder, session, resume=resume)
    except KeyboardInterrupt:
        session.say("apply.resume", command=again)
        raise
    files = report_walk(walk, asdict(advised.recommendation), target_folder, session, again)
    if walk.limit is not None:
        if files:
            session.say("report.written", path=files["html"])
        session.say("apply.resume", command=again)
        raise walk.limit
    document = load_document(target_folder) | {"files": files}
    session.out(document, lambda: show(document, session))


def _again(answers: Path | None, sets: Sequence[str], folder: Path) -> str:
    named = ["--answers", answers] if answers else []
    flags = [word for item in sets for word in ("--set", item)]
    return command_line("okakae", "escalate", *named, *flags, "--run", folder, "--resume")


def target_of(answers: Answers, session: Session) -> Target:
    """What is enough, each figure told with where it came from."""
    from executors.compare.target import Target

    given = {answer.id: answer for answer in answers if answer.id in TARGETS}
    session.say(
        "escalate.target",
        score=f"{float(given['target.score'].value):g}",
        score_from=session.t(f"source.{given['target.score'].source}"),
        latency=f"{float(given['target.latency_s'].value):g}",
        latency_from=session.t(f"source.{given['target.latency_s'].source}"),
    )
    return Target(float(given["target.score"].value), float(given["target.latency_s"].value))


def report_walk(
    walk: Walk, recommendation: dict[str, Any], folder: Path, session: Session, again: str
) -> dict[str, str]:
    """Write the report of what was measured; nothing where nothing was."""
    from executors.report.escalation import walk_document, walk_verdict
    from executors.report.write import report_comparison

    if not walk.roads:
        return {}
    verdict = walk_verdict(walk)
    next_command = again
    if walk.limit is None:
        road = folder / "roads" / (verdict.choice or walk.stopped_at or verdict.best)
        next_command = f'{command_line("okakae", "use", road)} "…"'
    return report_comparison(
        walk.roads,
        folder,
        session,
        recommendation=recommendation,
        verdict=verdict,
        failed=walk.failed,
        walk=walk_document(walk) | {"next_command": next_command},
    )


def show(document: dict[str, Any], session: Session) -> None:
    """The steps as a table, the verdict in words, and what to do next."""
    from advisor.render import paragraph, table
    from executors.report.view import View

    view = View(document, session.lang)
    header, rows = view.step_header(), view.step_rows()
    measured = [
        position for position, step in enumerate(document["steps"]) if step["state"] == "done"
    ]
    shown = (0, 1, 3, 4, 6)  # the bound and the gain stand in the report
    table(
        [header[column] for column in shown],
        [[rows[position][column] for column in shown] for position in measured],
    )
    for position, row in enumerate(rows):
        if position not in measured:
            click.echo(paragraph(f"{row[0]}: {row[-1]}"))
    click.echo()
    for line in (view.headline(), view.before_after(), *view.cautions()):
        if line:
            click.echo(paragraph(line))
    click.echo(session.t("report.written", path=document["files"]["html"]))
    click.echo(session.t("next-command", command=document["next_command"]))
