"""Asks a model with what a run stored: instruction, examples and the closed list of labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from advisor.types import Plan
from executors.base import Generation, Generator, Message, Question, Reply
from executors.evaluate.abstention import is_refusal
from executors.prompting.candidates import KINDS
from executors.prompting.labels import choose_labels
from executors.prompting.nearest import NearestExamples
from executors.prompting.prompts import conversation
from knowledge.corpus.types import Example, ExampleKind


class PromptingSystem:
    """Answers from the model's own knowledge and the examples in the prompt."""

    def __init__(
        self,
        plan: Plan,
        stored: Mapping[str, Any],
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
        # Older plans took labels as the model wrote them, and older runs kept no instruction.
        self._closed = plan.config.get("prompting.labels", "free") == "closed"
        self._instructions: Mapping[ExampleKind, str] = stored.get("instructions", {})
        self._examples = stored_examples(stored)
        self._generator, self._nearest = generator, nearest

    def answer(self, questions: Sequence[Question], *, passages: int = 5) -> list[Reply]:
        chosen = [n for n, question in enumerate(questions) if self._has_labels(question)]
        written = [n for n, question in enumerate(questions) if not self._has_labels(question)]
        most = self._max_new_tokens
        made: dict[int, Generation] = {}
        if chosen:
            told = [self._told(questions[n]) for n in chosen]
            found = choose_labels(self._generator, told, self._labels, max_new_tokens=most)
            made |= dict(zip(chosen, found, strict=True))
        if written:
            told = [self._told(questions[n]) for n in written]
            found = self._generator.complete(told, max_new_tokens=most)
            made |= dict(zip(written, found, strict=True))
        return replies(questions, [made[n] for n in range(len(questions))])

    def _has_labels(self, question: Question) -> bool:
        return self._closed and question.kind == "labelled" and bool(self._labels)

    def _told(self, question: Question) -> list[Message]:
        return conversation(
            question.text,
            question.kind,
            self._lang,
            examples=self._shown(question),
            labels=self._labels,
            instruction=self._instructions.get(question.kind),
        )

    def _shown(self, question: Question) -> list[Example]:
        if self._nearest is None:
            return self._examples.get(question.kind, [])
        return self._nearest.choose(question.text, question.kind)

    def close(self) -> None:
        self._generator.close()


def example_record(example: Example) -> dict[str, object]:
    """An example as it stands in the run's prompt."""
    record = {"id": example.id, "prompt": example.prompt, "completion": example.completion}
    return record if example.answerable else {**record, "answerable": False}


def stored_examples(stored: Mapping[str, Any]) -> dict[ExampleKind, list[Example]]:
    """The examples of a run's prompt by kind."""
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
