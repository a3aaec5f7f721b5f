"""Which rules of the catalog hold for given facts, and what they add to each road's score."""

from __future__ import annotations

import functools
import math
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
CHANGES_PER_YEAR = {"never": 0, "yearly": 1, "monthly": 12, "weekly": 52, "daily": 365}


@dataclass(frozen=True, slots=True)
class Fired:
    """A rule that holds, in full or in part, and what it adds to one road in log-odds."""

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


def share(rule: Rule, facts: Facts) -> float:
    """How far a rule counts, 0 to 1: its condition met, its ramps grown with the logarithm."""
    if not holds(rule.when, facts):
        return 0.0
    found = 1.0
    for name, (nothing, full) in rule.ramp.items():
        value = facts.get(name)
        found *= rule.unknown if value is None else _grown(float(value), nothing, full)
    return found


def _grown(value: float, nothing: float, full: float) -> float:
    """0 at `nothing`, 1 at `full`, linear in the logarithm between; `full` may be the smaller."""
    if value <= 0:
        return 0.0 if full > nothing else 1.0
    grown = math.log(value / nothing) / math.log(full / nothing)
    return min(1.0, max(0.0, grown))


def fired(road: str, facts: Facts, rules: Iterable[Rule] | None = None) -> tuple[Fired, ...]:
    """Every rule that moves `road`, strongest first.

    An effect on an approach reaches all of its forms; one on a form reaches it alone.
    """
    moving = _moving(road) if rules is None else _of(road, rules)
    found = (Fired(one.rule, one.weight * share(one.rule, facts)) for one in moving)
    return tuple(sorted((one for one in found if one.weight), key=_strongest))


def _strongest(fired: Fired) -> tuple[float, str]:
    return -abs(fired.weight), fired.rule.id


@functools.cache
def _moving(road: str) -> tuple[Fired, ...]:
    return _of(road, load("rules").values())


def _of(road: str, rules: Iterable[Rule]) -> tuple[Fired, ...]:
    found = (Fired(rule, _weight(rule, road)) for rule in rules)
    return tuple(moved for moved in found if moved.weight)


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
    tokens = material_tokens(needs)
    share = tokens / comfortable_window(needs) if has_documents and tokens else None
    return {
        "goal": needs.goal,
        "language": needs.language,
        "data_kind": needs.data_kind,
        "has_documents": has_documents,
        "changes": needs.changes,
        "changes_per_year": CHANGES_PER_YEAR.get(needs.changes or ""),
        "citations": needs.citations,
        "confidential": needs.confidential,
        "frontier": needs.may_send,
        "breadth": needs.breadth,
        "shift": needs.shift,
        "per_person": needs.per_person,
        "n_examples": needs.n_examples,
        "n_classes": needs.n_classes,
        "labels_per_class": _labels_per_class(needs),
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


def _labels_per_class(needs: Needs) -> float | None:
    if not needs.n_classes or needs.n_examples is None:
        return None
    return needs.n_examples / needs.n_classes


def material_tokens(needs: Needs) -> int | None:
    """How much there is to read: the documents, or for facts the pairs where those are all."""
    data = needs.data
    pairs = needs.goal == "new_facts" and data is not None and not data.n_documents
    if data is not None and pairs:
        return round(data.n_qa_pairs * data.example_tokens_mean) or None
    return needs.corpus_tokens


def comfortable_window(needs: Needs) -> int:
    """How many tokens of material the best permitted model takes in at once."""
    if needs.may_send:
        return FRONTIER_WINDOW
    if needs.vram_gib >= 15:
        return OPEN_WINDOW
    return SMALL_CARD_WINDOW if needs.vram_gib > 0 else NO_CARD_WINDOW


def _has_documents(needs: Needs) -> bool | None:
    """Whether there is something to read; pairs count where the goal is to answer with facts."""
    pairs = needs.goal == "new_facts"
    if needs.data is not None:
        return needs.data.n_documents > 0 or (pairs and needs.data.n_qa_pairs > 0)
    if needs.data_kind is None:
        return None
    return needs.data_kind == "documents" or (pairs and needs.data_kind == "qa_pairs")
