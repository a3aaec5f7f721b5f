"""The prompts that a search tries: what they tell the model, and which examples they show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from advisor.types import Plan
from executors.goals import KINDS as KINDS_OF_GOAL
from knowledge.catalog.texts import text
from knowledge.corpus.types import ExampleKind

Choice = Literal["static", "nearest"]
KINDS: tuple[ExampleKind, ...] = ("qa", "rewrite", "labelled")
STANDARD = "standard"
INSTRUCTIONS = (STANDARD, "brief", "exact")
"""Of each goal: the one of every plan, the task in a sentence, and its form spelt out."""
STATIC_SHOTS = (0, 2, 4, 8)
NEAREST_SHOTS = (4, 8)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way of prompting: an instruction by name, and how many examples chosen how."""

    instruction: str
    choice: Choice
    shots: int

    @property
    def id(self) -> str:
        """A name for files and records: `exact-nearest-8`."""
        return f"{self.instruction}-{self.choice}-{self.shots}"


def own(plan: Plan) -> Candidate:
    """The prompt that the plan asks for."""
    nearest = plan.config.get("prompting.choice", "static") == "nearest"
    shots = int(plan.config["prompting.shots"])
    return Candidate(STANDARD, "nearest" if nearest and shots else "static", shots)


def ways(plan: Plan, examples: int, *, nearest: bool) -> list[Candidate]:
    """Under the standard instruction: what can be shown of so many examples, the plan's own first.

    Args:
        nearest: whether an embedder is at hand to look for them.
    """
    found = [own(plan)]
    found += [Candidate(STANDARD, "static", shots) for shots in STATIC_SHOTS]
    if nearest:
        found += [Candidate(STANDARD, "nearest", shots) for shots in NEAREST_SHOTS]
    fitting = [one for one in found[1:] if one.shots <= examples]
    return list(dict.fromkeys([found[0], *fitting]))


def instructions(
    name: str, goal: str, lang: str, labels: Sequence[str] = ()
) -> dict[ExampleKind, str]:
    """What a model is told for each kind of question under the instruction of this name.

    Only the kinds that the goal is about are told otherwise than by the standard instruction.
    """
    told = dict.fromkeys(KINDS_OF_GOAL.get(goal, ("qa", "rewrite")), name)
    return {kind: _told(told.get(kind, STANDARD), kind, goal, lang, labels) for kind in KINDS}


def _told(name: str, kind: ExampleKind, goal: str, lang: str, labels: Sequence[str]) -> str:
    id_ = f"prompt.{kind}.system" if name == STANDARD else f"prompt.{goal}.{name}"
    return text(id_, lang, labels=", ".join(labels) if kind == "labelled" else "")
