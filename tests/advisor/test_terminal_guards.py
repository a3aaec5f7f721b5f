"""Each pitfall of terminals, prompts and Japanese, met on a real terminal by a new user.

The pitfalls are those known of questionary, prompt_toolkit, rich and click with Japanese: keys
that answer by accident, input methods that type full-width, consoles that lack characters,
streams that are closed or lead elsewhere.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import pytest
from keys import (
    ALT_ENTER,
    ANSWER,
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
    Screen,
    answers_in,
    at_line,
    at_list,
    both_languages,
    core,
    ended,
    stop,
    toml,
)

from advisor.texts import t
from knowledge.catalog.loader import load

# Keys that once answered by accident.


@both_languages
def test_alt_enter_answers_neither_a_list_nor_a_line(
    terminal: Any, home: Path, papers: Path
) -> None:
    child = terminal("ask", "--answers", "a.toml")
    at_list(child, "[1/7]")
    child.send(ALT_ENTER + ENTER)
    at_list(child, "[2/7]")
    child.send(ALT_ENTER + DOWN + ENTER)
    at_line(child, "[3/7]")
    child.send("papers" + ALT_ENTER + "/leave.md" + ENTER)
    at_list(child, "[4/7]")
    stop(child)
    written = answers_in(home / "a.toml")
    assert written["goal"] == "style_or_tone"
    assert written["data"]["path"] == str(papers / "leave.md")


def test_letters_move_nothing_in_a_list(terminal: Any, home: Path, screen: Screen) -> None:
    child = terminal("ask", "--answers", "a.toml")
    at_list(child, "[1/7]")
    child.send("jjy" + ENTER)
    at_list(child, "[2/7]")
    stop(child)
    assert answers_in(home / "a.toml")["language"] == screen.lang


@both_languages
@pytest.mark.parametrize("key", [CTRL_C, CTRL_D])
def test_a_line_and_a_list_can_be_left(
    terminal: Any, answered: Path, screen: Screen, key: str
) -> None:
    child = terminal("ask", "--answers", "a.toml", "--ask", "goal", "--ask", "budget*")
    at_list(child, screen.says("question.goal.text"))
    child.send(ENTER)
    at_line(child, screen.says("question.budget_jpy.text"))
    child.send(EMPTY_LINE + key)
    child.expect_exact("okakae ask --answers a.toml")
    assert ended(child) == 130
    assert answers_in(answered)["budget_jpy"] == 100_000, "nothing that was answered is lost"


# What an input method types.
TYPED = {"３，０００": 3_000, "３万円": 30_000, "1億": 100_000_000, "　２万　": 20_000}
TYPED |= {"三十万": 300_000}
AT_BUDGET = 7
"""The line of the review that asks for the budget again."""


@both_languages
def test_numbers_as_an_input_method_types_them(
    terminal: Any, answered: Path, screen: Screen
) -> None:
    """Each is said back before it counts; the review lets the same question be asked again."""
    child = terminal("ask", "--answers", "a.toml", "--ask", "budget_jpy")
    for typed, value in TYPED.items():
        at_line(child, screen.says("question.budget_jpy.text"))
        child.send(EMPTY_LINE + typed + ENTER)
        child.expect_exact("-> " + t("unit.JPY", screen.lang, value=f"{value:,}"))
        at_list(child, screen.says("wizard.review"))
        assert answers_in(answered)["budget_jpy"] == value
        child.send(DOWN * AT_BUDGET + ENTER)
    stop(child)


@pytest.mark.parametrize("plain", [True, False])
def test_a_number_out_of_range_is_told_and_kept_for_correction(
    terminal: Any, answered: Path, screen: Screen, plain: bool
) -> None:
    words = ["--plain"] if plain else []
    child = terminal("ask", "--answers", "a.toml", "--ask", "target.score", *words)
    if plain:
        child.expect_exact(ANSWER[screen.lang].removesuffix(": ") + " [0.8]: ")
        child.sendline("８０")
    else:
        at_line(child, screen.says("question.target.score.text"))
        child.send(EMPTY_LINE + "８０" + ENTER)
    child.expect_exact({"ja": "範囲外です", "en": "out of range"}[screen.lang])
    stop(child)


CONSENT = (
    "from advisor.session import Session; "
    "Session(lang={!r}, plain={}).permit('api', 'example'); print('GIVEN')"
)


def consent(terminal: Any, screen: Screen, *, plain: bool) -> Any:
    return terminal(code=CONSENT.format(screen.lang, plain), OKAKAE_LANG=screen.lang)


@both_languages
@pytest.mark.parametrize(
    ("typed", "given"),
    [("ｙ", True), ("はい", True), ("yes", True), ("2", True), ("", False), ("ｎ", False)],
)
def test_consent_is_understood_as_people_type_it_and_enter_is_no(
    terminal: Any, screen: Screen, typed: str, given: bool
) -> None:
    if typed == "はい" and screen.lang == "en":
        typed = "Ｙes"
    child = consent(terminal, screen, plain=True)
    child.expect_exact(NUMBER[screen.lang])
    child.sendline(typed)
    assert ("GIVEN" in child.read()) is given


@pytest.mark.parametrize(("keys", "given"), [(ENTER, False), ("ｙ" + ENTER, False), (UP, True)])
def test_consent_on_a_list_takes_a_deliberate_key(
    terminal: Any, screen: Screen, keys: str, given: bool
) -> None:
    child = consent(terminal, screen, plain=False)
    at_list(child, "")
    child.send(keys if keys.endswith(ENTER) else keys + ENTER)
    assert ("GIVEN" in child.read()) is given


# Screens that are narrow or low, and lists that change under one's hands.


def test_a_low_screen_scrolls_to_the_last_choice(
    terminal: Any, answered: Path, screen: Screen
) -> None:
    child = terminal("ask", "--answers", "a.toml", "--ask", "gpu", rows=10)
    at_list(child, screen.says("question.gpu.text"))
    child.send(UP + ENTER)
    at_list(child, screen.says("wizard.review"))
    child.send(ENTER)
    assert ended(child) == 0
    assert answers_in(answered)["gpu"] == "cloud"


def test_a_remembered_answer_that_became_impossible_is_asked_again(
    terminal: Any, answered: Path, screen: Screen
) -> None:
    answered.write_text(toml(CORE | {"confidential": "all", "gpu": "colab"}))
    child = terminal("ask", "--answers", "a.toml")
    # Hosted AI: one possible answer is said, not asked.
    child.expect_exact({"ja": "お尋ねしません", "en": "(not asked"}[screen.lang])
    child.expect_exact(screen.says("prompt.ruled-out", titles="Google", why=""))
    child.expect_exact(READY)
    child.send(ENTER)
    at_list(child, screen.says("wizard.more.turns", n=9, turning=1))
    stop(child)
    assert answers_in(answered)["gpu"] == "none"


def test_back_leads_from_the_offer_to_the_last_question(
    terminal: Any, papers: Path, screen: Screen
) -> None:
    child = terminal("ask", "--answers", "a.toml")
    core(child, papers)
    child.send(SHIFT_TAB)  # from a line to the list before
    at_list(child, "[6/7]")
    child.send("＜")  # and on, as an input method types it
    at_list(child, "[5/7]")
    child.send(ENTER)
    at_list(child, "[6/7]")
    child.send(ENTER)
    at_line(child, "[7/7]")
    child.send(ENTER)
    at_list(child, screen.says("wizard.more.turns", n=9, turning=1))
    child.send(SHIFT_TAB)
    at_line(child, "[7/7]")
    stop(child)


@both_languages
@pytest.mark.parametrize("mark", ["?", "？"])
def test_a_question_mark_explains_a_line_and_a_list(
    terminal: Any, answered: Path, screen: Screen, mark: str
) -> None:
    why, sources = screen.says("wizard.why", why=""), screen.says("wizard.sources", sources="")
    child = terminal("ask", "--answers", "a.toml", "--ask", "goal", "--ask", "budget_jpy")
    at_list(child, screen.says("question.goal.text"))
    child.send(mark)
    child.expect_exact(why)
    at_list(child, sources)
    child.send(ENTER)
    at_line(child, screen.says("question.budget_jpy.text"))
    child.send(EMPTY_LINE + mark + ENTER)
    child.expect_exact(why)
    at_line(child, sources)
    stop(child)


def test_a_damaged_memory_is_set_aside_and_what_is_readable_is_used(
    terminal: Any, home: Path, screen: Screen
) -> None:
    state = home.parent / "state" / "answers.toml"
    state.parent.mkdir()
    damaged = 'language = "en"\ngoal = "code"\nbudget_jpy = 30'
    state.write_text(damaged + "\ndata.pa", encoding="utf-8")
    child = terminal()
    child.expect_exact(screen.says("wizard.state-damaged", path="", kept="", n=3))
    at_list(child, screen.says("wizard.unfinished", n=3))
    child.send(ENTER)
    at_line(child, screen.says("question.data.path.text"))
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


NO_CONSOLE = """
import questionary, sys

class NoConsoleScreenBufferError(Exception): ...

def refuse(*_, **__):
    raise NoConsoleScreenBufferError

questionary.select = refuse
from advisor.__main__ import main
sys.argv = ["okakae", "--lang", {lang!r}, "ask", "--answers", "a.toml"]
main()
"""


def test_no_console_falls_back_to_numbers(terminal: Any, home: Path, screen: Screen) -> None:
    """Git Bash and IDE consoles on Windows raise this class, which exists only there."""
    number = NUMBER[screen.lang]
    child = terminal(code=NO_CONSOLE.format(lang=screen.lang))
    child.expect_exact("1) " + t("question.language.choice.ja", screen.lang))
    child.expect_exact(number)
    child.sendline("2")
    child.expect_exact("[2/7]")  # and stays with them
    child.expect_exact(number)
    child.sendline("2")
    child.expect_exact("[3/7]")
    stop(child)
    assert answers_in(home / "a.toml")["language"] == "en"
