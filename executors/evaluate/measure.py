"""What the headline figure `correct` is in words: a share of right answers, or a graded score."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from advisor.texts import t
from advisor.types import Language
from executors.evaluate.heldout import Scored
from executors.evaluate.statistics import is_binary

Graded = Literal["chrf", "f1"]


def graded_by(results: Iterable[Scored]) -> list[Graded]:
    """The measures with degrees behind these answers' figures; none where all are 0 or 1.

    A share may only be spoken of in the second case: an F1 of 0.36 is not 36 % answered right.
    """
    found: set[Graded] = {
        "chrf" if result.example.kind == "rewrite" else "f1"
        for result in results
        if not is_binary([result.figures["correct"]])
    }
    return sorted(found)


def by_words(graded: Sequence[str], lang: Language) -> str:
    """The measures by name, as in «chrF / word F1»."""
    return " / ".join(t(f"measure.{name}", lang) for name in graded)


def measure(graded: Sequence[str], lang: Language) -> str:
    """The figure as a noun: the share right, or the score and what it is taken by."""
    if not graded:
        return t("measure.right", lang)
    return t("measure.graded", lang, by=by_words(graded, lang))
