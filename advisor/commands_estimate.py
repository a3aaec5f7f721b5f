"""`okakae estimate`: memory, time and money of one training set-up, before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from advisor.session import Session, okakae_command

if TYPE_CHECKING:
    from advisor.estimate import SetupEstimate
    from advisor.estimate.own_runs import OwnRun
    from advisor.types import Estimate


@okakae_command("estimate")
@click.option("--model", required=True, metavar="ID|config.json")
@click.option("--method", default="qlora", metavar="full|lora|qlora")
@click.option("--seq-len", type=int, default=1024)
@click.option("--batch-size", type=int, default=4)
@click.option("--grad-accum", type=int, default=2)
@click.option("--lora-rank", type=int, default=16)
@click.option("--targets", default="all-linear", metavar="all-linear|q_proj,v_proj,…")
@click.option("--gradient-checkpointing/--no-gradient-checkpointing", default=True)
@click.option("--optimizer", default="auto")
@click.option("--attention", default="sdpa", metavar="sdpa|eager")
@click.option("--loss", default="tiled", metavar="tiled|full")
@click.option("--examples", type=int, default=1000)
@click.option("--epochs", type=float, default=3.0)
@click.option("--tokens-per-example", type=int, default=None)
@click.option("--gpu", default=None, metavar="NAME")
@click.option("--gpus", type=int, default=1)
@click.option("--device", default="cuda", metavar="cuda|cpu")
@click.option("--padded/--not-padded", default=None)
@click.option("--probe", is_flag=True)
@click.option("--answers", type=click.Path(path_type=Path), default=None)
@click.option("--data", type=click.Path(path_type=Path), default=None)
def estimate(
    session: Session, probe: bool, answers: Path | None, data: Path | None, **given: Any
) -> None:
    """Estimate one set-up; the options are the fields of `EstimateSettings`."""
    from advisor.estimate import EstimateSettings
    from advisor.estimate import estimate as of

    settings, measured = EstimateSettings(**given), None
    if probe or answers or data:
        from advisor.estimate.probing import measure

        settings, measured = measure(session, settings, probe, answers, data, _named())
    ram_gib = _ram_gib() if settings.device == "cpu" else None
    digest = measured.data if measured else ""
    made = of(settings, ram_gib=ram_gib, data=digest, probe=measured)
    if measured is not None and measured.out_of_memory:
        from advisor.estimate.probing import too_big

        raise too_big(made, session)
    _tell_refused(session)

    def human() -> None:
        from advisor.estimate.page import show_estimate

        show_estimate(made, session)

    session.out(as_document(made), human)


def _named() -> frozenset[str]:
    """The fields of the set-up that stand on the command line, as against defaults."""
    context = click.get_current_context()
    return frozenset(
        name
        for name in context.params
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    )


def _tell_refused(session: Session) -> None:
    """Name the lines of the user's own measurements that cannot be used."""
    from advisor.estimate.own_runs import own_runs_file, read

    for refused in read()[1]:
        session.say(
            "estimate.note.record-refused",
            path=own_runs_file(),
            line=refused.line,
            why=refused.why,
        )


def _ram_gib() -> float:
    """Main memory of this machine."""
    from advisor.detect import machine

    return machine().ram_gib


def as_document(made: SetupEstimate) -> dict[str, Any]:
    """The contract's document of one estimate."""
    from dataclasses import asdict

    memory = made.memory
    settings = {
        **asdict(made.settings),
        "model": made.shapes.id if not Path(made.settings.model).exists() else made.settings.model,
        "optimizer": made.settings.resolved_optimizer,
        "lora_dropout": made.settings.dropout,
        "padded": made.settings.masked,
    }
    return {
        "schema_version": 1,
        "settings": settings,
        "vram_gib": {
            **_range(memory.estimate, 3),
            "allocated": round(memory.allocated, 3),
            "reserved": round(memory.reserved, 3),
            "device": round(memory.device, 3),
            "peak_phase": memory.phase,
            "phases": {name: round(gib, 3) for name, gib in memory.phases.items()},
            "terms": [
                {"name": term.name, "gib": round(term.value, 4), "phase": term.phase}
                for term in memory.estimate.terms
            ],
        },
        "fits": [
            {
                "gpu": fit.gpu,
                "usable_gib": fit.usable_gib,
                "fits": fit.fits,
                "margin_gib": round(fit.margin_gib, 3),
            }
            for fit in made.fits
        ],
        "hours": None if made.hours is None else {**_range(made.hours, 4), "on": made.hours_on},
        "own_electricity_jpy": _range(made.own_electricity_jpy, 1)
        if made.own_electricity_jpy
        else None,
        "offers": [
            {
                "name": offer.name,
                "platform": offer.platform,
                "gpu": offer.gpu,
                "kind": offer.kind,
                "usd_per_hour": offer.usd_per_hour,
                "price_date": offer.price_date,
                "price_old": offer.price_old,
                "sends_data_out": offer.sends_data_out,
                "hours": _range(offer.hours, 4),
                "cost_jpy": _range(offer.cost_jpy, 1),
                "notes": list(offer.notes),
            }
            for offer in made.offers
        ],
        "would_fit_if": {name: round(gib, 3) for name, gib in made.would_fit_if.items()},
        "probe": None if made.probe is None else _probe(made.probe, made.formula),
        "own_runs": made.own_runs,
    }


def _probe(probe: OwnRun, formula: Estimate) -> dict[str, Any]:
    """What was measured, beside what the formula says."""
    return {
        "date": probe.date,
        "machine": probe.machine,
        "gpu": probe.gpu or None,
        "seq_len": probe.seq_len,
        "data": probe.data or None,
        "precision": probe.precision,
        "out_of_memory": probe.out_of_memory,
        "peaks_gib": dict(probe.peaks),
        "allocated_by_phase_gib": dict(probe.phases),
        "seconds_per_step": probe.seconds_per_step,
        "tokens_per_s": probe.tokens_per_s,
        "versions": dict(probe.versions),
        "formula": _range(formula, 3),
    }


def _range(estimate: Estimate, digits: int) -> dict[str, Any]:
    return {
        "low": round(estimate.low, digits),
        "likely": round(estimate.likely, digits),
        "high": round(estimate.high, digits),
        "unit": estimate.unit,
        "basis": estimate.basis,
    }
