"""Searches the prompt: instruction and examples, on validation questions, within a number of calls.

Every answer is on disk before the next is asked, by prompt and question; a resumed search goes on
where it stopped. The same plan, data and model choose the same prompt again.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from advisor.errors import UsageError
from advisor.estimate.searching import LEAST_QUESTIONS
from advisor.files import write_json
from advisor.types import Plan
from executors.answering import batch_for
from executors.base import Context, Generator, RunData
from executors.evaluate.heldout import Scored, ask, cluster, scored
from executors.evaluate.statistics import Interval, mean_interval, paired_difference
from executors.goals import for_goal
from executors.prompting.candidates import INSTRUCTIONS, Candidate, own, ways
from executors.prompting.halving import Schedule, beats, least_calls, schedule
from executors.prompting.material import Material, of_goal, open_examples
from executors.prompting.searched import ABOUT, FOLDER, SEARCH_FILE, say_found
from executors.rag.embedding import lacks as embedder_lacks
from knowledge.corpus.types import Example


@dataclass(frozen=True, slots=True)
class Task:
    """What is searched: the prompts that show something else, the questions, and the schedule."""

    ways: tuple[Candidate, ...]
    questions: tuple[Example, ...]
    calls: int
    schedule: Schedule | None
    """None where questions or calls are too few."""


def task_of(plan: Plan, data: RunData) -> Task:
    """What a search under this plan would be; it touches no test question but to count them."""
    calls = int(plan.config.get("prompting.search_calls", 0))
    if plan.variant == "whole_corpus":
        calls = 0
    if limit := int(plan.config.get("limits.calls", 0)):
        # What a search spends the held-out questions could not: theirs come first.
        calls = max(0, min(calls, limit - len(for_goal(data.split.test, plan.goal))))
    shown = of_goal(open_examples(data), plan.goal)
    found = tuple(ways(plan, len(shown), nearest=not embedder_lacks("auto"))) if calls else ()
    seed = int(plan.config["seed"])
    questions = sorted(of_goal(data.split.validation, plan.goal), key=lambda e: _rank(seed, e.id))
    planned = schedule(len(found), len(INSTRUCTIONS), len(questions), calls)
    return Task(found, tuple(questions), calls, planned)


def planned_calls(plan: Plan, data: RunData) -> int:
    """The answers that the plan's search takes: 0 for a road that searches no prompt."""
    if plan.executor != "prompting" or not plan.config.get("prompting.search_calls", 0):
        return 0
    planned = task_of(plan, data).schedule
    return planned.calls if planned else 0


def search(
    plan: Plan,
    task: Task,
    material: Material,
    generator: Generator,
    artifacts: Path,
    context: Context,
) -> Candidate:
    """The prompt to use: the plan's own, or one that is better on the validation questions.

    Raises:
        LimitError: the caller's limit of hours, yen or calls was reached; what was answered stays.
        UsageError: the plan's own prompt does not fit the model.
    """
    session, planned = context.session, task.schedule
    if planned is None:
        raise ValueError("nothing to search")
    folder = artifacts / FOLDER
    _begin(folder, material, task)
    session.say(
        "prompting.search.before",
        questions=len(task.questions),
        ways=len(task.ways),
        instructions=len(INSTRUCTIONS),
        calls=planned.calls,
    )
    trial = _Trial(plan, material, generator, folder, context)
    with session.progress(session.t("prompting.search.asking"), total=planned.calls) as progress:
        trial.on_answer = progress.advance
        mine = own(plan)
        left = list(task.ways)
        for rung, after in zip(planned.rungs, (*planned.rungs[1:], None), strict=True):
            asked = task.questions[: rung.questions]
            for candidate in left:
                trial.ask(candidate, asked)
            left = trial.best(left, after.prompts if after else len(left), keep=mine)
        way = trial.taken(left, mine)
        others = [replace(way, instruction=name) for name in INSTRUCTIONS[1:]]
        for candidate in others:
            trial.ask(candidate, task.questions[: planned.questions])
        chosen = trial.taken([way, *others], way)
    document = trial.document(task, chosen, mine)
    write_json(artifacts / SEARCH_FILE, document)
    say_found(document, session)
    return chosen


def say_not_searched(task: Task, context: Context) -> None:
    """Why the prompt stays as planned; nothing where no search was asked for."""
    n = len(task.questions)
    if not task.ways:
        return
    if n < LEAST_QUESTIONS:
        context.session.say("prompting.search.few-questions", questions=n, least=LEAST_QUESTIONS)
    else:
        least = least_calls(len(task.ways), len(INSTRUCTIONS), n)
        context.session.say("prompting.search.few-calls", calls=task.calls, least=least)


