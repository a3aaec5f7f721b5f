"""Whether the examples of one file are of one mould: their form, their length, their labels.

What breaks the mould is told against the others of the same file: an answer in English among
Japanese ones, text among JSON, two characters among paragraphs. A file without a mould is left in
peace.
"""

from __future__ import annotations

import json
import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

from knowledge.corpus.garbled import garbling
from knowledge.corpus.languages import estimate_tokens, language
from knowledge.corpus.sameness import canonical
from knowledge.corpus.source import excerpt
from knowledge.corpus.types import Example, Problem

LEAST_ROWS = 12
"""Fewer rows show no mould."""
MOULD = 0.8
"""Share of the rows that must agree before the others count as breaking it."""
ALWAYS = 0.9
"""Share of polite answers from which one that is not counts as a slip."""
SENTENCE = 25
"""Characters: shorter answers may be names and codes, which no language owns."""
LEAST_PER_CLASS = 8
"""Few-shot tuning of a small classifier begins here (SetFit, arXiv 2209.11055)."""
MOST_IMBALANCE = 10.0
SHORT_TOKENS, LONG_TOKENS = 20, 250
"""Answers of a median below 20 tokens are short by nature; below 250 tokens none is too long."""
_MOST_SHOWN = 3
_POLITE = re.compile(r"(?:です|ます|ください|ません|でした|ました|でしょうか?)[。!！]?\s*$")
_CASUAL = re.compile(
    r"(?:だよ|だね|っす|じゃん|だわ|かもー?|よー|ねー|わからん|知らん|でしょ|笑|w)[。!！ーw]*\s*$"
)
_TAG = re.compile(r"</?[a-z][a-z0-9]*(?:\s[^<>\n]{0,80})?/?>", re.IGNORECASE)


def quality_problems(examples: Sequence[Example]) -> list[Problem]:
    """What breaks the mould among the examples of one file."""
    written = [e for e in examples if e.kind != "labelled" and e.completion.strip()]
    labelled = [e for e in examples if e.kind == "labelled"]
    return [*_form(written), *_lengths(written), *_garbled(examples), *_labels(labelled)]


def _form(examples: Sequence[Example]) -> list[Problem]:
    found: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        if canonical(example.prompt) == canonical(example.completion) and example.kind == "qa":
            found["answer-repeats-question"].append(example)
    if len(examples) >= LEAST_ROWS:
        answers = [example.completion.strip() for example in examples]
        for name, test in _moulds(answers):
            marks = [test(answer) for answer in answers]
            if sum(marks) >= MOULD * len(marks):
                broken = [e for e, good in zip(examples, marks, strict=True) if not good]
                if broken:
                    found["language-mix" if name == "language" else "inconsistent-format"] += broken
    return [_problem(id_, rows) for id_, rows in found.items()]


def _moulds(answers: Sequence[str]) -> list[tuple[str, Callable[[str], bool]]]:
    """Tests that most answers of a file with a mould pass, most telling first."""
    if sum(map(_is_json, answers)) >= MOULD * len(answers):
        shapes = Counter(_shape(answer) for answer in answers)
        usual = shapes.most_common(1)[0][0]
        return [("json", lambda answer: _shape(answer) == usual)]
    spoken = Counter(language(answer) for answer in answers)
    usual_language = spoken.most_common(1)[0][0]
    tests: list[tuple[str, Callable[[str], bool]]] = [
        ("language", lambda answer: _speaks(answer, usual_language)),
        ("markup", lambda answer: not (_TAG.search(answer) or _is_json(answer))),
    ]
    if usual_language == "en":
        tests.append(("case", lambda answer: not (len(answer) > 20 and answer.isupper())))
    if usual_language == "ja" and sum(map(_is_polite, answers)) >= ALWAYS * len(answers):
        tests.append(("politeness", lambda answer: not _CASUAL.search(answer)))
    return tests


def _speaks(answer: str, usual: str) -> bool:
    """Whether an answer is in the usual language; a name or a code is in none."""
    return len(answer) < SENTENCE or language(answer) in (usual, "other")


