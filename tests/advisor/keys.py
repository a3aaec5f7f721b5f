"""A person at the keyboard of a pseudo-terminal: waits for a prompt, presses keys, reads lines."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from advisor.texts import t

CHOOSE = {"ja": "選択: ", "en": "Choose: "}
ANSWER = {"ja": "回答: ", "en": "Answer: "}
NUMBER = {"ja": "番号（", "en": "Number ("}
UP, DOWN, SHIFT_TAB, ENTER, ALT_ENTER, EMPTY_LINE = (
    "\x1b[A",
    "\x1b[B",
    "\x1b[Z",
    "\r",
    "\x1b\r",
    "\x15",
)
CTRL_C, CTRL_D = "\x03", "\x04"
READY = "\x1b[?7h"
"""What prompt_toolkit sends last when it has drawn a prompt: only now do keys count."""
LEFT = "\x1b[?2004l"
"""What it sends once a prompt is answered."""

CORE = {
    "language": "ja",
    "goal": "code",
    "data.path": "papers",
    "data.kind": "documents",
    "confidential": "none",
    "gpu": "none",
    "budget_jpy": 100_000,
}
"""A file's answers to every core question."""

BEGINNING = 9
SCREENS = [("ja", 60), ("en", 100), ("ja", 100), ("en", 60)]


def screens(default: int) -> list[Any]:
    """Both languages at both widths; all but the first `default` are for `make test-slow`."""
    return [
        pytest.param(each, id="-".join(map(str, each)), marks=pytest.mark.slow if late else ())
        for each, late in zip(SCREENS, [False] * default + [True] * 4, strict=False)
    ]


both_languages = pytest.mark.parametrize("screen", screens(2), indirect=True)
"""For guards whose texts differ most: both languages by default, too."""

_ESCAPE = re.compile(r"\x1b(?:\[[0-9;?]*[a-zA-Z]|\][^\x07]*\x07|[()][A-Z0-9]|[=>])")


class Screen(NamedTuple):
    """What a person sees okakae on: the language shown and how many cells a line has."""

    lang: str
    columns: int

    def says(self, id_: str, **values: Any) -> str:
        """How a text begins, before a narrow screen breaks its line."""
        return t(id_, self.lang, **values)[:BEGINNING]


def at_list(child: Any, text: str) -> None:
    """The question is on the screen and its list waits for a key."""
    child.expect_exact(text)
    child.expect_exact(CHOOSE[child.screen.lang])
    child.expect_exact(READY)


def at_line(child: Any, text: str) -> None:
    child.expect_exact(text)
    child.expect_exact(ANSWER[child.screen.lang])
    child.expect_exact(READY)


def core(child: Any, papers: Path) -> None:
    """The core questions, each with its offered answer, up to the budget."""
    for number in (1, 2):
        at_list(child, f"[{number}/7]")
        child.send(ENTER)
    at_line(child, "[3/7]")
    child.send(f"{papers.name}{ENTER}")
    for number in (4, 5, 6):
        at_list(child, f"[{number}/7]")
        child.send(ENTER)
    at_line(child, "[7/7]")


def ended(child: Any) -> int:
    import pexpect

    child.expect(pexpect.EOF)
    child.close()
    return int(child.exitstatus)


def stop(child: Any) -> None:
    """Ctrl-C ends it with the contract's exit code."""
    child.send(CTRL_C)
    assert ended(child) == 130


def answers_in(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def lines(written: str) -> list[str]:
    """What a terminal was sent, without its control sequences, line by line."""
    return [line.split("\r")[-1] for line in _ESCAPE.sub("", written).split("\r\n")]


def toml(answers: dict[str, Any]) -> str:
    return "".join(f"{id_} = {json.dumps(value)}\n" for id_, value in answers.items())