def _begin(folder: Path, material: Material, task: Task) -> None:
    """Forget the answers of a search for something else, such as older instructions."""
    about = {
        "schema_version": 1,
        "instructions": {name: material.told(name) for name in INSTRUCTIONS},
        "questions": [[e.id, e.prompt, e.completion] for e in task.questions],
        "examples": sorted(example.id for example in material.train),
    }
    path = folder / ABOUT
    if path.is_file() and json.loads(path.read_text(encoding="utf-8")) == about:
        return
    shutil.rmtree(folder, ignore_errors=True)
    write_json(path, about)


def _plain(interval: Interval) -> dict[str, Any]:
    return {
        "value": round(interval.value, 4),
        "low": round(interval.low, 4),
        "high": round(interval.high, 4),
        "n": interval.n,
    }


def _rank(seed: int, id_: str) -> str:
    return hashlib.sha256(f"{seed}|{id_}".encode()).hexdigest()


class _Trial:
    """Answers and figures of the candidates asked so far."""

    def __init__(
        self, plan: Plan, material: Material, generator: Generator, folder: Path, context: Context
    ) -> None:
        self._plan, self._material, self._generator = plan, material, generator
        self._folder, self._context = folder, context
        self._results: dict[Candidate, tuple[Scored, ...]] = {}
        self._order: list[Candidate] = []
        self.on_answer: Callable[[float], None] = lambda _answers: None
        """Told how many answers have come in."""

    def ask(self, candidate: Candidate, questions: Sequence[Example]) -> None:
        """Have the first so many questions answered; those that are answered stay so."""
        if candidate not in self._order:
            self._order.append(candidate)
        elif not self._results[candidate]:
            return  # too long for the model, as it was before
        folder = self._folder / candidate.id
        seen = len(self._results.get(candidate, ()))

        def on_done(done: int) -> None:
            nonlocal seen
            self.on_answer(max(0, done - seen))
            seen = max(done, seen)

        try:
            ask(
                self._material.system(candidate, self._generator),
                questions,
                folder,
                on_done,
                batch=batch_for(self._plan),
                before=self._context.limits.check,
            )
        except UsageError as error:
            if error.ref != "prompts-too-long" or candidate == own(self._plan):
                raise
            shutil.rmtree(folder, ignore_errors=True)
        self._results[candidate] = tuple(scored(questions, folder))

    def best(self, candidates: list[Candidate], n: int, *, keep: Candidate) -> list[Candidate]:
        """The best `n` in falling order, `keep` among them: it is what the others must beat."""
        ranked = sorted(candidates, key=self._standing)[:n]
        return ranked if keep in ranked else [*ranked[: n - 1], keep]

    def taken(self, candidates: Sequence[Candidate], mine: Candidate) -> Candidate:
        """The best of the candidates where it beats `mine`, else `mine`."""
        first = min(candidates, key=self._standing)
        if first == mine or not self._results[first]:
            return mine
        return first if beats(self._values(first), self._values(mine)) else mine

    def _standing(self, candidate: Candidate) -> tuple[float, float, int]:
        """By score, of equals the shorter prompt, of equals again the earlier."""
        results = self._results[candidate]
        if not results:
            return math.inf, math.inf, self._order.index(candidate)
        n = len(results)
        length = sum(result.tokens_in for result in results) / n
        return -sum(self._values(candidate)) / n, length, self._order.index(candidate)

    def _values(self, candidate: Candidate) -> list[float]:
        return [result.figures["correct"] for result in self._results[candidate]]

    def document(self, task: Task, chosen: Candidate, mine: Candidate) -> dict[str, Any]:
        """What was tried and chosen, for search.json."""
        theirs = {r.example.id: r.figures["correct"] for r in self._results[chosen]}
        pairs = [r for r in self._results[mine] if r.example.id in theirs]
        gap = paired_difference(
            [theirs[r.example.id] for r in pairs],
            [r.figures["correct"] for r in pairs],
            [cluster(r.example) for r in pairs],
        )
        return {
            "schema_version": 1,
            "questions": len(task.questions),
            "calls_allowed": task.calls,
            "calls": sum(len(results) for results in self._results.values()),
            "own": mine.id,
            "chosen": chosen.id,
            "gain": _plain(gap),
            "candidates": [self._record(candidate, chosen) for candidate in self._order],
        }

    def _record(self, candidate: Candidate, chosen: Candidate) -> dict[str, Any]:
        results = self._results[candidate]
        record = asdict(candidate) | {"id": candidate.id, "chosen": candidate == chosen}
        if not results:
            return record | {"n": 0}
        n = len(results)
        figure = mean_interval(self._values(candidate), [cluster(r.example) for r in results])
        return record | {
            **_plain(figure),
            "tokens_in": round(sum(r.tokens_in for r in results) / n, 1),
            "tokens_out": round(sum(r.tokens_out for r in results) / n, 1),
            "seconds": round(sum(r.seconds for r in results) / n, 3),
        }
