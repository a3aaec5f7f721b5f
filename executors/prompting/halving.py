"""How a prompt search spends its calls: successive halving over prompts, on the same questions.

All prompts answer a few questions, the better half answers more, and so on (Jamieson and Talwalkar
2016, arXiv 1502.07943). What is shown is searched first and the instruction after it, under what
was chosen: examples move the score more (Opsahl-Ong et al. 2024, arXiv 2406.11695), and the product
of both would leave no prompt more than a question or two.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from advisor.estimate.searching import LEAST_QUESTIONS

LEAST_EACH = 2
"""Questions that every prompt answers before any is dropped."""
FINALISTS = 2


@dataclass(frozen=True, slots=True)
class Rung:
    """So many prompts have answered the first so many questions."""

    prompts: int
    questions: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """The rungs for what is shown, the questions for each instruction, and all calls together."""

    rungs: tuple[Rung, ...]
    instructions: int
    calls: int

    @property
    def questions(self) -> int:
        """That those who come to the end have answered."""
        return self.rungs[-1].questions


def schedule(ways: int, instructions: int, questions: int, calls: int) -> Schedule | None:
    """The schedule that asks most questions without ever passing `calls`.

    Args:
        ways: prompts that show something else, that of the plan among them.
        instructions: that of the plan among them.
        questions: validation questions at hand.

    Returns:
        None where the questions or calls are too few for a choice by more than luck.
    """
    if questions < LEAST_QUESTIONS or ways < 1 or instructions < 1 or ways * instructions < 2:
        return None
    best: Schedule | None = None
    for each in range(LEAST_EACH, questions + 1):
        rungs = _rungs(ways, each, questions)
        for last in range(rungs[-1].questions, questions + 1):
            longer = (*rungs[:-1], Rung(rungs[-1].prompts, last))
            cost = _cost(longer, instructions)
            if cost > calls:
                break
            best = Schedule(longer, instructions, cost)
    return best


def least_calls(ways: int, instructions: int, questions: int) -> int:
    """The fewest calls that a schedule takes."""
    return _cost(_rungs(ways, LEAST_EACH, questions), instructions)


def _rungs(ways: int, each: int, questions: int) -> list[Rung]:
    found = [Rung(ways, min(each, questions))]
    while found[-1].prompts > FINALISTS:
        prompts = max(FINALISTS, math.ceil(found[-1].prompts / 2))
        found.append(Rung(prompts, min(2 * found[-1].questions, questions)))
    return found


def _cost(rungs: Sequence[Rung], instructions: int) -> int:
    """Calls of a schedule; an answer that stands already is not asked for again."""
    total, before = 0, 0
    for rung in rungs:
        total += rung.prompts * (rung.questions - before)
        before = rung.questions
    return total + (instructions - 1) * before


def beats(challenger: Sequence[float], own: Sequence[float]) -> bool:
    """Whether a prompt takes the place of the plan's: by more than one paired standard error.

    The one-standard-error rule (Breiman et al. 1984): of several as good as each other the plainest
    stays, and here that is what the plan says.
    """
    gaps = [one - other for one, other in zip(challenger, own, strict=True)]
    error = stdev(gaps) / math.sqrt(len(gaps)) if len(gaps) > 1 else math.inf
    return mean(gaps) > error
