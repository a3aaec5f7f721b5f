"""`okakae runs` and `okakae show`: what was run, and one run in full."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from advisor.errors import OkakaeError
from advisor.session import Session, okakae_command


@okakae_command("runs")
@click.argument("folder", type=click.Path(path_type=Path), required=False)
def runs(session: Session, folder: Path | None) -> None:
    """List every run below ./runs, newest first."""
    root = folder or Path(os.environ.get("OKAKAE_RUNS") or "runs")
    rows = _runs_below(root)
    session.out({"schema_version": 1, "runs": rows}, lambda: _table(rows, session))


def _runs_below(root: Path) -> list[dict[str, Any]]:
    rows = [_row(path.parent) for path in sorted(root.glob("**/manifest.json"))]
    return sorted(rows, key=lambda row: str(row["started"]), reverse=True)


def _row(path: Path) -> dict[str, Any]:
    from executors.compare.roads import road_name
    from executors.rundir import RunDir

    run = RunDir(path)
    try:
        manifest, plan = run.manifest, run.plan
    except OkakaeError as error:
        return {"run": str(path), "status": "damaged", "started": "", "road": "", "why": error.ref}
    status = "interrupted" if run.interrupted() else manifest.status
    return {
        "run": str(path),
        "status": status,
        "started": manifest.started,
        "road": road_name(plan),
        "model": plan.config.get("model"),
        "minutes": round(manifest.actuals.get("total_seconds", 0.0) / 60, 1),
    }


def _table(rows: list[dict[str, Any]], session: Session) -> None:
    from advisor.render import table

    if not rows:
        click.echo(session.t("runs.none"))
        return
    table(
        [session.t(f"runs.column.{name}") for name in ("run", "road", "status", "started")],
        [
            [
                str(row["run"]),
                str(row["road"]),
                session.t(f"runs.status.{row['status']}"),
                str(row["started"])[:16].replace("T", " "),
            ]
            for row in rows
        ],
    )


@okakae_command("show")
@click.argument("run", type=click.Path(path_type=Path))
def show(session: Session, run: Path) -> None:
    """One run: its plan's choices with their reasons, and estimates beside actuals."""
    from advisor.render_plan import show_actuals, show_plan
    from executors.rundir import RunDir

    if (run / "compare.json").is_file():
        rows = _runs_below(run)
        session.out({"schema_version": 1, "runs": rows}, lambda: _table(rows, session))
        return
    opened = RunDir.open(run)
    manifest, plan = opened.manifest, opened.plan

    def human() -> None:
        show_plan(plan, session)
        show_actuals(manifest, session)

    session.out({"schema_version": 1, "plan": asdict(plan), "manifest": asdict(manifest)}, human)
