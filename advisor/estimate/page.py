"""An estimate as one page for a manager: does it fit, what fills it, what helps, what it costs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from advisor.base_model import commercial
from advisor.rates import currency, rate
from advisor.render import cells, columns, safe, wrap_ja
from advisor.texts import has_text
from knowledge.catalog.loader import find_model

if TYPE_CHECKING:
    from advisor.estimate import SetupEstimate
    from advisor.estimate.offers import Fit, OfferCost
    from advisor.session import Session
    from advisor.types import Estimate

CARDS_SHOWN, TERMS_SHOWN, OFFERS_SHOWN, SAVINGS_SHOWN = 5, 4, 4, 3
SHORT_OF_ROOM = 3
"""Offers shown where each takes two lines."""
BAR = 20
WIDE = 84
"""From this many cells on there is room for a longer bar."""


def show_estimate(made: SetupEstimate, session: Session, code: str = "JPY") -> None:
    """Print the page to stdout in the session's language, money in the currency `code`."""
    import click

    click.echo("\n".join(page(made, session, width=columns(), code=code)))


def page(made: SetupEstimate, session: Session, *, width: int = 80, code: str = "JPY") -> list[str]:
    """The lines of the page, none wider than `width` cells."""
    made_page = _Page(made, session, width, code)
    blocks = (
        made_page.head(),
        made_page.cards(),
        made_page.terms(),
        made_page.savings(),
        made_page.money(),
        [*made_page.beside(), *made_page.notes()],
    )
    lines: list[str] = []
    for block in blocks:
        if block:
            lines += ["", *block] if lines else block
    return [safe(line) for line in lines]