def _is_polite(answer: str) -> bool:
    return bool(_POLITE.search(answer))


def _is_json(answer: str) -> bool:
    return answer.startswith(("{", "[")) and answer.endswith(("}", "]"))


def _shape(answer: str) -> str:
    """The keys of a JSON answer; "" when it is not JSON."""
    try:
        value = json.loads(answer)
    except (ValueError, RecursionError):
        return ""
    if isinstance(value, dict):
        return "{" + ",".join(sorted(value)) + "}"
    return type(value).__name__


def _lengths(examples: Sequence[Example]) -> list[Problem]:
    """Answers far outside the lengths of the others, on a scale of ratios."""
    if len(examples) < LEAST_ROWS:
        return []
    sizes = [max(1, estimate_tokens(example.completion)) for example in examples]
    quartiles = statistics.quantiles(sizes, n=4)
    low, middle, high = (max(1.0, q) for q in quartiles)
    # Three times the distance from the middle to the quartiles, in ratios, and at least tenfold.
    shortest = min(middle / (middle / low) ** 3, middle / 10)
    longest = max(middle * (high / middle) ** 3, middle * 10, LONG_TOKENS)
    found: dict[str, list[Example]] = defaultdict(list)
    for example, size in zip(examples, sizes, strict=True):
        if size < shortest and middle >= SHORT_TOKENS:
            found["answer-too-short"].append(example)
        elif size > longest:
            found["answer-too-long"].append(example)
    return [_problem(id_, rows) for id_, rows in found.items()]


def _garbled(examples: Sequence[Example]) -> list[Problem]:
    rows = []
    for example in examples:
        text = f"{example.prompt}\n{example.completion}"
        # One broken character in a row of text is enough to spoil what is learned from it.
        if not text.isascii() and ("\ufffd" in text or garbling(text) is not None):
            rows.append(example)
        elif "(cid:" in text:
            rows.append(example)
    return [_problem("garbled-rows", rows)] if rows else []


def _labels(examples: Sequence[Example]) -> list[Problem]:
    if not examples:
        return []
    counts = Counter(example.completion for example in examples)
    problems = []
    spelt: dict[str, list[str]] = defaultdict(list)
    for label in counts:
        spelt[canonical(label)].append(label)
    variants = [names for names in spelt.values() if len(names) > 1]
    if variants:
        shown = "; ".join(" = ".join(sorted(names)) for names in variants[:_MOST_SHOWN])
        problems.append(
            Problem("label-variants", "warn", "", {"n": len(variants), "labels": shown})
        )
    if len(counts) < 2:
        return [*problems, Problem("single-label", "warn", "", {"label": next(iter(counts))})]
    most, least = counts.most_common()[0], counts.most_common()[-1]
    values = {"most": most[0], "n_most": most[1], "least": least[0], "n_least": least[1]}
    if most[1] > MOST_IMBALANCE * least[1]:
        values["ratio"] = round(most[1] / least[1], 1)
        problems.append(Problem("label-imbalance", "warn", "", values))
    rare = sorted(label for label, n in counts.items() if n < LEAST_PER_CLASS)
    if rare:
        shown = ", ".join(rare[:_MOST_SHOWN]) + (", ..." if len(rare) > _MOST_SHOWN else "")
        values = {"n": len(rare), "classes": len(counts), "labels": shown, "least": LEAST_PER_CLASS}
        problems.append(Problem("rare-labels", "warn", "", values))
    return problems


def _problem(id_: str, rows: Sequence[Example]) -> Problem:
    unique = list({example.id: example for example in rows}.values())
    places = [example.where for example in unique]
    more = "; ..." if len(places) > _MOST_SHOWN else ""
    where = "; ".join(places[:_MOST_SHOWN]) + more
    shown = excerpt(unique[0].completion)
    return Problem(id_, "warn", where, {"n": len(unique)}, shown, tuple(places))
