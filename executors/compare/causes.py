"""Why an answer is wrong: what was missing, read from the road and the diagnostics beside it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from executors.answering import quotes
from executors.compare.diagnostics import (
    NOTHING_DIAGNOSED,
    Diagnosed,
    DiagnosticName,
)
from executors.compare.roads import Road
from executors.evaluate.heldout import Scored
from executors.evaluate.normalise import bare

LEAST_FOUND = 4
"""Characters of a right answer that are not found in a wrong one by chance."""


def causes(
    road: Road, wrong: Sequence[Scored], seen: Diagnosed = NOTHING_DIAGNOSED
) -> tuple[str, ...]:
    """The causes of these wrong answers of a road, most frequent first.

    Args:
        wrong: some of the road's results.
        seen: the diagnostics that were run; without them what a road cannot tell by itself
            (whether the model knew, whether it could have read) is left open.
    """
    labels = {bare(r.example.label) for r in road.results if r.example.label}
    quoted = bool(seen.found) and quotes(road.plan)
    reader: DiagnosticName = "oracle_quotation" if quoted else "oracle_model"
    knew, could_read = seen.right("closed_book"), seen.right(reader)
    # With the gold passage in hand the model failed too: no search and no paper would help it.
    weak = [] if quoted else [id_ for id_, right in could_read.items() if not right]
    told = _Told(labels, knew, could_read, frozenset(weak))
    counted = Counter(_cause(result, told) for result in wrong)
    return tuple(cause for cause, _ in counted.most_common())


@dataclass(frozen=True, slots=True)
class _Told:
    """What the diagnostics say of a road's questions, by id."""

    labels: set[str]
    knew: Mapping[str, bool]
    could_read: Mapping[str, bool]
    too_weak: frozenset[str]


def _cause(result: Scored, told: _Told) -> str:
    example, figures = result.example, result.figures
    if not example.answerable:
        return "answered what the papers do not say"
    if figures.get("abstained"):
        return "declined an answerable question"
    if _misformed(result, told.labels):
        return "format wrong"
    if not result.passages and told.knew.get(example.id):
        return "the model alone was right"
    if example.id in told.too_weak:
        return "model too weak"
    if not result.passages:
        return "knowledge missing"
    found = figures.get("reciprocal_rank", figures.get("hit_at_3", 1.0))
    if not found and told.could_read.get(example.id, True):
        return "retrieval missing"
    return "answer not taken from the passage"


def _misformed(result: Scored, labels: set[str]) -> bool:
    """Whether it is the form that is wrong: no such label, no JSON, or more than was asked for."""
    example, answer = result.example, result.answer
    if example.kind == "rewrite":
        return True
    if example.kind == "labelled":
        return bool(labels) and bare(answer) not in labels
    if _is_record(example.completion):
        return not _is_record(answer)
    gold = bare(example.completion)
    return len(gold) >= LEAST_FOUND and gold in bare(answer)


def _is_record(text: str) -> bool:
    """Whether it is a JSON object or list."""
    try:
        return isinstance(json.loads(text), dict | list)
    except ValueError:
        return False
