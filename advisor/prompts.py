"""Puts one question to a person: with arrow keys through questionary, or plainly by numbers.

The only file that imports questionary; each guard names the pitfall it is there for.
"""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

import click

from advisor.render import ascii_only, clipped, columns, safe, wrap_ja
from advisor.texts import t

if TYPE_CHECKING:
    from questionary import Question as Prompt


class Command(Enum):
    """What a person may say instead of an answer."""

    BACK = "back"
    WHY = "why"


@dataclass(frozen=True, slots=True)
class Shown:
    """A choice as shown; `impossible` is the reason it cannot be chosen, in the user's words."""

    value: str
    title: str
    impossible: str = ""


class Asker(Protocol):
    """How answers are asked for; what surrounds the prompt is already on the screen."""

    @property
    def keys(self) -> str:
        """The text id that says which keys go back and explain."""
        ...

    def choose(self, choices: Sequence[Shown], default: str | None) -> str | Command: ...

    def write(
        self, default: str, fault: Callable[[str], str | None], label: str = ""
    ) -> str | Command: ...


def asker(*, plain: bool) -> Asker:
    """Arrow keys where the terminal can; numbers for screen readers, `--plain`, dumb terminals."""
    if plain or os.environ.get("TERM", "dumb" if os.name == "posix" else "") == "dumb":
        return NumberedAsker()
    return ArrowAsker()


def agreed(question: str, *, plain: bool) -> bool:
    """Whether a person says yes; the offered answer is no.

    A y/n prompt would not do: with an input method on, the key for yes does nothing there and
    Enter takes what was offered.
    """
    _told(question)
    choices = [Shown("no", t("prompt.no")), Shown("yes", t("prompt.yes"))]
    while (answer := asker(plain=plain).choose(choices, "no")) is Command.WHY:
        _told(t("prompt.agree-why"))
    return answer == "yes"


def _told(text: str, *, indent: str = "") -> None:
    click.echo(wrap_ja(safe(text, sys.stderr), columns(), indent=indent), err=True)


class NumberedAsker:
    """Numbered lists and lines; what screen readers and tests can follow."""

    keys = "wizard.keys-numbered"

    def choose(self, choices: Sequence[Shown], default: str | None) -> str | Command:
        for number, choice in enumerate(choices, 1):
            mark = "*" if choice.value == default else " "
            reason = (
                f" [{t('prompt.impossible', why=choice.impossible)}]" if choice.impossible else ""
            )
            _told(f"{mark}{number:>3}) {choice.title}{reason}", indent="      ")
        while True:
            line = self._line(t("prompt.number"))
            if isinstance(line, Command):
                return line
            picked = _picked(line or (default or ""), choices)
            if picked is None:
                _told(t("prompt.number-wrong", n=len(choices)))
            elif picked.impossible:
                _told(t("prompt.impossible", why=picked.impossible))
            else:
                return picked.value

    def write(
        self, default: str, fault: Callable[[str], str | None], label: str = ""
    ) -> str | Command:
        while True:
            asked = (label or t("prompt.answer")).removesuffix(":")
            line = self._line(f"{asked} [{default}]" if default else asked)
            if isinstance(line, Command):
                return line
            answer = line or default
            wrong = fault(answer)
            if wrong is None:
                return answer
            _told(wrong)

    def _line(self, label: str) -> str | Command:
        click.echo(f"{label}: ", nl=False, err=True)
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        text = unicodedata.normalize("NFKC", line).strip()
        return {"?": Command.WHY, "<": Command.BACK}.get(text, text if text else "")


def _picked(text: str, choices: Sequence[Shown]) -> Shown | None:
    plain = unicodedata.normalize("NFKC", text).strip().casefold()
    if plain.isdecimal() and 1 <= int(plain) <= len(choices):
        return choices[int(plain) - 1]
    if not plain:
        return next((c for c in choices if not c.value), None)
    names = [(c, (c.value.casefold(), c.title.casefold())) for c in choices]
    whole = [c for c, known in names if plain in known]
    begun = [c for c, known in names if any(name.startswith(plain) for name in known)]
    return whole[0] if whole else begun[0] if len(begun) == 1 else None


