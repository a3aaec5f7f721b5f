"""Which rules of the catalog hold for given facts, and what they add to each road's score."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from advisor.types import Needs
from knowledge.catalog.conditions import COMPARE
from knowledge.catalog.loader import load
from knowledge.catalog.records import Rule

Facts = Mapping[str, Any]

# How much text a model takes in comfortably, in tokens. Source: Chan et al. 2024 (CAG) for 8B
# models, where whole-corpus prompts lead up to about 50k and trail at 85k; Anthropic's note on
# contextual retrieval for frontier models (under 200k put everything in the prompt).
FRONTIER_WINDOW = 200_000
OPEN_WINDOW = 50_000
# Judgement: below 16 GiB the cache of a long prompt no longer fits beside a useful model.
SMALL_CARD_WINDOW = 8_000
NO_CARD_WINDOW = 2_000


@dataclass(frozen=True, slots=True)
class Fired:
    """A rule that holds and what it adds to one road, in log-odds."""

    rule: Rule
    weight: float


def holds(condition: Mapping[str, Any], facts: Facts) -> bool:
    """Whether every part of a structured condition is met.

    A part is a value, a list (any of), or a table of comparisons. An unknown fact (None or
    absent) meets nothing but `{ known = false }`.
    """
    return all(_met(wanted, facts.get(name)) for name, wanted in condition.items())


def _met(wanted: Any, value: Any) -> bool:
    if isinstance(wanted, Mapping):
        for name, bound in wanted.items():
            if name == "known":
                if (value is not None) is not bound:
                    return False
            elif value is None or not COMPARE[name](value, bound):
                return False
        return True
    if value is None:
        return False
    if isinstance(wanted, list | tuple):
        return value in wanted
    return bool(value == wanted)


def fired(road: str, facts: Facts, rules: Iterable[Rule] | None = None) -> tuple[Fired, ...]:
    """Every rule that moves `road`, strongest first.

    An effect on an approach reaches all of its forms; one on a form reaches it alone.
    """
    moving = _moving(road) if rules is None else _of(road, rules)
    return tuple(moved for moved in moving if holds(moved.rule.when, facts))


@functools.cache
def _moving(road: str) -> tuple[Fired, ...]:
    return _of(road, load("rules").values())


def _of(road: str, rules: Iterable[Rule]) -> tuple[Fired, ...]:
    found = [Fired(rule, _weight(rule, road)) for rule in rules]
    moving = [moved for moved in found if moved.weight]
    return tuple(sorted(moving, key=lambda f: (-abs(f.weight), f.rule.id)))


def _weight(rule: Rule, road: str) -> float:
    return sum(
        float(value)
        for key, value in rule.effects.items()
        if road == key or road.startswith(f"{key}.")
    )


def score(road: str, facts: Facts, rules: Iterable[Rule] | None = None) -> float:
    """The road's score in log-odds: the sum of what its rules add."""
    return sum(f.weight for f in fired(road, facts, rules))


def facts_of(needs: Needs, *, base_params_b: float | None = None) -> dict[str, Any]:
    """The facts that rules may name, from a company's needs.

    Args:
        needs: the normalised wishes and facts.
        base_params_b: size of the base model in 1e9 parameters, if one is at hand.
    """
    has_documents = _has_documents(needs)
    window = comfortable_window(needs)
    share = needs.corpus_tokens / window if has_documents and needs.corpus_tokens else None
    return {
        "goal": needs.goal,
        "language": needs.language,
        "data_kind": needs.data_kind,
        "has_documents": has_documents,
        "changes": needs.changes,
        "citations": needs.citations,
        "confidential": needs.confidential,
        "frontier": needs.may_send,
        # A company's own papers are what no public model was trained on.
        "long_tail": True if has_documents else None,
        "n_examples": needs.n_examples,
        "n_classes": needs.n_classes,
        "corpus_tokens": needs.corpus_tokens,
        "window_share": share,
        "base_params_b": base_params_b,
        "vram_gib": needs.vram_gib,
        "budget_jpy": needs.budget_jpy,
        "deadline_days": needs.deadline_days,
        "traffic_per_day": needs.traffic_per_day,
        "target_score": needs.target_score,
        "target_latency_s": needs.target_latency_s,
        "skills": needs.skills,
    }


def comfortable_window(needs: Needs) -> int:
    """How many tokens of material the best permitted model takes in at once."""
    if needs.may_send:
        return FRONTIER_WINDOW
    if needs.vram_gib >= 15:
        return OPEN_WINDOW
    return SMALL_CARD_WINDOW if needs.vram_gib > 0 else NO_CARD_WINDOW


def _has_documents(needs: Needs) -> bool | None:
    if needs.data is not None:
        return needs.data.n_documents > 0
    if needs.data_kind is None:
        return None
    return needs.data_kind == "documents"
