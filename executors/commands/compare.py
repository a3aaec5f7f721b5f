"""`okakae compare`: several approaches on the same held-out questions, and the verdict."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from advisor.errors import UsageError
from advisor.files import check_writable
from advisor.render import command_line
from advisor.session import Session, okakae_command


@okakae_command("compare")
@click.argument("plans", nargs=-1, type=click.Path(path_type=Path))
@click.option("--answers", type=click.Path(path_type=Path), default=None)
@click.option("--set", "sets", multiple=True, metavar="id=value")
@click.option("--run", "folder", type=click.Path(path_type=Path), default=None)
@click.option("--resume", is_flag=True)
def compare(
    session: Session,
    plans: tuple[Path, ...],
    answers: Path | None,
    sets: tuple[str, ...],
    folder: Path | None,
    resume: bool,
) -> None:
    """Run every plan, or the recommendation's candidates, and judge them."""
    from executors.compare.run import compare as run_all
    from executors.report.document import load_document
    from executors.report.write import report_comparison
    from executors.rundir import new_run_path

    if bool(plans) == bool(answers):
        raise UsageError("compare-needs-plans-or-answers")
    target = folder or new_run_path("compare")
    if not resume:
        check_writable(target / "compare.json")
    recommendation: dict[str, Any] | None = None
    if answers is not None:
        plans, recommendation = candidate_plans(answers, sets, target, session, resume=resume)
    try:
        comparison = run_all(plans, target, session, resume=resume)
    except KeyboardInterrupt:
        named = ["--answers", answers] if answers else list(plans)
        flags = [word for item in sets for word in ("--set", item)]
        command = command_line("okakae", "compare", *named, *flags, "--run", target, "--resume")
        session.say("apply.resume", command=command)
        raise
    files = report_comparison(
        comparison.roads,
        target,
        session,
        recommendation=recommendation,
        verdict=comparison.verdict,
        failed=comparison.failed,
    )
    session.out(
        load_document(target) | {"files": files},
        lambda: show(comparison, files, session),
    )


def candidate_plans(
    answers: Path, sets: tuple[str, ...], folder: Path, session: Session, *, resume: bool = False
) -> tuple[tuple[Path, ...], dict[str, Any]]:
    """Plans for prompting, RAG and the best runnable tuning, as the recommendation ranks them."""
    from executors.compare.candidates import advise, planned

    advised = advise(session, answers, sets)
    paths: dict[str, Path] = {}
    for option in advised.recommendation.options:
        if not option.blocked_by and option.runnable and option.approach not in paths:
            paths[option.approach], _ = planned(option, advised, folder, resume=resume)
    if not paths:
        raise UsageError("nothing-recommended")
    return tuple(paths.values()), asdict(advised.recommendation)


def show(comparison: Any, files: dict[str, str], session: Session) -> None:
    """The verdict as a table and one sentence."""
    from advisor.render import table

    verdict = comparison.verdict
    rows = []
    for road in comparison.roads:
        figure = road.figure("correct")
        against = verdict.against_best[road.name]
        mark = session.t("compare.chosen") if road.name == verdict.choice else ""
        rows.append(
            [
                session.t(f"road.{road.name}"),
                f"{figure.value:.2f} [{figure.low:.2f}, {figure.high:.2f}]",
                f"{road.seconds_per_answer:.2f}",
                session.t(f"judgement.{against.verdict.replace(' ', '-')}"),
                mark,
            ]
        )
    table(
        [
            session.t(f"compare.column.{c}")
            for c in ("road", "correct", "seconds", "against", "choice")
        ],
        rows,
    )
    name = session.t(f"road.{verdict.choice}") if verdict.choice else "-"
    points = round(100 * verdict.detectable_difference)
    click.echo(session.t(verdict.says, choice=name, n=verdict.n, points=points))
    click.echo(session.t("report.written", path=files["html"]))
