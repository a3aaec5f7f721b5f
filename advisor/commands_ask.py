"""`okakae ask`: the questionnaire alone, on a terminal or from flags, into an answers file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from advisor.session import Session, okakae_command
from advisor.texts import t


@okakae_command("ask")
@click.option("--answers", type=click.Path(path_type=Path, dir_okay=False), default=None)
@click.option("--set", "sets", multiple=True, metavar="id=value")
@click.option("--defaults", is_flag=True)
@click.option("--ask", "only", multiple=True, metavar="PATTERN")
def ask(
    session: Session,
    answers: Path | None,
    sets: tuple[str, ...],
    defaults: bool,
    only: tuple[str, ...],
) -> None:
    """Ask, check and write the answers; an existing file is where it starts from."""
    from advisor.answers import check, given
    from advisor.answers_file import free, state_file, write_answers
    from advisor.detect import detected_answers
    from advisor.questions import Questionnaire
    from advisor.render import command_line
    from advisor.types import Answers

    _must_match(only)
    existing = answers if answers is not None and answers.is_file() else None
    found = given(existing, sets)
    path = answers or free(Path("answers.toml"))
    if session.interactive and not defaults and not found.faults:
        from advisor.interview import Interview
        from advisor.wizard import resumed

        keep = answers or state_file()
        start = found.answers
        if answers is None:
            kept = resumed(session, keep)
            start = Answers({**kept.entries, **start.entries})
        resume = f"okakae ask --answers {answers}" if answers else "okakae ask"
        interview = Interview(session, start, keep=keep, resume=resume, settings=found.settings)
        found.answers = interview.run(only=only)
    check(found, ("goal",), offline=session.offline)
    write_answers(path, found.answers, session.lang, settings=found.settings)
    detected = detected_answers(None, None, "", session.lang)
    completed = Questionnaire(detected=detected).completed(found.answers)
    document = {
        "schema_version": 1,
        "answers": {answer.id: asdict(answer) for answer in completed},
        "settings": found.settings,
        "path": str(path),
    }

    def human() -> None:
        click.echo(t("wizard.saved", path=path))
        command = command_line("okakae", "recommend", "--answers", path)
        click.echo(t("next-command", command=command))

    session.out(document, human)


def _must_match(patterns: tuple[str, ...]) -> None:
    """Refuse a pattern that no question's id fits."""
    from fnmatch import fnmatchcase

    from advisor.errors import UsageError
    from knowledge.catalog.loader import load

    ids = list(load("questions"))
    for pattern in patterns:
        if not any(fnmatchcase(id_, pattern) for id_ in ids):
            raise UsageError("ask-no-match", pattern=pattern, allowed=", ".join(ids))
