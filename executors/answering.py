"""What a plan says of how its road answers: who words the answer, and how many at a time."""

from __future__ import annotations

from advisor.types import Plan
from executors.evaluate.heldout import BATCH


def asks_model(plan: Plan) -> bool:
    """Whether a language model writes the road's answers."""
    return plan.executor in ("prompting", "finetune", "rag", "hybrid") and not quotes(plan)


def quotes(plan: Plan) -> bool:
    """Whether the road's answers are quoted from passages."""
    return plan.executor == "rag" and plan.config.get("rag.answer", "extractive") == "extractive"


def served(plan: Plan) -> bool:
    """Whether a server behind a URL writes the answers, here or elsewhere."""
    # RAG that quotes passages asks no server, whatever the settings name.
    return bool(plan.config.get("endpoint.url")) and not quotes(plan)


def batch_for(plan: Plan) -> int:
    """How many questions a road is asked together: each answer is on disk before the next begins.

    A model in this process writes several at once, which is as fast as writing one; a server and
    passages that are quoted answer one after the other.
    """
    return BATCH if asks_model(plan) and not plan.config.get("endpoint.url") else 1
