"""The prompting road: an instruction and the company's own examples, on any model."""

from __future__ import annotations

import json
import time
from pathlib import Path

from advisor.types import Plan
from executors.base import Context, Lack, Passage, RunData, System
from executors.generator import generator_lacks, open_generator
from executors.prompting.candidates import Candidate, own
from executors.prompting.material import PROMPT_FILE, Material
from executors.prompting.nearest import VECTORS_FILE, NearestExamples, load_vectors
from executors.prompting.search import say_not_searched, search, task_of
from executors.prompting.system import PromptingSystem, stored_examples
from executors.prompting.whole_corpus import Paper, WholeCorpusSystem
from executors.rag.embedding import lacks as embedder_lacks
from executors.rag.embedding import open_embedder
from executors.rundir import RunDir


class PromptingExecutor:
    name = "prompting"

    def check(self, plan: Plan, data_root: Path | None) -> list[Lack]:
        """What the generator lacks, and the embedder where examples are looked for."""
        found = generator_lacks(plan.config)
        if shows_nearest(plan) and (missing := embedder_lacks("auto")):
            found.append(Lack("embedder-missing", {"embedder": missing}))
        return found

    def build(self, plan: Plan, run: RunDir, data: RunData, context: Context) -> dict[str, float]:
        """Choose instruction and examples once, without test questions, and store them."""
        started = time.perf_counter()
        run.artifacts.mkdir(parents=True, exist_ok=True)
        material = Material(plan, data, context)
        if closed := len(data.split.train) - len(material.train):
            context.session.say("prompting.examples-closed", n=closed)
        chosen = self._searched(plan, run, data, material, context)
        material.save(chosen, run.artifacts)
        return {"build_seconds": time.perf_counter() - started}

    def _searched(
        self, plan: Plan, run: RunDir, data: RunData, material: Material, context: Context
    ) -> Candidate:
        task = task_of(plan, data)
        if task.schedule is None:
            say_not_searched(task, context)
            return own(plan)
        generator = open_generator(plan.config, context)
        try:
            return search(plan, task, material, generator, run.artifacts, context)
        finally:
            generator.close()

    def open(self, run: RunDir, context: Context) -> System:
        """The system; with the whole corpus in the prompt, its beginning is read here, once."""
        plan = run.plan
        stored = json.loads((run.artifacts / PROMPT_FILE).read_text(encoding="utf-8"))
        generator = open_generator(plan.config, context)
        if plan.variant == "whole_corpus":
            return WholeCorpusSystem(
                [
                    Paper(
                        Passage(d["id"], d["source"], d["title"], d["text"], 1.0),
                        frozenset(d.get("groups", ())),
                        d.get("metadata", {}),
                    )
                    for d in stored["documents"]
                ],
                generator,
                lang=plan.language,
                max_new_tokens=int(plan.config["generate.max_new_tokens"]),
            )
        nearest = _nearest(plan, stored, run, context) if stored.get("embedder") else None
        return PromptingSystem(plan, stored, generator, nearest)


def shows_nearest(plan: Plan) -> bool:
    """Whether the plan has examples looked for by question; older plans show the same to all."""
    return own(plan).choice == "nearest" and plan.variant != "whole_corpus"


def _nearest(plan: Plan, stored: dict, run: RunDir, context: Context) -> NearestExamples:
    pool = stored_examples(stored)
    vectors = load_vectors(run.artifacts / VECTORS_FILE, sum(map(len, pool.values())))
    embedder = open_embedder(stored["embedder"], context.session)
    # Runs from before there was a search show as many as their plan says.
    shots = int(stored.get("shots", plan.config["prompting.shots"]))
    return NearestExamples(pool, vectors, embedder, shots)
