"""The roads a recommendation ranks, and which of them this version can carry out."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from advisor.types import Approach, Method, Needs, Variant
from knowledge.catalog.loader import load
from knowledge.catalog.records import Method as MethodRecord


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


def runnable(road: Road) -> bool:
    """Whether this version has an executor for the road; the catalog of methods says so."""
    record = method_record(road)
    return record is not None and record.runnable


def offered(needs: Needs) -> tuple[Road, ...]:
    """The roads to rank for these needs: what can be carried out and makes sense to name.

    Examples decide between a prompt with and one without; only classes can be told by an encoder.
    """
    few_shot = needs.n_examples != 0
    skipped = "zero_shot" if few_shot else "few_shot"
    return tuple(
        road
        for road in ROADS
        if road.form != skipped
        and (road.form != "encoder" or needs.goal == "classification")
        and runnable(road)
    )
