"""Gathers every answer by precedence: flag, environment, file, project, user, detected, default."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from advisor import rates
from advisor.answers_file import read_answers
from advisor.errors import AnswersError, Fault, UsageError
from advisor.questions import Questionnaire, Unreadable, allowed_values, near_ids
from advisor.render import shown_path
from advisor.types import Answer, Answers, AnswerSource, MachineFacts, Scalar
from knowledge.catalog.loader import load
from knowledge.corpus.types import DataFacts

if TYPE_CHECKING:
    from advisor.session import Session

_NEED_PAPERS = ("new_facts", "domain_reasoning")
"""Goals that cannot be met without the company's own material."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """Everything an advice starts from."""

    answers: Answers
    machine: MachineFacts
    data: DataFacts | None
    settings: Mapping[str, Scalar] = field(default_factory=dict)
    """Settings of a plan that were given like answers."""


@dataclass(slots=True)
class Given:
    """What people said so far, before anything is detected or assumed."""

    answers: Answers = field(default_factory=Answers)
    settings: dict[str, Scalar] = field(default_factory=dict)
    rates: dict[str, Scalar] = field(default_factory=dict)
    """What turns dollars, power and working time into yen, said instead of the catalog's."""
    faults: list[Fault] = field(default_factory=list)

    def take(
        self, values: Iterable[tuple[str, Scalar]], source: AnswerSource, why: str, folder: Path
    ) -> None:
        """Lay `values` over what lower sources said; relative paths start at `folder`."""
        questionnaire, settings = Questionnaire(), load("settings")
        for id_, value in values:
            question = questionnaire.questions.get(id_)
            if question is None:
                if id_ in settings:
                    self.settings[id_] = value
                elif rates.is_rate(id_):
                    self.rates[id_] = value
                else:
                    self._unknown(id_, [*questionnaire.questions, *settings], why)
                continue
            self.faults = [fault for fault in self.faults if fault.where.split(" ")[0] != id_]
            try:
                answer = questionnaire.parse(question, value)
            except Unreadable as unreadable:
                fault = unreadable.fault
                self.faults.append(Fault(fault.ref, f"{id_} ({why})", fault.values))
                continue
            if question.kind == "path" and answer != "":
                answer = os.path.normpath(folder / Path(str(answer)).expanduser())
            self.answers = self.answers.with_answer(Answer(id_, answer, source, why))

    def _unknown(self, id_: str, known: Sequence[str], why: str) -> None:
        near = near_ids(id_, known)
        ref = "answer-unknown-id-near" if near else "answer-unknown-id"
        self.faults.append(Fault(ref, f"{id_} ({why})", (("near", near),)))


def given(answers_file: Path | None, sets: Sequence[str]) -> Given:
    """What flags, environment and files say, the stronger over the weaker.

    Raises:
        UsageError: a file cannot be read, or `--set` lacks its `=`.
    """
    found = Given()
    here = Path.cwd()
    for path in [*_config_files(here), *([answers_file] if answers_file is not None else [])]:
        file = read_answers(path)
        found.take(file.values.items(), "file", path.name, path.absolute().parent)
        found.faults += [Fault(f.ref, f"{f.where} ({path.name})", f.values) for f in file.faults]
    found.take(_environment(), "env", "OKAKAE_*", here)
    found.take(_flags(sets), "flag", "--set", here)
    found.faults += [*rates.state(found.rates.items()), *rates.environment_faults()]
    return found


def _config_files(here: Path) -> list[Path]:
    """Standing answers, weakest first: the organisation's, the user's, the project's."""
    paths: list[Path] = []
    if organisation := os.environ.get("OKAKAE_ORG_CONFIG"):
        paths.append(Path(organisation))
    folder = os.environ.get("OKAKAE_CONFIG_DIR")
    if not folder:
        from platformdirs import user_config_dir

        folder = user_config_dir("okakae", appauthor=False)
    optional = [Path(folder) / "config.toml", here / "okakae.toml"]
    return paths + [path for path in optional if path.is_file()]


def _environment() -> list[tuple[str, Scalar]]:
    """`OKAKAE_DATA_PATH` answers `data.path`; names that are no question's are left alone."""
    ids = [*load("questions"), *load("settings")]
    names = {f"OKAKAE_{id_.upper().replace('.', '_')}": id_ for id_ in ids}
    return [(id_, os.environ[name]) for name, id_ in names.items() if os.environ.get(name)]


