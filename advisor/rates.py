"""What a dollar, a kilowatt-hour, an hour of work costs: what the user says, else the catalog.

`--set usd_jpy=155` is stronger than the variable `OKAKAE_USD_JPY`, and that than the catalog with
the company's own rates.toml over it. A rate said today is a single number of today's date.
"""

from __future__ import annotations

import functools
import math
import os
import re
from collections.abc import Iterable, Mapping
from datetime import date

from advisor.errors import Fault
from knowledge.catalog.loader import load
from knowledge.catalog.records import Rate, Scalar

LARGEST = 1e9
_CURRENCY = re.compile(r"([a-z]{3})_jpy")
_said: dict[str, Rate] = {}


def is_rate(id_: str) -> bool:
    """Whether `id_` names a rate of the catalog, or any currency's price in yen."""
    return id_ in load("rates") or _CURRENCY.fullmatch(id_) is not None


def state(values: Iterable[tuple[str, Scalar]]) -> list[Fault]:
    """Take these rates instead of the catalog's; what was stated before is forgotten.

    Returns:
        The faults; a wrong value is left out.
    """
    _said.clear()
    faults = []
    for id_, value in values:
        if isinstance(made := _stated(id_, value, "--set"), Rate):
            _said[id_] = made
        else:
            faults.append(made)
    return faults


def rate(id_: str) -> Rate:
    """The rate in force.

    Raises:
        KeyError: neither the user nor the catalog knows it.
    """
    if id_ in _said:
        return _said[id_]
    name = f"OKAKAE_{id_.upper()}"
    made = _from_environment(id_, os.environ[name]) if name in os.environ else None
    return made or load("rates")[id_]


def environment_faults() -> list[Fault]:
    """Variables that name a rate and hold no usable number."""
    found = []
    for id_ in load("rates"):
        name = f"OKAKAE_{id_.upper()}"
        if (given := os.environ.get(name)) and isinstance(made := _stated(id_, given, name), Fault):
            found.append(made)
    return found


def currency(code: str) -> Rate | None:
    """Yen for one unit of a currency; None where nobody said it."""
    try:
        return rate(f"{code.lower()}_jpy")
    except KeyError:
        return None


def currencies() -> tuple[str, ...]:
    """Codes that money can be shown in."""
    ids: Mapping[str, object] = {**load("rates"), **_said}
    codes = (match[1].upper() for id_ in ids if (match := _CURRENCY.fullmatch(id_)))
    return ("JPY", *codes)


@functools.lru_cache(maxsize=64)
def _from_environment(id_: str, given: str) -> Rate | None:
    made = _stated(id_, given, f"OKAKAE_{id_.upper()}")
    return made if isinstance(made, Rate) else None


def _stated(id_: str, value: Scalar, where: str) -> Rate | Fault:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not 0 < number <= LARGEST:  # false for NaN
        values = (("value", value), ("rate", id_))
        return Fault("rate-wrong", f"{where} {id_}" if where == "--set" else where, values)
    known = load("rates").get(id_)
    unit = known.unit if known else f"JPY per {id_[:3].upper()}"
    today = date.today().isoformat()
    return Rate(id_, f"said by {where}", today, number, number, number, unit, "stated")
