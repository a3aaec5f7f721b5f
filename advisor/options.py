"""The roads a recommendation ranks, and which of them this version can carry out."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from advisor.types import Approach, Method, Needs, Variant
from knowledge.catalog.loader import load
from knowledge.catalog.records import Method as MethodRecord

MANY_EXAMPLES = 50
"""Fewer than this all fit into a prompt of a few (rule R9: many-shot starts there)."""


@dataclass(frozen=True, slots=True)
class Road:
    """One way to build it; `form` is the part after the dot in a rule's effects."""

    approach: Approach
    method: Method | None = None
    variant: Variant | None = None
    form: str | None = None

    @property
    def key(self) -> str:
        return f"{self.approach}.{self.form}" if self.form else self.approach


# From the simplest to the most laborious: the order in which equals are listed.
ROADS: tuple[Road, ...] = (
    Road("prompting", None, None, "zero_shot"),
    Road("prompting", None, "few_shot", "few_shot"),
    Road("prompting", None, "many_shot", "many_shot"),
    Road("prompting", None, "whole_corpus", "whole_corpus"),
    Road("rag"),
    Road("fine_tuning", "encoder", None, "encoder"),
    Road("fine_tuning", "qlora", None, "qlora"),
    Road("fine_tuning", "lora", None, "lora"),
    Road("fine_tuning", "full", None, "full"),
    Road("hybrid"),
)


@functools.cache
def method_record(road: Road) -> MethodRecord | None:
    """What the catalog says of a road: its executor, the examples it needs."""
    for record in load("methods").values():
        same_form = (record.method, record.variant) == (road.method or "", road.variant or "")
        if record.approach == road.approach and same_form:
            return record
    return None


def runnable(road: Road, needs: Needs) -> bool:
    """Whether this version can carry the road out; the catalog of methods says so.

    It indexes documents: question-answer pairs alone can be advised on but not yet searched. A
    whole corpus in the prompt wants more of a model than the starter is, which only repeats it.
    """
    record = method_record(road)
    if record is None or not record.runnable:
        return False
    if road.variant == "whole_corpus" and not needs.vram_gib:
        return needs.model not in (None, "", "starter")
    indexed = road.approach in ("rag", "hybrid")
    return not indexed or needs.data is None or needs.data.n_documents > 0


def offered(needs: Needs) -> tuple[Road, ...]:
    """The roads to rank for these needs, whether this version can carry them out or not.

    Examples decide between a prompt with one and without; only classes can be told by an encoder,
    and only material can be handed over whole.
    """
    few_shot = needs.n_examples != 0
    skipped = "zero_shot" if few_shot else "few_shot"
    return tuple(
        road
        for road in ROADS
        if road.form != skipped
        and (road.form != "encoder" or needs.goal == "classification")
        and (road.form != "whole_corpus" or something_to_look_up(needs))
        and (road.form != "many_shot" or (needs.n_examples or 0) >= MANY_EXAMPLES)
    )


def something_to_look_up(needs: Needs) -> bool:
    """Whether there is material: documents, or for facts the known pairs themselves."""
    if needs.data is not None:
        pairs = needs.goal == "new_facts" and needs.data.n_qa_pairs > 0
        return needs.data.n_documents > 0 or pairs
    if needs.goal == "new_facts":
        return needs.data_kind in (None, "documents", "qa_pairs")
    return needs.data_kind in (None, "documents")
