"""Which examples train, which tune and which stay untouched for the test, without leaks.

A group never stands in two parts: a scene or customer, the questions about one document, or the
near duplicates of one question. Each group is placed by a hash of its key, so adding groups moves
none. Within one kind (and answerability) the first three groups in reading order take three
different parts, so that no part is empty; this too is untouched by rows added later. A row that
repeats an earlier one, as the health report sees it or in 80 % of its 3-grams, joins it, and so
does one that says the same in other words, as far as the rows before it tell. Where its own group
already stands in another part the row is left out, since moving either group would break what was
promised of it.

Rows that their owner marked as train, validation or test stand there, whatever their group. Who
marked test rows keeps that test: no other row joins it, and rows elsewhere that repeat one of it
are left out. The same holds for marked validation rows.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from knowledge.corpus.alike import alike
from knowledge.corpus.near_duplicates import near_keys, normalised
from knowledge.corpus.rewording import reworded
from knowledge.corpus.sameness import says_the_same
from knowledge.corpus.types import Example, Part

PARTS: tuple[Part, ...] = ("train", "validation", "test")
_FIRST: dict[Part | None, int] = {"test": 0, "validation": 1}
"""Marked rows are placed before the others, so that a leak costs a training row."""
TEST_SHARE = 0.25
VALIDATION_SHARE = 0.15


@dataclass(frozen=True, slots=True)
class Split:
    """The three parts in reading order, and the rows left out because they would leak."""

    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    test: tuple[Example, ...]
    left_out: tuple[Example, ...] = ()


def split(
    examples: Sequence[Example],
    *,
    seed: int = 0,
    test: float = TEST_SHARE,
    validation: float = VALIDATION_SHARE,
) -> Split:
    """Split whole groups, separately for each kind and answerability.

    Args:
        examples: in reading order; rows added at the end never move earlier ones.
        seed: another seed gives another split of the same groups.
        test: expected share of groups in the test part.
        validation: expected share of groups in the validation part.

    Raises:
        ValueError: the shares are negative or leave nothing for training.
    """
    if min(test, validation) < 0 or test + validation >= 1:
        raise ValueError(f"test={test}, validation={validation}: their sum must be below 1")
    marked = {example.part for example in examples}
    shares = (0.0 if "test" in marked else test, 0.0 if "validation" in marked else validation)
    order = sorted(range(len(examples)), key=lambda index: _FIRST.get(examples[index].part, 2))
    told = _Told([examples[index] for index in order])
    part_of: dict[str, Part] = {}
    first_parts: dict[str, list[Part]] = defaultdict(list)
    placed: dict[Part | None, list[int]] = {part: [] for part in (*PARTS, None)}
    for index, at in enumerate(order):
        example = examples[at]
        leaders = told.before(index)
        key = _own_key(example) or (leaders[0] if leaders else _row_key(example))
        if example.part:
            key = f"{example.part}/{key}"
        stratum = f"{example.kind}/{example.answerable}"
        part = (
            example.part
            or part_of.get(key)
            or _place(f"{seed}/{key}", shares, first_parts[stratum])
        )
        joins_marked = example.part is None and part in marked
        if joins_marked or any(part_of[leader] != part for leader in leaders):
            placed[None].append(at)
            continue
        if key not in part_of:
            part_of[key] = part
            if not example.part:
                first_parts[stratum].append(part)
        told.keep(index, key)
        placed[part].append(at)

    def rows(part: Part | None) -> tuple[Example, ...]:
        return tuple(examples[at] for at in sorted(placed[part]))

    return Split(rows("train"), rows("validation"), rows("test"), rows(None))


class _Told:
    """The questions kept so far, with the keys of their groups."""

    def __init__(self, examples: Sequence[Example]) -> None:
        prompts = self._prompts = [example.prompt for example in examples]
        self._reworded: dict[int, list[int]] = defaultdict(list)
        rows = [replace(example, source="") for example in examples]
        for _, index, earlier in reworded(rows, set(), growing=True):
            self._reworded[index].append(earlier)
        self._key: dict[int, str] = {}
        self._asked = alike(prompts)
        forms = [normalised(prompt) for prompt in prompts]
        number = {form: i for i, form in enumerate(dict.fromkeys(forms))}
        self._form = [number[form] for form in forms]
        self._near_forms = near_keys(list(number))
        self._of_form: dict[int, dict[str, int]] = defaultdict(dict)
        self._of_item: dict[int, dict[str, tuple[int, str]]] = defaultdict(dict)

    def before(self, index: int) -> list[str]:
        """Keys of the groups with a kept question that this one repeats, in reading order."""
        prompt, item, form = self._prompts[index], self._asked.item[index], self._form[index]
        found: dict[str, int] = {}
        for other in (form, *self._near_forms[form]):
            for key, first in self._of_form[other].items():
                found[key] = min(first, found.get(key, first))
        for other in (item, *self._asked.near[item]):
            for said, (first, key) in self._of_item[other].items():
                # A report on the parts may meet the two in either order.
                if says_the_same(said, prompt) or says_the_same(prompt, said):
                    found[key] = min(first, found.get(key, first))
        for earlier in self._reworded[index]:
            if (named := self._key.get(earlier)) is not None:
                found[named] = min(earlier, found.get(named, earlier))
        return sorted(found, key=lambda key: found[key])

    def keep(self, index: int, key: str) -> None:
        """This question has been placed with group `key`."""
        self._key[index] = key
        self._of_form[self._form[index]].setdefault(key, index)
        self._of_item[self._asked.item[index]].setdefault(self._prompts[index], (index, key))


def group_key(example: Example) -> str:
    """The group an example belongs to before near duplicates are looked at."""
    return _own_key(example) or _row_key(example)


def _own_key(example: Example) -> str | None:
    if example.group:
        return f"group:{example.group}"
    return f"document:{example.doc_ids[0]}" if example.doc_ids else None


def _row_key(example: Example) -> str:
    return f"row:{normalised(example.prompt)}"


def _unit(key: str) -> float:
    """A number in [0, 1) that only `key` decides."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64


def _place(key: str, shares: tuple[float, float], before: Sequence[Part]) -> Part:
    """The part of a new group; `before` are those of the groups already met in its stratum."""
    test, validation = shares
    at = _unit(key)
    part: Part = "test" if at < test else "validation" if at < test + validation else "train"
    wanted = [p for p in PARTS if p == "train" or (test if p == "test" else validation) > 0]
    if len(before) < len(wanted) and part in before:
        free = [p for p in wanted if p not in before]
        return free[int(_unit(f"first/{key}") * len(free))]
    return part
