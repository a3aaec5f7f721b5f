"""One estimate as the JSON document of `okakae estimate --json`: the contract's fields, rounded."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advisor.rates import rate
from knowledge.catalog.age import is_old
from knowledge.catalog.loader import find_model, load

if TYPE_CHECKING:
    from advisor.estimate import SetupEstimate
    from advisor.estimate.own_runs import OwnRun
    from advisor.types import Estimate

RATES = ("usd_jpy", "electricity_jpy_per_kwh", "labour_jpy_per_hour")
"""The rates that an estimate's yen hang on, shown with it."""


def as_document(made: SetupEstimate) -> dict[str, Any]:
    """The contract's document of one estimate."""
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


def _rate(id_: str) -> dict[str, Any]:
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
