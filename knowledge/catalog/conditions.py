"""What can be wrong with a structured condition, told without evaluating it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Facts = Mapping[str, "tuple[Any, ...] | str"]
"""Fact → its possible values, or `number` or `text` where they cannot be listed."""

COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge", "known")

Fault = tuple[str, Mapping[str, Any]]


def faults_of(when: Mapping[str, Any], facts: Facts) -> Iterator[Fault]:
    """Every way in which `when` names what cannot be, or can never be met."""
    for name, wanted in when.items():
        domain = facts.get(name)
        if domain is None:
            yield "no-fact", {"fact": name}
        elif isinstance(wanted, Mapping):
            yield from _comparison_faults(name, wanted, domain)
        else:
            values = wanted if isinstance(wanted, list | tuple) else (wanted,)
            if not values:
                yield "never", {"fact": name}
            for value in values:
                if not _possible(value, domain):
                    yield "no-value", {"fact": name, "value": value}


def _comparison_faults(
    name: str, wanted: Mapping[str, Any], domain: tuple[Any, ...] | str
) -> Iterator[Fault]:
    for comparison, bound in wanted.items():
        if comparison not in COMPARISONS:
            yield "no-comparison", {"fact": name, "comparison": comparison}
        elif comparison == "known":
            if not isinstance(bound, bool):
                yield "no-value", {"fact": name, "value": bound}
        elif not _possible(bound, domain):
            yield "no-value", {"fact": name, "value": bound}
    if _never(wanted):
        yield "never", {"fact": name}


def _possible(value: Any, domain: tuple[Any, ...] | str) -> bool:
    if domain == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if domain == "text":
        return isinstance(value, str)
    return any(value == one and type(value) is type(one) for one in domain)


def _never(wanted: Mapping[str, Any]) -> bool:
    """Whether the bounds leave nothing between them, or an unknown fact is compared."""
    comparisons = {name: bound for name, bound in wanted.items() if name in COMPARISONS}
    if comparisons.get("known") is False and len(comparisons) > 1:
        return True
    numbers = {
        name: float(bound)
        for name, bound in comparisons.items()
        if isinstance(bound, int | float) and not isinstance(bound, bool)
    }
    low = max((numbers[name] for name in ("ge", "gt", "eq") if name in numbers), default=None)
    high = min((numbers[name] for name in ("le", "lt", "eq") if name in numbers), default=None)
    if low is None or high is None or low < high:
        return False
    touching = low == high and not (
        numbers.get("gt") == low or numbers.get("lt") == high or numbers.get("ne") == low
    )
    return not touching
