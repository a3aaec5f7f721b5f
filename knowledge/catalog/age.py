"""How old a record is, so that an old price is never shown as if it were today's."""

from __future__ import annotations

import functools
import re
from datetime import date
from typing import Protocol

OLD_PRICE_DAYS = 90
PRICED = ("offers", "apis", "subscriptions", "rates")
"""Kinds whose records go out of date by themselves."""

_DATE = re.compile(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?")


class Dated(Protocol):
    """Anything with the day it was true."""

    @property
    def date(self) -> str: ...


@functools.lru_cache(maxsize=1024)
def day_of(text: str) -> date | None:
    """The day of `2026-11-23`; the first of the period for `2026-11` and `2026`."""
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    try:
        return date(int(match[1]), int(match[2] or 1), int(match[3] or 1))
    except ValueError:
        return None


def age_days(record: Dated, today: date) -> int | None:
    """Days since the record was true, at most; None if its date cannot be read."""
    day = day_of(record.date)
    return None if day is None else (today - day).days


def is_old(record: Dated, today: date) -> bool:
    """Whether a price of this date needs a word of warning beside it."""
    days = age_days(record, today)
    return days is None or days > OLD_PRICE_DAYS
