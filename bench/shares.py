"""A share of yes among yes and no, with its 95 % interval, as result files carry it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from executors.evaluate.statistics import wilson


def share(values: Sequence[bool]) -> dict[str, Any]:
    """Value, Wilson's interval and n; no value for no questions."""
    if not values:
        return {"value": None, "n": 0}
    value = sum(values) / len(values)
    low, high = wilson(value, len(values))
    return {
        "value": round(value, 4),
        "low": round(low, 4),
        "high": round(high, 4),
        "n": len(values),
    }
