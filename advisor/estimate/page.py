"""An estimate as one page on a terminal: does it fit, what dominates, what would make it fit."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from advisor.estimate import SetupEstimate
    from advisor.session import Session
    from advisor.types import Estimate

OFFERS_SHOWN = 5
BAR = 24


def show_estimate(made: SetupEstimate, session: Session) -> None:
    """Print the page to stdout in the session's language."""
    import click

    click.echo("\n".join(page(made, session)))


def page(made: SetupEstimate, session: Session) -> list[str]:
    """The lines of the page."""
    lines = [*_head(made, session), *_cards(made, session), *_terms(made, session)]
    if not made.fits or not all(fit.fits for fit in made.fits[:1]) or made.settings.gpu is None:
        lines += _savings(made, session)
    return [
        *lines,
        *_time_and_money(made, session),
        "",
        session.t("estimate.note.people-cost-more"),
    ]


def _head(made: SetupEstimate, session: Session) -> list[str]:
    settings, memory = made.settings, made.memory
    where = "estimate.ram" if settings.device == "cpu" else "estimate.vram"
    lines = [
        session.t(
            "estimate.title",
            model=made.shapes.id,
            params=f"{made.shapes.params / 1e9:.2f}",
            method=settings.method,
        ),
        session.t(
            "estimate.setup",
            seq_len=settings.seq_len,
            batch=settings.batch_size,
            examples=settings.examples,
            epochs=f"{settings.epochs:g}",
        ),
        "",
        session.t(where, range=_span(memory.estimate, 1)),
        session.t(
            "estimate.counters",
            allocated=f"{memory.allocated:.1f}",
            reserved=f"{memory.reserved:.1f}",
            device=f"{memory.device:.1f}",
        ),
    ]
    lines += _measured(made, session)
    if not made.shapes.counted:
        lines.append(session.t("estimate.note.uncounted", architecture=made.shapes.model_type))
    return lines


def _measured(made: SetupEstimate, session: Session) -> list[str]:
    """Where the range comes from when it is not the formula alone."""
    probe = made.probe
    if probe is None:
        return [session.t("estimate.note.own-runs", n=made.own_runs)] if made.own_runs else []
    if probe.out_of_memory:
        capacity = f"{probe.capacity_gib:.1f}"
        return [session.t("estimate.note.probe-too-big", date=probe.date, capacity=capacity)]
    return [
        session.t(
            "estimate.note.probe",
            date=probe.date,
            tokens=probe.seq_len,
            seconds=f"{probe.seconds_per_step:.1f}",
            formula=_span(made.formula, 1),
        )
    ]


def _cards(made: SetupEstimate, session: Session) -> list[str]:
    if not made.fits:
        return []
    lines = ["", session.t("estimate.heading.fits")]
    named = made.settings.gpu is not None or made.settings.device == "cpu"
    shown = list(made.fits[:1] if named else [])
    seen = {fit.usable_gib for fit in shown}
    for fit in made.fits[len(shown) :]:
        if fit.runs and fit.usable_gib not in seen:  # one card of a size is enough on a page
            seen.add(fit.usable_gib)
            shown.append(fit)
    width = max(len(fit.gpu) for fit in shown)
    for fit in shown:
        verdict = "estimate.fits.yes" if fit.fits else "estimate.fits.no"
        if not fit.runs:
            verdict = "estimate.fits.unsupported"
        elif not fit.fits and made.memory.device <= fit.usable_gib:
            verdict = "estimate.fits.tight"
        words = session.t(verdict, margin=f"{abs(fit.margin_gib):.1f}")
        lines.append(f"  {fit.gpu:<{width}}  {fit.usable_gib:6.1f} GiB  {words}")
    return lines


def _terms(made: SetupEstimate, session: Session) -> list[str]:
    memory = made.memory
    sums: dict[str, float] = defaultdict(float)
    for term in memory.estimate.terms:
        if term.phase in ("all", memory.phase):
            sums[term.name] += term.value
    total = sum(sums.values())
    phase = session.t(f"estimate.phase.{memory.phase}")
    lines = ["", session.t("estimate.heading.terms", phase=phase)]
    for name, gib in sorted(sums.items(), key=lambda item: -item[1]):
        share = gib / total
        bar = "█" * max(1, round(share * BAR))
        label = session.t(f"estimate.term.{name}")
        lines.append(f"  {gib:7.2f} GiB {share * 100:4.0f}%  {bar:<{BAR}}  {label}")
    return lines


def _savings(made: SetupEstimate, session: Session) -> list[str]:
    if not made.would_fit_if:
        return []
    lines = ["", session.t("estimate.heading.savings")]
    for name, gib in made.would_fit_if.items():
        text = session.t(f"estimate.saving.{name}", gib=f"{gib:.1f}")
        lines.append(f"  - {text}")
    return lines


def _time_and_money(made: SetupEstimate, session: Session) -> list[str]:
    lines = ["", session.t("estimate.heading.money")]
    # Hours on a card that cannot hold it would only mislead.
    holds = made.settings.gpu is None or made.fits[0].fits
    if made.hours is not None and holds:
        span = _span(made.hours, 1 if made.hours.likely >= 1 else 2)
        lines.append("  " + session.t("estimate.hours", range=span, where=made.hours_on))
    if made.own_electricity_jpy is not None and holds:
        yen = _yen(made.own_electricity_jpy)
        lines.append("  " + session.t("estimate.electricity", range=yen))
    for offer in made.offers[:OFFERS_SHOWN]:
        lines.append(
            "  "
            + session.t(
                "estimate.offer",
                name=offer.name,
                gpu=offer.gpu,
                range=_yen(offer.cost_jpy),
                hours=_span(offer.hours, 1),
                usd=f"{offer.usd_per_hour:.2f}",
                date=offer.price_date,
            )
        )
        lines += [f"      {session.t(note)}" for note in offer.notes]
    if made.settings.device != "cpu" and not made.offers:
        lines.append("  " + session.t("estimate.no-offer"))
    return lines


def _span(estimate: Estimate, digits: int) -> str:
    low, likely, high = (
        f"{value:.{digits}f}" for value in (estimate.low, estimate.likely, estimate.high)
    )
    return f"{low}–{high} ({likely})"


def _yen(estimate: Estimate) -> str:
    low, likely, high = (
        f"{round(value):,}" for value in (estimate.low, estimate.likely, estimate.high)
    )
    return f"{low}–{high} ({likely})"
