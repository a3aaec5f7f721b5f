"""`okakae apply`: run exactly one plan, then write its report."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from advisor.errors import Forbidden, LimitError, MachineError, RunError, UsageError
from advisor.files import check_writable
from advisor.render import command_line
from advisor.session import Session, okakae_command


@okakae_command("apply")
@click.argument("plan", type=click.Path(path_type=Path))
@click.option("--run", "run_path", type=click.Path(path_type=Path), default=None)
@click.option("--resume", is_flag=True)
@click.option("--dry-run", is_flag=True)
def apply(session: Session, plan: Path, run_path: Path | None, resume: bool, dry_run: bool) -> None:
    """Verify the plan, run it, report."""
    from advisor.render_plan import show_plan
    from executors import apply as runner
    from executors.compare.budget import within_limits
    from executors.report.write import report_run
    from executors.rundir import new_run_path

    if resume and run_path is None:
        raise UsageError("resume-needs-run")
    checked, drifts = runner.check_plan(plan, session)
    for drift in drifts:
        session.say("drift.told", what=drift.what, planned=drift.planned, now=drift.now)
    if dry_run:
        runner.rehearse(checked, session)
        document = {"schema_version": 1, "dry_run": True, "plan": asdict(checked.plan)}
        session.out(document, lambda: show_plan(checked.plan, session))
        return
    target = run_path or new_run_path(str(checked.plan.method or checked.plan.approach))
    if not resume:
        check_writable(target / "manifest.json")
    # A training keeps to its limits by itself, and what it has learned is always tested.
    prompting = checked.plan.executor == "prompting"
    asking = runner.Asking(check=within_limits(checked.plan, target)) if prompting else runner.ONCE
    try:
        run = runner.apply(checked, session, run_path=target, resume=resume, asking=asking)
    except (KeyboardInterrupt, RunError, LimitError, MachineError, Forbidden):
        if (target / "manifest.json").is_file():
            command = command_line("okakae", "apply", plan, "--run", target, "--resume")
            session.say("apply.resume", command=command)
        raise
    files = report_run(run, session)
    session.out(
        {"schema_version": 1, "run": str(run.path), "status": run.manifest.status, **files},
        lambda: _done(session, run.path, files["html"]),
    )


def _done(session: Session, run: Path, html: str) -> None:
    click.echo(session.t("apply.done", run=run, report=html))
    command = f'{command_line("okakae", "use", run)} "…"'
    click.echo(session.t("next-command", command=command))
