"""`okakae evidence`: the advice put to published head-to-head studies, and how often it holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from advisor.session import Session, okakae_command

SHOWN_MISSES = 12


@okakae_command("evidence")
@click.option("--cases", type=click.Path(path_type=Path), default=None)
def evidence(session: Session, cases: Path | None) -> None:
    """Back-test the advice against published comparisons."""
    from advisor.backtest_report import report
    from advisor.cases_file import read_cases
    from advisor.validation import fitted

    found, notes = (fitted(), ()) if cases is None else read_cases(cases)
    for note in notes:
        session.say(f"evidence.note.{note.ref}", where=note.where, **dict(note.values))
    document = report(found)
    session.out(document, lambda: _show(document, session))


def _show(document: dict[str, Any], session: Session) -> None:
    from advisor.render import table

    t = session.t
    click.echo(t("evidence.title", cases=document["cases"], papers=document["papers"]))
    if document["papers_the_weights_rest_on"]:
        click.echo(t("evidence.seen", n=document["papers_the_weights_rest_on"]))
    names = ("adviser", "acceptable", "interval", "strict")
    rows = [
        _row(t("evidence.as-shipped"), document),
        _row(t("evidence.leave-one-paper-out"), document["leave_one_paper_out"]),
        _row(t("evidence.leave-one-goal-out"), document["leave_one_goal_out"]),
        *(
            _row(t(f"evidence.baseline.{name}"), figures)
            for name, figures in document["baselines_in_full"].items()
        ),
    ]
    table([t(f"evidence.column.{name}") for name in names], rows, numbers=(1, 2, 3))
    left = document["leave_one_paper_out"]
    errs, sure = left["where_folk_errs"], left["most_confident"]
    click.echo(t("evidence.folk-errs", n=errs["cases"], right=errs["right"]))
    click.echo(t("evidence.calibration", error=_percent(left["calibration_error"])))
    coverage, agreed = _percent(sure["coverage"]), _percent(sure["acceptable_per_case"])
    click.echo(t("evidence.confident", coverage=coverage, n=sure["cases"], agreed=agreed))
    for one in document["with_facts_unknown"]:
        chance, agreed = _percent(one["chance"]), _percent(one["acceptable_per_paper"])
        click.echo(t("evidence.unknown", chance=chance, agreed=agreed))
    click.echo(t("evidence.misses", n=len(document["misses"])))
    for miss in document["misses"][:SHOWN_MISSES]:
        right = ", ".join(t(f"advice.approach.{one}") for one in _named(miss["acceptable"]))
        said = t(f"advice.approach.{miss['said']}")
        click.echo(t("evidence.miss", id=miss["id"], said=said, right=right, why=miss["why"]))


def _named(acceptable: list[str]) -> list[str]:
    return [one for one in acceptable if one in ("prompting", "rag", "fine_tuning", "hybrid")]


def _row(name: str, figures: dict[str, Any]) -> list[str]:
    low, high = (_percent(end) for end in figures["interval_per_paper"])
    return [
        name,
        _percent(figures["acceptable_per_paper"]),
        f"{low} – {high}",
        _percent(figures["strict_per_paper"]),
    ]


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share * 100:.0f} %"
