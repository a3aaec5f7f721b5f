"""Which questions are worth comparing in full: those whose forms are near, numbers being equal.

The health report and the splits ask the same of the same rows, so that what one calls a repetition
the other keeps together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from knowledge.corpus.near_duplicates import near_keys
from knowledge.corpus.sameness import canonical, denials, numbers

CANDIDATES = 0.55
"""Share of 3-grams in common; below it no two texts were seen to say the same."""


@dataclass(frozen=True, slots=True)
class Alike:
    """Questions by what they say: `item` of each row, and the items near each item."""

    item: tuple[int, ...]
    near: tuple[tuple[int, ...], ...]


def alike(prompts: Sequence[str]) -> Alike:
    """Rows with one canonical form are one item; two items with other numbers are never near."""
    return _alike(tuple(prompts))


# The parts of a run ask the same of the same rows, one after the other.
@lru_cache(maxsize=2)
def _alike(prompts: tuple[str, ...]) -> Alike:
    number: dict[tuple[tuple[str, ...], int, str], int] = {}
    # `says_the_same` is False wherever these differ, so that such rows need not be compared at
    # all: thousands of questions about one order number each would be near all others.
    blocks: dict[tuple[tuple[str, ...], int], list[int]] = defaultdict(list)
    rows = []
    for prompt in prompts:
        block = tuple(numbers(prompt)), denials(prompt)
        key = (*block, canonical(prompt))
        if key not in number:
            number[key] = len(number)
            blocks[block].append(number[key])
        rows.append(number[key])
    keys = [key for _, _, key in number]
    near: list[tuple[int, ...]] = [()] * len(keys)
    for members in blocks.values():
        for place, others in enumerate(near_keys([keys[i] for i in members], CANDIDATES)):
            near[members[place]] = tuple(members[other] for other in others)
    return Alike(tuple(rows), tuple(near))
