"""The rows as a model sees them, on a terminal: trained tokens marked, lengths as bars."""

from __future__ import annotations

from collections.abc import Sequence

import click

from advisor.inspect_as import Piece, RowsSeen
from advisor.session import Session

_BARS = 8
_WIDEST = 30
# Where colour is not to be had; signs that no prompt template uses.
_OPEN, _CLOSE = "⟦", "⟧"


def show(seen: RowsSeen, session: Session) -> None:
    """Every line that decides whether these rows may be trained on."""
    click.echo(f"\n{session.t('inspect-as.title', model=seen.model)}")
    for id_, parts in seen.shown:
        click.echo(session.t("inspect-as.row", id=id_))
        _row(parts, session)
    values = {
        **{"longest": max(seen.lengths, default=0), "seq_len": seen.seq_len, "basis": seen.basis},
        **{"p50": seen.percentile(0.5), "p95": seen.percentile(0.95), "rows": seen.rows},
        **{"context": seen.context or "-", "cut": seen.cut},
    }
    click.echo(session.t("inspect-as.lengths", **values))
    _histogram(seen)
    click.echo(session.t("inspect-as.cut", **values))
    if seen.missing is not None:
        click.echo(session.t("inspect-as.not-at-hand", **values))
    elif not seen.faults:
        click.echo(session.t("inspect-as.good"))


def _row(parts: Sequence[Piece], session: Session) -> None:
    from rich.console import Console
    from rich.text import Text

    from advisor.render import ascii_only, safe

    console = Console(highlight=False, no_color=session.plain or None)
    if session.plain or not console.is_terminal or console.no_color:
        marks = ("[[", "]]") if ascii_only(None) else (_OPEN, _CLOSE)
        text = "".join(f"{marks[0]}{t}{marks[1]}" if trained else t for t, trained in parts)
        click.echo("\n".join(f"    {line}" for line in safe(text).split("\n")))
        return
    row = Text()
    for piece, trained in parts:
        row.append(piece, "green" if trained else "dim")
    console.print(row)


def _histogram(seen: RowsSeen) -> None:
    """How many rows of which length, in equal steps up to the longest."""
    from advisor.render import ascii_only

    if not seen.lengths:
        return
    step = max(1, -(-max(seen.lengths) // _BARS))
    counts = [0] * _BARS
    for length in seen.lengths:
        counts[min(_BARS - 1, (length - 1) // step)] += 1
    mark = "#" if ascii_only(None) else "█"
    for number, count in enumerate(counts):
        bar = mark * -(-count * _WIDEST // max(counts))
        click.echo(f"    {number * step + 1:>6,} - {(number + 1) * step:>6,} {bar} {count:,}")
