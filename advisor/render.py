"""How results look on a terminal: widths in cells, tables that fold, plain glyphs on demand."""

from __future__ import annotations

import functools
import os
import re
import shutil
import sys
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO

from advisor.texts import t

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.measure import Measurement

Status = Literal["pass", "warn", "fail", "skip"]

NO_LINE_START = (
    "、。，．・：；？！）］｝」』】〉》〕”’ーゝゞ々ぁぃぅぇぉっゃゅょァィゥェォッャュョ,.!?:;)]}%"
)
NO_LINE_END = "（［｛「『【〈《〔“‘([{"
# What CJK terminals may draw two cells wide, or cp932 cannot hold.
_NEEDS_QUOTES = re.compile(r"""[\s'"$`\\!&|;<>()*?\[\]{}#~]""")
_ASCII = {"→": "->", "←": "<-", "●": "*", "○": "o", "…": "...", "×": "x", "–": "-", "—": "-"}


def columns() -> int:
    """The width to write for: the terminal's, never below 40 nor above 120 cells.

    With stdout redirected the prompts on stderr still have a terminal to fit.
    """
    width = shutil.get_terminal_size((0, 0)).columns
    if not width:
        try:
            width = os.get_terminal_size(2).columns
        except OSError:
            width = 80
    return min(max(width, 40), 120)


def cells(text: str) -> int:
    """Width of `text` in terminal cells; ambiguous characters count one, marks none."""
    return sum(_cell(character) for character in text)


@functools.lru_cache(maxsize=4096)
def _cell(character: str) -> int:
    if unicodedata.combining(character) or character in "\u200b\u200d\ufe0f":
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def ascii_only(stream: TextIO | None = None) -> bool:
    """Whether to avoid box lines and arrows: asked for, or the stream cannot carry them."""
    if os.environ.get("OKAKAE_ASCII", "") not in ("", "0"):
        return True
    encoding = getattr(stream or sys.stdout, "encoding", None) or "ascii"
    try:
        "─│→●…".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return True
    return False


def safe(text: str, stream: TextIO | None = None) -> str:
    """`text` with plain glyphs where the stream or the user wants them."""
    if not ascii_only(stream):
        return text
    for glyph, plain in _ASCII.items():
        text = text.replace(glyph, plain)
    return text


@functools.cache
def _parser() -> Callable[[str], list[str]]:
    import budoux

    parse: Callable[[str], list[str]] = budoux.load_default_japanese_parser().parse
    return parse


def phrases(text: str) -> list[str]:
    """Pieces a line may be broken between: Japanese phrases, and words with their space."""
    out: list[str] = []
    for piece in _parser()(text) if not text.isascii() else [text]:
        word = ""
        for character in piece:
            if word.endswith(" ") and character != " ":
                out.append(word)
                word = ""
            word += character
        out.append(word)
    return out


def wrap_ja(text: str, width: int, *, indent: str = "") -> str:
    """`text` in lines of at most `width` cells, broken between phrases; `indent` from line 2 on.

    A phrase longer than a line is cut between characters, not before a closing mark nor after
    an opening one.
    """
    out: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for phrase in phrases(paragraph):
            if line.strip() and cells(line) + cells(phrase.rstrip()) > width:
                out.append(line.rstrip())
                line, phrase = indent, phrase.lstrip()
            line += phrase
            while cells(line.rstrip()) > width:
                cut = _cut(line, width)
                out.append(line[:cut])
                line = indent + line[cut:]
        out.append(line.rstrip())
    return "\n".join(out)


def _cut(line: str, width: int) -> int:
    """Where to cut a line that has no phrase boundary: at least one character, 禁則 kept."""
    cut = used = 0
    for character in line:
        if used + _cell(character) > width:
            break
        used += _cell(character)
        cut += 1
    allowed = cut
    while allowed > cut // 2 and (
        line[allowed] in NO_LINE_START or line[allowed - 1] in NO_LINE_END
    ):
        allowed -= 1
    return max(allowed if allowed > cut // 2 else cut, 1)


class Wrapped:
    """A table cell that breaks its Japanese between phrases to the width it is given."""

    def __init__(self, text: str, style: str = "") -> None:
        self.text, self.style = text, style

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.text import Text

        lines = wrap_ja(self.text, max(options.max_width, 2))
        yield Text(lines, style=self.style, no_wrap=True, overflow="fold")

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        from rich.measure import Measurement

        lines = self.text.split("\n")
        longest = max(
            (cells(phrase.rstrip()) for line in lines for phrase in phrases(line)), default=1
        )
        widest = max((cells(line) for line in lines), default=1)
        return Measurement(min(max(longest, 1), 24), max(widest, 1))


def console(stream: TextIO | None = None) -> Console:
    """A console on `stream` (stdout by default) that colours only terminals, and no NO_COLOR."""
    from rich.console import Console

    target = stream or sys.stdout
    return Console(
        file=target,
        width=None if target.isatty() else columns(),
        highlight=False,
        markup=False,
        emoji=False,
        safe_box=True,
        legacy_windows=False if not target.isatty() else None,
    )


def table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    title: str = "",
    numbers: Sequence[int] = (),
    stream: TextIO | None = None,
) -> None:
    """Print a table; text columns wrap by phrase, those named in `numbers` stay on one line."""
    from rich import box
    from rich.table import Table

    plain = ascii_only(stream)
    grid = Table(
        title=title or None,
        title_justify="left",
        box=box.ASCII2 if plain else box.SIMPLE_HEAD,
        safe_box=plain,
        pad_edge=False,
    )
    for index, heading in enumerate(headings):
        if index in numbers:
            grid.add_column(heading, justify="right", no_wrap=True)
        else:
            grid.add_column(Wrapped(heading), overflow="fold")
    for row in rows:
        grid.add_row(
            *(
                safe(cell, stream) if index in numbers else Wrapped(safe(cell, stream))
                for index, cell in enumerate(row)
            )
        )
    console(stream).print(grid)


def status_word(status: Status, lang: Literal["ja", "en"] | None = None) -> str:
    """可, 注意 or 不可 (OK, WARN, NG): words, because half of all consoles cannot draw ✓."""
    return t(f"status.{status}", lang)


def paragraph(text: str, *, indent: int = 0, stream: TextIO | None = None) -> str:
    """`text` wrapped for the terminal and set in by `indent` cells."""
    lines = wrap_ja(safe(text, stream), columns() - indent).split("\n")
    return "\n".join(" " * indent + line for line in lines)


def listed(text: str, *, stream: TextIO | None = None) -> str:
    """`text` as an item of a list: a dash, and its further lines below its first word."""
    return "  - " + paragraph(text, indent=4, stream=stream).lstrip()


def clipped(text: str, width: int) -> str:
    """`text` on one line of at most `width` cells; what is too long loses its middle."""
    if cells(text) <= width:
        return text
    head = tail = ""
    while cells(head) + cells(tail) + 4 < width:
        # The end of a path says more than its beginning.
        if cells(head) * 2 > cells(tail):
            tail = text[-len(tail) - 1] + tail
        else:
            head += text[len(head)]
    return f"{head}...{tail}"


def shown_path(path: str | Path) -> str:
    """A path as a person in this folder would write it."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def command_line(*words: object) -> str:
    """A command as it can be pasted into a shell: words with spaces or signs in quotes."""
    return " ".join(_quoted(str(word)) for word in words)


def _quoted(word: str) -> str:
    if word and not _NEEDS_QUOTES.search(word):
        return word
    import shlex
    import subprocess

    return subprocess.list2cmdline([word]) if os.name == "nt" else shlex.quote(word)
