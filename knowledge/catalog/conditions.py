"""What can be wrong with a structured condition, and facts that meet it where nothing is."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

Facts = Mapping[str, "tuple[Any, ...] | str"]
"""Fact → its possible values, or `number` or `text` where they cannot be listed."""

COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
}
COMPARISONS = (*COMPARE, "known")

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


def witness(whens: Iterable[Mapping[str, Any]], facts: Facts) -> dict[str, Any] | None:
    """Facts that meet all of these conditions at once; None where there are none.

    A fact that must be unknown stands in it as None.
    """
    wanted: dict[str, list[Any]] = {}
    for when in whens:
        for name, part in when.items():
            wanted.setdefault(name, []).append(part)
    found: dict[str, Any] = {}
    for name, parts in wanted.items():
        values = [value for value in _candidates(parts, facts.get(name)) if _meets(value, parts)]
        if not values:
            return None
        found[name] = values[0]
    return found


def _candidates(parts: list[Any], domain: tuple[Any, ...] | str | None) -> list[Any]:
    """Values worth trying: the whole domain, or the bounds named and what lies around them."""
    if isinstance(domain, tuple):
        return [*domain, None]
    tried: list[Any] = []
    for part in parts:
        bounds = part.values() if isinstance(part, Mapping) else _listed(part)
        for bound in bounds:
            number = isinstance(bound, int | float) and not isinstance(bound, bool)
            tried += [bound, bound - 1, bound + 1, bound * 0.999, bound * 1.001] if number else []
            tried += [bound] if isinstance(bound, str) else []
    between = [(a + b) / 2 for a in tried for b in tried if isinstance(a, int | float)]
    return [*tried, *(between if domain == "number" else []), 0, "text", None]


def _listed(part: Any) -> Iterable[Any]:
    return part if isinstance(part, list | tuple) else (part,)


def _meets(value: Any, parts: list[Any]) -> bool:
    return all(_met(value, part) for part in parts)


def _met(value: Any, part: Any) -> bool:
    if not isinstance(part, Mapping):
        return value is not None and any(
            value == one and type(value) is type(one) for one in _listed(part)
        )
    for name, bound in part.items():
        if name == "known":
            if (value is not None) is not bound:
                return False
        elif not isinstance(value, int | float) or not COMPARE[name](value, bound):
            return False
    return True
