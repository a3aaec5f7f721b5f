"""Each pitfall of terminals, prompts and Japanese, met on a real terminal by a new user.

The pitfalls are those known of questionary, prompt_toolkit, rich and click with Japanese: keys
that answer by accident, input methods that type full-width, consoles that lack characters,
streams that are closed or lead elsewhere.
"""

from __future__ import annotations

import os
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from keys import (
    ALT_ENTER,
    CORE,
    CTRL_C,
    CTRL_D,
    DOWN,
    EMPTY_LINE,
    ENTER,
    NUMBER,
    READY,
    SHIFT_TAB,
    UP,
    answers_in,
    at_line,
    at_list,
    core,
    ended,
    stop,
    toml,
)

from advisor.texts import t
from knowledge.catalog.loader import load

ROOT = Path(__file__).parents[2]
SCREENS = [("ja", 60), ("en", 100)]
# Keys that once answered by accident.


@pytest.mark.parametrize(("lang", "columns"), SCREENS)
def test_alt_enter_answers_neither_a_list_nor_a_line(
    terminal: Any, home: Path, papers: Path, lang: str, columns: int
) -> None:
    child = terminal("ask", "--answers", "a.toml", lang=lang, columns=columns)
    at_list(child, "[1/7]", lang)
    child.send(ALT_ENTER + ENTER)
    at_list(child, "[2/7]", lang)
    child.send(ALT_ENTER + DOWN + ENTER)
    at_line(child, "[3/7]", lang)
    child.send("papers" + ALT_ENTER + "/leave.md" + ENTER)
    at_list(child, "[4/7]", lang)
    stop(child)
    written = answers_in(home / "a.toml")
    assert written["goal"] == "style_or_tone"
    assert written["data"]["path"] == str(papers / "leave.md")


def test_letters_move_nothing_in_a_list(terminal: Any, home: Path) -> None:
    child = terminal("ask", "--answers", "a.toml")
    at_list(child, "[1/7]")
    child.send("jjy" + ENTER)
    at_list(child, "[2/7]")
    stop(child)
    assert answers_in(home / "a.toml")["language"] == "ja"


@pytest.mark.parametrize(("lang", "columns"), SCREENS)
@pytest.mark.parametrize("key", [CTRL_C, CTRL_D])
def test_a_line_and_a_list_can_be_left(
    terminal: Any, home: Path, answered: Path, lang: str, columns: int, key: str
) -> None:
    child = terminal(
        *("ask", "--answers", "a.toml", "--ask", "goal", "--ask", "budget*"),
        lang=lang,
        columns=columns,
    )
    at_list(child, t("question.goal.text", lang), lang)
    child.send(ENTER)
    at_line(child, t("question.budget_jpy.text", lang), lang)
    child.send(EMPTY_LINE + key)
    child.expect_exact("okakae ask --answers a.toml")
    assert ended(child) == 130
    assert answers_in(answered)["budget_jpy"] == 100_000, "nothing that was answered is lost"


# What an input method types.


@pytest.mark.parametrize(
    ("typed", "understood", "value"),
    [
        ("３，０００", "3,000 円", 3_000),
        ("３万円", "30,000 円", 30_000),
        ("1億", "100,000,000 円", 100_000_000),
        ("　２万　", "20,000 円", 20_000),
        ("三十万", "300,000 円", 300_000),
    ],
)
def test_numbers_as_an_input_method_types_them(
    terminal: Any, answered: Path, typed: str, understood: str, value: int
) -> None:
    child = terminal("ask", "--answers", "a.toml", "--ask", "budget_jpy", columns=60)
    at_line(child, "何円まで")
    child.send(EMPTY_LINE + typed + ENTER)
    child.expect_exact(f"-> {understood}")
    at_list(child, "回答を確かめてください")
    child.send(ENTER)
    assert ended(child) == 0
    assert answers_in(answered)["budget_jpy"] == value


@pytest.mark.parametrize("plain", [True, False])
def test_a_number_out_of_range_is_told_and_kept_for_correction(
    terminal: Any, answered: Path, plain: bool
) -> None:
    words = ["--plain"] if plain else []
    child = terminal("ask", "--answers", "a.toml", "--ask", "target.score", *words)
    if plain:
        child.expect_exact("回答 [0.8]: ")
        child.sendline("８０")
    else:
        at_line(child, "何割")
        child.send(EMPTY_LINE + "８０" + ENTER)
    child.expect_exact("範囲外です")
    stop(child)


CONSENT = "import sys; from advisor.session import Session; Session(lang={lang!r}, plain={plain})"


def consent(home: Path, lang: str, *, plain: bool) -> Any:
    import pexpect

    code = CONSENT.format(lang=lang, plain=plain) + ".permit('api', 'example'); print('GIVEN')"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OKAKAE_LANG": lang, "TERM": "xterm"}
    return pexpect.spawn(
        sys.executable,
        ["-c", code],
        env={**environment, "PROMPT_TOOLKIT_NO_CPR": "1"},
        encoding="utf-8",
        dimensions=(24, 60),
        timeout=60,
        cwd=home,
    )


@pytest.mark.parametrize("lang", ["ja", "en"])
@pytest.mark.parametrize(
    ("typed", "given"),
    [("ｙ", True), ("はい", True), ("yes", True), ("2", True), ("", False), ("ｎ", False)],
)
def test_consent_is_understood_as_people_type_it_and_enter_is_no(
    home: Path, lang: str, typed: str, given: bool
) -> None:
    if typed == "はい" and lang == "en":
        typed = "Ｙes"
    child = consent(home, lang, plain=True)
    child.expect_exact(NUMBER[lang])
    child.sendline(typed)
    assert ("GIVEN" in child.read()) is given