class _Page:
    def __init__(self, made: SetupEstimate, session: Session, width: int, code: str) -> None:
        self.made, self.width, self.code = made, width, code
        self.t = session.t

    def head(self) -> list[str]:
        made, settings = self.made, self.made.settings
        where = "estimate.ram" if settings.device == "cpu" else "estimate.vram"
        lines = self._say(
            "estimate.title",
            model=made.shapes.id,
            params=f"{made.shapes.params / 1e9:.2f}",
            method=self.t(f"method.{settings.method}.name"),
        )
        lines += self._say(
            "estimate.setup.pairs" if settings.method == "encoder" else "estimate.setup",
            seq_len=f"{settings.seq_len:,}",
            batch=settings.batch_size,
            examples=f"{settings.examples:,}",
            epochs=f"{settings.epochs:g}",
        )
        if settings.gpus > 1:
            lines += self._say(f"estimate.cards.{settings.sharding}", n=settings.gpus)
        lines += self._licence()
        lines += self._verdict()
        lines += self._say(
            where,
            range=self._span(made.memory.estimate, 1, "GiB"),
            allocated=f"{made.memory.allocated:.1f}",
            reserved=f"{made.memory.reserved:.1f}",
        )
        lines += self._measured()
        if not made.shapes.counted:
            lines += self._say("estimate.note.uncounted", architecture=made.shapes.model_type)
        return lines

    def _measured(self) -> list[str]:
        """Where the range comes from when it is not the formula alone."""
        probe, runs = self.made.probe, self.made.own_runs
        if probe is None:
            return self._say("estimate.note.own-runs", n=runs) if runs else []
        if probe.out_of_memory:
            capacity = f"{probe.capacity_gib:.1f}"
            return self._say("estimate.note.probe-too-big", date=probe.date, capacity=capacity)
        return self._say(
            "estimate.note.probe",
            date=probe.date,
            tokens=f"{probe.seq_len:,}",
            seconds=f"{probe.seconds_per_step:.1f}",
            formula=self._span(self.made.formula, 1, "GiB"),
        )

    def _licence(self) -> list[str]:
        model = find_model(self.made.shapes.id)
        if model is None:
            return []
        parts = [part.strip() for part in model.licence.split(",")]
        names = ", ".join(self.t(f"licence.{part}.name") for part in parts)
        text = f"estimate.licence.{commercial(model)}"
        lines = self._say(text, name=names, id=parts[0])
        if model.gated in ("licence", "contact"):
            where = f"https://huggingface.co/{model.hub_id or model.id}"
            lines += self._say(f"gate.{model.gated}", where=where)
        return lines

    def _verdict(self) -> list[str]:
        """The answer in one sentence, before any table."""
        made = self.made
        named = made.fits[0] if made.fits and self._named() else None
        if named is not None:
            margin = f"{abs(named.margin_gib):.1f}"
            card = self._place(named.gpu)
            return self._say(self._fit_text(named, "verdict"), gpu=card, margin=margin)
        smallest = next((fit for fit in made.fits if fit.fits), None)
        if smallest is None:
            return self._say("estimate.verdict.none") if made.fits else []
        return self._say(
            "estimate.verdict.from", gpu=smallest.gpu, gib=f"{smallest.usable_gib:.1f}"
        )

    def _named(self) -> bool:
        settings = self.made.settings
        return settings.gpu is not None or settings.device == "cpu"

    def _fit_text(self, fit: Fit, group: str) -> str:
        if not fit.runs:
            return f"estimate.{group}.unsupported"
        if fit.fits:
            return f"estimate.{group}.yes"
        tight = self.made.memory.device <= fit.usable_gib
        return f"estimate.{group}.{'tight' if tight else 'no'}"

    def cards(self) -> list[str]:
        made = self.made
        shown = self._cards_shown()
        if len(made.fits) <= 1 and self._named():
            return []  # the sentence above said it
        names = [self._place(fit.gpu) for fit in shown]
        column = max(map(cells, names), default=0)
        lines = self._say("estimate.heading.fits")
        for fit, name in zip(shown, names, strict=True):
            words = self.t(self._fit_text(fit, "fits"), margin=f"{abs(fit.margin_gib):.1f}")
            start = f"  {_left(name, column)}  {fit.usable_gib:6.1f} GiB  "
            lines += self._hanging(start, words)
        larger = [fit for fit in made.fits if fit.fits and fit not in shown]
        if larger:
            lines += self._say("estimate.fits.more", indent="  ", n=len(larger))
        return lines

    def _cards_shown(self) -> list[Fit]:
        """The card named, then around the border: the last that do not fit, the first that do."""
        fits = list(self.made.fits)
        first = fits[:1] if self._named() else []
        sizes = {round(fit.usable_gib) for fit in first}
        rest: list[Fit] = []
        for fit in fits[len(first) :]:
            if fit.runs and round(fit.usable_gib) not in sizes:  # one card of a size is enough
                sizes.add(round(fit.usable_gib))
                rest.append(fit)
        room = CARDS_SHOWN - len(first)
        holds = [fit for fit in rest if fit.fits]
        short = [fit for fit in rest if not fit.fits]
        few = short[-max(2, room - len(holds)) :]
        return [*first, *few, *holds[: room - len(few)]]

    def terms(self) -> list[str]:
        memory = self.made.memory
        sums: dict[str, float] = defaultdict(float)
        for term in memory.estimate.terms:
            if term.phase in ("all", memory.phase):
                sums[term.name] += term.value
        ordered = sorted(sums.items(), key=lambda item: -item[1])
        total = sum(sums.values())
        shown = len(ordered) if len(ordered) == TERMS_SHOWN + 1 else TERMS_SHOWN
        rows = [(self.t(f"estimate.term.{name}"), gib) for name, gib in ordered[:shown]]
        if rest := ordered[shown:]:
            rows.append((self.t("estimate.term.other"), sum(gib for _, gib in rest)))
        phase = self.t(f"estimate.phase.{memory.phase}")
        lines = self._say("estimate.heading.terms", phase=phase)
        bar = BAR if self.width >= WIDE else 8
        for label, gib in rows:
            drawn = "█" * max(1, round(gib / total * bar))
            start = f"  {gib:6.2f} GiB {gib / total * 100:3.0f}%  {_left(drawn, bar)}  "
            lines += self._hanging(start, label)
        return lines

    def savings(self) -> list[str]:
        made = self.made
        if self._named() and made.fits and made.fits[0].fits:
            return []
        # A measurement's own line is paid for here, so that the page stays one page.
        most = (SAVINGS_SHOWN if self._named() else 2) - (made.probe is not None)
        lines: list[str] = []
        for name, gib in list(made.would_fit_if.items())[:most]:
            text = self.t(f"estimate.saving.{name}", gib=f"{gib:.1f}")
            if self._named() and made.fits and gib <= made.fits[0].usable_gib:
                text += self.t("estimate.saving.then-fits")
            lines += self._hanging("  - ", text)
        if not lines:
            return []
        heading = "estimate.heading.savings" if self._named() else "estimate.heading.less"
        return [*self._say(heading), *lines]

    def money(self) -> list[str]:
        made = self.made
        lines = self._say("estimate.heading.money")
        # Hours on a card that cannot hold it would only mislead.
        if not made.offers and made.hours is not None:
            where = self._place(made.hours_on)
            span = self._span(made.hours, 1, self.t("estimate.unit.hours"))
            lines += self._say("estimate.hours", indent="  ", range=span, where=where)
        lines += self._offers(self._offers_shown())
        if made.settings.device != "cpu" and not made.offers:
            lines += self._say("estimate.no-offer", indent="  ")
        more, unpriced = len(made.offers) - OFFERS_SHOWN, len(made.offers_without_price)
        if more > 0 or unpriced:
            n = max(more, 0)
            lines += self._say("estimate.offers-more", indent="  ", n=n, unpriced=unpriced)
        if made.hosted:
            best = made.hosted[0]
            dated = self._dated(best.price_date, best.price_old)
            cost = self._money(best.cost_jpy)
            lines += self._say(
                "estimate.hosted", indent="  ", name=best.provider, range=cost, date=dated
            )
        return lines

    def _offers_shown(self) -> list[OfferCost]:
        """The cheapest, and among them the machine that was asked about."""
        offers = list(self.made.offers)
        shown = offers[:OFFERS_SHOWN]
        own = next((offer for offer in offers if offer.kind == "own"), None)
        if own is not None and own not in shown and self._named():
            shown = [*shown[: SHORT_OF_ROOM - 1], own]
        return shown

    def _offers(self, offers: Sequence[OfferCost]) -> list[str]:
        if not offers:
            return []
        unit = self._currency_name()
        heads = tuple(
            self.t(f"estimate.column.{name}", unit=unit)
            for name in ("offer", "card", "money", "hours", "price")
        )
        rows = [self._offer_cells(offer) for offer in offers]
        room = self.width - 2 * len(heads)
        # One offer less is better than two lines for each.
        for most in range(len(rows), 1, -1):
            widths = [max(map(cells, column)) for column in zip(heads, *rows[:most], strict=True)]
            if one_line := sum(widths) <= room:
                rows = rows[:most]
                break
        else:
            one_line, rows = False, rows[:SHORT_OF_ROOM]
            widths = [max(map(cells, column)) for column in zip(heads, *rows, strict=True)]
        lines = []
        noted = [[], *(_notes(offer) for offer in offers)]
        for row, notes in zip([heads, *rows], noted, strict=False):
            padded = [_left(text, size) for text, size in zip(row, widths, strict=True)]
            if one_line:
                lines.append("  " + "  ".join(padded).rstrip())
            else:
                lines += self._hanging("  ", f"{padded[0]}  {row[1]}")
                lines += self._hanging("      ", "  ".join((*padded[2:4], row[4])))
            for note in notes:
                lines += self._hanging("      ", self.t(note))
        return lines

    def _offer_cells(self, offer: OfferCost) -> tuple[str, ...]:
        """Name, card, money, hours, and the price with its day."""
        dated = self._dated(offer.price_date, offer.price_old)
        if offer.kind == "own":
            name, price = self.t("estimate.own"), self.t("estimate.power")
        else:
            name, price = offer.name, f"{offer.usd_per_hour:.2f}"
        money, hours = self._money(offer.cost_jpy, ""), self._span(offer.hours, 1, "")
        return name, self._place(offer.gpu), money, hours, price + dated

    def _place(self, gpu: str) -> str:
        return self.t("estimate.this-machine") if gpu == "cpu" else gpu

    def beside(self) -> list[str]:
        """People's time and machines kept ready: named, because they are usually larger."""
        work, serving = self.made.work, self.made.serving
        wage = rate("labour_jpy_per_hour")
        hour = f"{wage.low:,.0f}–{wage.high:,.0f}" if wage.low != wage.high else f"{wage.low:,.0f}"
        lines = self._say("estimate.heading.beside", range=hour, date=wage.date)
        hours = self._span(work.data_hours, 0, self.t("estimate.unit.hours"))
        rows = [
            ("data", self._money(work.data_jpy), hours),
            ("evaluation", self._money(work.evaluation_jpy), ""),
            ("care", self._money(work.operation_month_jpy), ""),
            ("serving-own", self._money(serving.own_jpy), ""),
        ]
        if serving.rented_jpy is not None:
            rows.append(("serving-rented", self._money(serving.rented_jpy), ""))
        labels = [self.t(f"estimate.beside.{name}", detail=detail) for name, _, detail in rows]
        column = max(cells(money) for _, money, _ in rows)
        for label, (_, money, _) in zip(labels, rows, strict=True):
            lines += self._hanging(f"  {_left(money, column)}  ", label)
        return lines

    def notes(self) -> list[str]:
        yen = rate("usd_jpy")
        each = f"{yen.low:g}–{yen.high:g}" if yen.low != yen.high else f"{yen.likely:g}"
        return [
            *self._say("estimate.note.ranges"),
            *self._say("estimate.note.rates", range=each, date=yen.date),
        ]

    # ---- words, numbers, widths ---------------------------------------------------------------

    def _say(self, text_id: str, *, indent: str = "", **values: object) -> list[str]:
        return self._hanging(indent, self.t(text_id, **values))

    def _hanging(self, start: str, text: str) -> list[str]:
        """`text` after `start`, later lines under its beginning where there is room for them."""
        margin = cells(start) if cells(start) <= self.width * 2 // 3 else 4
        room = self.width - margin
        lines = wrap_ja(" " * (cells(start) - margin) + text, room).split("\n")
        first = start + lines[0][cells(start) - margin :]
        return [first.rstrip(), *(" " * margin + line for line in lines[1:])]

    def _dated(self, day: str, old: bool) -> str:
        from datetime import date

        from knowledge.catalog.age import day_of

        known = day_of(day)
        if not old or known is None:
            return self.t("estimate.price-of", date=day)
        return self.t("estimate.price-old", date=day, days=(date.today() - known).days)

    def _span(self, estimate: Estimate, digits: int, unit: str) -> str:
        low, likely, high = (
            _number(value, digits) for value in (estimate.low, estimate.likely, estimate.high)
        )
        if not unit:  # a column, whose heading says it
            return f"{low}–{high} ({likely})"
        if low == high:
            return f"{low} {unit}"
        return self.t("estimate.range", low=low, likely=likely, high=high, unit=unit)

    def _money(self, estimate: Estimate, unit: str | None = None) -> str:
        if estimate.high == 0:
            return self.t("estimate.free")
        unit = self._currency_name() if unit is None else unit
        each = currency(self.code)
        if each is None:
            return self._span(estimate, 0, unit)
        shown = replace(
            estimate,
            low=estimate.low / each.low,
            likely=estimate.likely / each.likely,
            high=estimate.high / each.high,
        )
        return self._span(shown, 2 if shown.high < 100 else 0, unit)

    def _currency_name(self) -> str:
        known = f"estimate.currency.{self.code}"
        return self.t(known) if has_text(known) else self.code


def _notes(offer: OfferCost) -> list[str]:
    """What to know about an offer; an old price is said beside its day already."""
    return [note for note in offer.notes if note != "estimate.note.old-price"]


def _number(value: float, digits: int) -> str:
    """`value` with separators; what rounds to nothing keeps one figure that counts."""
    if 0 < value < 0.5 * 10**-digits:
        return f"<{10**-digits:g}" if digits else "<1"
    return f"{value:,.{digits}f}"


def _left(text: str, width: int) -> str:
    return text + " " * (width - cells(text))
