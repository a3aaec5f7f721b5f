"""What a model is told: the instruction for each kind of question, and examples as turns."""

from __future__ import annotations

from collections.abc import Sequence

from executors.base import Message
from knowledge.catalog.texts import text
from knowledge.corpus.types import Example, ExampleKind


def conversation(
    question: str,
    kind: ExampleKind,
    lang: str,
    *,
    examples: Sequence[Example] = (),
    labels: Sequence[str] = (),
    instruction: str | None = None,
) -> list[Message]:
    """System instruction, then the examples as finished turns, then the question.

    Args:
        question: the user's own words, unchanged.
        kind: qa, rewrite, labelled or grounded (passages and a question); each has its own
            instruction.
        lang: ja or en, the language of the instruction.
        examples: few-shot examples of the same kind, in the order they are shown.
        labels: for `labelled`, the labels to choose from.
        instruction: in place of the kind's own.
    """
    named = ", ".join(labels) if kind == "labelled" else ""
    system = instruction or text(f"prompt.{kind}.system", lang, labels=named)
    turns: list[Message] = [{"role": "system", "content": system}]
    for example in examples:
        turns.append({"role": "user", "content": example.prompt})
        turns.append({"role": "assistant", "content": example.completion})
    turns.append({"role": "user", "content": question})
    return turns
