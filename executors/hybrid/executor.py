"""The hybrid road: an index, and a model tuned to answer from what is found in it."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from advisor.types import Plan
from executors.base import Context, Lack, RunData
from executors.finetune.executor import FinetuneExecutor
from executors.goals import for_goal
from executors.hybrid.rows import COUNTED, Grounded, ground
from executors.permitted import learnable
from executors.rag.answer.system import RagSystem
from executors.rag.executor import RagExecutor
from executors.rundir import RunDir
from knowledge.corpus.types import Example

SUMMED = ("build_seconds",)
"""Actuals of which both parts have one."""


class HybridExecutor:
    name = "hybrid"

    def __init__(self) -> None:
        self._index, self._tuning = RagExecutor(), FinetuneExecutor()

    def check(self, plan: Plan, data_root: Path | None) -> list[Lack]:
        """What either part lacks, each once."""
        lacks = [*self._index.check(plan, data_root), *self._tuning.check(plan, data_root)]
        return [lack for i, lack in enumerate(lacks) if lack not in lacks[:i]]

    def rehearse(self, plan: Plan, data: RunData, context: Context) -> None:
        """Refuse what a training on these examples would refuse, their passages apart."""
        self._tuning.rehearse(plan, data, context)

    def build(self, plan: Plan, run: RunDir, data: RunData, context: Context) -> dict[str, float]:
        """Index, then tune on questions with what the index finds for them.

        Interrupted in the training, the index is read again and the training goes on.
        """
        indexed = self._index.build(plan, run, data, context)
        started = time.perf_counter()
        grounded, counts = self.grounded(plan, run, data, context)
        run.event("grounded", **counts)
        seconds = time.perf_counter() - started
        tuned = self._tuning.build(plan, run, grounded, context)
        both = {name: indexed[name] + tuned[name] for name in SUMMED}
        return {**indexed, **tuned, **both, "grounding_seconds": seconds}

    def grounded(
        self, plan: Plan, run: RunDir, data: RunData, context: Context
    ) -> tuple[RunData, dict[str, int]]:
        """The data with the passages that the run's finished index finds for each question.

        What becomes of one example does not depend on the others.

        Returns:
            What to tune on, and what became of the examples it was made of.
        """
        learned = learnable(data, context.session)
        road = self._index.open_with(run, context, in_memory=True)
        closed = [document.id for document in data.corpus.documents if document.groups]
        parts = {}
        for name in ("train", "validation"):
            examples = for_goal(getattr(learned.split, name), plan.goal)
            parts[name] = self._ground(examples, road, closed, plan, context, name == "train")
        road.close()
        told = parts["train"]
        counts = {name: getattr(told, name) for name in COUNTED}
        context.session.say("hybrid.grounded", n=len(told.examples), **counts)
        split = replace(learned.split, **{name: part.examples for name, part in parts.items()})
        return replace(learned, split=split), counts

    def open(self, run: RunDir, context: Context) -> RagSystem:
        """The index with the tuned model as its generator.

        Raises:
            RunError: a part is damaged, or the embedder or the base model changed.
        """
        return self._index.open_with(run, context, self._tuning.generator(run, context))

    def _ground(
        self,
        examples: list[Example],
        road: RagSystem,
        closed: list[str],
        plan: Plan,
        context: Context,
        learned: bool,
    ) -> Grounded:
        label = context.session.t("hybrid.progress.ground")
        with context.session.progress(label, total=float(len(examples) or 1)) as bar:
            return ground(
                examples,
                road,
                lang=plan.language,
                # What is watched stays as it is: a loss on declining would hide the one on answers.
                left_out_share=float(plan.config["hybrid.left_out_share"]) if learned else 0.0,
                closed=closed,
                seed=int(plan.config["seed"]),
                on_done=bar.advance,
            )
