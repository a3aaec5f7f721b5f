"""Lays out help pages by the width of characters on the screen, in the user's language."""

from __future__ import annotations

from collections.abc import Iterable

import click

from advisor.render import cells, columns, wrap_ja
from advisor.texts import has_text, t

# click's own fixed English → text id; everything else on a page is ours already.
_FIXED = {
    "Options": "cli.options",
    "Commands": "cli.commands",
    "Arguments": "cli.arguments",
    "Show this message and exit.": "option.help",
    "Start or resume the wizard on a terminal; show the help otherwise.": "cli.help",
}
_FIRST_COLUMN = 30


class CellFormatter(click.HelpFormatter):
    """click's formatter counts characters: Japanese would run off the screen."""

    def __init__(
        self, indent_increment: int = 2, width: int | None = None, max_width: int | None = None
    ) -> None:
        super().__init__(indent_increment, columns(), max_width)

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        self.write(wrap_ja(f"{t('cli.usage')} {prog} {args}", self.width, indent="    ") + "\n")

    def write_heading(self, heading: str) -> None:
        self.write(f"{'':>{self.current_indent}}{_ours(heading)}:\n")

    def write_text(self, text: str) -> None:
        indent = " " * self.current_indent
        for line in wrap_ja(_ours(text), self.width - self.current_indent).split("\n"):
            self.write(f"{indent}{line}".rstrip() + "\n")

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = _FIRST_COLUMN, col_spacing: int = 2
    ) -> None:
        rows = [(first, second or _option_text(first)) for first, second in rows]
        indent = " " * self.current_indent
        widest = max((cells(first) for first, _ in rows), default=0)
        # On a narrow screen the explanation needs the room more than the flags do.
        first_width = min(widest, col_max, self.width // 3)
        room = self.width - self.current_indent - first_width - col_spacing
        for first, second in rows:
            lines = wrap_ja(_ours(second), room).split("\n") if second else [""]
            start = f"{indent}{first}"
            margin = indent + " " * (first_width + col_spacing)
            if cells(first) > first_width:
                self.write(wrap_ja(start, self.width, indent=margin) + "\n")
            else:
                pad = " " * (first_width - cells(first) + col_spacing)
                self.write(f"{start}{pad}{lines.pop(0)}".rstrip() + "\n")
            for line in lines:
                self.write(f"{margin}{line}".rstrip() + "\n")


def _option_text(flags: str) -> str:
    """The shared text of an option that has none of its own: `option.<name>`."""
    name = flags.split(",")[0].split(" ")[0].lstrip("-")
    return t(f"option.{name}") if flags.startswith("-") and has_text(f"option.{name}") else ""


def _ours(text: str) -> str:
    id_ = _FIXED.get(" ".join(text.split()), "")
    return t(id_) if id_ and has_text(id_) else text
