"""`okakae` on a terminal: resume or begin the questionnaire, then show what is recommended."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from advisor.answers_file import (
    free,
    read_answers,
    restored,
    salvaged,
    set_aside,
    state_file,
    write_answers,
)
from advisor.errors import Interrupted, OkakaeError
from advisor.interview import Interview
from advisor.prompts import Command, Shown, asker
from advisor.render import command_line
from advisor.texts import t
from advisor.types import Answers

if TYPE_CHECKING:
    from advisor.session import Session


def start(session: Session) -> None:
    """`okakae` on a terminal: resume or begin, then recommend and name the next command."""
    keep = state_file()
    answers = resumed(session, keep)
    interview = Interview(session, answers, keep=keep, resume="okakae")
    answers = interview.run()
    path = free(Path("answers.toml"))
    write_answers(path, answers, session.lang)
    write_answers(keep, answers, session.lang, portable=False)
    show_result(session, path)


def show_result(session: Session, path: Path) -> None:
    """The recommendation for an answers file, and what to do next."""
    from advisor.answers import gather
    from advisor.needs import needs
    from advisor.recommend import recommend
    from advisor.render_advice import show_recommendation

    gathered = gather(session, path, ())
    made = recommend(needs(gathered.answers, gathered.machine, gathered.data))
    show_recommendation(made, session)
    session.say("wizard.saved", path=path)
    if made.chosen is not None:
        command = command_line("okakae", "plan", "--answers", path, "--out", "plan.json")
        click.echo(t("next-command", command=command))


def ask_missing(session: Session, answers: Answers, ids: Sequence[str]) -> Answers:
    """Ask, on a terminal, only what a command cannot do without."""
    return Interview(session, answers, keep=None, resume="").ask_ids(ids)


def resumed(session: Session, keep: Path) -> Answers:
    """The answers kept from last time, if there are any and the person wants them."""
    if not keep.is_file():
        return Answers()
    try:
        file = read_answers(keep)
    except OkakaeError:
        # A damaged state file never costs the start, nor what can still be read of it.
        file = salvaged(keep)
        kept = set_aside(keep)
        session.say("wizard.state-damaged", path=keep, kept=kept, n=len(restored(file).entries))
    answers = restored(file)
    if not answers.entries:
        return Answers()
    session.say(
        "wizard.finished-before" if file.finished else "wizard.unfinished", n=len(answers.entries)
    )
    choices = [Shown("resume", t("wizard.resume")), Shown("new", t("wizard.new"))]
    try:
        while isinstance(picked := asker(plain=session.plain).choose(choices, "resume"), Command):
            session.say("wizard.resume.why")
    except (KeyboardInterrupt, EOFError, click.Abort):
        raise Interrupted("wizard-interrupted", resume="okakae") from None
    return answers if picked == "resume" else Answers()
