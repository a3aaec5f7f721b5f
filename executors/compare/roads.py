"""A road: one finished run with its answers to the held-out questions, ready to be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from advisor.errors import RunError
from advisor.types import Plan
from executors.evaluate.heldout import Scored, scored
from executors.evaluate.statistics import Interval, mean_interval
from executors.rundir import RunDir
from knowledge.corpus.types import Example

# What a company gives up by choosing it, least first: used only where costs do not differ.
SIMPLICITY = ("prompting", "rag", "encoder", "lora", "qlora", "full", "hybrid")


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
    def cost_jpy_likely(self) -> float:
        estimate = self.plan.estimates.get("cost_jpy")
        return estimate.likely if estimate else 0.0

    @property
    def simplicity(self) -> int:
        return SIMPLICITY.index(self.name) if self.name in SIMPLICITY else len(SIMPLICITY)


def road_name(plan: Plan) -> str:
    """prompting, rag, or the method of a tuning."""
    return str(plan.method or plan.approach)


def road(run_path: Path, test: Sequence[Example]) -> Road:
    """Read a finished run's answers.

    Raises:
        RunError: it has not answered every held-out question.
    """
    run = RunDir.open(run_path)
    plan = run.plan
    results = scored(test, run.eval)
    if len(results) != len(test):
        raise RunError("answers-missing", where=str(run_path), have=len(results), want=len(test))
    return Road(road_name(plan), run, plan, tuple(results))
