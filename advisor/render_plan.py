"""A plan and a run as a person reads them: each setting with its reason, estimate beside actual."""

from __future__ import annotations

import click

from advisor.render import table
from advisor.session import Session
from advisor.types import Estimate, Manifest, Plan

# What the run measures for an estimate, and how to bring it to the estimate's unit.
ACTUAL_FOR = {
    "hours": ("total_seconds", 1 / 3600),
    "vram_gib": ("peak_vram_gib", 1.0),
    "ram_gib": ("peak_ram_gib", 1.0),
}


def show_plan(plan: Plan, session: Session) -> None:
    """The road, its data, every setting with its reason, and the estimates with their basis."""
    road = plan.method or plan.approach
    click.echo(session.t("plan.title", road=session.t(f"road.{road}"), seal=plan.seal[:12]))
    for entry in plan.inputs:
        click.echo(
            session.t("plan.data", path=entry.path, files=entry.files, digest=entry.digest[:12])
        )
    table(
        [session.t(f"plan.column.{name}") for name in ("setting", "value", "why")],
        [[key, _value(plan.config[key]), plan.config_why.get(key, "")] for key in plan.config],
    )
    if plan.estimates:
        table(
            [session.t(f"plan.column.{name}") for name in ("estimate", "range", "basis")],
            [
                [session.t(f"estimate-name.{key}"), span(estimate), estimate.basis]
                for key, estimate in plan.estimates.items()
            ],
        )


def show_actuals(manifest: Manifest, session: Session) -> None:
    """Estimates beside what the run really took."""
    click.echo(session.t("show.status", status=session.t(f"runs.status.{manifest.status}")))
    rows = []
    for key, estimate in manifest.estimates.items():
        measured = actual(manifest, key)
        shown = "-" if measured is None else number(measured)
        rows.append([session.t(f"estimate-name.{key}"), span(estimate), shown])
    if rows:
        table([session.t(f"plan.column.{name}") for name in ("estimate", "range", "actual")], rows)
    for key, value in sorted(manifest.actuals.items()):
        click.echo(f"  {key}: {number(value)}")


def actual(manifest: Manifest, key: str) -> float | None:
    """What the run measured for the estimate `key`, in the estimate's unit."""
    name, factor = ACTUAL_FOR.get(key, (key, 1.0))
    value = manifest.actuals.get(name)
    return None if value is None else value * factor


def span(estimate: Estimate) -> str:
    """Low – high (likely) unit, as everywhere."""
    low, likely, high = map(number, (estimate.low, estimate.likely, estimate.high))
    return f"{low} – {high} ({likely}) {estimate.unit}"


def number(value: float) -> str:
    """A number with as many digits as a reader can use."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2g}" if abs(value) < 1 else f"{value:.1f}"


def _value(value: object) -> str:
    return "-" if value == "" else str(value)
