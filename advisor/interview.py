"""The conversation itself: core questions, more if wanted, a review; every answer kept at once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import click

from advisor.answers_file import write_answers
from advisor.errors import AnswersError, Interrupted, OkakaeError
from advisor.prompts import Asker, Command, Shown, asker
from advisor.questions import Questionnaire, Unreadable
from advisor.render import listed, paragraph
from advisor.texts import t
from advisor.types import Answer, Answers, MachineFacts, Scalar
from advisor.wizard_page import (
    choice_title,
    cited,
    percent,
    say,
    show_data,
    show_machine,
    shown_value,
    why_of,
)
from knowledge.catalog.records import Question
from knowledge.corpus.types import DataFacts

if TYPE_CHECKING:
    from advisor.session import Session

MOST_BLOCKERS = 3
"""Reasons not to build that are named on the way; the advice names them all."""


class Interview:
    """One questionnaire under way: the answers, how they were reached, and where they are kept."""

    def __init__(
        self,
        session: Session,
        answers: Answers,
        *,
        keep: Path | None,
        resume: str,
        settings: Mapping[str, Scalar] | None = None,
    ) -> None:
        self.session = session
        # What other answers forbid by now is asked again.
        self.answers = answers.without(*Questionnaire(offline=session.offline).stale(answers))
        self.settings = settings
        self.asker: Asker = asker(plain=session.plain)
        self.keep = keep
        self.resume = resume
        self.questionnaire = self._knowing(None, None)
        self._machine: MachineFacts | None = None
        self._data: tuple[str, DataFacts | None] = ("", None)
        self._trail: list[str] = []
        self._former: dict[str, Scalar] = {}
        self._decided: dict[str, Scalar] = {}

    def run(self, *, only: Sequence[str] = ()) -> Answers:
        """Ask until the person agrees with the review.

        Raises:
            Interrupted: Ctrl-C or Ctrl-D; the answers so far are kept, and it says how to go on.
        """
        try:
            if not only and not self.answers.entries:
                say("wizard.welcome", n=sum(q.core for q in self.questionnaire))
            say(self.asker.keys)
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

    def _ask_open(self, *, core: bool, ids: Collection[str] | None = None) -> None:
        """Every open question (of `ids`) in turn; going back reopens the one before."""
        before = 0 if core else self._answered(core)
        while left := self._left(core, ids):
            # Going back behind the first of these questions starts counting at one again.
            place = max(self._answered(core) - before, 0)
            if not self._ask(left[0], progress=f"[{place + 1}/{place + len(left)}] "):
                self._back()

    def _answered(self, core: bool) -> int:
        return sum(q.core is core and q.id in self.answers for q in self.questionnaire)

    def _left(self, core: bool, ids: Collection[str] | None) -> list[Question]:
        left = self.questionnaire.open(self.answers, core=core)
        if not core:
            # Going back from here may reopen a core question; it comes first again.
            left = (*self.questionnaire.open(self.answers, core=True), *left)
        return [q for q in left if ids is None or q.core or q.id in ids]

    def _tell_decided(self) -> None:
        """Name each question that the answers so far leave one possible answer to, once."""
        decided = {}
        for question, only in self.questionnaire.decided(self.answers):
            decided[question.id] = only.value
            if self._decided.get(question.id) != only.value:
                reasons = self.questionnaire.reasons_against(question, self.answers)
                say(
                    "wizard.decided",
                    label=t(f"wizard.label.{question.id}"),
                    value=self._title(question, only),
                    why=t("wizard.comma").join(map(t, reasons)),
                )
        self._decided = decided

    def _back(self) -> None:
        if not self._trail:
            say("wizard.first-question")
            return
        last = self._trail.pop()
        self._former[last] = self.answers.entries[last].value
        self.answers = self.answers.without(last)
        self._save()

    def _ask(self, question: Question, *, progress: str = "") -> bool:
        """Put one question until it is answered; False if the person goes back."""
        if self.answers.entries:
            self._look(question)
            self._tell_decided()
        click.echo("", err=True)
        click.echo(
            paragraph(f"{progress}{t(f'question.{question.id}.text')}", stream=sys.stderr), err=True
        )
        if self._data_facts is not None and question.id == "data.kind":
            show_data(self._data_facts)
        if self._machine is not None and question.detect == "gpu":
            show_machine(self._machine)
        suggestion = self._suggestion(question)
        self._tell_suggestion(question, suggestion)
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

    def _tell_suggestion(self, question: Question, suggestion: Answer | None) -> None:
        """Where the offered answer comes from; one's own needs no telling."""
        if suggestion is None or suggestion.source not in ("detected", "default"):
            return
        text = "wizard.detected" if suggestion.source == "detected" else "wizard.suggested"
        why = suggestion.why if suggestion.source == "detected" else why_of(suggestion)
        say(text, value=self._title(question, suggestion), why=why)

    def _accept(self, question: Question, value: Scalar) -> None:
        self.answers = self.answers.with_answer(Answer(question.id, value, "asked"))
        dropped = self.questionnaire.stale(self.answers)
        self.answers = self.answers.without(*dropped)
        self._trail = [id_ for id_ in self._trail if id_ not in (question.id, *dropped)]
        self._trail.append(question.id)
        if question.kind in ("integer", "number", "money"):
            say("wizard.understood", value=shown_value(question, value))
        self._save()

    def _prompt(self, question: Question, suggestion: Answer | None) -> str | Command:
        if question.choices:
            shown = [
                Shown(
                    choice.value,
                    choice_title(question, choice.value),
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
        if question.detect == "gpu" and self._machine is None:
            from advisor.detect import machine

            self._machine = machine()
        self.questionnaire = self._knowing(self._machine, self._data_facts)

    def _knowing(self, machine: MachineFacts | None, data: DataFacts | None) -> Questionnaire:
        """The questionnaire with what these facts answer by themselves."""
        from advisor.detect import detected_answers

        goal = str(self.answers.value("goal", ""))
        found = detected_answers(machine, data, goal, self.session.lang)
        return Questionnaire(detected=found, offline=self.session.offline)

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

    def _explain(self, question: Question, suggestion: Answer | None) -> None:
        say("wizard.why", why=t(f"question.{question.id}.why"))
        if question.sources:
            say("wizard.sources", sources=cited(question.sources))
        if suggestion is not None and suggestion.source == "asked":
            say("wizard.suggested", value=self._title(question, suggestion), why=why_of(suggestion))

    def _offer_more(self) -> None:
        """What the advice would be now, and what each further question could change in it."""
        while left := self.questionnaire.open(self.answers, core=False):
            click.echo("", err=True)
            telling = self._show_interim(len(left))
            choices = [Shown("no", t("wizard.more.no"))]
            if 0 < len(telling) < len(left):
                choices.append(Shown("some", t("wizard.more.some", n=len(telling))))
            choices.append(Shown("yes", t("wizard.more.yes", n=len(left))))
            answer = self.asker.choose(choices, "no")
            if answer in ("yes", "some"):
                self._ask_open(core=False, ids=telling if answer == "some" else None)
            elif answer is Command.BACK:
                self._back()
                self._ask_open(core=True)
            elif answer is Command.WHY:
                say("wizard.more.why")
            else:
                return

    def _show_interim(self, n_left: int) -> list[str]:
        """The advice so far; returns the open questions that could change it."""
        from advisor.sharpen import Advice, blockers, first, road_name

        advice = Advice(self.questionnaire, self.answers, self._machine, self._data_facts)
        try:
            now = advice.now()
        except AnswersError:
            # Without material there may be nothing to advise from yet; the command will say it.
            say("wizard.more", n=n_left)
            return []
        best = first(now)
        if best is None:
            say("wizard.interim.none")
            for why in blockers(now)[:MOST_BLOCKERS]:
                click.echo(listed(why, stream=sys.stderr), err=True)
        else:
            say("wizard.interim", road=road_name(best), sure=percent(best.confidence))
        turns = advice.turns(now)
        if not turns:
            say("wizard.more.unmoved", n=n_left)
            return []
        say("wizard.more.turns", n=n_left, turning=len(turns))
        for turn in turns:
            value = self._title(turn.question, Answer(turn.question.id, turn.value, "asked"))
            told = t(
                f"wizard.turn.{turn.text_id}",
                value=value,
                road=turn.road,
                model=turn.model,
                sure=percent(turn.sure),
            )
            label = t(f"wizard.label.{turn.question.id}")
            click.echo(listed(f"{label}: {told}", stream=sys.stderr), err=True)
        return [turn.question.id for turn in turns]

    def _review(self) -> None:
        """Everything on one screen; any answer can be changed until the person agrees."""
        while True:
            click.echo("", err=True)
            say("wizard.review")
            shown = [Shown("", t("wizard.review.done"))]
            for question in self.questionnaire:
                if question.id in self.answers:
                    answer = self.answers.entries[question.id]
                    label = t(f"wizard.label.{question.id}")
                    shown.append(Shown(question.id, f"{label}: {self._title(question, answer)}"))
            picked = self.asker.choose(shown, "")
            if picked is Command.WHY:
                say("wizard.review.why")
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
            return choice_title(question, str(answer.value))
        return shown_value(question, answer.value)

    def _save(self) -> None:
        if self.keep is not None:
            write_answers(
                self.keep,
                self.answers,
                self.session.lang,
                settings=self.settings,
                finished=False,
                portable=False,
            )