class ArrowAsker:
    """questionary behind its guards; falls back to numbers where there is no console."""

    keys = "wizard.keys"

    def __init__(self) -> None:
        self._fallback: NumberedAsker | None = None

    def choose(self, choices: Sequence[Shown], default: str | None) -> str | Command:
        if self._fallback:
            return self._fallback.choose(choices, default)
        possible = {choice.value for choice in choices if not choice.impossible}
        for reason in dict.fromkeys(c.impossible for c in choices if c.impossible):
            # A long reason would be clipped in the list, so it stands above it.
            titles = [c.title for c in choices if c.impossible == reason]
            _told(t("prompt.ruled-out", titles=t("wizard.comma").join(titles), why=reason))

        def build() -> Prompt:
            import questionary

            return questionary.select(
                _shown(t("prompt.choose")),
                choices=[
                    questionary.Choice(
                        _shown(choice.title),
                        value=choice.value,
                        disabled=t("prompt.disabled") if choice.impossible else None,
                    )
                    for choice in choices
                ],
                # A remembered answer whose choice is gone raises ValueError when built.
                default=default if default in possible else None,
                instruction=_shown(t("prompt.keys")),
                pointer=_pointer(),
                use_jk_keys=False,
                use_shortcuts=False,
                **_on_stderr(),
            )

        while True:
            answer = self._ask(
                build, lambda: NumberedAsker().choose(choices, default), is_list=True
            )
            # Alt-Enter once returned '' here: only a choice is an answer.
            if isinstance(answer, Command) or answer in possible:
                return answer

    def write(
        self, default: str, fault: Callable[[str], str | None], label: str = ""
    ) -> str | Command:
        if self._fallback:
            return self._fallback.write(default, fault, label)

        def valid(text: str) -> bool | str:
            plain = unicodedata.normalize("NFKC", text).strip()
            return True if plain in ("?", "<") else fault(text) or True

        def build() -> Prompt:
            import questionary

            return questionary.text(
                label or t("prompt.answer"),
                default=default,
                instruction=_shown(t("prompt.keys-text")) + " ",
                validate=valid,
                validate_while_typing=False,
                **_on_stderr(),
            )

        answer = self._ask(build, lambda: NumberedAsker().write(default, fault, label))
        if isinstance(answer, Command):
            return answer
        plain = unicodedata.normalize("NFKC", answer).strip()
        return {"?": Command.WHY, "<": Command.BACK}.get(plain, answer)

    def _ask(
        self,
        build: Callable[[], Prompt],
        plainly: Callable[[], str | Command],
        *,
        is_list: bool = False,
    ) -> str | Command:
        try:
            # ask() turns Ctrl-C into None and goes on; unsafe_ask() raises.
            answer: str | Command = _guarded(build(), is_list=is_list).unsafe_ask()
        except Exception as error:
            # Git Bash, IDE consoles: the class exists only on Windows.
            if type(error).__name__ != "NoConsoleScreenBufferError":
                raise
            self._fallback = NumberedAsker()
            return plainly()
        return answer


def _shown(text: str) -> str:
    """`text` with the glyphs that stderr can carry, on one line of the screen."""
    return clipped(safe(text, sys.stderr), columns() - 5)


def _pointer() -> str:
    return ">" if ascii_only(sys.stderr) else "»"


def _on_stderr() -> dict[str, Any]:
    """Draw prompts on stderr: stdout belongs to the result."""
    from prompt_toolkit.output.defaults import create_output
    from prompt_toolkit.styles import Style

    plain = bool(os.environ.get("NO_COLOR"))
    looks = [("qmark", "bold"), ("pointer", "bold"), ("highlighted", "bold")]
    return {
        "output": create_output(sys.stderr),
        "style": Style(looks if plain else [*looks, ("answer", "fg:ansicyan bold")]),
        "qmark": "?",
    }


def _guarded(prompt: Prompt, *, is_list: bool) -> Prompt:
    """Shift-Tab goes back, `?` explains a list, Alt-Enter does nothing, Ctrl-D leaves."""
    from prompt_toolkit.key_binding import KeyBindings, merge_key_bindings

    keys = KeyBindings()

    def leave_with(result: Command) -> Callable[[Any], None]:
        def left(event: Any) -> None:
            # The question comes again: its half-drawn list need not stay on the screen.
            event.app.erase_when_done = True
            event.app.exit(result=result)

        return left

    def leave(event: Any) -> None:
        event.app.exit(exception=EOFError(), style="class:aborting")

    keys.add("s-tab", eager=True)(leave_with(Command.BACK))
    keys.add("escape", "enter", eager=True)(lambda _event: None)
    if is_list:
        # A line of text takes these as its content; a list has no other use for them.
        for mark in ("?", "？"):
            keys.add(mark, eager=True)(leave_with(Command.WHY))
        for mark in ("<", "＜"):
            keys.add(mark, eager=True)(leave_with(Command.BACK))
        keys.add("c-d", eager=True)(leave)
    application = prompt.application
    old = application.key_bindings
    application.key_bindings = merge_key_bindings([old, keys]) if old else keys
    return prompt
