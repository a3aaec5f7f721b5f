"""A recommendation on the terminal: the ranked table, the reasons, and what would change it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from advisor.render_plan import span
from advisor.render_year import year_lines
from advisor.types import Option, Recommendation

if TYPE_CHECKING:
    from rich.console import Console

    from advisor.session import Session

NARROWEST = 40
ESTIMATES = ("vram_gib", "hours", "cost_jpy")
TABLE_FROM = 76
"""Narrower screens get a list: a table of five columns would break every word."""


def show_recommendation(recommendation: Recommendation, session: Session) -> None:
    """Print the recommendation to stdout in the session's language."""
    from rich.console import Console

    console = Console(highlight=False, no_color=session.plain or None)
    page = _Page(console, session)
    options = recommendation.options
    best = options[0] if recommendation.chosen and options else None
    page.heading("advice.title")
    if best is None:
        page.say(session.t("advice.headline.none"))
    else:
        sure = f"{best.confidence * 100:.0f}"
        ref = "advice.headline.pilot" if recommendation.pilot else "advice.headline"
        page.say(session.t(ref, road=page.road(best), confidence=sure))
    page.ranking(options, best)
    if best is not None:
        page.reasons(best)
        page.items("advice.base.title", [best.base_why] if best.base_why else [])
        page.estimates(best)
    page.year(options)
    page.blocked(options)
    page.items("advice.changes", recommendation.changes_if)
    questions = (f"{id_}: {session.t(f'question.{id_}.text')}" for id_ in recommendation.unknowns)
    page.items("advice.unknowns", questions)
    page.items("advice.steps", recommendation.first_steps, numbered=True)
    known = recommendation.knowledge
    console.print()
    page.say(session.t("advice.review", date=recommendation.review_by, version=known.version))


class _Page:
    """Prints paragraphs and tables no wider than the screen, Japanese broken between phrases."""

    def __init__(self, console: Console, session: Session) -> None:
        self._console, self._session = console, session
        self._width = max(console.width, NARROWEST)

    def road(self, option: Option) -> str:
        name = self._session.t(f"advice.approach.{option.approach}")
        form = option.method or option.variant
        return f"{name} / {self._session.t(f'advice.form.{form}')}" if form else name

    def heading(self, text_id: str) -> None:
        self._console.print()
        self._console.print(self._session.t(text_id), style="bold", markup=False)

    def say(self, text: str, first: str = "", rest: str | None = None) -> None:
        indent = " " * len(first) if rest is None else rest
        for position, line in enumerate(wrap(text, self._width - len(first))):
            self._console.print(
                (first if position == 0 else indent) + line, markup=False, soft_wrap=True
            )

    def items(self, title: str, texts: Iterable[str], *, numbered: bool = False) -> None:
        listed = list(texts)
        if not listed:
            return
        self.heading(title)
        for position, text in enumerate(listed, start=1):
            self.say(text, f"  {position}. " if numbered else "  - ")

    def ranking(self, options: Iterable[Option], best: Option | None) -> None:
        self._console.print()
        if self._width < TABLE_FROM:
            for option in options:
                self._line(option, best)
            return
        from rich.box import ASCII
        from rich.table import Table

        table = Table(box=ASCII, width=min(self._width, 110), show_lines=False)
        for name in ("rank", "road", "model", "place", "confidence", "state"):
            number = name in ("rank", "confidence")
            table.add_column(
                self._session.t(f"advice.column.{name}"),
                overflow="fold",
                no_wrap=number,
                justify="right" if number else "left",
            )
        for option in options:
            style = "bold" if option is best else ("dim" if option.blocked_by else None)
            table.add_row(*self._cells(option, best), style=style)
        self._console.print(table)

    def _cells(self, option: Option, best: Option | None) -> tuple[str, ...]:
        room = max(12, (min(self._width, 110) - 46) // 2)
        return (
            str(option.rank),
            "\n".join(wrap(self.road(option), room)),
            option.base_model or "-",
            self._session.t(f"advice.place.{option.place}"),
            "-" if option.blocked_by else f"{option.confidence * 100:.0f} %",
            self._state(option, best),
        )

    def _line(self, option: Option, best: Option | None) -> None:
        _, _, model, place, sure, state = self._cells(option, best)
        self.say(f"[{state}] {self.road(option)} ({sure})", f" {option.rank}. ")
        self.say(f"{model} / {place}", "    ")

    def _state(self, option: Option, best: Option | None) -> str:
        if option is best:
            return self._session.t("advice.chosen")
        if option.blocked_by:
            return self._session.t("advice.blocked")
        return self._session.t("advice.possible" if option.runnable else "advice.not-runnable")

    def reasons(self, option: Option) -> None:
        for effect, title in (("for", "advice.why"), ("against", "advice.against")):
            chosen = [reason for reason in option.reasons if reason.effect == effect]
            if not chosen:
                continue
            self.heading(title)
            for reason in chosen:
                self.say(reason.text, "  - ")
                for source in reason.sources[:3]:
                    self.say(source, "      ")

    def estimates(self, option: Option) -> None:
        # Nothing to pay or to fit is not worth a line: no card, no GPU memory.
        shown = [n for n in ESTIMATES if n in option.estimates and option.estimates[n].high]
        if not shown:
            return
        self.heading("advice.estimates")
        for name in shown:
            estimate = option.estimates[name]
            label = self._session.t(f"advice.estimate.{name}")
            basis = self._session.t("advice.basis", basis=estimate.basis)
            self.say(f"{label}: {span(estimate, self._session.lang)}", "  - ")
            self.say(basis, "      ")

    def year(self, options: Iterable[Option]) -> None:
        lines = year_lines(options, self._session, self._width)
        for position, line in enumerate(["", *lines] if lines else []):
            style = "bold" if position == 1 else None
            self._console.print(line, style=style, markup=False, soft_wrap=True)

    def blocked(self, options: Iterable[Option]) -> None:
        roads_by_text: dict[str, list[str]] = {}
        for option in options:
            for reason in option.reasons:
                if reason.effect == "blocks":
                    roads_by_text.setdefault(reason.text, []).append(self.road(option))
        texts = (f"{', '.join(roads)}: {text}" for text, roads in roads_by_text.items())
        self.items("advice.blockers", texts)


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most `width` cells, broken at spaces and between Japanese phrases.

    A phrase wider than a line is broken between characters, never cut off.
    """
    from rich.cells import cell_len

    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for phrase in _phrases(paragraph):
            if line and cell_len(line) + cell_len(phrase.rstrip()) > width:
                lines.append(line.rstrip())
                line = ""
            piece = phrase if line else phrase.lstrip()
            while cell_len(piece) > width:
                head = _fitting(piece, width)
                lines.append(head)
                piece = piece[len(head) :]
            line += piece
        lines.append(line.rstrip())
    return lines


def _fitting(text: str, width: int) -> str:
    from rich.cells import cell_len

    end = 1
    while end < len(text) and cell_len(text[: end + 1]) <= width:
        end += 1
    return text[:end]


def _phrases(text: str) -> list[str]:
    """Words and Japanese phrases; addresses, ids and numbers stay whole."""
    pieces: list[str] = []
    for word in text.split(" "):
        if word.isascii():
            pieces.append(f"{word} ")
        else:
            *begin, last = _parser()(word)
            pieces += [*begin, f"{last} "]
    return pieces


@functools.cache
def _parser() -> Callable[[str], list[str]]:
    import budoux

    parse: Callable[[str], list[str]] = budoux.load_default_japanese_parser().parse
    return parse
