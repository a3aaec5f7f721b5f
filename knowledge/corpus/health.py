"""What is wrong with the material as a whole: copies, contradictions, open slots, injections."""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files

from knowledge.corpus.near_duplicates import earlier_neighbours, grams, jaccard, normalised
from knowledge.corpus.source import excerpt
from knowledge.corpus.types import Document, Example, Problem

_MOST_SHOWN = 3
_DIGITS = re.compile(r"\d+")
# Answers of the same question that differ only this much are the same answer in other words.
_SAME_ANSWER = 0.8


@cache
def _patterns(name: str) -> re.Pattern[str]:
    text = files("knowledge.corpus").joinpath("patterns.toml").read_text("utf-8")
    parts = tomllib.loads(text)[name]["patterns"]
    # A leading (?i) would hold for the whole alternation; it belongs to its own part.
    return re.compile("|".join(_scoped(part) for part in parts))


def _scoped(pattern: str) -> str:
    return f"(?i:{pattern[4:]})" if pattern.startswith("(?i)") else f"(?:{pattern})"


def document_problems(document: Document) -> list[Problem]:
    """Unfilled slots and text that speaks to the model, in one document."""
    return _in_text([(s.where, s.text) for s in document.sections])


def text_problems(examples: Sequence[Example]) -> list[Problem]:
    """Unfilled slots and text that speaks to the model, in the examples of one file."""
    return _in_text([(e.where, f"{e.prompt}\n{e.completion}") for e in examples])


def repetitions(
    examples: Sequence[Example],
) -> tuple[dict[str, list[Problem]], list[Problem]]:
    """Copies and contradictions: inside each file by its name, and those between files.

    Each example counts once within its file, for the worst that holds of it: an exact copy, one
    question with another answer, a copy in other clothes.
    """
    near = earlier_neighbours([e.prompt for e in examples])
    inside: dict[str, dict[str, list[Pair]]] = defaultdict(lambda: defaultdict(list))
    between: dict[str, list[Pair]] = defaultdict(list)
    for index, earlier in enumerate(near):
        source = examples[index].source
        own = [i for i in earlier if examples[i].source == source]
        others = [i for i in earlier if examples[i].source != source]
        if (found := _repetition(examples, index, own)) is not None:
            inside[source][found[0]].append((examples[found[1]], examples[index]))
        if (found := _repetition(examples, index, others)) is not None:
            between[found[0]].append((examples[found[1]], examples[index]))
    notes = {source: _told(pairs, "{e.where}") for source, pairs in inside.items()}
    return notes, _told(between, "{e.source} {e.where}")


Pair = tuple[Example, Example]


def _told(pairs: Mapping[str, Sequence[Pair]], place: str) -> list[Problem]:
    return [
        Problem(
            id_,
            "warn",
            _places(f"{place.format(e=b)} = {place.format(e=a)}" for a, b in found),
            {"n": len(found)},
            excerpt(found[0][1].prompt),
        )
        for id_, found in pairs.items()
    ]


def _in_text(texts: Iterable[tuple[str, str]]) -> list[Problem]:
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    count: dict[str, int] = defaultdict(int)
    listed = list(texts)
    for id_, name in (
        ("unfilled-placeholder", "placeholders"),
        ("instruction-like-text", "instructions"),
    ):
        pattern = _patterns(name)
        for where, text in listed:
            hits = list(pattern.finditer(text))
            if hits:
                count[id_] += 1
                start = max(0, hits[0].start() - 10)
                found[id_].append((where, excerpt(text[start : start + 80])))
    return [
        Problem(id_, "warn", _places(w for w, _ in hits), {"n": count[id_]}, hits[0][1])
        for id_, hits in found.items()
    ]


def _places(wheres: Iterable[str]) -> str:
    listed = [where for where in dict.fromkeys(wheres) if where]
    more = "; ..." if len(listed) > _MOST_SHOWN else ""
    return "; ".join(listed[:_MOST_SHOWN]) + more


def _repetition(
    examples: Sequence[Example], index: int, earlier: Sequence[int]
) -> tuple[str, int] | None:
    """What this example repeats, worst first; each example counts once."""
    this = examples[index]
    same = [i for i in earlier if examples[i].kind == this.kind]
    for i in same:
        if (examples[i].prompt, examples[i].completion) == (this.prompt, this.completion):
            return "exact-duplicate", i
    key = normalised(this.prompt)
    if this.kind != "rewrite":
        for i in same:
            if normalised(examples[i].prompt) == key and not _same_answer(examples[i], this):
                return "contradiction", i
    for i in same:
        # "30日" and "28日" are different questions however alike they look.
        digits = sorted(_DIGITS.findall(normalised(examples[i].prompt)))
        if digits == sorted(_DIGITS.findall(key)) and _same_answer(examples[i], this):
            return "near-duplicate", i
    return None


def _same_answer(a: Example, b: Example) -> bool:
    one, other = normalised(a.completion), normalised(b.completion)
    if one == other:
        return True
    if a.kind == "labelled" or sorted(_DIGITS.findall(one)) != sorted(_DIGITS.findall(other)):
        return False
    return jaccard(grams(one), grams(other)) >= _SAME_ANSWER
