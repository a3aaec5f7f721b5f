"""Streams that are closed, lead elsewhere or lack characters, and looks on demand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from keys import EMPTY_LINE, ENTER, READY, answers_in, at_list, lines, stop

ROOT = Path(__file__).parents[2]


def bash(command: str, home: Path, **env: str) -> subprocess.CompletedProcess[bytes]:
    """A shell line without a terminal; `okakae` in it is this checkout's."""
    line = f'okakae() {{ "{sys.executable}" -m advisor "$@"; }}; {command}'
    return subprocess.run(
        ["bash", "-c", line],
        cwd=home,
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
    )


@pytest.mark.parametrize("stdin", ["<&-", "</dev/null", "<<< ''"])
@pytest.mark.parametrize("lang", ["ja", "en"])
def test_without_a_stdin_to_ask_on_everything_missing_is_listed(
    home: Path, stdin: str, lang: str
) -> None:
    done = bash(f"okakae recommend --lang {lang} {stdin}", home)
    told = done.stderr.decode()
    assert (done.returncode, done.stdout) == (3, b"")
    assert "goal" in told and "data.path" in told and "new_facts" in told
    assert bash(f"okakae --lang {lang} {stdin}", home).returncode == 0, "help, not a crash"


@pytest.mark.parametrize("closed", ["2>&-", ">&-", ">&- 2>&- <&-"])
def test_a_closed_stream_costs_only_what_would_stand_there(
    home: Path, papers: Path, closed: str
) -> None:
    command = "okakae ask --answers a.toml --set goal=new_facts --set data.path=papers"
    assert bash(f"{command} {closed}", home).returncode == 0
    assert answers_in(home / "a.toml")["goal"] == "new_facts"
    assert bash(f"okakae recommend --answers a.toml {closed}", home).returncode == 0


@pytest.mark.parametrize("plain", [True, False])
def test_a_cp932_terminal_asks_and_understands(terminal: Any, answered: Path, plain: bool) -> None:
    words = ["--plain"] if plain else []
    child = terminal(
        *("ask", "--answers", "a.toml", "--ask", "gpu", "--ask", "budget_jpy", *words),
        columns=60,
        PYTHONIOENCODING="cp932",
    )
    child.expect_exact("使えるGPU")
    child.expect_exact("番号（" if plain else READY)
    assert "?" not in lines(child.before)[0]
    child.send(ENTER)
    child.expect_exact("何円まで")
    child.expect_exact("回答 [100000]: " if plain else READY)
    child.send("３万" + ENTER if plain else EMPTY_LINE + "３万" + ENTER)
    child.expect_exact("30,000 円")
    child.expect_exact("番号（" if plain else READY)
    stop(child)


@pytest.mark.parametrize("plain", [True, False])
def test_the_c_locale_asks_and_understands_japanese(
    terminal: Any, answered: Path, plain: bool
) -> None:
    words = ["--plain"] if plain else []
    child = terminal(
        *("ask", "--answers", "a.toml", "--ask", "budget_jpy", *words),
        **{"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    )
    child.expect_exact("何円まで")
    child.expect_exact("回答 [100000]: " if plain else READY)
    child.send("３万" + ENTER if plain else EMPTY_LINE + "３万" + ENTER)
    child.expect_exact("30,000 円")
    child.expect_exact("番号（" if plain else READY)
    stop(child)


COLOUR = re.compile(r"\x1b\[[0-9;]*(?:3[0-7]|38;[25]|9[0-7])[0-9;]*m")


def test_no_color_leaves_no_colour(terminal: Any, answered: Path) -> None:
    seen = {}
    for name, value in (("NO_COLOR", "1"), ("COLORTERM", "")):
        child = terminal("ask", "--answers", "a.toml", "--ask", "goal", **{name: value})
        at_list(child, "任せたいこと")
        shown = child.before
        child.send(ENTER)
        child.expect_exact("回答を確かめてください")
        shown += child.before
        child.expect_exact(READY)
        seen[name] = bool(COLOUR.search(shown))
        stop(child)
    assert seen == {"NO_COLOR": False, "COLORTERM": True}


def test_plain_glyphs_on_demand(terminal: Any) -> None:
    child = terminal("ask", OKAKAE_ASCII="1")
    child.expect_exact("[1/7]")
    child.expect_exact(" > ")
    child.expect_exact(READY)
    stop(child)
