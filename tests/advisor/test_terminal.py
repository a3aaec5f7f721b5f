"""okakae on a real terminal: the whole questionnaire, back, interrupted, resumed; pitfalls."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from keys import (
    ALT_ENTER,
    ANSWER,
    CHOOSE,
    CTRL_C,
    CTRL_D,
    DOWN,
    EMPTY_LINE,
    ENTER,
    LEFT,
    READY,
    SHIFT_TAB,
    UP,
    answers_in,
    at_line,
    at_list,
    core,
    ended,
    lines,
    stop,
)

from advisor.prompts import NumberedAsker
from advisor.render import cells


@pytest.mark.parametrize(("lang", "columns"), [("ja", 60), ("en", 100)])
def test_the_whole_questionnaire_fits_the_screen_and_ends_with_the_next_command(
    terminal: Any, home: Path, papers: Path, lang: str, columns: int
) -> None:
    papers = papers.rename(
        home / "社内規程と手引きとマニュアルをまとめた、とても長い名前のフォルダー"
    )
    child = terminal(lang=lang, columns=columns)
    child.logfile_read = io.StringIO()
    core(child, papers, lang)
    child.send(EMPTY_LINE + "３０，０００" + ENTER)  # Ctrl-U empties the line
    child.expect_exact("30,000")
    child.expect_exact("第一候補です" if lang == "ja" else "From the answers so far")
    at_list(child, "10 問" if lang == "ja" else "not asked yet: 10", lang)
    child.send(UP + ENTER)  # the last choice: all of them
    child.expect_exact(LEFT)
    review = "回答を確かめてください" if lang == "ja" else "review your answers"
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
    terminal: Any, home: Path
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
    assert answers_in(home / "a.toml")["language"] == "en"


def test_back_at_the_first_question_says_so(terminal: Any) -> None:
    child = terminal("ask")
    at_list(child, "[1/7]")
    child.send(SHIFT_TAB)
    child.expect_exact("これが最初の質問です。")
    at_list(child, "[1/7]")
    stop(child)


@pytest.mark.parametrize("key", [CTRL_C, CTRL_D])
def test_interrupted_and_resumed(terminal: Any, home: Path, key: str) -> None:
    child = terminal()
    at_list(child, "[1/7]")
    child.send(ENTER)
    at_list(child, "[2/7]")
    child.send(DOWN + ENTER)
    at_line(child, "[3/7]")
    child.send(key)
    child.expect_exact("再開するには: okakae")
    assert ended(child) == 130
    assert answers_in(home.parent / "state" / "answers.toml")["goal"] == "style_or_tone"
    child = terminal()
    at_list(child, "2 件")
    child.send(ENTER)
    at_line(child, "[3/7]")
    stop(child)


def test_alt_enter_answers_nothing(terminal: Any, home: Path) -> None:
    child = terminal("ask", "--answers", "a.toml")
    at_list(child, "[1/7]")
    child.send(ALT_ENTER)
    child.send(DOWN + ENTER)
    at_list(child, "[2/7]")
    stop(child)
    assert answers_in(home / "a.toml")["language"] == "en"


def test_a_question_mark_shows_why_and_sources(terminal: Any) -> None:
    child = terminal("ask", lang="en")
    at_list(child, "[1/7]", "en")
    child.send("?")
    child.expect_exact("Why this is asked")
    child.expect_exact("Sources")
    child.expect_exact(CHOOSE["en"])
    stop(child)


def test_a_wrong_line_is_told_and_asked_again(terminal: Any, home: Path, papers: Path) -> None:
    child = terminal("ask", "--answers", "a.toml", "--set", "goal=new_facts")
    at_list(child, "何語")
    child.send(ENTER)
    at_line(child, "どのフォルダー")
    child.send("gone" + ENTER)
    child.expect_exact("gone")
    child.expect_exact("フォルダーもありません")
    child.send(EMPTY_LINE + "papers" + ENTER)
    at_list(child, "どのようなもの")
    stop(child)
    assert answers_in(home / "a.toml")["data"]["path"] == str(papers)


def test_an_answer_can_be_changed_in_the_review(terminal: Any, home: Path, papers: Path) -> None:
    child = terminal("ask", "--answers", "a.toml")
    core(child, papers)
    child.send(ENTER)
    at_list(child, "まだ尋ねていない質問")
    child.send(ENTER)
    at_list(child, "回答を確かめてください")
    child.send(DOWN * 5 + ENTER)
    at_list(child, "社外へ出せない")
    child.send(DOWN + ENTER)
    child.expect_exact("回答を確かめてください")
    child.expect_exact("社外秘: すべて社外秘")
    child.expect_exact(READY)
    child.send(ENTER)
    child.expect_exact("okakae recommend --answers a.toml")
    assert ended(child) == 0
    assert answers_in(home / "a.toml")["confidential"] == "all"


def test_prompts_leave_stdout_alone(terminal: Any, home: Path, papers: Path) -> None:
    out = home / "out.json"
    child = terminal("ask", "--plain", "--answers", "a.toml")
    child.expect_exact("番号")
    child.sendline("１")  # full-width, as an IME types it
    child.expect_exact("[2/7]")
    child.expect_exact("番号")
    child.sendline("code")
    child.expect_exact("[3/7]")
    child.sendline("<")
    child.expect_exact("[2/7]")
    child.expect_exact("番号")
    child.sendline("99")
    child.expect_exact("1 から 8")
    child.sendcontrol("c")
    assert ended(child) == 130
    assert not out.exists()
    assert answers_in(home / "a.toml")["language"] == "ja"


def test_the_menu_never_goes_into_a_redirected_result(terminal: Any, home: Path) -> None:
    import pexpect

    root = Path(__file__).parents[2]
    command = f"PYTHONPATH={root} {sys.executable} -m advisor ask --json --lang ja > result.json"
    child = pexpect.spawn(
        "bash", ["-c", command], cwd=home, encoding="utf-8", dimensions=(50, 80), timeout=60
    )
    child.expect_exact("[1/7]")
    child.expect_exact("日本語")
    child.send(CTRL_C)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130
    assert "日本語" not in (home / "result.json").read_text(encoding="utf-8")


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


def test_a_dumb_terminal_gets_numbers(terminal: Any) -> None:
    child = terminal("ask", TERM="dumb")
    child.expect_exact("< で前の質問へ戻り")
    child.expect_exact("1) ")
    child.expect_exact("番号")
    child.sendcontrol("d")
    assert ended(child) == 130


def test_the_wizard_writes_lines_that_fit(terminal: Any, home: Path) -> None:
    child = terminal("ask", "--plain", columns=60)
    child.expect_exact("[1/7]")
    child.sendline("?")
    child.expect_exact("この質問の理由")
    child.expect_exact("番号")
    lines = child.before.splitlines()
    assert len(lines) >= 3
    assert max(map(cells, lines[1:])) <= 60
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
