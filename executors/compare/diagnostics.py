"""Runs that are no candidates and say why a road lost: no papers at all, and the right one.

Closed-book is the base model without documents and examples: what it knows by itself. Oracle
context hands what answers the gold passage: what is still wrong then, no better search would
put right. Both stand on the roads' own frozen questions.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from advisor.errors import LimitError, OkakaeError
from advisor.files import write_json
from advisor.session import Session
from advisor.types import Plan
from executors.answering import asks_model, batch_for, quotes
from executors.base import Context, Generator, RunData, System
from executors.compare.breaking import told_as_failure
from executors.compare.roads import Road
from executors.evaluate.heldout import ANSWERS, Scored, ask, cluster, read_answers, scored
from executors.evaluate.statistics import Interval, mean_interval, paired_difference
from executors.generator import generator_lacks, open_generator
from knowledge.corpus.types import Corpus, Example

DiagnosticName = Literal["closed_book", "oracle_quotation", "oracle_model"]
NAMES: tuple[DiagnosticName, ...] = ("closed_book", "oracle_quotation", "oracle_model")
FOLDER = "diagnostics"
ABOUT = "diagnostic.json"
RIGHT_FROM = 0.5
"""From this figure on an answer counts as right where only right or wrong is asked for."""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One such run; an oracle has results for the questions whose gold passage is known."""

    name: DiagnosticName
    results: tuple[Scored, ...]

    def figure(self) -> Interval:
        return mean_interval(
            [result.figures["correct"] for result in self.results],
            [cluster(result.example) for result in self.results],
        )

    def beside(self, road: Road) -> Interval:
        """Diagnostic minus road on the questions that both answered."""
        theirs = {result.example.id: result.figures["correct"] for result in road.results}
        both = [result for result in self.results if result.example.id in theirs]
        return paired_difference(
            [result.figures["correct"] for result in both],
            [theirs[result.example.id] for result in both],
            [cluster(result.example) for result in both],
        )


@dataclass(frozen=True, slots=True)
class Diagnosed:
    """All diagnostics that were run, by name, and why others were not."""

    found: Mapping[str, Diagnostic] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)

    def right(self, name: DiagnosticName) -> dict[str, bool]:
        """Whether a question was answered rightly there, by its id; none that was not asked."""
        one = self.found.get(name)
        results = one.results if one else ()
        return {r.example.id: r.figures["correct"] >= RIGHT_FROM for r in results}


NOTHING_DIAGNOSED = Diagnosed()


@dataclass(frozen=True, slots=True)
class Wanted:
    """A diagnostic to run: on which questions, and how to open what answers them."""

    name: DiagnosticName
    plan: Plan
    """Whose settings it answers with."""
    examples: tuple[Example, ...]
    needs_model: bool


def wanted_diagnostics(
    plans: Sequence[Plan], test: Sequence[Example], corpus: Corpus
) -> list[Wanted]:
    """What can be diagnosed beside these plans: nothing that asks a model none of them asks."""
    asking = [plan for plan in plans if asks_model(plan) and not generator_lacks(plan.config)]
    # The prompting road's model first: closed-book is that road without its examples.
    asking.sort(key=lambda plan: plan.approach != "prompting")
    quoting = [plan for plan in plans if quotes(plan)]
    papers = {document.id for document in corpus.documents if document.text.strip()}
    passages = tuple(
        e for e in test if e.answerable and (e.gold_passage or papers.intersection(e.doc_ids))
    )
    found: list[Wanted] = []
    if asking:
        found.append(Wanted("closed_book", asking[0], tuple(test), True))
    if quoting and passages:
        found.append(Wanted("oracle_quotation", quoting[0], passages, False))
    if asking and passages:
        reading = [plan for plan in asking if plan.approach == "rag"]
        found.append(Wanted("oracle_model", (reading or asking)[0], passages, True))
    return found


