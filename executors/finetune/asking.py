"""How a tuned model is asked: in the words of its training, and a label from its closed list."""

from __future__ import annotations

from collections.abc import Sequence

from advisor.types import Plan
from executors.base import Generation, Generator, Message, Question, Reply
from executors.prompting.labels import choose_labels
from executors.prompting.prompts import conversation
from executors.prompting.system import replies
from knowledge.catalog.texts import text
from knowledge.corpus.types import ExampleKind

MOST_LISTED = 20
"""A longer list of labels is left to the examples: 77 of them before every text cost ten times the
text in training and in use, and no other label can come out anyway."""


def lists_labels(labels: Sequence[str]) -> bool:
    """Whether the instruction names the labels; kept with the run, which is asked as trained."""
    return len(labels) <= MOST_LISTED


def asked(
    prompt: str, kind: ExampleKind, lang: str, labels: Sequence[str], *, listed: bool
) -> list[Message]:
    """The conversation up to the answer."""
    if kind == "labelled" and not listed:
        return conversation(prompt, kind, lang, instruction=text("prompt.labelled.learned", lang))
    return conversation(prompt, kind, lang, labels=labels)


def answered(
    generator: Generator,
    questions: Sequence[Question],
    plan: Plan,
    labels: Sequence[str],
    *,
    listed: bool,
) -> list[Reply]:
    """One reply per question; a text to classify gets one of the labels that were learned."""
    most = int(plan.config["generate.max_new_tokens"])
    turns = [asked(q.text, q.kind, plan.language, labels, listed=listed) for q in questions]
    made: dict[int, Generation] = {}
    choosing = [n for n, question in enumerate(questions) if labels and question.kind == "labelled"]
    writing = [n for n in range(len(questions)) if n not in choosing]
    if choosing:
        told = [turns[n] for n in choosing]
        chosen = choose_labels(generator, told, labels, max_new_tokens=most)
        made |= dict(zip(choosing, chosen, strict=True))
    if writing:
        written = generator.complete([turns[n] for n in writing], max_new_tokens=most)
        made |= dict(zip(writing, written, strict=True))
    return replies(questions, [made[n] for n in range(len(questions))])
