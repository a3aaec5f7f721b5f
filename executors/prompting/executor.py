"""The prompting road: a fixed instruction and the company's own examples, on any model."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

from advisor.files import write_json
from advisor.types import Plan
from executors.base import (
    Context,
    Generation,
    Generator,
    Lack,
    Passage,
    Question,
    Reply,
    RunData,
    System,
)
from executors.evaluate.abstention import is_refusal
from executors.generator import generator_lacks, open_generator
from executors.permitted import open_to_all
from executors.prompting.examples import choose_shots
from executors.prompting.nearest import (
    VECTORS_FILE,
    NearestExamples,
    apart_from,
    load_vectors,
    save_vectors,
)
from executors.prompting.prompts import conversation
from executors.prompting.whole_corpus import Paper, WholeCorpusSystem
from executors.rag.chunking.chunk import metadata_of
from executors.rag.embedding import choose, open_embedder
from executors.rag.embedding import lacks as embedder_lacks
from executors.rundir import RunDir
from knowledge.corpus.permissions import load as load_permissions
from knowledge.corpus.types import Example, ExampleKind

PROMPT_FILE = "prompt.json"
KINDS: tuple[ExampleKind, ...] = ("qa", "rewrite", "labelled")


class PromptingExecutor:
    name = "prompting"

    def check(self, plan: Plan, data_root: Path | None) -> list[Lack]:
        """What the generator lacks, and the embedder where examples are looked for."""
        found = generator_lacks(plan.config)
        if shows_nearest(plan) and (missing := embedder_lacks("auto")):
            found.append(Lack("embedder-missing", {"embedder": missing}))
        return found

    def build(self, plan: Plan, run: RunDir, data: RunData, context: Context) -> dict[str, float]:
        """Choose the examples once, from training data only, and store them with the run."""
        started = time.perf_counter()
        shots = int(plan.config["prompting.shots"])
        seed = int(plan.config["seed"])
        corpus = data.corpus
        train = open_to_all(data.split.train, corpus.documents, load_permissions(corpus.root))
        if closed := len(data.split.train) - len(train):
            context.session.say("prompting.examples-closed", n=closed)
        run.artifacts.mkdir(parents=True, exist_ok=True)
        chosen: dict[ExampleKind, list[Example]]
        embedder: str | None = None
        if shows_nearest(plan):
            apart = apart_from(train, (*data.split.test, *data.split.validation))
            if near := len(train) - len(apart):
                context.session.say("prompting.near-tests-left-out", n=near)
            chosen = {kind: [e for e in apart if e.kind == kind] for kind in KINDS}
            if apart:
                embedder = choose("auto").id
                opened = open_embedder(embedder, context.session)
                save_vectors(chosen, opened, run.artifacts / VECTORS_FILE)
        else:
            chosen = {kind: choose_shots(train, kind, shots, seed=seed) for kind in KINDS}
        labels = sorted({e.label for e in train if e.label})
        documents = corpus.documents if plan.variant == "whole_corpus" else ()
        write_json(
            run.artifacts / PROMPT_FILE,
            {
                "schema_version": 1,
                "language": plan.language,
                "labels": labels,
                "embedder": embedder,
                "examples": {
                    kind: [_record(example) for example in examples]
                    for kind, examples in chosen.items()
                },
                "documents": [
                    {
                        "id": d.id,
                        "source": d.source,
                        "title": d.title,
                        "text": d.text,
                        "groups": sorted(d.groups),
                        "metadata": metadata_of(d),
                    }
                    for d in documents
                    if d.text.strip()
                ],
            },
        )
        return {"build_seconds": time.perf_counter() - started}

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


class PromptingSystem:
    """Answers from the model's own knowledge and the examples in the prompt."""

    def __init__(
        self,
        plan: Plan,
        stored: dict,
        generator: Generator,
        nearest: NearestExamples | None = None,
    ) -> None:
        """Take what the run stored.

        Args:
            nearest: finds examples for each question; None shows the stored ones to all.
        """
        self._lang = plan.language
        self._max_new_tokens = int(plan.config["generate.max_new_tokens"])
        self._labels: list[str] = stored["labels"]
        self._examples = _examples(stored)
        self._generator, self._nearest = generator, nearest

    def answer(self, questions: Sequence[Question], *, passages: int = 5) -> list[Reply]:
        conversations = [
            conversation(q.text, q.kind, self._lang, examples=self._shown(q), labels=self._labels)
            for q in questions
        ]
        generations = self._generator.complete(conversations, max_new_tokens=self._max_new_tokens)
        return replies(questions, generations)

    def _shown(self, question: Question) -> list[Example]:
        if self._nearest is None:
            return self._examples[question.kind]
        return self._nearest.choose(question.text, question.kind)

    def close(self) -> None:
        self._generator.close()


def shows_nearest(plan: Plan) -> bool:
    """Whether examples are looked for by question; older plans show the same to all."""
    wanted = plan.config.get("prompting.choice", "static") == "nearest"
    return wanted and plan.variant != "whole_corpus" and int(plan.config["prompting.shots"]) > 0


def _nearest(plan: Plan, stored: dict, run: RunDir, context: Context) -> NearestExamples:
    pool = _examples(stored)
    vectors = load_vectors(run.artifacts / VECTORS_FILE, sum(map(len, pool.values())))
    embedder = open_embedder(stored["embedder"], context.session)
    return NearestExamples(pool, vectors, embedder, int(plan.config["prompting.shots"]))


def _record(example: Example) -> dict[str, object]:
    record = {"id": example.id, "prompt": example.prompt, "completion": example.completion}
    return record if example.answerable else {**record, "answerable": False}


def _examples(stored: dict) -> dict[ExampleKind, list[Example]]:
    return {
        kind: [
            Example(
                *(e["id"], kind, e["prompt"], e["completion"], "", ""),
                answerable=e.get("answerable", True),
            )
            for e in stored["examples"].get(kind, [])
        ]
        for kind in KINDS
    }


def replies(questions: Sequence[Question], generations: Sequence[Generation]) -> list[Reply]:
    """Generations as replies, in the questions' order; a refusal counts as abstaining."""
    return [
        Reply(
            id=q.id,
            question=q.text,
            answer=g.text,
            abstained=q.kind == "qa" and is_refusal(g.text),
            seconds=g.seconds,
            tokens_in=g.tokens_in,
            tokens_out=g.tokens_out,
            finish_reason=g.finish_reason,
        )
        for q, g in zip(questions, generations, strict=True)
    ]
