"""What the catalog knows of an embedder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from knowledge.catalog.loader import load


def record(id_: str) -> Any:
    """The catalog's record of an embedder, by id or by the name of its folder; None if unknown."""
    records = load("embedders")
    if id_ in records:
        return records[id_]
    last = Path(id_).name.lower()
    named = [r for key, r in records.items() if key.rsplit("/", 1)[-1].lower() == last]
    return named[0] if len(named) == 1 else None
