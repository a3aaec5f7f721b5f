"""Pictures of real terminal sessions for the README: `python -m bench screens` → docs/screens.

okakae runs in tmux, keys are pressed as a person would, and what then stands on the screen is drawn
as SVG, colours and widths as the terminal had them. Needs tmux; everything else is okakae's own.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from html import escape
from pathlib import Path

from rich.console import Console
from rich.style import Style
from rich.text import Text

from advisor.render import cells

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "screens"
SAMPLES = ROOT / "knowledge" / "samples"
COLUMNS, ROWS = 84, 70
WAIT_S = 60.0
# Days of change of the sample's documents, so that the picture shows what okakae makes of them.
DAYS = ("2026-04-01", "2026-06-15", "2026-07-01", "2026-08-20", "2026-10-01", "2026-11-10")

SIZE, CELL, LINE, MARGIN = 15, 7.5, 20, 14
"""Of letters (fonts with Japanese make a cell half of it), cells, lines, the margin; in pixels."""
FONTS = "'Noto Sans Mono CJK JP','BIZ UDGothic','MS Gothic','Osaka-Mono','VL Gothic',monospace"
PAPER, INK = "#fdfdfb", "#222222"


OFFER = {"ja": "まだ尋ねていない質問", "en": "Questions not asked yet"}
TITLES = {
    "ja": {"wizard": "okakae", "advice": "okakae recommend --answers answers.toml"},
    "en": {
        "wizard": "okakae --lang en",
        "advice": "okakae recommend --answers answers.toml --lang en",
    },
}


class Terminal:
    """One okakae in a tmux of its own, in a folder with the sample company's documents."""

    def __init__(self, socket: str) -> None:
        self._tmux = ["tmux", "-L", socket, "-f", os.devnull]

    def start(self, command: str, folder: Path, env: dict[str, str]) -> None:
        settings = [f"{name}={value}" for name, value in env.items()]
        # The pane stays when its command has ended, so that its last page can be read.
        keep = f"{command}; exec cat"
        size = ["-x", str(COLUMNS), "-y", str(ROWS)]
        environment = {**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        for name in ("COLUMNS", "LINES", "TMUX"):
            environment.pop(name, None)
        words = [*self._tmux, "new-session", "-d", *size, "-c", str(folder), "env", *settings]
        subprocess.run([*words, "sh", "-c", keep], check=True, env=environment)

    def screen(self, *, colours: bool = False) -> str:
        words = [*self._tmux, "capture-pane", "-p", *(["-e"] if colours else [])]
        done = subprocess.run(words, check=True, capture_output=True, text=True)
        return done.stdout.rstrip("\n")

    def wait(self, text: str, then: str = "") -> None:
        """Until `text` is on the screen, and `then` below it."""
        until = time.monotonic() + WAIT_S
        while then not in self.screen().partition(text)[2] or text not in self.screen():
            if time.monotonic() > until:
                raise TimeoutError(f"{text!r} did not come up:\n{self.screen()}")
            time.sleep(0.1)

    def press(self, *keys: str) -> None:
        for key in keys:
            subprocess.run([*self._tmux, "send-keys", key], check=True)

    def end(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], check=False, capture_output=True)


@contextmanager
def terminal(name: str) -> Iterator[Terminal]:
    made = Terminal(f"okakae-{name}-{os.getpid()}")
    try:
        yield made
    finally:
        made.end()


def company(folder: Path, lang: str) -> None:
    """A working folder with the sample company's documents, dated as if they had a history."""
    papers = folder / "papers"
    shutil.copytree(SAMPLES / lang / "company", papers)
    for number, path in enumerate(sorted(p for p in papers.rglob("*") if p.is_file())):
        changed = datetime.fromisoformat(DAYS[number % len(DAYS)]).timestamp()
        os.utime(path, (changed, changed))


def screens(lang: str) -> dict[str, str]:
    """The wizard at its offer of more questions, and the advice from those answers."""
    okakae = f"clear; {sys.executable} -m advisor --lang {lang}"
    shown = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        company(folder, lang)
        env = {
            "OKAKAE_STATE_DIR": str(folder / ".state"),
            "OKAKAE_CONFIG_DIR": str(folder / ".config"),
            "PYTHONPATH": str(ROOT),
        }
        with terminal(f"wizard-{lang}") as screen:
            screen.start(f"{okakae} ask --answers answers.toml", folder, env)
            for number in range(1, 8):
                written = number in (3, 7)  # the folder and the budget; the others are lists
                screen.wait(f"[{number}/7]", "? " if written else " » ")
                screen.press(*(("papers", "Enter") if number == 3 else ("Enter",)))
            screen.wait(OFFER[lang], " » ")
            shown["wizard"] = screen.screen(colours=True)
        with terminal(f"advice-{lang}") as screen:
            screen.start(f"{okakae} recommend --answers answers.toml; echo END", folder, env)
            screen.wait("END")
            shown["advice"] = screen.screen(colours=True).removesuffix("END").rstrip()
    return shown


def draw(written: str, title: str, path: Path) -> None:
    """Draw what a terminal shows; every word stands at its column, whatever font a reader has."""
    console = Console(width=COLUMNS * 2, file=io.StringIO(), force_terminal=True)
    lines = written.splitlines()
    width = round(COLUMNS * CELL + 2 * MARGIN)
    height = (len(lines) + 2) * LINE + 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width}" height="{height}" rx="8" fill="{PAPER}" stroke="#c9c9c4"/>',
        f'<g font-family="{FONTS}" font-size="{SIZE}" fill="{INK}">',
        f'<text x="{MARGIN}" y="{MARGIN + 10}" fill="#777777">$ {escape(title)}</text>',
    ]
    for number, line in enumerate(lines):
        baseline = MARGIN + (number + 2) * LINE
        parts += _line(console, line, baseline)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*parts, "</g>", "</svg>"]) + "\n", encoding="utf-8")
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")


def _line(console: Console, line: str, baseline: int) -> Iterator[str]:
    column = 0
    for segment in console.render(Text.from_ansi(line, no_wrap=True)):
        style = segment.style or Style()
        for word in re.findall(r" +|[^ ]+", segment.text.rstrip("\n")):
            size = cells(word)
            x = MARGIN + column * CELL
            if style.reverse:
                yield (
                    f'<rect x="{x:.1f}" y="{baseline - 14}" width="{size * CELL:.1f}" '
                    f'height="{LINE}" fill="{INK}"/>'
                )
            if word.strip():
                yield (
                    f'<text x="{x:.1f}" y="{baseline}" textLength="{size * CELL:.1f}" '
                    'lengthAdjust="spacingAndGlyphs"'
                    f"{_look(style)}>{escape(word)}</text>"
                )
            column += size


def _look(style: Style) -> str:
    coloured = style.color is not None and not style.color.is_default
    fill = style.color.get_truecolor().hex if coloured else "#888888" if style.dim else ""
    fill = PAPER if style.reverse else fill
    return (f' fill="{fill}"' if fill else "") + (' font-weight="bold"' if style.bold else "")


def main() -> None:
    if shutil.which("tmux") is None:
        sys.exit("screens needs tmux, which is not installed")
    for lang in ("ja", "en"):
        for name, written in screens(lang).items():
            draw(written, TITLES[lang][name], FOLDER / f"{name}-{lang}.svg")


if __name__ == "__main__":
    main()
