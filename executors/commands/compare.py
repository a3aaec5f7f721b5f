"""`okakae compare`: several approaches on the same held-out questions, and the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from advisor.errors import LimitError, UsageError
from advisor.files import check_writable
from advisor.render import command_line
from advisor.session import Session, okakae_command

if TYPE_CHECKING:
    from advisor.types import Scalar


@okakae_command("compare")
@click.argument("plans", nargs=-1, type=click.Path(path_type=Path))
@click.option("--answers", type=click.Path(path_type=Path), default=None)
@click.option("--set", "sets", multiple=True, metavar="id=value")
@click.option("--run", "folder", type=click.Path(path_type=Path), default=None)
@click.option("--resume", is_flag=True)
@click.option("--diagnostics/--no-diagnostics", default=True)
@click.option("--drop-leaks", is_flag=True)
@click.option("--wide", is_flag=True)
@click.option("--pilot", is_flag=True)
def compare(
    session: Session,
    plans: tuple[Path, ...],
    answers: Path | None,
    sets: tuple[str, ...],
    folder: Path | None,
    resume: bool,
    diagnostics: bool,
    drop_leaks: bool,
    wide: bool,
    pilot: bool,
) -> None:
    """Run every plan, or the recommendation's candidates, and judge them."""
    from executors.compare.piloted import pilot_document
    from executors.compare.run import compare as run_all
    from executors.report.document import load_document
    from executors.report.write import report_comparison
    from executors.rundir import new_run_path

    if bool(plans) == bool(answers):
        raise UsageError("compare-needs-plans-or-answers")
    if resume and folder is None:
        raise UsageError("resume-needs-run")
    target = folder or new_run_path("compare")
    if not resume:
        if (target / "roads").exists() or (target / "compare.json").exists():
            raise UsageError("run-exists", where=str(target), path=str(target))
        check_writable(target / "compare.json")
    recommendation: dict[str, Any] | None = None
    named: list[str | Path] = ["--answers", answers] if answers else list(plans)
    if answers is not None:
        plans, recommendation, limits = candidate_plans(
            answers, sets, target, session, resume=resume, wide=wide
        )
    else:
        limits = limits_of(sets)
    try:
        comparison = run_all(
            plans,
            target,
            session,
            resume=resume,
            diagnostics=diagnostics,
            limits=limits,
            drop_leaks=drop_leaks,
            pilot=pilot,
            own_limits=answers is None,
        )
        files = report_comparison(
            comparison.roads,
            target,
            session,
            recommendation=recommendation,
            verdict=comparison.verdict,
            failed=comparison.failed,
            diagnosed=comparison.diagnosed,
            before=comparison.before.document(),
            judged=comparison.judged,
            pilot=pilot_document(comparison.piloted),
        )
        if comparison.limit is not None:
            session.say("report.written", path=files["html"])
            raise comparison.limit
    except (KeyboardInterrupt, LimitError):
        flags = [word for item in sets for word in ("--set", item)]
        flags += ["--no-diagnostics"] * (not diagnostics)
        flags += ["--drop-leaks"] * drop_leaks + ["--wide"] * wide + ["--pilot"] * pilot
        command = command_line("okakae", "compare", *named, *flags, "--run", target, "--resume")
        session.say("apply.resume", command=command)
        raise
    session.out(
        load_document(target) | {"files": files},
        lambda: show(comparison, files, session, load_document(target)),
    )


def limits_of(sets: Sequence[str]) -> dict[str, Scalar]:
    """`--set limits.…=` or `judge.…=` beside plans; nothing else of a sealed plan can be set.

    Raises:
        UsageError: something else is set, or a limit is no number.
    """
    from advisor.plan_config import read_settings
    from executors.compare.candidates import AROUND
    from knowledge.catalog.loader import load

    given: dict[str, Scalar] = {}
    for item in sets:
        id_, sign, value = item.partition("=")
        if not sign or not id_.startswith(AROUND):
            raise UsageError("compare-set-beside-plans", where=item)
        given[id_] = value
    limits, faults = read_settings(given, load("settings"))
    if faults:
        raise UsageError("settings-wrong", faults=tuple(faults), n=len(faults))
    return limits


def candidate_plans(
    answers: Path,
    sets: tuple[str, ...],
    folder: Path,
    session: Session,
    *,
    resume: bool = False,
    wide: bool = False,
) -> tuple[tuple[Path, ...], dict[str, Any], dict[str, Scalar]]:
    """Plans for the best runnable option of every approach.

    Returns:
        Where the plans lie, the recommendation, and limits and judge as they are set now.
    """
    from executors.compare.candidates import AROUND, advise, candidates

    advised = advise(session, answers, sets)
    found = candidates(advised, folder, resume=resume, wide=wide)
    if not found:
        raise UsageError("nothing-recommended")
    first = next(iter(found.values()))[1]
    limits = {id_: v for id_, v in first.config.items() if id_.startswith(AROUND)}
    return tuple(path for path, _ in found.values()), asdict(advised.recommendation), limits


def show(
    comparison: Any, files: dict[str, str], session: Session, document: dict[str, Any]
) -> None:
    """The verdict as a table and one sentence, and what became of the advice."""
    from advisor.render import table
    from executors.report.judged import judge_header, judge_rows, judge_title
    from executors.report.pilot import shown_pilots
    from executors.report.view import View

    view = View(document, session.lang)
    rows = []
    for road, told in zip(comparison.roads, view.roads, strict=True):
        figure = road.figure("correct")
        mark = session.t("compare.chosen") if road.name == comparison.verdict.choice else ""
        rows.append(
            [
                session.t(f"road.{road.name}"),
                f"{figure.value:.2f} [{figure.low:.2f}, {figure.high:.2f}]",
                f"{road.seconds_per_answer:.2f}",
                view.judgement(told),
                mark,
            ]
        )
    table(
        [
            session.t("compare.column.road"),
            view.scored("compare.column.correct"),
            *(session.t(f"compare.column.{c}") for c in ("seconds", "against", "choice")),
        ],
        rows,
    )
    click.echo(view.headline())
    if changed := view.before_after():
        click.echo(changed)
    if title := judge_title(view):
        click.echo(title)
        table(judge_header(view), judge_rows(view))
    for pilot in shown_pilots(view):
        click.echo(view.t("pilot.section", road=pilot.road))
        table(list(pilot.header), [list(row) for row in pilot.rows])
        for line in (pilot.says, *pilot.forecasts):
            click.echo(line)
    click.echo(session.t("report.written", path=files["html"]))
