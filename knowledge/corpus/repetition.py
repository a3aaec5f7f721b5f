"""Which examples repeat others: copies, near copies, contradictions, leaks into tests."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from knowledge.corpus.alike import alike
from knowledge.corpus.clash import clash
from knowledge.corpus.rewording import repeats, reworded
from knowledge.corpus.sameness import canonical, says_the_same
from knowledge.corpus.source import excerpt
from knowledge.corpus.types import Example, Problem

MOST_COMPARED = 500
"""Rows of one file that ask the same with which a row is compared: the first of them."""
_MOST_SHOWN = 3
_TEST = re.compile(
    r"(?i)(?:^|[/_.\-])(?:test|eval|valid(?:ation)?|val|dev|held[_-]?out|検証|評価|テスト)"
)
_TRAIN = re.compile(r"(?i)(?:^|[/_.\-])(?:train(?:ing)?|learn|学習|訓練)")

Kind = Literal["exact-duplicate", "contradiction", "near-duplicate"]
ORDER: tuple[Kind, ...] = ("exact-duplicate", "contradiction", "near-duplicate")


@dataclass(frozen=True, slots=True)
class Repetition:
    """One example that repeats an earlier one, by their places in reading order."""

    kind: Kind
    index: int
    of: int


def find_repetitions(examples: Sequence[Example]) -> list[Repetition]:
    """What each example repeats, worst first: once within its file and once across files.

    An exact copy, one question with another answer, a copy in other clothes. Rewriting pairs may
    have several targets, so they never contradict each other.
    """
    asked = alike([example.prompt for example in examples])
    copies: dict[tuple[str, str, str], dict[str, int]] = defaultdict(dict)
    places: dict[int, dict[tuple[str, str], list[int]]] = defaultdict(lambda: defaultdict(list))
    found: list[Repetition] = []
    for index, this in enumerate(examples):
        same = copies[this.kind, this.prompt, this.completion]
        item = asked.item[index]
        for own in (True, False):
            copied = [i for source, i in same.items() if (source == this.source) is own][:1]
            earlier = sorted(
                i
                for other in (item, *asked.near[item])
                for (kind, source), before in places[other].items()
                if kind == this.kind and (source == this.source) is own
                for i in before
            )
            if (one := _repetition(examples, index, copied, earlier)) is not None:
                found.append(one)
        same.setdefault(this.source, index)
        before = places[item][this.kind, this.source]
        if len(before) < MOST_COMPARED:
            before.append(index)
    known = {(one.index, _own(examples, one)) for one in found}
    found += [Repetition(*one) for one in reworded(examples, known)]
    return sorted(found, key=lambda one: one.index)


def _own(examples: Sequence[Example], one: Repetition) -> bool:
    return examples[one.index].source == examples[one.of].source


def _repetition(
    examples: Sequence[Example], index: int, copied: Sequence[int], earlier: Sequence[int]
) -> Repetition | None:
    this = examples[index]
    if copied:
        return Repetition("exact-duplicate", index, copied[0])
    near: int | None = None
    for i in earlier:
        if not says_the_same(examples[i].prompt, this.prompt):
            continue
        if _same_answer(examples[i], this):
            near = i if near is None else near
        elif _contradicts(examples[i], this):
            return Repetition("contradiction", index, i)
    return None if near is None else Repetition("near-duplicate", index, near)


def _same_answer(a: Example, b: Example) -> bool:
    if a.kind == "labelled":
        return canonical(a.completion) == canonical(b.completion)
    return a.answerable == b.answerable and (
        says_the_same(a.completion, b.completion) or repeats(a.completion, b.completion)
    )


def _contradicts(a: Example, b: Example) -> bool:
    if a.kind == "rewrite":
        return False
    return a.kind == "labelled" or a.answerable != b.answerable or clash(a.completion, b.completion)


def told(
    examples: Sequence[Example], found: Sequence[Repetition]
) -> tuple[dict[str, list[Problem]], list[Problem]]:
    """Problems inside each file by its name, and those between files.

    A row of a test file that also stands in a training file is a leak, whatever its answer says.
    """
    inside: dict[str, dict[str, list[Repetition]]] = defaultdict(lambda: defaultdict(list))
    between: dict[str, list[Repetition]] = defaultdict(list)
    for one in found:
        a, b = examples[one.of], examples[one.index]
        if a.source == b.source:
            inside[b.source][one.kind].append(one)
        else:
            between["train-test-leak" if is_leak(a.source, b.source) else one.kind].append(one)
    notes = {source: _problems(examples, kinds, "{e.where}") for source, kinds in inside.items()}
    return notes, _problems(examples, between, "{e.source} {e.where}")


def is_leak(a: str, b: str) -> bool:
    """Whether one of two files is by its name a test set and the other one for training."""
    tests = [is_test(name) for name in (a, b)]
    trains = [bool(_TRAIN.search(name)) and not _TEST.search(name) for name in (a, b)]
    return (tests[0] and trains[1]) or (tests[1] and trains[0])


def is_test(name: str) -> bool:
    """Whether a file is by its name a test set."""
    return bool(_TEST.search(name)) and not _TRAIN.search(name)


def _problems(
    examples: Sequence[Example], kinds: Mapping[str, Sequence[Repetition]], place: str
) -> list[Problem]:
    problems = []
    for id_ in ("train-test-leak", *ORDER):
        if not (found := kinds.get(id_)):
            continue
        places = [place.format(e=examples[one.index]) for one in found]
        of = [place.format(e=examples[one.of]) for one in found]
        pairs = [f"{a} = {b}" for a, b in zip(places, of, strict=True)]
        more = "; ..." if len(pairs) > _MOST_SHOWN else ""
        problems.append(
            Problem(
                id_,
                "warn",
                "; ".join(pairs[:_MOST_SHOWN]) + more,
                {"n": len(found)},
                excerpt(examples[found[0].index].prompt),
                tuple(places),
                tuple(of),
            )
        )
    return problems
