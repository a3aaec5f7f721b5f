"""The roads side by side over twelve months: building, answering, keeping up to date, people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from advisor.render import cells, columns, safe, wrap_ja
from advisor.types import Option

if TYPE_CHECKING:
    from advisor.session import Session
    from advisor.types import Estimate

PARTS = ("build_jpy", "month_jpy", "renewal_jpy", "cost_jpy", "people_jpy")
TABLE_FROM = 90
"""Narrower screens get a list of a road's parts under its name."""


def side_by_side(options: Iterable[Option]) -> list[Option]:
    """The first priced option of each approach, blocked or not, in the order of the ranking."""
    found: dict[str, Option] = {}
    for option in options:
        if "month_jpy" in option.estimates:
            found.setdefault(option.approach, option)
    return list(found.values())


def year_lines(options: Iterable[Option], session: Session, width: int | None = None) -> list[str]:
    """The table, likely values with their range; nothing where fewer than two roads are priced."""
    shown = side_by_side(options)
    if len(shown) < 2:
        return []
    width = columns() if width is None else width
    rows = [[_road(option, session), *_parts(option, session)] for option in shown]
    heads = [session.t("advice.column.road"), *(session.t(f"year.column.{p}") for p in PARTS)]
    lines = _table(heads, rows, width) if width >= TABLE_FROM else _list(heads, rows, width)
    title, note = (wrap_ja(session.t(f"year.{id_}"), width) for id_ in ("title", "note"))
    return [safe(line) for line in (*title.split("\n"), *lines, *note.split("\n"))]


def _road(option: Option, session: Session) -> str:
    name = session.t(f"advice.approach.{option.approach}")
    form = option.method or option.variant
    return f"{name} / {session.t(f'advice.form.{form}')}" if form else name


def _parts(option: Option, session: Session) -> list[str]:
    made = option.estimates
    cells_ = [_yen(made[part], session) if part in made else "-" for part in PARTS]
    often = made["renewals_per_year"].likely
    cells_[2] = session.t("year.renewals", n=f"{often:g}", each=cells_[2]) if often else "-"
    return cells_


def _yen(estimate: Estimate, session: Session) -> str:
    low, likely, high = (
        _short(value, session) for value in (estimate.low, estimate.likely, estimate.high)
    )
    return likely if low == high else f"{likely} ({low}–{high})"


def _short(value: float, session: Session) -> str:
    """Yen with the figures a reader can use: 120, 4,500 or 4.5k, 3.2万 or 32k, 1.2M."""
    for unit in ("large", "small"):
        size = float(session.t(f"year.{unit}.size"))
        if value >= size:
            figure = value / size
            digits = 0 if figure >= 10 else 1
            return f"{figure:,.{digits}f}{session.t(f'year.{unit}')}"
    return "<1" if 0 < value < 0.5 else f"{value:,.0f}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Columns as wide as they need to be; the road's name folds if the screen is too narrow."""
    table = [list(heads), *map(list, rows)]
    widths = [max(cells(row[i]) for row in table) for i in range(len(heads))]
    room = width - sum(widths[1:]) - 2 * len(widths)
    widths[0] = min(widths[0], max(room, 10))
    lines = []
    for row in table:
        first, *more = wrap_ja(row[0], widths[0]).split("\n")
        padded = [
            text + " " * (size - cells(text))
            for text, size in zip([first, *row[1:]], widths, strict=True)
        ]
        lines.append("  " + "  ".join(padded).rstrip())
        lines += [f"  {line}" for line in more]
    return lines


def _list(heads: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    lines = []
    column = max(map(cells, heads[1:]))
    for row in rows:
        lines += [f"  {line}" for line in wrap_ja(row[0], width - 2).split("\n")]
        for head, text in zip(heads[1:], row[1:], strict=True):
            lines.append(f"    {head}{' ' * (column - cells(head))}  {text}")
    return lines
