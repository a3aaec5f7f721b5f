"""Which examples a goal is about: what is learned for it, and what it is judged on."""

from __future__ import annotations

from collections.abc import Sequence

from knowledge.corpus.types import Example, ExampleKind

KINDS: dict[str, tuple[ExampleKind, ...]] = {
    "new_facts": ("qa",),
    "domain_reasoning": ("qa",),
    "style_or_tone": ("rewrite",),
    "output_format": ("rewrite", "qa"),
    "translation": ("rewrite",),
    "classification": ("labelled",),
}


def for_goal(examples: Sequence[Example], goal: str) -> list[Example]:
    """The examples of the kinds that a goal is about; all of them when it has none of its own."""
    wanted = [example for example in examples if example.kind in KINDS.get(goal, ())]
    return wanted or list(examples)


def kind_for(goal: str) -> ExampleKind:
    """The kind that a bare question belongs to under this goal."""
    return KINDS.get(goal, ("qa",))[0]
