"""Asks a model with what a run stored: instruction, examples and the closed list of labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from advisor.types import Plan
from executors.base import Generation, Generator, Message, Question, Reply
from executors.evaluate.abstention import is_refusal
from executors.prompting.candidates import KINDS
from executors.prompting.labels import choose_labels
from executors.prompting.nearest import NearestExamples
from executors.prompting.prompts import conversation
from executors.prompting.records import write_records
from knowledge.corpus.types import Example, ExampleKind

Form = Literal["label", "record", "free"]


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
        # Older plans took answers as the model wrote them, and older runs kept no instruction.
        self._constrained = bool(plan.config.get("prompting.constrained", False))
        self._records: list[str] = stored.get("records", [])
        self._instructions: Mapping[ExampleKind, str] = stored.get("instructions", {})
        self._examples = stored_examples(stored)
        self._generator, self._nearest = generator, nearest

    def answer(self, questions: Sequence[Question], *, passages: int = 5) -> list[Reply]:
        asked: dict[Form, list[int]] = {}
        for number, question in enumerate(questions):
            asked.setdefault(self._form(question), []).append(number)
        made: dict[int, Generation] = {}
        for form, numbers in asked.items():
            told = [self._told(questions[number]) for number in numbers]
            made |= dict(zip(numbers, self._written(told, form), strict=True))
        return replies(questions, [made[number] for number in range(len(questions))])

    def _form(self, question: Question) -> Form:
        if self._constrained and question.kind == "labelled" and self._labels:
            return "label"
        return "record" if self._constrained and question.kind in self._records else "free"

    def _written(self, told: Sequence[Sequence[Message]], form: Form) -> list[Generation]:
        most = self._max_new_tokens
        if form == "label":
            return choose_labels(self._generator, told, self._labels, max_new_tokens=most)
        if form == "record":
            return write_records(self._generator, told, max_new_tokens=most)
        return self._generator.complete(told, max_new_tokens=most)

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
