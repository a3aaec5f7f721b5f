"""A plan and a run as a person reads them: each setting with its reason, estimate beside actual."""

from __future__ import annotations

import click

from advisor.render import table
from advisor.session import Session
from advisor.texts import has_text, t
from advisor.types import Estimate, Language, Manifest, Plan

# What the run measures for an estimate, and how to bring it to the estimate's unit.
ACTUAL_FOR = {
    "hours": ("build_seconds", 1 / 3600),
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
                [session.t(f"estimate-name.{key}"), span(estimate, session.lang), estimate.basis]
                for key, estimate in plan.estimates.items()
                if estimate.high
            ],
        )


def show_actuals(manifest: Manifest, session: Session) -> None:
    """Estimates beside what the run really took."""
    click.echo(session.t("show.status", status=session.t(f"runs.status.{manifest.status}")))
    rows = []
    for key, estimate in manifest.estimates.items():
        if not estimate.high:
            continue
        measured = actual(manifest, key)
        shown = "-" if measured is None else amount(measured, estimate.unit, session.lang)
        rows.append(
            [
                session.t(f"estimate-name.{key}"),
                span(estimate, session.lang),
                shown,
                verdict(estimate, measured, session.lang),
            ]
        )
    if rows:
        names = ("estimate", "range", "actual", "verdict")
        table([session.t(f"plan.column.{name}") for name in names], rows)
    for key, value in sorted(manifest.actuals.items()):
        click.echo(f"  {key}: {number(value)}")


def actual(manifest: Manifest, key: str) -> float | None:
    """What the run measured for the estimate `key`, in the estimate's unit."""
    name, factor = ACTUAL_FOR.get(key, (key, 1.0))
    value = manifest.actuals.get(name)
    return None if value is None else value * factor


def verdict(estimate: Estimate, measured: float | None, lang: Language) -> str:
    """Whether the range held: inside, or how far the actual lies outside."""
    if measured is None:
        return "-"
    if estimate.low <= measured <= estimate.high:
        return t("estimate.verdict.inside", lang)
    end = estimate.high if measured > estimate.high else estimate.low
    side = "above" if measured > estimate.high else "below"
    percent = f"{abs(measured / end - 1):.0%}" if end else "-"
    return t(f"estimate.verdict.{side}", lang, percent=percent)


def span(estimate: Estimate, lang: Language) -> str:
    """Low – high (likely) and the unit, hours below two as minutes."""
    factor, unit = _scale(estimate.high, estimate.unit)
    low, likely, high = (
        number(value * factor) for value in (estimate.low, estimate.likely, estimate.high)
    )
    return f"{low} – {high} ({likely}) {_unit(unit, lang)}"


def amount(value: float, unit: str, lang: Language) -> str:
    """One measured value with its unit, hours below two as minutes."""
    factor, unit = _scale(value, unit)
    return f"{number(value * factor)} {_unit(unit, lang)}"


def _scale(high: float, unit: str) -> tuple[float, str]:
    return (60.0, "minutes") if unit == "hours" and high < 2 else (1.0, unit)


def _unit(unit: str, lang: Language) -> str:
    id_ = f"unit-name.{unit}"
    return t(id_, lang) if has_text(id_) else unit


def number(value: float) -> str:
    """A number with as many digits as a reader can use."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2g}" if abs(value) < 1 else f"{value:.1f}"


def _value(value: object) -> str:
    return "-" if value == "" else str(value)
