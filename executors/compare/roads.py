"""A road: one finished run with its answers to the held-out questions, ready to be compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from advisor.errors import RunError
from advisor.types import Plan
from executors.answering import quotes
from executors.evaluate.heldout import Scored, scored
from executors.evaluate.measure import Graded, graded_by
from executors.evaluate.statistics import Interval, mean_interval
from executors.rundir import RunDir
from knowledge.corpus.types import Example

# What a company gives up by choosing it, least first: used only where costs do not differ.
SIMPLICITY = (
    *("zero_shot", "prompting", "nearest_shots", "whole_corpus"),
    *("rag", "rag_written", "encoder", "lora", "qlora", "full", "hybrid"),
)


@dataclass(frozen=True, slots=True)
class Road:
    """One approach on the held-out questions; results stand in the questions' order."""

    name: str
    run: RunDir
    plan: Plan
    results: tuple[Scored, ...]

    @property
    def correct(self) -> list[float]:
        return [result.figures["correct"] for result in self.results]

    @property
    def graded(self) -> list[Graded]:
        """By what `correct` is graded; empty where every answer is right or wrong."""
        return graded_by(self.results)

    def figure(self, name: str) -> Interval:
        from executors.evaluate.heldout import cluster

        having = [result for result in self.results if name in result.figures]
        return mean_interval(
            [result.figures[name] for result in having],
            [cluster(result.example) for result in having],
        )

    @property
    def seconds_per_answer(self) -> float:
        times = [result.seconds for result in self.results]
        return sum(times) / len(times) if times else 0.0

    @property
    def simplicity(self) -> int:
        return SIMPLICITY.index(self.name) if self.name in SIMPLICITY else len(SIMPLICITY)


def road_name(plan: Plan) -> str:
    """prompting, rag, or the method of a tuning."""
    return str(plan.method or plan.approach)


def road_names(plans: Sequence[Plan]) -> list[str]:
    """A name for each plan of a comparison.

    Several ways of prompting are told apart by what the prompt holds, and several of retrieval by
    who words the answer.
    """
    plain = [road_name(plan) for plan in plans]
    ways = {"prompting": _way_of_prompting, "rag": _way_of_answering}
    return [
        ways[name](plan) if name in ways and plain.count(name) > 1 else name
        for name, plan in zip(plain, plans, strict=True)
    ]


def _way_of_prompting(plan: Plan) -> str:
    if plan.variant == "whole_corpus":
        return "whole_corpus"
    if not plan.config.get("prompting.shots", 1):
        return "zero_shot"
    nearest = plan.config.get("prompting.choice", "static") == "nearest"
    return "nearest_shots" if nearest else "prompting"


def _way_of_answering(plan: Plan) -> str:
    return "rag" if quotes(plan) else "rag_written"


def road(run_path: Path, test: Sequence[Example], name: str | None = None) -> Road:
    """Read a finished run's answers.

    Args:
        name: what the road is called here; its plan says where nothing is said.

    Raises:
        RunError: it has not answered every held-out question.
    """
    run = RunDir.open(run_path)
    plan = run.plan
    results = scored(test, run.eval)
    if len(results) != len(test):
        raise RunError("answers-missing", where=str(run_path), have=len(results), want=len(test))
    return Road(name or road_name(plan), run, plan, tuple(results))


def finished_roads(names: Iterable[str], folder: Path) -> set[str]:
    """Of these roads below a run's folder, those that are finished."""
    runs = {name: RunDir(folder / "roads" / name) for name in names}
    return {
        name
        for name, run in runs.items()
        if run.manifest_path.is_file() and run.manifest.status == "done"
    }
