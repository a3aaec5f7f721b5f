"""What a training cost elsewhere, as the report shows it: the light, its reason and a table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from executors.evaluate.forgetting import named, words_of
from executors.report.view import View

FILE = "forgetting.json"


@dataclass(frozen=True, slots=True)
class Shown:
    """One road's forgetting in the reader's language."""

    road: str
    light: str
    """green, yellow, red or none: the name of a style."""
    says: str
    explained: str
    replayed: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


def read_forgetting(artifacts: Path) -> dict[str, Any] | None:
    """What the probe found in a run, without its single items; None where none was asked."""
    path = artifacts / FILE
    if not path.is_file():
        return None
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    del found["items"]
    return found


def shown(view: View) -> list[Shown]:
    """The roads that were probed, in the report's order."""
    return [_shown(road, view) for road in view.roads if road.get("forgetting")]


def _shown(road: Mapping[str, Any], view: View) -> Shown:
    found = road["forgetting"]
    columns = ("measure", "language", "n", "before", "after", "change", "light")
    words = [words_of(part, view.lang) for part in found["parts"]]
    replay = found["replay"]
    replayed = view.t("forgetting.not-replayed")
    if replay.get("rows"):
        share = f"{replay['share']:.0%}"
        replayed = view.t("forgetting.replayed", n=replay["rows"], share=share)
    return Shown(
        road=view.word("road", road["name"]),
        light=named(found["light"]),
        says=view.t(f"forgetting.light.{named(found['light'])}", **found["bounds"]),
        explained=view.t("forgetting.explained", **found["bounds"]),
        replayed=replayed,
        header=[view.t(f"forgetting.column.{name}") for name in columns],
        rows=[[word[name] for name in columns] for word in words],
    )
