"""Codes what a study states beforehand into the facts that rules may name.

`APriori` has no field for an outcome: scores, winners and notes cannot travel in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from advisor.errors import Fault
from advisor.rules import CHANGES_PER_YEAR, FRONTIER_WINDOW, OPEN_WINDOW

_FRESHNESS = {"static": "never", "changing": "monthly"}
_SCALE = {"": 1.0, "k": 1e3, "m": 1e6, "million": 1e6, "b": 1e9, "billion": 1e9}
TOKENS_PER_WORD = 1.3
"""English; OpenAI's tokenizer page gives four tokens to three words."""
FITS, EXCEEDS = 0.5, 4.0
"""Shares of the window that stand for "fits" and "does not fit" where no size is stated."""

# How people write sizes. Nothing here belongs to one study.
_AMOUNT = re.compile(
    r"(\d[\d,]*(?:\.\d+)?)\s*(k|m|b|million|billion)?[- ]+(?:\w+ )?(tokens?|words?)\b", re.I
)
_WINDOW = re.compile(r"(\d[\d,]*(?:\.\d+)?)\s*(k|m)\b[- ]*(?:token )?(?:window|context)", re.I)
_TIMES = re.compile(r"(\d+(?:\.\d+)?)\s*(?:x|times)\s+the\s+(?:window|context)", re.I)
_FITS = re.compile(r"\bfits?\b(?: \w+){0,3} (?:window|context|prompt)", re.I)
_EXCEEDS = re.compile(
    r"\b(?:beyond|exceeds?|over|larger than|longer than)\b(?: \w+){0,2} (?:window|context)", re.I
)
_PER_PERSON = re.compile(
    r"\bper[- ](?:user|person|customer|author|employee|student|speaker|client)\b", re.I
)
_FEW_EACH = re.compile(r"\bfew \w+ (?:per|for each|of each) \w+", re.I)
FEW = 20
"""What "few" examples stand for: below every threshold at which tuning starts."""
_PARAMETERS = re.compile(r"(\d+(?:\.\d+)?)\s?B\b")


@dataclass(frozen=True, slots=True)
class APriori:
    """What could be known before a study was made; None where it does not say."""

    goal: str | None = None
    breadth: str | None = None
    data_kind: str | None = None
    n_examples: float | None = None
    corpus_size: str | None = None
    corpus_tokens: float | None = None
    freshness: str | None = None
    needs_citations: bool | None = None
    long_tail_facts: bool | None = None
    language: str | None = None
    eval_shift: str | None = None
    base_model: str | None = None
    base_params_b: float | None = None
    frontier_api_is_an_option: bool | None = None


_TYPES: Mapping[str, tuple[type, ...]] = {
    "str | None": (str,),
    "float | None": (int, float),
    "bool | None": (bool,),
}


def a_priori(given: Mapping[str, Any]) -> tuple[APriori, tuple[Fault, ...]]:
    """The fields of a case that may be seen, and those that had to be taken as unknown."""
    values: dict[str, Any] = {}
    notes: list[Fault] = []
    for field in fields(APriori):
        value = given.get(field.name)
        if value is None:
            continue
        wanted = _TYPES[str(field.type)]
        if isinstance(value, wanted) and (isinstance(value, bool) == (wanted == (bool,))):
            values[field.name] = value
        else:
            notes.append(Fault("case-value", field.name, (("value", str(value)[:60]),)))
    return APriori(**values), tuple(notes)


def facts_of_study(known: APriori) -> dict[str, Any]:
    """The facts that rules may name; what a study does not state stays unknown."""
    material = known.corpus_size or ""
    frontier = known.frontier_api_is_an_option
    # Pairs are something to read where the goal is to answer with facts, as for a company.
    readable = ("documents", "qa_pairs") if known.goal == "new_facts" else ("documents",)
    changes = _FRESHNESS.get(known.freshness or "", known.freshness)
    tokens = known.corpus_tokens if known.corpus_tokens is not None else _tokens(material)
    return {
        "goal": known.goal,
        "breadth": known.breadth,
        "data_kind": known.data_kind,
        "has_documents": None if known.data_kind is None else known.data_kind in readable,
        "n_examples": _examples(known),
        "corpus_tokens": tokens,
        "window_share": _window_share(tokens, material, known.base_model or "", frontier),
        "changes_per_year": CHANGES_PER_YEAR.get(changes or ""),
        "citations": known.needs_citations,
        "per_person": True if _PER_PERSON.search(material) else None,
        "shift": known.eval_shift,
        "language": known.language,
        "frontier": frontier,
        "base_params_b": known.base_params_b or _params_b(known.base_model or ""),
    }


def _examples(known: APriori) -> float | None:
    """How many examples there are to learn from; papers show how to write, not how to program."""
    if known.n_examples is not None:
        return known.n_examples
    if _FEW_EACH.search(known.corpus_size or ""):
        return FEW
    programs = known.goal in ("code", "tool_use")
    return 0 if programs and known.data_kind == "documents" else None


def _tokens(text: str) -> float | None:
    """The largest amount of text that a description names, in tokens."""
    return max(_amounts(text), default=None)


def _amounts(text: str) -> Iterator[float]:
    for number, scale, unit in _AMOUNT.findall(text):
        factor = TOKENS_PER_WORD if unit.lower().startswith("word") else 1.0
        yield float(number.replace(",", "")) * _SCALE[scale.lower()] * factor


def _window_share(
    tokens: float | None, material: str, base_model: str, frontier: bool | None
) -> float | None:
    """The material as a share of what the model takes in comfortably at once."""
    if times := _TIMES.search(material):
        return float(times[1])
    if tokens is not None:
        window = float(FRONTIER_WINDOW if frontier else OPEN_WINDOW)
        stated = _WINDOW.search(base_model)
        if stated:
            number = float(stated[1].replace(",", "")) * _SCALE[stated[2].lower()]
            window = min(window, number)
        return tokens / window
    if _EXCEEDS.search(material):
        return EXCEEDS
    return FITS if _FITS.search(material) else None


def _params_b(text: str) -> float | None:
    return max((float(size) for size in _PARAMETERS.findall(text)), default=None)
