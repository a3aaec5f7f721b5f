"""How good a company's examples are, aspect by aspect, and how many of them are worth keeping.

A hundred good examples beat a thousand poor ones: each row that a finding speaks against is
counted once, under the gravest of its findings. Scores are 0–100 with their parts (0–1) shown; no
score is a forecast of how a model will do.
"""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from knowledge.corpus.facts import example_tokens
from knowledge.corpus.languages import estimate_tokens
from knowledge.corpus.quality import LEAST_PER_CLASS
from knowledge.corpus.reading import Survey
from knowledge.corpus.repetition import is_test
from knowledge.corpus.sameness import denials, numbers
from knowledge.corpus.types import Example

LOST = ("row-without-answer", "row-without-question", "misspelt-field", "bad-json-line")
"""Rows that never became an example."""
MENDED = ("exact-duplicate", "near-duplicate")
DECIDED = ("train-test-leak", "contradiction")
"""Only people can say which of the two rows stays."""
ASIDE = ("garbled-rows", "unfilled-placeholder", "answer-repeats-question")
FORM = ("inconsistent-format", "language-mix", "answer-too-short")
POOR = (*MENDED, *DECIDED, *ASIDE, *FORM)
"""Findings that speak against a row, gravest first."""
LEAST_PER_EDGE = LEAST_PER_CLASS
"""Rows from which an edge case counts as covered: as many as a class needs to be learned."""
KEYWORD_TOKENS = 6
"""A question of fewer tokens without a question mark is typed like a search."""
_MOST_NAMED = 3
# Share of faulty rows from which mending them is the first thing to do.
_MUCH = 0.1
_UNREADABLE = {"garbled-text", "scanned-page", "unreadable-page"}