def _flags(sets: Sequence[str]) -> list[tuple[str, Scalar]]:
    pairs: list[tuple[str, Scalar]] = []
    wrong: list[Fault] = []
    for item in sets:
        id_, equals, value = item.partition("=")
        if equals and id_.strip():
            pairs.append((id_.strip(), value.strip()))
        else:
            wrong.append(Fault("set-form", item))
    if wrong:
        raise UsageError("set-wrong", faults=tuple(wrong), n=len(wrong))
    return pairs


def missing(answers: Answers, need: Sequence[str]) -> tuple[Fault, ...]:
    """What must be answered and is not, each with its allowed values."""
    questions = load("questions")
    found = [
        Fault("answer-missing", id_, (("allowed", allowed_values(questions[id_])),))
        for id_ in need
        if id_ not in answers
    ]
    goal = answers.value("goal")
    named = answers.value("data.path") or "data.kind" in answers
    cited = answers.value("citations") == "yes"
    if not named and "goal" in need and (goal is None or goal in _NEED_PAPERS or cited):
        allowed = allowed_values(questions["data.path"])
        ref = "answer-missing" if goal in _NEED_PAPERS else "answer-missing-to-cite"
        ref = "answer-missing-papers" if goal is None else ref
        found.append(Fault(ref, "data.path", (("allowed", allowed),)))
    return tuple(found)


def check(found: Given, need: Sequence[str], *, offline: bool = False) -> None:
    """Every fault at once: what cannot be read, what is missing, what cannot stand together.

    Raises:
        UsageError: the one thing wrong is a path that does not exist, or settings of a plan.
        AnswersError: anything else is missing or invalid.
    """
    told = {fault.where.split(" ")[0] for fault in found.faults}
    absent = [fault for fault in missing(found.answers, need) if fault.where not in told]
    faults = [*found.faults, *absent]
    path = found.answers.value("data.path")
    from advisor.plan_config import read_settings

    wrong = read_settings(found.settings, load("settings"))[1]
    clashes = Questionnaire(offline=offline).contradictions(found.answers)
    if path and not Path(path).exists():
        if not faults and not clashes and not wrong:
            raise UsageError("path-missing", where="data.path", path=path)
        faults.append(Fault("answer-path-missing", "data.path", (("path", path),)))
    faults += clashes
    if wrong and not faults:
        raise UsageError("settings-wrong", faults=tuple(wrong), n=len(wrong))
    faults += wrong
    if faults:
        raise AnswersError("answers-wrong", faults=tuple(faults), n=len(faults))


def gather(
    session: Session,
    answers_file: Path | None,
    sets: Sequence[str],
    *,
    need: Sequence[str] = ("goal",),
) -> Gathered:
    """Answers, machine and data for an advice; on a terminal what is missing is asked.

    Raises:
        UsageError: a file that cannot be read, or a path that does not exist.
        AnswersError: missing and invalid answers, all of them.
    """
    found = given(answers_file, sets)
    if session.interactive and not found.faults:
        wanted = [fault.where for fault in missing(found.answers, need)]
        if wanted:
            from advisor.wizard import ask_missing

            found.answers = ask_missing(session, found.answers, wanted)
    check(found, need, offline=session.offline)
    from advisor.detect import detected_answers, machine

    data = read_data(session, found.answers.value("data.path"))
    facts = machine()
    goal = str(found.answers.value("goal", ""))
    detected = detected_answers(facts, data, goal, session.lang)
    questionnaire = Questionnaire(detected=detected, offline=session.offline)
    completed = questionnaire.completed(found.answers)
    return Gathered(completed, facts, data, found.settings)


def read_data(session: Session, path: str | None) -> DataFacts | None:
    """What lies at `path`, counted; None without a path.

    Raises:
        UsageError: the path does not exist.
        AnswersError: nothing in it can be read.
    """
    if not path:
        return None
    from advisor.caches import reading_cache
    from knowledge.corpus.reading import survey

    with session.progress(session.t("answers.reading", path=shown_path(path))) as bar:
        try:
            found = survey(
                Path(path), on_file=lambda name: bar.advance(1, name), cache=reading_cache()
            )
        except FileNotFoundError:
            raise UsageError("path-missing", where="data.path", path=path) from None
        except OSError as error:
            raise UsageError(
                "file-unreadable", where="data.path", path=path, why=error.strerror
            ) from None
    counted = found.facts
    if not counted.n_documents and not counted.n_examples:
        raise AnswersError("data-empty", where="data.path", path=path)
    return counted
