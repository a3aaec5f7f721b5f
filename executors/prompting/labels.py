"""A label from the closed list: the one a model most probably writes, or the one it wrote."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from executors.base import Chooses, Generation, Generator, Message
from executors.evaluate.normalise import bare, fold

ALIKE = 0.85
"""From this share of common letters on, a label that stands in no answer was misspelt."""
_LETTER = r"[a-z0-9]"


def choose_labels(
    generator: Generator,
    conversations: Sequence[Sequence[Message]],
    labels: Sequence[str],
    *,
    max_new_tokens: int,
) -> list[Generation]:
    """One answer per conversation, each of them one of `labels` wherever that can be had.

    A model in this process gives every label's probability, and the most probable one is taken. A
    server tells only what it wrote: the label that this means, or, where it means none or several,
    the answer as it stands.
    """
    if isinstance(generator, Chooses):
        return generator.choose(conversations, labels)
    written = generator.complete(conversations, max_new_tokens=max_new_tokens)
    return [replace(one, text=meant_label(one.text, labels) or one.text) for one in written]


def meant_label(answer: str, labels: Sequence[str]) -> str | None:
    """The one label that an answer means; None where it is none of them, or could be several.

    The answer itself, else the only label that stands in it (of «card» and «card lost» the
    longer one, where one stands within the other), else the only one that it nearly is.
    """
    said = bare(answer)
    if not said:
        return None
    if same := [label for label in labels if bare(label) == said]:
        return same[0]
    named = [label for label in labels if _stands_in(label, answer)]
    longest = [
        label
        for label in named
        if not any(label != other and _stands_in(label, other) for other in named)
    ]
    if longest:
        return longest[0] if len(longest) == 1 else None
    near = [label for label in labels if SequenceMatcher(None, said, bare(label)).ratio() >= ALIKE]
    return near[0] if len(near) == 1 else None


def _stands_in(label: str, text: str) -> bool:
    """Whether a label stands in a text as a word of its own; Japanese has no space to ask for."""
    wanted, searched = (fold(one).replace("_", " ").strip() for one in (label, text))
    before = f"(?<!{_LETTER})" if re.match(_LETTER, wanted) else ""
    after = f"(?!{_LETTER})" if re.search(f"{_LETTER}$", wanted) else ""
    return bool(wanted) and re.search(before + re.escape(wanted) + after, searched) is not None
