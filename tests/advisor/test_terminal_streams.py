"""Streams that are closed, lead elsewhere or lack characters, and looks on demand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from keys import (
    ANSWER,
    EMPTY_LINE,
    ENTER,
    NUMBER,
    READY,
    Screen,
    answers_in,
    at_list,
    both_languages,
    lines,
    stop,
)

from advisor.render import cells
from advisor.texts import t
from knowledge.catalog.loader import load

NARROW, LOW_ROWS = 60, 12
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


@both_languages
def test_on_a_screen_but_without_a_keyboard_nothing_is_taken_for_an_answer(
    terminal: Any, home: Path
) -> None:
    """A piped newline accepts what is offered, silently, where a prompt is built for it."""
    nobody = ("<&-", "</dev/null", "<<< ''", "<<< $'1\\n1'")
    asked = "; ".join(f"okakae ask --answers a.toml {stdin}; echo =$?" for stdin in nobody)
    child = terminal(line=asked)
    told = lines(child.read())
    assert [line for line in told if line.startswith("=")] == ["=3"] * len(nobody)
    assert sum("data.path" in line for line in told) >= len(nobody)
    assert not (home / "a.toml").exists()


@pytest.mark.parametrize("closed", ["2>&-", ">&-", ">&- 2>&- <&-"])
def test_a_closed_stream_costs_only_what_would_stand_there(
    home: Path, papers: Path, closed: str
) -> None:
    command = "okakae ask --answers a.toml --set goal=new_facts --set data.path=papers"
    assert bash(f"{command} {closed}", home).returncode == 0
    assert answers_in(home / "a.toml")["goal"] == "new_facts"
    assert bash(f"okakae recommend --answers a.toml {closed}", home).returncode == 0


@pytest.mark.parametrize("plain", [True, False])
def test_a_cp932_terminal_asks_and_understands(
    terminal: Any, answered: Path, screen: Screen, plain: bool
) -> None:
    words = ["--plain"] if plain else []
    child = terminal(
        *("ask", "--answers", "a.toml", "--ask", "gpu", "--ask", "budget_jpy", *words),
        PYTHONIOENCODING="cp932",
    )
    child.expect_exact(screen.says("question.gpu.text"))
    child.expect_exact(NUMBER[screen.lang] if plain else READY)
    assert screen.lang == "en" or "?" not in lines(child.before)[0]
    child.send(ENTER)
    budget_is_asked_and_understood(child, screen, plain)


def budget_is_asked_and_understood(child: Any, screen: Screen, plain: bool) -> None:
    child.expect_exact(screen.says("question.budget_jpy.text"))
    answer = ANSWER[screen.lang].removesuffix(": ") + " [100000]: "
    child.expect_exact(answer if plain else READY)
    child.send("３万" + ENTER if plain else EMPTY_LINE + "３万" + ENTER)
    child.expect_exact(t("unit.JPY", screen.lang, value="30,000"))
    child.expect_exact(NUMBER[screen.lang] if plain else READY)
    stop(child)


@pytest.mark.parametrize("plain", [True, False])
def test_the_c_locale_asks_and_understands_japanese(
    terminal: Any, answered: Path, screen: Screen, plain: bool
) -> None:
    words = ["--plain"] if plain else []
    child = terminal(
        *("ask", "--answers", "a.toml", "--ask", "budget_jpy", *words),
        **{"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    )
    budget_is_asked_and_understood(child, screen, plain)


COLOUR = re.compile(r"\x1b\[[0-9;]*(?:3[0-7]|38;[25]|9[0-7])[0-9;]*m")


def test_no_color_leaves_no_colour(terminal: Any, answered: Path, screen: Screen) -> None:
    seen = {}
    for name, value in (("NO_COLOR", "1"), ("COLORTERM", "")):
        child = terminal("ask", "--answers", "a.toml", "--ask", "goal", **{name: value})
        at_list(child, screen.says("question.goal.text"))
        shown = child.before
        child.send(ENTER)
        child.expect_exact(screen.says("wizard.review"))
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


def test_help_and_results_fit_the_terminal_and_cut_nothing(
    terminal: Any, answered: Path, screen: Screen
) -> None:
    """click counts characters, not cells; rich cuts a sentence that has no spaces."""
    pages = ("--help", "ask --help", "recommend --answers a.toml", "knowledge list gpus")
    child = terminal(line="; ".join(f"okakae {page}; echo =$?" for page in pages))
    shown = lines(child.read())
    assert [line for line in shown if line.startswith("=")] == ["=0"] * len(pages)
    assert [line for line in shown if cells(line) > screen.columns and "okakae " not in line] == []
    assert not any(re.search(r"\S…$", line.rstrip()) for line in shown)
    assert len(shown) > 60


def test_one_file_alone_imports_questionary() -> None:
    importing = re.compile(r"^\s*(?:from|import) questionary\b", re.M)
    rooms = (ROOT / "advisor", ROOT / "executors", ROOT / "knowledge")
    found = [path for room in rooms for path in room.rglob("*.py")]
    named = {path.name for path in found if importing.search(path.read_text(encoding="utf-8"))}
    assert named == {"prompts.py"}


def test_lists_are_short_and_their_lines_are_not_clipped() -> None:
    """A list longer than a low screen hides what stands above; titles are clipped, not wrapped."""
    for question in load("questions").values():
        assert len(question.choices) <= LOW_ROWS, question.id
        for choice in question.choices:
            for lang in ("ja", "en"):
                title = t(f"question.{question.id}.choice.{choice}", lang)
                assert choice and 0 < cells(title) <= NARROW - 5, title