Aspect = Literal["pairs", "format", "edge_cases", "balance"]
Road = Literal["prompting", "rag", "tuning"]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What the methods ask for: pairs, labelled texts, and tokens of context in training."""

    pairs: int
    labelled: int
    seq_len: int


@dataclass(frozen=True, slots=True)
class Score:
    """`value` of 0–100 and the parts (0–1) it is made of."""

    value: int
    parts: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Missing:
    """An edge case with too few rows: how many there are, how many to add, where to begin."""

    id: str
    n: int
    add: int
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Grade:
    """The summary of a health report; `first` is what to do first, with how many."""

    rows: int
    good_rows: int
    dropped: Mapping[str, int]
    scores: Mapping[Aspect, Score]
    missing: tuple[Missing, ...]
    cut: int
    seq_len: int
    ready: tuple[Road, ...]
    first: tuple[str, int] | None = None
    kind: str = "qa"


@dataclass(slots=True)
class _Rows:
    """The examples of all paths, and what speaks against each."""

    examples: list[Example] = field(default_factory=list)
    against: dict[int, str] = field(default_factory=dict)
    outliers: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    unreadable: int = 0

    @property
    def good(self) -> list[Example]:
        return [e for i, e in enumerate(self.examples) if i not in self.against]


def findings(survey: Survey) -> dict[int, set[str]]:
    """What speaks against each example, by its place in `survey.examples`.

    Of a leak the row outside the test counts, of a contradiction the later one.
    """
    by_file = {(e.source, e.where): i for i, e in enumerate(survey.examples)}
    by_name = {f"{e.source} {e.where}": i for i, e in enumerate(survey.examples)}
    found: dict[int, set[str]] = {}
    for report in survey.files:
        for problem in report.problems:
            for place in problem.places:
                if (index := by_file.get((report.path, place))) is not None:
                    found.setdefault(index, set()).add(problem.id)
    for problem in survey.problems:
        for place, of in zip(problem.places, problem.of, strict=True):
            index, other = by_name.get(place), by_name.get(of)
            if index is None or other is None:
                continue
            if problem.id == "train-test-leak" and is_test(survey.examples[index].source):
                index = other
            found.setdefault(index, set()).add(problem.id)
    return found


def grade(surveys: Sequence[Survey], least: Thresholds) -> Grade:
    """The summary of everything read.

    - pairs = 100 · enough · complete: good rows (of labelled texts and pairs the commoner) of what
      tuning asks for; rows with both sides.
    - format = 100 · form · agreement: rows in the mould of the others and without open slots or
      broken text; rows that contradict no other.
    - edge_cases = 100 · mean: each kind of edge case, min(1, rows / 8); documents asked about.
    - balance = 100 · mean: effective number of labels and of documents asked about (exp of the
      entropy, Hill 1973) over their number; answers neither far too short or long nor cut.
    """
    rows = _gathered(surveys)
    good, n = rows.good, len(rows.examples)
    total = n + rows.lost.total()
    kinds = Counter(e.kind for e in rows.examples)
    kind = kinds.most_common(1)[0][0] if kinds else "qa"
    trained = [e for e in good if (e.kind == "labelled") is (kind == "labelled")]
    wanted = _wanted(trained, kind, least)
    cut = sum(example_tokens(e) > least.seq_len for e in rows.examples)
    dropped = Counter(rows.against.values()) + rows.lost
    scores: dict[Aspect, Score] = {}
    missing: tuple[Missing, ...] = ()
    if n:
        against = Counter(rows.against.values())
        scores["pairs"] = _product(enough=min(1.0, len(trained) / wanted), complete=n / total)
        scores["format"] = _product(
            form=1 - sum(against[id_] for id_ in (*FORM, *ASIDE)) / n,
            agreement=1 - sum(against[id_] for id_ in DECIDED) / n,
        )
        documents = [d.id for one in surveys for d in one.documents]
        edges, missing = _edge_cases(good, kind, documents)
        scores["edge_cases"] = _mean(edges)
        scores["balance"] = _mean(_balance(rows, cut))
    ready, first = _verdict(len(trained), rows, dropped, surveys, wanted)
    order = (*LOST, *POOR)
    return Grade(
        total,
        len(good),
        {id_: dropped[id_] for id_ in order if dropped[id_]},
        scores,
        missing,
        cut,
        least.seq_len,
        ready,
        first,
        kind,
    )


def _gathered(surveys: Sequence[Survey]) -> _Rows:
    rows = _Rows()
    for one in surveys:
        start = len(rows.examples)
        rows.examples += one.examples
        for index, ids in findings(one).items():
            gravest = next((id_ for id_ in POOR if id_ in ids), None)
            if gravest is not None:
                rows.against[start + index] = gravest
            rows.outliers += bool(ids & {"answer-too-short", "answer-too-long"})
        for report in one.files:
            ids = {problem.id for problem in report.problems}
            rows.unreadable += report.status == "refused" or bool(ids & _UNREADABLE)
            for problem in report.problems:
                if problem.id in LOST:
                    rows.lost[problem.id] += int(problem.values.get("n", 1))
    return rows


def _wanted(trained: Sequence[Example], kind: str, least: Thresholds) -> int:
    """Rows that tuning asks for; a classifier needs some of every label."""
    if kind != "labelled":
        return least.pairs
    return max(least.labelled, LEAST_PER_CLASS * len({e.completion for e in trained}))


def _verdict(
    good: int, rows: _Rows, dropped: Mapping[str, int], surveys: Sequence[Survey], wanted: int
) -> tuple[tuple[Road, ...], tuple[str, int] | None]:
    """What the material is good enough for, and what to do first for the rest."""
    undecided = any(dropped.get(id_) for id_ in DECIDED)
    ready: list[Road] = ["prompting"] if good else []
    if any(one.documents for one in surveys):
        ready.append("rag")
    if good >= wanted and not undecided:
        ready.append("tuning")
    # Mending what is there comes before adding to it, where it would be enough or is much.
    faults = {id_: n for id_, n in dropped.items() if id_ not in MENDED}
    enough = good < wanted <= good + sum(faults.values())
    much = sum(faults.values()) > _MUCH * (good + sum(faults.values()))
    first = [id_ for id_ in faults if id_ in DECIDED or enough or much]
    if first:
        worst = max(first, key=lambda id_: faults[id_])
        return tuple(ready), (worst, faults[worst])
    if rows.unreadable:
        return tuple(ready), ("unreadable", rows.unreadable)
    return tuple(ready), ("more-pairs", wanted - good) if good < wanted else None


def _edge_cases(
    good: Sequence[Example], kind: str, documents: Sequence[str]
) -> tuple[dict[str, float], tuple[Missing, ...]]:
    counts = {
        "short": sum(_keyword_like(e.prompt) for e in good),
        "negation": sum(denials(e.prompt) > 0 for e in good),
        "numbers": sum(bool(numbers(e.prompt)) for e in good),
    }
    if kind == "qa":
        counts = {"unanswerable": sum(not e.answerable for e in good), **counts}
    parts = {name: min(1.0, n / LEAST_PER_EDGE) for name, n in counts.items()}
    missing = [
        Missing(name, n, LEAST_PER_EDGE - n) for name, n in counts.items() if n < LEAST_PER_EDGE
    ]
    asked = {id_ for e in good for id_ in e.doc_ids}
    if asked and documents:
        never = [id_ for id_ in documents if id_ not in asked]
        parts["documents"] = 1 - len(never) / len(documents)
        if never:
            n = len(documents) - len(never)
            missing.append(Missing("documents", n, len(never), tuple(never[:_MOST_NAMED])))
    return parts, tuple(missing)


def _keyword_like(prompt: str) -> bool:
    plain = unicodedata.normalize("NFKC", prompt).strip()
    return not plain.endswith("?") and estimate_tokens(plain) <= KEYWORD_TOKENS


def _balance(rows: _Rows, cut: int) -> dict[str, float]:
    n = len(rows.examples)
    parts = {}
    labels = Counter(e.label for e in rows.examples if e.label)
    if len(labels) > 1:
        parts["labels"] = _evenness(labels)
    asked = Counter(id_ for e in rows.examples for id_ in e.doc_ids)
    if len(asked) > 1:
        parts["documents"] = _evenness(asked)
    parts["lengths"] = 1 - min(n, rows.outliers + cut) / n
    return parts


def _evenness(counts: Counter[str]) -> float:
    """Effective number of classes over their number: 1 when all are equally frequent."""
    total = counts.total()
    entropy = -sum(n / total * math.log(n / total) for n in counts.values())
    return math.exp(entropy) / len(counts)


def _product(**parts: float) -> Score:
    return Score(math.floor(100 * math.prod(parts.values()) + 0.5), _rounded(parts))


def _mean(parts: Mapping[str, float]) -> Score:
    return Score(math.floor(100 * sum(parts.values()) / len(parts) + 0.5), _rounded(parts))


def _rounded(parts: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in parts.items()}
