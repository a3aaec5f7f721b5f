"""`okakae estimate`: memory, time and money of one training set-up, before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from advisor.errors import Fault, UsageError
from advisor.session import Session, okakae_command
from advisor.texts import t

if TYPE_CHECKING:
    from advisor.estimate import EstimateSettings, SetupEstimate
    from advisor.types import Estimate


@okakae_command("estimate")
@click.option("--model", required=True, metavar="ID|config.json", help=t("option.estimate.model"))
@click.option(
    "--method", default="qlora", metavar="full|lora|qlora", help=t("option.estimate.method")
)
@click.option("--seq-len", type=int, default=1024, help=t("option.estimate.seq-len"))
@click.option("--batch-size", type=int, default=4, help=t("option.estimate.batch-size"))
@click.option("--grad-accum", type=int, default=2, help=t("option.estimate.grad-accum"))
@click.option("--lora-rank", type=int, default=16, help=t("option.estimate.lora-rank"))
@click.option(
    "--targets",
    default="all-linear",
    metavar="all-linear|q_proj,v_proj,…",
    help=t("option.estimate.targets"),
)
@click.option(
    "--gradient-checkpointing/--no-gradient-checkpointing",
    default=True,
    help=t("option.estimate.checkpointing"),
)
@click.option("--optimizer", default="auto", help=t("option.estimate.optimizer"))
@click.option(
    "--attention", default="sdpa", metavar="sdpa|eager", help=t("option.estimate.attention")
)
@click.option("--loss", default="tiled", metavar="tiled|full", help=t("option.estimate.loss"))
@click.option("--examples", type=int, default=1000, help=t("option.estimate.examples"))
@click.option("--epochs", type=float, default=3.0, help=t("option.estimate.epochs"))
@click.option(
    "--tokens-per-example", type=int, default=None, help=t("option.estimate.tokens-per-example")
)
@click.option("--gpu", default=None, metavar="NAME", help=t("option.estimate.gpu"))
@click.option("--gpus", type=int, default=1, help=t("option.estimate.gpus"))
@click.option("--device", default="cuda", metavar="cuda|cpu", help=t("option.estimate.device"))
@click.option("--padded/--not-padded", default=None, help=t("option.estimate.padded"))
@click.option("--set", "sets", multiple=True, metavar="usd_jpy=155", help=t("option.set-rate"))
@click.option("--currency", default="JPY", metavar="JPY|USD|…", help=t("option.currency"))
def estimate(session: Session, sets: tuple[str, ...], currency: str, **given: Any) -> None:
    """Estimate one set-up; the other options are the fields of `EstimateSettings`."""
    from advisor.estimate import EstimateSettings

    code = currency.strip().upper()
    faults = _money_faults(sets, code)
    made = _estimated(EstimateSettings(**given), faults)

    def human() -> None:
        from advisor.estimate.page import show_estimate

        show_estimate(made, session, code)

    session.out(as_document(made), human)


def _money_faults(sets: tuple[str, ...], code: str) -> list[Fault]:
    """Take the rates that were said, and say what is wrong with them and with the currency."""
    from advisor import rates
    from knowledge.catalog.loader import did_you_mean, load

    said: dict[str, str] = {}
    faults = []
    for item in sets:
        id_, equals, value = (part.strip() for part in item.partition("="))
        if not equals or not id_:
            faults.append(Fault("set-form", item))
        elif rates.is_rate(id_):
            said[id_] = value
        else:
            near = ", ".join(did_you_mean(id_, load("rates"))) or ", ".join(load("rates"))
            faults.append(Fault("rate-unknown", "--set", (("rate", id_), ("near", near))))
    faults += rates.state(said.items())
    faults += rates.environment_faults()
    if code not in rates.currencies():
        known, id_ = ", ".join(rates.currencies()), f"{code.lower()}_jpy"
        values = (("code", code), ("known", known), ("rate", id_))
        faults.append(Fault("currency-without-rate", "--currency", values))
    return faults


def _estimated(settings: EstimateSettings, faults: list[Fault]) -> SetupEstimate:
    """The estimate; what is wrong with the money and with the set-up comes in one message.

    Raises:
        UsageError: with every fault.
    """
    from advisor.estimate import estimate as of

    ram_gib, cores = _machine() if settings.device == "cpu" else (None, 0)
    try:
        made = of(settings, ram_gib=ram_gib, **({"cores": cores} if cores else {}))
    except UsageError as error:
        if not faults:
            raise
        alone = Fault(error.ref, error.where or "--model", tuple(error.values.items()))
        told = error.faults or (alone,)
        faults = [*faults, *told]
    if faults:
        raise UsageError("estimate-impossible", faults=tuple(faults), n=len(faults))
    return made


def _machine() -> tuple[float, int]:
    """Main memory in GiB and processor cores of this machine."""
    from advisor.detect import machine

    found = machine()
    return found.ram_gib, found.cpu_cores


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
        "offers_without_price": [
            {"name": name, "missing": missing} for name, missing in made.offers_without_price
        ],
        "hosted_tuning": [
            {
                "name": hosted.name,
                "provider": hosted.provider,
                "usd_per_1m_tokens": hosted.usd_per_1m,
                "price_date": hosted.price_date,
                "price_old": hosted.price_old,
                "cost_jpy": _range(hosted.cost_jpy, 1),
                "note": hosted.note,
            }
            for hosted in made.hosted
        ],
        "people": {
            "data_hours": _range(made.work.data_hours, 1),
            "data_jpy": _range(made.work.data_jpy, 0),
            "evaluation_jpy": _range(made.work.evaluation_jpy, 0),
            "care_month_jpy": _range(made.work.operation_month_jpy, 0),
            "year_jpy": _range(made.work.year_jpy, 0),
        },
        "serving_month_jpy": {
            "own": _range(made.serving.own_jpy, 0),
            "rented": _range(made.serving.rented_jpy, 0) if made.serving.rented_jpy else None,
            "rented_offer": made.serving.rented_name or None,
        },
        "rates": {id_: _rate(id_) for id_ in RATES},
        "licence": _licence(made),
        "would_fit_if": {name: round(gib, 3) for name, gib in made.would_fit_if.items()},
    }


RATES = ("usd_jpy", "electricity_jpy_per_kwh", "labour_jpy_per_hour")
"""The rates that an estimate's yen hang on, shown with it."""


def _rate(id_: str) -> dict[str, Any]:
    from datetime import date

    from advisor.rates import rate
    from knowledge.catalog.age import is_old

    known = rate(id_)
    return {
        "low": known.low,
        "likely": known.likely,
        "high": known.high,
        "unit": known.unit,
        "date": known.date,
        "price_old": is_old(known, date.today()),
        "source": known.source,
    }


def _licence(made: SetupEstimate) -> dict[str, Any] | None:
    """What the model's licence asks in business, and its publisher before the download."""
    from knowledge.catalog.loader import find_model, load

    model = find_model(made.shapes.id)
    if model is None:
        return None
    parts = [part.strip() for part in model.licence.split(",")]
    known = load("licences")
    return {
        "ids": parts,
        "commercial": {part: known[part].commercial for part in parts if part in known},
        "gated": model.gated,
    }


def _range(estimate: Estimate, digits: int) -> dict[str, Any]:
    return {
        "low": round(estimate.low, digits),
        "likely": round(estimate.likely, digits),
        "high": round(estimate.high, digits),
        "unit": estimate.unit,
        "basis": estimate.basis,
    }
