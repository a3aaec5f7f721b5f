"""What `inspect` says once all is read: how it would split, and how a model sees the rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from advisor.errors import MachineError
from advisor.inspect_as import RowsSeen, as_record, rows_seen
from advisor.inspect_splits import SplitAdvice, split_advice
from advisor.render import command_line
from advisor.session import Session, report_error

if TYPE_CHECKING:
    from advisor.commands_inspect import Inspection


@dataclass(frozen=True, slots=True)
class After:
    """One entry per path that holds examples."""

    splits: tuple[tuple[Path, SplitAdvice], ...]
    seen: tuple[tuple[Path, RowsSeen], ...]

    @property
    def refused(self) -> bool:
        """Whether a row would stop a tuning or be left out of it."""
        return any(rows.faults for _, rows in self.seen)

    def into(self, document: dict[str, Any], session: Session) -> dict[str, Any]:
        """The JSON document with `splits` and `as`, by path, and the rows' problems."""
        from advisor.inspect_records import problem_record

        problems = [problem for _, rows in self.seen for problem in rows.problems()]
        more = {"splits": {str(path): advice.record() for path, advice in self.splits}}
        if self.seen:
            more["as"] = {str(path): as_record(rows) for path, rows in self.seen}
        told = [problem_record(problem, session) for problem in problems]
        return {**document, "problems": [*document["problems"], *told], **more}

    def show(self, session: Session) -> None:
        """The same for people."""
        from advisor import inspect_as_page, inspect_splits
        from advisor.inspect_page import show_problems

        for path, advice in self.splits:
            inspect_splits.show(path, advice, session)
        for path, rows in self.seen:
            inspect_as_page.show(rows, session)
            show_problems([(str(path), problem) for problem in rows.problems()], session)

    def stop(self, session: Session) -> None:
        """End with 4, and the command that fixes it, where the model is not on this machine."""
        for path, rows in self.seen:
            if rows.missing is None:
                continue
            command = command_line(
                "okakae", "inspect", path, "--as", rows.model, "--allow", "download"
            )
            error = rows.missing
            if error.ref == "model-not-here":
                error = MachineError("as-model-not-here", model=rows.model, command=command)
            # The document is out already: it holds the estimate, and says what it is.
            report_error(error, replace(session, as_json=False))
            raise click.exceptions.Exit(error.exit_code)


def told_after(
    found: Sequence[Inspection], session: Session, model: str | None, sets: Sequence[str]
) -> After:
    """Look at the examples of every path.

    Raises:
        UsageError, MachineError, Forbidden: see `advisor.inspect_as.rows_seen`.
    """
    having = [one.corpus for one in found if one.corpus.examples]
    return After(
        tuple((corpus.root, split_advice(corpus.examples)) for corpus in having),
        tuple((corpus.root, rows_seen(session, corpus.examples, model, sets)) for corpus in having)
        if model
        else (),
    )
