"""okakae on a real terminal: the whole questionnaire, back, interrupted, resumed; pitfalls."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from keys import (
    ANSWER,
    CHOOSE,
    CTRL_C,
    CTRL_D,
    DOWN,
    EMPTY_LINE,
    ENTER,
    LEFT,
    NUMBER,
    READY,
    SHIFT_TAB,
    UP,
    Screen,
    answers_in,
    at_line,
    at_list,
    both_languages,
    core,
    ended,
    lines,
    stop,
)

from advisor.prompts import NumberedAsker
from advisor.render import cells
from advisor.texts import t


@both_languages
def test_the_whole_questionnaire_fits_the_screen_and_ends_with_the_next_command(
    terminal: Any, home: Path, papers: Path, screen: Screen
) -> None:
    lang, columns = screen
    papers = papers.rename(
        home / "社内規程と手引きとマニュアルをまとめた、とても長い名前のフォルダー"
    )
    child = terminal()
    child.logfile_read = io.StringIO()
    core(child, papers)
    child.send(EMPTY_LINE + "３０，０００" + ENTER)  # Ctrl-U empties the line
    child.expect_exact("30,000")
    child.expect_exact("第一候補です" if lang == "ja" else "From the answers so far")
    at_list(child, "10 問" if lang == "ja" else "not asked yet: 10")
    child.send(UP + ENTER)  # the last choice: all of them
    child.expect_exact(LEFT)
    review = screen.says("wizard.review")
    asked = 0
    while child.expect_exact([review, CHOOSE[lang], ANSWER[lang]]) != 0:
        child.expect_exact(READY)
        child.send(ENTER)
        child.expect_exact(LEFT)
        asked += 1
    assert asked == 10
    child.expect_exact(CHOOSE[lang])
    child.expect_exact(READY)
    child.send(ENTER)
    child.expect_exact("okakae plan --answers answers.toml --out plan.json")
    assert ended(child) == 0
    written = answers_in(home / "answers.toml")
    assert (written["goal"], written["budget_jpy"]) == ("new_facts", 30_000)
    assert written["data"]["path"] == papers.name
    assert written["finished"] is True
    assert written["sources"]["budget_jpy"] == "asked"
    shown = lines(child.logfile_read.getvalue())
    # The line one types on scrolls, as in a shell; a command to paste stays on one line.
    whole = (papers.name, "okakae plan")
    assert [s for s in shown if cells(s) > columns and not any(w in s for w in whole)] == []
    assert len(shown) > 60
    for english in ("Use arrow keys", "Cancelled by user", "Invalid input", "Description:"):
        assert english not in "".join(shown)


def test_back_reopens_the_question_before_and_keeps_what_was_said(
    terminal: Any, home: Path, screen: Screen
) -> None:
    child = terminal("ask", "--answers", "a.toml")
    at_list(child, "[1/7]")
    child.send(DOWN + ENTER)
    at_list(child, "[2/7]")
    child.send(SHIFT_TAB)
    at_list(child, "[1/7]")
    child.send(ENTER)  # the former answer is what is offered now
    at_list(child, "[2/7]")
    stop(child)
    assert answers_in(home / "a.toml")["language"] == {"ja": "en", "en": "ja"}[screen.lang]


def test_back_at_the_first_question_says_so(terminal: Any, screen: Screen) -> None:
    child = terminal("ask")
    at_list(child, "[1/7]")
    child.send(SHIFT_TAB)
    child.expect_exact(screen.says("wizard.first-question"))
    at_list(child, "[1/7]")
    stop(child)


@pytest.mark.parametrize("key", [CTRL_C, CTRL_D])
def test_interrupted_and_resumed(terminal: Any, home: Path, screen: Screen, key: str) -> None:
    child = terminal()
    at_list(child, "[1/7]")
    child.send(ENTER)
    at_list(child, "[2/7]")
    child.send(DOWN + ENTER)
    at_line(child, "[3/7]")
    child.send(key)
    child.expect_exact(t("error.interrupted.resume", screen.lang, resume="okakae"))
    assert ended(child) == 130
    assert answers_in(home.parent / "state" / "answers.toml")["goal"] == "style_or_tone"
    child = terminal()
    at_list(child, screen.says("wizard.unfinished", n=2))
    child.send(ENTER)
    at_line(child, "[3/7]")
    stop(child)


def test_a_wrong_line_is_told_and_asked_again(
    terminal: Any, home: Path, papers: Path, screen: Screen
) -> None:
    child = terminal("ask", "--answers", "a.toml", "--set", "goal=new_facts")
    at_list(child, screen.says("question.language.text"))
    child.send(ENTER)
    at_line(child, screen.says("question.data.path.text"))
    child.send("gone" + ENTER)
    child.expect_exact("gone")
    child.expect_exact({"ja": "フォルダーもありません", "en": "no such"}[screen.lang])
    child.send(EMPTY_LINE + "papers" + ENTER)
    at_list(child, screen.says("question.data.kind.text"))
    stop(child)
    assert answers_in(home / "a.toml")["data"]["path"] == str(papers)


def test_an_answer_can_be_changed_in_the_review(
    terminal: Any, home: Path, papers: Path, screen: Screen
) -> None:
    child = terminal("ask", "--answers", "a.toml")
    core(child, papers)
    child.send(ENTER)
    at_list(child, screen.says("wizard.more.turns", n=10, turning=1))
    child.send(ENTER)
    at_list(child, screen.says("wizard.review"))
    child.send(DOWN * 5 + ENTER)
    at_list(child, screen.says("question.confidential.text"))
    child.send(DOWN + ENTER)
    child.expect_exact(screen.says("wizard.review"))
    value = t("question.confidential.choice.all", screen.lang)
    child.expect_exact(f"{t('wizard.label.confidential', screen.lang)}: {value}"[:24])
    child.expect_exact(READY)
    child.send(ENTER)
    child.expect_exact("okakae recommend --answers a.toml")
    assert ended(child) == 0
    assert answers_in(home / "a.toml")["confidential"] == "all"


def test_numbers_are_understood_as_an_input_method_types_them(
    terminal: Any, home: Path, papers: Path, screen: Screen
) -> None:
    number = NUMBER[screen.lang]
    child = terminal("ask", "--plain", "--answers", "a.toml")
    child.expect_exact(number)
    child.sendline("１")  # full-width, as an IME types it
    child.expect_exact("[2/7]")
    child.expect_exact(number)
    child.sendline("code")
    child.expect_exact("[3/7]")
    child.sendline("<")
    child.expect_exact("[2/7]")
    child.expect_exact(number)
    child.sendline("99")
    child.expect_exact(t("prompt.number-wrong", screen.lang, n=8))
    child.sendcontrol("c")
    assert ended(child) == 130
    assert answers_in(home / "a.toml")["language"] == "ja"


def test_the_menu_never_goes_into_a_redirected_result(terminal: Any, home: Path) -> None:
    child = terminal(line="okakae ask --json > result.json")
    at_list(child, "[1/7]")
    stop(child)
    written = (home / "result.json").read_text(encoding="utf-8")
    assert json.loads(written)["error"] == "wizard-interrupted-empty"


@pytest.mark.parametrize("piped", ["\n", "", "1\n1\n1\n"])
def test_what_comes_through_a_pipe_is_no_answer(home: Path, piped: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "advisor", "--lang", "en", "ask"],
        input=piped,
        capture_output=True,
        text=True,
        cwd=home,
        env={**__import__("os").environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        check=False,
    )
    assert done.returncode == 3
    assert "goal" in done.stderr and "data.path" in done.stderr
    assert not (home / "answers.toml").exists()


def test_a_dumb_terminal_gets_numbers(terminal: Any, screen: Screen) -> None:
    child = terminal("ask", TERM="dumb")
    child.expect_exact(screen.says("wizard.keys-numbered"))
    child.expect_exact("1) ")
    child.expect_exact(NUMBER[screen.lang])
    child.sendcontrol("d")
    assert ended(child) == 130


def test_the_wizard_writes_lines_that_fit(terminal: Any, screen: Screen) -> None:
    child = terminal("ask", "--plain")
    child.expect_exact("[1/7]")
    child.sendline("?")
    child.expect_exact(screen.says("wizard.why", why=""))
    child.expect_exact(NUMBER[screen.lang])
    shown = child.before.splitlines()
    assert len(shown) >= 3
    assert max(map(cells, shown)) <= screen.columns
    child.sendcontrol("c")
    assert ended(child) == 130


def test_the_first_prompt_needs_no_torch_and_no_pydantic() -> None:
    code = (
        "import sys, advisor.wizard, questionary\n"
        "heavy = {'torch', 'pydantic', 'transformers', 'faiss', 'rich', 'psutil', 'pynvml'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_numbers_take_titles_ids_and_defaults(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import io

    from advisor.prompts import Command, Shown

    choices = [Shown("a", "Alpha"), Shown("b", "Beta", "closed"), Shown("c", "Gamma")]
    monkeypatch.setattr("sys.stdin", io.StringIO("2\nbeta\n３\n\n?\n＜\nalpha\n"))
    ask = NumberedAsker()
    assert ask.choose(choices, "a") == "c"
    assert ask.choose(choices, "a") == "a"
    assert ask.choose(choices, "a") is Command.WHY
    assert ask.choose(choices, "a") is Command.BACK
    assert ask.choose(choices, "c") == "a"
    with pytest.raises(EOFError):
        ask.choose(choices, "a")
    assert "closed" in capsys.readouterr().err
