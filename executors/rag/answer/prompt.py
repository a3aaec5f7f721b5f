"""What a generator is told: the question, and the passages fenced as data."""

from __future__ import annotations

from collections.abc import Sequence

from executors.base import Message, Passage
from executors.prompting.prompts import conversation
from executors.rag.answer.fence import as_data, one_line
from knowledge.catalog.texts import text


def grounded(question: str, passages: Sequence[Passage], lang: str) -> list[Message]:
    """A conversation that asks for an answer from these passages and nothing else.

    Args:
        question: the user's own words.
        passages: best first; numbered from 1 in the prompt.
        lang: ja or en, the language of the instruction.
    """
    return conversation(asked_of(question, passages, lang), "grounded", lang)


def asked_of(question: str, passages: Sequence[Passage], lang: str) -> str:
    """The turn that hands over passages and question: what a tuning on passages learns from."""
    withheld = text("rag.prompt.withheld", lang)
    fenced = "\n".join(
        f'<passage n="{number}" title="{one_line(passage.title, withheld)}"'
        f' where="{one_line(passage.where, withheld)}">\n'
        f"{as_data(passage.text, withheld)}\n</passage>"
        for number, passage in enumerate(passages, 1)
    )
    return text("rag.prompt.user", lang, passages=fenced, question=question)