@pytest.mark.parametrize(("keys", "given"), [(ENTER, False), ("ｙ" + ENTER, False), (UP, True)])
def test_consent_on_a_list_takes_a_deliberate_key(home: Path, keys: str, given: bool) -> None:
    child = consent(home, "ja", plain=False)
    child.expect_exact("選択: ")
    child.expect_exact(READY)
    child.send(keys if keys.endswith(ENTER) else keys + ENTER)
    assert ("GIVEN" in child.read()) is given


# Screens that are narrow or low, and lists that change under one's hands.


def test_a_low_screen_scrolls_to_the_last_choice(terminal: Any, answered: Path) -> None:
    child = terminal("ask", "--answers", "a.toml", "--ask", "gpu", columns=60, rows=10)
    at_list(child, "使えるGPU")
    child.send(UP + ENTER)
    at_list(child, "回答を確かめてください")
    child.send(ENTER)
    assert ended(child) == 0
    assert answers_in(answered)["gpu"] == "cloud"


def test_a_remembered_answer_that_became_impossible_is_asked_again(
    terminal: Any, answered: Path
) -> None:
    answered.write_text(toml(CORE | {"confidential": "all", "gpu": "colab"}))
    child = terminal("ask", "--answers", "a.toml")
    child.expect_exact("お尋ねしません")  # hosted AI: one possible answer is said, not asked
    child.expect_exact("Google Colab を使う、Kaggle を使う")
    child.expect_exact("（資料を")
    child.expect_exact(READY)
    child.send(ENTER)
    at_list(child, "まだ尋ねていない質問")
    stop(child)
    assert answers_in(answered)["gpu"] == "none"


def test_back_leads_from_the_offer_to_the_last_question(
    terminal: Any, home: Path, papers: Path
) -> None:
    lang = "ja"
    child = terminal("ask", "--answers", "a.toml", lang=lang)
    core(child, papers, lang)
    child.send(SHIFT_TAB)  # from a line to the list before
    at_list(child, "[6/7]", lang)
    child.send("＜")  # and on, as an input method types it
    at_list(child, "[5/7]", lang)
    child.send(ENTER)
    at_list(child, "[6/7]", lang)
    child.send(ENTER)
    at_line(child, "[7/7]", lang)
    child.send(ENTER)
    at_list(child, t("wizard.more.turns", lang, n=9, turning=1)[:8], lang)
    child.send(SHIFT_TAB)
    at_line(child, "[7/7]", lang)
    stop(child)


@pytest.mark.parametrize("mark", ["?", "？"])
def test_a_question_mark_explains_a_line_and_a_list(
    terminal: Any, answered: Path, mark: str
) -> None:
    child = terminal("ask", "--answers", "a.toml", "--ask", "goal", "--ask", "budget_jpy")
    at_list(child, "任せたいこと")
    child.send(mark)
    child.expect_exact("この質問の理由")
    at_list(child, "根拠: ")
    child.send(ENTER)
    at_line(child, "何円まで")
    child.send(EMPTY_LINE + mark + ENTER)
    child.expect_exact("この質問の理由")
    at_line(child, "根拠: ")
    stop(child)


def test_a_damaged_memory_is_set_aside_and_what_is_readable_is_used(
    terminal: Any, home: Path
) -> None:
    state = home.parent / "state" / "answers.toml"
    state.parent.mkdir()
    damaged = 'language = "en"\ngoal = "code"\nbudget_jpy = 30'
    state.write_text(damaged + "\ndata.pa", encoding="utf-8")
    child = terminal()
    child.expect_exact("壊れています")
    at_list(child, "3 件")
    child.send(ENTER)
    at_line(child, "どのフォルダー")
    stop(child)
    kept = state.with_name("answers-damaged.toml")
    assert kept.read_text(encoding="utf-8") == damaged + "\ndata.pa"


def test_no_character_of_a_prompt_has_two_widths() -> None:
    """CJK terminals draw ambiguous characters in two cells, and the cursor would go astray."""
    ids = ["prompt.choose", "prompt.answer", "prompt.keys", "prompt.keys-text", "prompt.number"]
    for question in load("questions").values():
        ids += [f"question.{question.id}.choice.{choice}" for choice in question.choices]
    for id_ in ids:
        for lang in ("ja", "en"):
            odd = [c for c in t(id_, lang) if unicodedata.east_asian_width(c) == "A"]
            assert odd == [], id_


def test_no_console_falls_back_to_numbers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Git Bash and IDE consoles on Windows raise this class, which exists only there."""
    import io

    from advisor.prompts import ArrowAsker, Shown

    class NoConsoleScreenBufferError(Exception): ...

    def refuse(*_: Any, **__: Any) -> None:
        raise NoConsoleScreenBufferError

    monkeypatch.setattr("questionary.select", refuse)
    monkeypatch.setattr("sys.stdin", io.StringIO("2\n1\n"))
    ask, choices = ArrowAsker(), [Shown("a", "Alpha"), Shown("b", "Beta")]
    assert ask.choose(choices, "a") == "b"
    assert ask.choose(choices, "b") == "a", "and stays with them"
    assert "1) Alpha" in capsys.readouterr().err
