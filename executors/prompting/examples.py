"""Which examples a few-shot prompt shows: fixed, varied, and never one that is being tested."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from knowledge.corpus.types import Example, ExampleKind


def choose_shots(
    train: Sequence[Example], kind: ExampleKind, shots: int, *, seed: int = 0
) -> list[Example]:
    """At most `shots` training examples of `kind`, spread over groups, documents and labels.

    One example of every group before a second of any, groups and examples in an order fixed by
    the seed; with `qa`, one unanswerable question among them when there is one, so that the
    model sees what not knowing looks like.
    """
    pool = [example for example in train if example.kind == kind]
    if shots <= 0 or not pool:
        return []
    ordered = sorted(pool, key=lambda example: _rank(seed, example.id))
    refusals = [example for example in ordered if not example.answerable][:1]
    rest = [example for example in ordered if example.answerable]
    chosen = refusals if shots > 1 else []
    seen: dict[str, int] = {}
    by_turn: list[tuple[int, str, Example]] = []
    for example in rest:
        group = example.label or example.group or next(iter(example.doc_ids), example.id)
        turn = seen.get(group, 0)
        seen[group] = turn + 1
        by_turn.append((turn, _rank(seed, example.id), example))
    by_turn.sort(key=lambda item: item[:2])
    chosen = [*(example for _, _, example in by_turn[: shots - len(chosen)]), *chosen]
    # The last turn weighs most with a small model: let it be an answered question.
    return sorted(chosen, key=lambda example: (example.answerable, _rank(seed, example.id)))


def _rank(seed: int, id_: str) -> str:
    return hashlib.sha256(f"{seed}|{id_}".encode()).hexdigest()
