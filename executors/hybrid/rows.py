"""Training examples as they will be asked: the passages found for a question, then its answer.

After RAFT (Zhang et al. 2024, arXiv 2403.10131): distractors stand beside the passage that holds
the answer, in the order in which the search puts them. Where RAFT takes that passage away it goes
on teaching the answer, by heart; here the model learns to say that the papers do not hold it, so
that a changed rule is never answered from memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from executors.base import Passage
from executors.hybrid.support import holds_gold, tells
from executors.rag.answer.prompt import asked_of
from executors.rag.answer.system import RagSystem
from knowledge.catalog.texts import text
from knowledge.corpus.types import Example

COUNTED = ("found", "put_in", "left_out", "told_elsewhere", "without_document")


@dataclass(frozen=True, slots=True)
class Grounded:
    """The examples to tune on, and what became of those they were made of."""

    examples: tuple[Example, ...]
    found: int
    """Answerable ones whose passage the search found by itself."""
    put_in: int
    """Answerable ones whose passage was put among those that were found."""
    left_out: int
    """Asked once more with their documents out of sight, to be declined."""
    told_elsewhere: int
    """Not asked once more: what was found without their documents still holds the answer."""
    without_document: int
    """Not used: what they rest on is not in the index."""


def ground(
    examples: Sequence[Example],
    road: RagSystem,
    *,
    lang: str,
    left_out_share: float,
    closed: Collection[str] = (),
    seed: int = 0,
    on_done: Callable[[], None] = lambda: None,
) -> Grounded:
    """Make the rows' examples: kind `grounded`, the prompt holding passages and question.

    Args:
        road: searches as the finished road will; nothing closed to some is ever shown.
        left_out_share: share of the answerable examples that are also asked without their
            documents.
        closed: ids of documents that not everybody may see.
        on_done: called after each example.
    """
    made: list[Example] = []
    counts = dict.fromkeys(COUNTED, 0)
    declined = text("rag.abstain.answer", lang)

    def add(example: Example, passages: Sequence[Passage], answer: str, id_: str) -> None:
        prompt = asked_of(example.prompt, passages, lang)
        made.append(replace(example, id=id_, kind="grounded", prompt=prompt, completion=answer))

    for example in examples:
        passages = list(road.read_for(example.prompt))
        if not example.answerable:
            add(example, passages, declined, example.id)
        elif passages := _with_gold(example, passages, road, counts, seed):
            add(example, passages, example.completion, example.id)
            if example.doc_ids and _drawn(example.id, seed) < left_out_share:
                # By the owner: rarities without a document are known of the whole index only.
                hidden = road.without([*example.doc_ids, *closed])
                passages = list(hidden.read_for(example.prompt, owner=True))
                if any(tells(example, passage) for passage in passages):
                    counts["told_elsewhere"] += 1
                else:
                    add(example, passages, declined, f"{example.id}~left-out")
                    counts["left_out"] += 1
        on_done()
    return Grounded(tuple(made), **counts)


def _with_gold(
    example: Example, passages: list[Passage], road: RagSystem, counts: dict[str, int], seed: int
) -> list[Passage]:
    """The passages with the one the example rests on among them; none if it has no document."""
    if not example.doc_ids:
        return passages

    def gold_in(passage: Passage) -> bool:
        return passage.doc_id in example.doc_ids and holds_gold(example, passage)

    if any(map(gold_in, passages)):
        counts["found"] += 1
        return passages
    gold = road.best_of(example.prompt, example.doc_ids, gold_in)
    if gold is None:
        counts["without_document"] += 1
        return []
    if any((p.doc_id, p.text) == (gold.doc_id, gold.text) for p in passages):
        # Said in words that are not recognised: nothing nearer is to be had.
        counts["found"] += 1
        return passages
    counts["put_in"] += 1
    others = passages[:-1]
    others.insert(int(_drawn(f"place {example.id}", seed) * (len(others) + 1)), gold)
    return others


def _drawn(name: str, seed: int) -> float:
    """A number from 0 to 1 that a name and a seed always give."""
    digest = hashlib.sha256(f"{seed} {name}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
