"""What a prompt can be made of: training examples open to all, their labels and vectors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advisor.files import write_json
from advisor.types import Plan
from executors.base import Context, Generator, RunData
from executors.goals import for_goal
from executors.json_form import is_record
from executors.permitted import open_to_all
from executors.prompting.candidates import KINDS, Candidate, instructions
from executors.prompting.examples import choose_shots
from executors.prompting.nearest import (
    VECTORS_FILE,
    NearestExamples,
    apart_from,
    embed,
    save_vectors,
)
from executors.prompting.system import PromptingSystem, example_record
from executors.rag.chunking.chunk import metadata_of
from executors.rag.embedding import Embedder, choose, open_embedder
from knowledge.corpus.permissions import load as load_permissions
from knowledge.corpus.types import Document, Example, ExampleKind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PROMPT_FILE = "prompt.json"


class Material:
    """Makes the prompt of any candidate from the same training examples."""

    def __init__(self, plan: Plan, data: RunData, context: Context) -> None:
        self._plan, self._context = plan, context
        self._documents = data.corpus.documents if plan.variant == "whole_corpus" else ()
        self.train = open_examples(data)
        self._held = (*data.split.test, *data.split.validation)
        self._labels = sorted({e.label for e in self.train if e.label})
        kinds = {example.kind for example in of_goal(self.train, plan.goal)}
        self._records = sorted(
            kind
            for kind in kinds
            if all(is_record(e.completion) for e in self.train if e.kind == kind)
        )
        self._searched: tuple[dict[ExampleKind, list[Example]], Embedder | None, Any] | None = None

    def system(self, candidate: Candidate, generator: Generator) -> PromptingSystem:
        """The system that a candidate is, before anything of it is stored."""
        stored = self._stored(candidate)
        nearest = self._nearest(candidate.shots) if candidate.choice == "nearest" else None
        return PromptingSystem(self._plan, stored, generator, nearest)

    def told(self, instruction: str) -> dict[ExampleKind, str]:
        """What is said under the instruction of this name."""
        plan = self._plan
        return instructions(instruction, plan.goal, plan.language, self._labels)

    def save(self, candidate: Candidate, artifacts: Path) -> None:
        """Store the candidate's prompt as the run's own."""
        write_json(artifacts / PROMPT_FILE, self._stored(candidate))
        pool, _, vectors = self._pool() if candidate.choice == "nearest" else ({}, None, None)
        if any(pool.values()):
            save_vectors(vectors, artifacts / VECTORS_FILE)

    def _stored(self, candidate: Candidate) -> dict[str, Any]:
        embedder: str | None = None
        if candidate.choice == "nearest":
            chosen, opened, _ = self._pool()
            embedder = opened.id if opened else None
        else:
            seed = int(self._plan.config["seed"])
            chosen = {k: choose_shots(self.train, k, candidate.shots, seed=seed) for k in KINDS}
        return {
            "schema_version": 1,
            "language": self._plan.language,
            "labels": self._labels,
            "records": self._records,
            "instructions": self.told(candidate.instruction),
            "embedder": embedder,
            "shots": candidate.shots,
            "examples": {
                kind: [example_record(example) for example in examples]
                for kind, examples in chosen.items()
            },
            "documents": [_document(d) for d in self._documents if d.text.strip()],
        }

    def _nearest(self, shots: int) -> NearestExamples | None:
        pool, embedder, vectors = self._pool()
        return None if embedder is None else NearestExamples(pool, vectors, embedder, shots)

    def _pool(
        self,
    ) -> tuple[dict[ExampleKind, list[Example]], Embedder | None, NDArray[np.float32] | Any]:
        """The examples that may be looked for, embedded once for all candidates."""
        if self._searched is None:
            apart = apart_from(self.train, self._held)
            if near := len(self.train) - len(apart):
                self._context.session.say("prompting.near-tests-left-out", n=near)
            pool = {kind: [e for e in apart if e.kind == kind] for kind in KINDS}
            embedder = open_embedder(choose("auto").id, self._context.session) if apart else None
            vectors = embed(pool, embedder) if embedder else None
            self._searched = pool, embedder, vectors
        return self._searched


def open_examples(data: RunData) -> list[Example]:
    """Training examples that everybody may see."""
    corpus = data.corpus
    permissions = load_permissions(corpus.root)
    return open_to_all(data.split.train, corpus.documents, permissions)


def of_goal(examples: Sequence[Example], goal: str) -> list[Example]:
    """Those among them that a prompt for this goal can show."""
    return [example for example in for_goal(examples, goal) if example.kind in KINDS]


def _document(document: Document) -> dict[str, Any]:
    return {
        "id": document.id,
        "source": document.source,
        "title": document.title,
        "text": document.text,
        "groups": sorted(document.groups),
        "metadata": metadata_of(document),
    }
