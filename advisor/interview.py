"""The conversation itself: core questions, more if wanted, a review; every answer kept at once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from advisor.answers_file import write_answers
from advisor.errors import Interrupted, OkakaeError
from advisor.prompts import Asker, Command, Shown, asker
from advisor.questions import Questionnaire, Unreadable
from advisor.render import command_line, paragraph
from advisor.texts import has_text, t
from advisor.types import Answer, Answers, MachineFacts, Scalar
from knowledge.catalog.records import Question
from knowledge.corpus.types import DataFacts

if TYPE_CHECKING:
    from advisor.session import Session


class Interview:
    """One questionnaire under way: the answers, how they were reached, and where they are kept."""

    def __init__(
        self, session: Session, answers: Answers, *, keep: Path | None, resume: str
    ) -> None:
        self.session = session
        self.answers = answers
        self.asker: Asker = asker(plain=session.plain)
        self.keep = keep
        self.resume = resume
        self.questionnaire = Questionnaire()
        self._machine: MachineFacts | None = None
        self._data: tuple[str, DataFacts | None] = ("", None)
        self._trail: list[str] = []
        self._former: dict[str, Scalar] = {}

    def run(self, *, only: Sequence[str] = ()) -> Answers:
        """Ask until the person agrees with the review.

        Raises:
            Interrupted: Ctrl-C or Ctrl-D; the answers so far are kept, and it says how to go on.
        """
        try:
            _say(self.asker.keys)
            if only:
                self._ask_each(lambda question: any(fnmatchcase(question.id, p) for p in only))
            self._ask_open(core=True)
            if not only:
                self._offer_more()
            self._review()
        except (KeyboardInterrupt, EOFError, click.Abort):
            kept = self.keep is not None and self.keep.exists()
            ref = "wizard-interrupted" if kept else "wizard-interrupted-empty"
            raise Interrupted(ref, resume=self.resume) from None
        return self.answers

    def ask_ids(self, ids: Sequence[str]) -> Answers:
        """Ask exactly these questions."""
        try:
            self._ask_each(lambda question: question.id in ids)
        except (KeyboardInterrupt, EOFError, click.Abort):
            raise Interrupted("interrupted", resume=self.resume) from None
        return self.answers

    def _ask_each(self, wanted: Callable[[Question], bool]) -> None:
        for question in self.questionnaire:
            if wanted(question):
                self._ask(question)

    def _ask_open(self, *, core: bool) -> None:
        """Every open question in turn; going back reopens the one before."""
        while (question := self.questionnaire.next(self.answers, core=core)) is not None:
            if not self._ask(question, progress=self._progress(core=core)):
                self._back()

    def _progress(self, *, core: bool) -> str:
        done = sum(q.core is core and q.id in self.answers for q in self.questionnaire)
        left = len(self.questionnaire.open(self.answers, core=core))
        return f"[{done + 1}/{done + left}] "

    def _back(self) -> None:
        if not self._trail:
            _say("wizard.first-question")
            return
        last = self._trail.pop()
        self._former[last] = self.answers.entries[last].value
        self.answers = self.answers.without(last)
        self._save()

    def _ask(self, question: Question, *, progress: str = "") -> bool:
        """Put one question until it is answered; False if the person goes back."""
        if self.answers.entries:
            self._look(question)
        click.echo("", err=True)
        click.echo(
            paragraph(f"{progress}{t(f'question.{question.id}.text')}", stream=sys.stderr), err=True
        )
        if self._data_facts is not None and question.id == "data.kind":
            self._show_data(self._data_facts)
        suggestion = self._suggestion(question)
        if suggestion is not None and suggestion.source == "detected":
            _say(
                "wizard.detected",
                value=self._title(question, suggestion),
                why=suggestion.why or _why(suggestion),
            )
        while True:
            answer = self._prompt(question, suggestion)
            if answer is Command.BACK:
                return False
            if answer is Command.WHY:
                self._explain(question, suggestion)
                continue
            value = self.questionnaire.parse(question, str(answer))
            if question.kind == "path" and value:
                value = str(Path(str(value)).expanduser().absolute())
                if not self._read(value):
                    continue
            break
        self._accept(question, value)
        return True

    def _accept(self, question: Question, value: Scalar) -> None:
        self.answers = self.answers.with_answer(Answer(question.id, value, "asked"))
        dropped = self.questionnaire.stale(self.answers)
        self.answers = self.answers.without(*dropped)
        self._trail = [id_ for id_ in self._trail if id_ not in (question.id, *dropped)]
        self._trail.append(question.id)
        if question.kind in ("integer", "number", "money"):
            _say("wizard.understood", value=shown_value(question, value))
        self._save()

    def _prompt(self, question: Question, suggestion: Answer | None) -> str | Command:
        if question.choices:
            shown = [
                Shown(
                    choice.value,
                    _choice_title(question, choice.value),
                    t(choice.impossible) if choice.impossible else "",
                )
                for choice in self.questionnaire.choices(question, self.answers)
            ]
            return self.asker.choose(shown, str(suggestion.value) if suggestion else None)
        default = "" if suggestion is None else f"{suggestion.value}"

        def fault(text: str) -> str | None:
            try:
                value = self.questionnaire.parse(question, text)
            except Unreadable as unreadable:
                return t(f"error.{unreadable.fault.ref}.what", **dict(unreadable.fault.values))
            if question.kind == "path" and value and not Path(str(value)).expanduser().exists():
                return t("error.answer-path-missing.what", path=value)
            return None

        return self.asker.write(default, fault)

    def _suggestion(self, question: Question) -> Answer | None:
        """The answer before the person went back, else what is detected or assumed."""
        if question.id in self.answers:
            return self.answers.entries[question.id]
        if question.id in self._former:
            try:
                value = self.questionnaire.parse(question, self._former[question.id])
            except Unreadable:
                value = None
            if value is not None:
                return Answer(question.id, value, "asked")
        return self.questionnaire.default(question, self.answers)

    def _look(self, question: Question) -> None:
        """Detect what this question can be answered with; nothing before the first prompt."""
        if question.detect not in ("gpu", "data"):
            return
        from advisor.detect import detected_answers, machine

        if question.detect == "gpu" and self._machine is None:
            self._machine = machine()
        goal = str(self.answers.value("goal", ""))
        found = detected_answers(self._machine, self._data_facts, goal, self.session.lang)
        self.questionnaire = Questionnaire(detected=found)

    @property
    def _data_facts(self) -> DataFacts | None:
        path = str(self.answers.value("data.path") or "")
        if path and self._data[0] != path:
            self._read(path)
        return self._data[1] if path and self._data[0] == path else None

    def _read(self, path: str) -> bool:
        """Count what lies at `path`; a folder without anything readable is told, not taken."""
        from advisor.answers import read_data
        from advisor.session import report_error

        try:
            self._data = (path, read_data(self.session, path))
        except OkakaeError as error:
            report_error(error, self.session)
            self._data = (path, None)
            return False
        return True

    def _show_data(self, facts: DataFacts) -> None:
        languages = ", ".join(f"{code} {share:.0%}" for code, share in facts.languages.items())
        _say(
            "wizard.data",
            documents=facts.n_documents,
            examples=facts.n_examples,
            tokens=f"{facts.corpus_tokens:,}",
            languages=languages or "-",
        )
        if facts.n_refused:
            _say("wizard.data-refused", n=facts.n_refused, path=command_line(facts.path))

    def _explain(self, question: Question, suggestion: Answer | None) -> None:
        _say("wizard.why", why=t(f"question.{question.id}.why"))
        if question.sources:
            _say("wizard.sources", sources=_cited(question.sources))
        if suggestion is not None:
            _say("wizard.suggested", value=self._title(question, suggestion), why=_why(suggestion))

    def _offer_more(self) -> None:
        while left := self.questionnaire.open(self.answers, core=False):
            click.echo("", err=True)
            _say("wizard.more", n=len(left))
            choices = [Shown("no", t("wizard.more.no")), Shown("yes", t("wizard.more.yes"))]
            answer = self.asker.choose(choices, "no")
            if answer == "yes":
                self._ask_open(core=False)
            elif answer is Command.BACK:
                self._back()
                self._ask_open(core=True)
            elif answer is Command.WHY:
                _say("wizard.more.why")
            else:
                return

    def _review(self) -> None:
        """Everything on one screen; any answer can be changed until the person agrees."""
        while True:
            click.echo("", err=True)
            _say("wizard.review")
            shown = [Shown("", t("wizard.review.done"))]
            for question in self.questionnaire:
                if question.id in self.answers:
                    answer = self.answers.entries[question.id]
                    label = t(f"wizard.label.{question.id}")
                    shown.append(Shown(question.id, f"{label}: {self._title(question, answer)}"))
            picked = self.asker.choose(shown, "")
            if picked is Command.WHY:
                _say("wizard.review.why")
            elif picked is Command.BACK:
                self._offer_more()
            elif picked == "":
                return
            elif isinstance(picked, str):
                self._ask(self.questionnaire.questions[picked])
                # Only what the change opened is asked again.
                self._ask_open(core=True)

    def _title(self, question: Question, answer: Answer) -> str:
        if question.choices:
            return _choice_title(question, str(answer.value))
        return shown_value(question, answer.value)

    def _save(self) -> None:
        if self.keep is not None:
            write_answers(
                self.keep, self.answers, self.session.lang, finished=False, portable=False
            )


def shown_value(question: Question, value: Scalar) -> str:
    """A value with its unit, as a person reads it."""
    if question.kind in ("integer", "money") and not isinstance(value, str):
        number = f"{value:,}"
    elif question.kind == "number" and not isinstance(value, str):
        number = f"{value:g}"
    else:
        return str(value) or t("wizard.empty")
    return t(f"unit.{question.unit}", value=number) if question.unit else number


def _choice_title(question: Question, value: str) -> str:
    id_ = f"question.{question.id}.choice.{value}"
    return t(id_) if has_text(id_) else value


def _why(answer: Answer) -> str:
    if answer.why == "only-possible":
        return t("wizard.only-possible")
    source = t(f"source.{answer.source}")
    return f"{source} ({answer.why})" if answer.why else source


def _cited(ids: Sequence[str]) -> str:
    """Studies by title and year, anything else as it stands."""
    from knowledge.catalog.loader import load

    studies = load("evidence")
    return "; ".join(
        f"{studies[id_].title} ({studies[id_].year})" if id_ in studies else id_ for id_ in ids
    )


def _say(id_: str, **values: Any) -> None:
    click.echo(paragraph(t(id_, **values), stream=sys.stderr), err=True)