def diagnose(
    wanted: Sequence[Wanted],
    data: RunData,
    folder: Path,
    session: Session,
    check: Callable[[], None] = lambda: None,
) -> Diagnosed:
    """Run every diagnostic below `folder`; answers that are there already are not asked again.

    One that cannot be run is said and left out: the comparison does not hang on it.

    Args:
        check: called before each batch of answers; raises LimitError at a limit of the caller.
    """
    found: dict[str, Diagnostic] = {}
    failed: dict[str, str] = {}
    generators: dict[str, Generator] = {}
    for one in wanted:
        session.say("compare.diagnostic", name=session.t(f"diagnostic.{one.name}"))
        try:
            with told_as_failure(folder / FOLDER / one.name):
                found[one.name] = _run(one, data, folder, session, generators, check)
        except LimitError:
            raise
        except OkakaeError as error:
            failed[one.name] = error.ref
            name = session.t(f"diagnostic.{one.name}")
            session.say("compare.diagnostic-failed", name=name, why=error.ref)
    for generator in generators.values():
        generator.close()
    return Diagnosed(found, failed)


def _run(
    one: Wanted,
    data: RunData,
    folder: Path,
    session: Session,
    generators: dict[str, Generator],
    check: Callable[[], None],
) -> Diagnostic:
    path = folder / FOLDER / one.name
    if not _is_about(one, path):
        shutil.rmtree(path, ignore_errors=True)
        write_json(path / ABOUT, _about(one))
    if len(scored(one.examples, path)) < len(one.examples):
        system = _open(one, data, session, generators)
        label = session.t("apply.asking", n=len(one.examples))
        with session.progress(label, total=len(one.examples)) as progress:
            ask(
                system,
                one.examples,
                path,
                on_done=progress.update,
                batch=batch_for(one.plan) if one.needs_model else 1,
                before=check,
            )
    return Diagnostic(one.name, tuple(scored(one.examples, path)))


def answered(one: Wanted, folder: Path) -> int:
    """How many of a diagnostic's questions an earlier attempt below `folder` has answered."""
    path = folder / FOLDER / one.name
    if not _is_about(one, path):
        return 0
    have = {record["id"] for record in read_answers(path / ANSWERS)}
    return sum(example.id in have for example in one.examples)


def _about(one: Wanted) -> dict[str, object]:
    return {
        "schema_version": 1,
        "name": one.name,
        "plan_seal": one.plan.seal,
        "questions": _digest(one.examples),
        "n": len(one.examples),
    }


def _is_about(one: Wanted, path: Path) -> bool:
    """Whether the answers at `path` were given under the same plan to the same questions."""
    about = path / ABOUT
    return about.is_file() and json.loads(about.read_text("utf-8")) == _about(one)


def _open(one: Wanted, data: RunData, session: Session, generators: dict[str, Generator]) -> System:
    context = Context(session.with_confidential(str(one.plan.answers.get("confidential", ""))))
    generator: Generator | None = None
    if one.needs_model:
        names = ("model", "endpoint.url", "endpoint.model")
        key = json.dumps([one.plan.config.get(name, "") for name in names])
        generator = generators.get(key) or open_generator(one.plan.config, context)
        generators[key] = generator
    if one.name == "closed_book" and generator is not None:
        from executors.prompting.system import PromptingSystem

        labels = sorted({e.label for e in data.split.train if e.label})
        return PromptingSystem(one.plan, {"labels": labels, "examples": {}}, generator)
    from executors.compare.oracle import OracleSystem

    return OracleSystem(one.plan, one.examples, data.corpus, generator, context)


def read_diagnosed(folder: Path, test: Sequence[Example]) -> Diagnosed:
    """The diagnostics of a finished comparison, read again; those cut off are left out."""
    found: dict[str, Diagnostic] = {}
    for name in NAMES:
        path = folder / FOLDER / name
        if not (path / ABOUT).is_file():
            continue
        about = json.loads((path / ABOUT).read_text("utf-8"))
        results = tuple(scored(test, path))
        if len(results) >= about.get("n", 1):  # comparisons of earlier versions did not count
            found[name] = Diagnostic(name, results)
    return Diagnosed(found)


def _digest(examples: Sequence[Example]) -> str:
    told = json.dumps([[e.id, e.prompt, e.completion] for e in examples], ensure_ascii=False)
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()
