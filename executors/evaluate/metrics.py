"""How right one answer is, without a judge, in Japanese and English alike."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from executors.evaluate.abstention import is_refusal
from executors.evaluate.normalise import Cutter, bare, characters, fold, numbers, words
from knowledge.corpus.types import Example

CAP_CHARACTERS = 600
"""A keyword rule is generous to long answers, so only this much of an answer is searched."""


def exact(answer: str, gold: str) -> float:
    """1 when equal after NFKC, lower case and removal of spaces and punctuation."""
    return float(bare(answer) == bare(gold))


def overlap_f1(answer: str, gold: str, cut: Cutter) -> float:
    """Token F1 with multiplicity."""
    a, g = Counter(cut(answer)), Counter(cut(gold))
    shared = sum((a & g).values())
    return 0.0 if not shared else 2 * shared / (a.total() + g.total())


def chrf(answer: str, gold: str) -> float:
    """ChrF (Popović 2015) in 0–1: needs no tokenizer, so it means the same in every language."""
    import sacrebleu

    return float(sacrebleu.sentence_chrf(fold(answer), [fold(gold)]).score) / 100


def contains_all(answer: str, groups: Sequence[Sequence[str]]) -> float:
    """1 when every group has one alternative in the answer.

    A number does not count as found inside a longer number: «13日» does not contain «3日».
    """
    text = _squeeze(fold(answer)[:CAP_CHARACTERS])
    return float(all(any(_found(_squeeze(fold(a)), text) for a in group) for group in groups))


def numbers_agree(answer: str, gold: str) -> float:
    """1 when every number of the gold answer stands in the answer."""
    return float(not Counter(numbers(gold)) - Counter(numbers(answer)))


def score(example: Example, answer: str, abstained: bool) -> dict[str, float]:
    """Every figure that means something for this kind of example; `correct` is the headline.

    A question without an answer in the papers is right when the answer says so.
    """
    if not example.answerable:
        refused = float(abstained or is_refusal(answer))
        return {"correct": refused, "abstained": refused}
    refused = float(example.kind == "qa" and (abstained or is_refusal(answer)))
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
    figures["numbers"] = numbers_agree(answer, example.completion)
    figures["abstained"] = refused
    if example.must_contain:
        figures["correct"] = contains_all(answer, example.must_contain) * (1 - refused)
    else:
        figures["correct"] = figures["f1"] * (1 - refused)
    return figures


def _squeeze(text: str) -> str:
    return re.sub(r"\s+", "", text)


def _found(needle: str, text: str) -> bool:
    if not needle:
        return False
    at = text.find(needle)
    while at >= 0:
        before = text[at - 1] if at else ""
        after = text[at + len(needle)] if at + len(needle) < len(text) else ""
        longer_before = needle[0].isdigit() and (before.isdigit() or before in ".,")
        longer_after = needle[-1].isdigit() and after.isdigit()
        if not (before and longer_before) and not longer_after:
            return True
        at = text.find(needle, at + 1)
    return False
