"""How right one answer is, without a judge, in Japanese and English alike."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from executors.evaluate.abstention import is_refusal
from executors.evaluate.normalise import (
    Cutter,
    bare,
    characters,
    fold,
    numbers,
    plain_numbers,
    ungrouped,
    words,
)
from knowledge.corpus.types import Example

CAP_CHARACTERS = 600
"""A keyword rule is generous to long answers, so only this much of an answer is searched."""
_NUMBER_GOES_ON_BEFORE = re.compile(r"\d[.]?$")
_NUMBER_GOES_ON_AFTER = re.compile(r"\d|[.]\d|[百千万億兆]")


def exact(answer: str, gold: str) -> float:
    """1 when equal after NFKC, lower case and removal of spaces and punctuation."""
    return float(bare(answer) == bare(gold))


def overlap_f1(answer: str, gold: str, cut: Cutter) -> float:
    """Token F1 with multiplicity; texts that have no tokens are compared as they stand."""
    a, g = Counter(cut(answer)), Counter(cut(gold))
    if not a and not g:
        return exact(answer, gold)
    shared = sum((a & g).values())
    return 0.0 if not shared else 2 * shared / (a.total() + g.total())


def chrf(answer: str, gold: str) -> float:
    """ChrF (Popović 2015) in 0–1: needs no tokenizer, so it means the same in every language."""
    import sacrebleu

    return float(sacrebleu.sentence_chrf(fold(answer), [fold(gold)]).score) / 100


def contains_all(answer: str, groups: Sequence[Sequence[str]]) -> float:
    """1 when every group has one alternative in the answer; see `holds_all`."""
    return float(holds_all(answer[:CAP_CHARACTERS], groups))


def holds_all(text: str, groups: Sequence[Sequence[str]]) -> bool:
    """Whether every group has one alternative in a text of any length.

    A number does not count as found inside a longer number: «13日» does not contain «3日»; 3万円
    and 30,000円 are the same.
    """

    def found(needle: str) -> bool:
        return any(
            _found(_squeeze(form(needle)), _squeeze(form(text)))
            for form in (ungrouped, plain_numbers)
        )

    return all(any(map(found, group)) for group in groups)


def numbers_agree(answer: str, gold: str) -> float:
    """1 when every number of the gold answer stands in the answer, however often."""
    return float(set(numbers(gold)) <= set(numbers(answer)))


def numbers_conflict(answer: str, gold: str, question: str = "") -> bool:
    """Whether the answer lacks a number of the gold one and says another in its place."""
    said, wanted = set(numbers(answer)), set(numbers(gold))
    return bool(wanted - said) and bool(said - wanted - set(numbers(question)))


def score(example: Example, answer: str, abstained: bool) -> dict[str, float]:
    """Every figure that means something for this kind of example; `correct` is the headline.

    A question without an answer in the papers is right when the answer says so. Where nobody
    listed what a right answer must contain, `correct` is the F1 on words, and 0 with a wrong
    number: the most similar sentence with another number is the most harmful answer there is.
    """
    if not example.answerable:
        refused = float(abstained or is_refusal(answer))
        return {"correct": refused, "abstained": refused}
    # «定めはありません» can be the right answer: then saying it is not declining.
    says_so = is_refusal(answer) and not is_refusal(example.completion)
    refused = float(example.kind == "qa" and (abstained or says_so))
    if example.kind == "labelled":
        right = float(bare(answer) == bare(example.label or example.completion))
        return {"correct": right, "exact": right}
    figures = {
        "exact": exact(answer, example.completion),
        "f1": overlap_f1(answer, example.completion, words),
        "f1_characters": overlap_f1(answer, example.completion, characters),
        "chrf": chrf(answer, example.completion),
    }
    if example.kind == "rewrite":
        return figures | {"correct": figures["chrf"]}
    if numbers(example.completion):
        figures["numbers"] = numbers_agree(answer, example.completion)
    figures["abstained"] = refused
    if example.must_contain:
        figures["correct"] = contains_all(answer, example.must_contain) * (1 - refused)
    else:
        wrong = numbers_conflict(answer, example.completion, example.prompt)
        figures["correct"] = figures["f1"] * (1 - refused) * (not wrong)
    return figures


def _squeeze(text: str) -> str:
    """Without spaces, but «fixed. 3 days» and «section 1 3 days» keep their numbers apart."""
    return re.sub(r"(?<![\d.])\s+|\s+(?!\d)", "", text)


def _found(needle: str, text: str) -> bool:
    if not needle:
        return False
    at = text.find(needle)
    while at >= 0:
        before, after = text[:at], text[at + len(needle) :]
        longer_before = needle[0].isdigit() and _NUMBER_GOES_ON_BEFORE.search(before)
        longer_after = needle[-1].isdigit() and _NUMBER_GOES_ON_AFTER.match(after)
        if not longer_before and not longer_after:
            return True
        at = text.find(needle, at + 1)
    return False
