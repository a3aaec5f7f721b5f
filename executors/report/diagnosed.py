"""The diagnostics of a comparison as data: what they scored, and what that says of each road."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from executors.answering import asks_model
from executors.answering import quotes as is_quoted
from executors.compare.diagnostics import FOLDER, NAMES, Diagnosed, DiagnosticName
from executors.compare.roads import Road
from executors.evaluate.heldout import ANSWERS
from executors.evaluate.statistics import Interval


def diagnostics_document(
    diagnosed: Diagnosed, roads: Sequence[Road], folder: Path
) -> list[dict[str, Any]]:
    """Each diagnostic with its score, and beside the roads that it says something about.

    `beside` holds diagnostic minus road: of an oracle beside RAG, what the search loses; of
    closed-book beside a tuned road, what tuning has taught, with its sign turned.
    """
    return [
        {
            "name": name,
            "correct": _plain(one.figure(), "value"),
            "beside": {
                road.name: _plain(one.beside(road), "difference")
                for road in roads
                if _speaks_of(name, road)
            },
            "answers": (folder / FOLDER / name / ANSWERS).relative_to(folder).as_posix(),
        }
        for name in NAMES
        if (one := diagnosed.found.get(name)) is not None
    ]


def _speaks_of(name: DiagnosticName, road: Road) -> bool:
    """An oracle speaks of roads that answer as it does, closed-book of those a model answers."""
    if name == "oracle_quotation":
        return is_quoted(road.plan)
    return asks_model(road.plan)


def _plain(interval: Interval, value_name: str) -> dict[str, Any]:
    return {
        value_name: round(interval.value, 4),
        "low": round(interval.low, 4),
        "high": round(interval.high, 4),
        "n": interval.n,
    }
