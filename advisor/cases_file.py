"""Reads a file of published comparisons (`cases:`) as JSON, TOML or YAML, whoever wrote it.

What is missing or new in a case is taken as unknown and noted; a case without an outcome is asked
about but not counted. What leaves nothing to ask is a fault; all faults of a file come at once.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from advisor.coding import a_priori
from advisor.errors import Fault, UsageError
from advisor.evidence import APPROACHES, UNREAD_WEIGHT, Case, Outcome, Question
from knowledge.catalog.loader import load

Notes = tuple[Fault, ...]


def read_cases(path: Path) -> tuple[tuple[Case, ...], Notes]:
    """The cases that compare approaches, and what had to be taken as unknown.

    Raises:
        UsageError: there is no such file, it is not of the form, or no case compares approaches.
    """
    if not path.is_file():
        raise UsageError("path-missing", where=str(path), path=str(path))
    try:
        document = _parsed(path, path.read_text(encoding="utf-8-sig"))
    except (ValueError, OSError) as error:
        raise UsageError("cases-unreadable", where=str(path), why=str(error)) from None
    rows = document.get("cases") if isinstance(document, Mapping) else document
    if not isinstance(rows, list) or not rows:
        raise UsageError("cases-missing", where=str(path))
    cases: list[Case] = []
    faults: list[Fault] = []
    notes: list[Fault] = []
    for number, row in enumerate(rows, start=1):
        _read(row, number, cases, faults, notes)
    if faults:
        raise UsageError("cases-wrong", where=str(path), faults=tuple(faults), n=len(faults))
    if not cases:
        raise UsageError("cases-none-compare", where=str(path))
    return tuple(cases), tuple(notes)


def _parsed(path: Path, text: str) -> Any:
    if path.suffix == ".json":
        return json.loads(text)
    if path.suffix == ".toml":
        return tomllib.loads(text)
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None


def _read(
    row: Any, number: int, cases: list[Case], faults: list[Fault], notes: list[Fault]
) -> None:
    if not isinstance(row, Mapping):
        faults.append(Fault("case-not-a-table", f"#{number}"))
        return
    id_ = str(row.get("id") or f"#{number}")
    if row.get("decision", "approach") != "approach":
        return
    known = row.get("a_priori")
    if not isinstance(known, Mapping):
        notes.append(Fault("case-without", id_, (("field", "a_priori"),)))
        known = {}
    compared = _names(row.get("option_classes"))
    classes = tuple(name for name in compared if name in APPROACHES)
    notes += [
        Fault("case-option", id_, (("value", name),)) for name in compared if name not in classes
    ]
    acceptable = _names(row.get("acceptable"))
    winner = str(row.get("winner") or (acceptable[0] if len(acceptable) == 1 else "tie"))
    if not classes:
        faults.append(Fault("case-without", id_, (("field", "option_classes"),)))
    if not acceptable:
        notes.append(Fault("case-uncounted", id_))
    seen, unknown = a_priori(known)
    notes += [Fault(note.ref, f"{id_}: {note.where}", note.values) for note in unknown]
    goals = load("questions")["goal"].choices
    if seen.goal is not None and seen.goal not in goals:
        notes.append(Fault("case-value", f"{id_}: goal", (("value", seen.goal),)))
    weight = UNREAD_WEIGHT if row.get("scores_read") is False else 1.0
    weight = weight if acceptable else 0.0
    cases.append(
        Case(
            id_,
            str(row.get("paper") or id_),
            _year(row.get("citation")),
            Question(seen, classes),
            Outcome(acceptable, winner, weight),
        )
    )


def _names(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(str(one) for one in value) if isinstance(value, list | tuple) else ()


def _year(citation: Any) -> int | None:
    year = citation.get("year") if isinstance(citation, Mapping) else None
    return year if isinstance(year, int) else None
