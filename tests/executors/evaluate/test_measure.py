"""What a headline figure is called: a share only where every answer is right or wrong."""

from __future__ import annotations

from typing import Any

import pytest

from executors.evaluate.heldout import Scored
from executors.evaluate.measure import graded_by, measure
from executors.evaluate.metrics import score
from knowledge.corpus.types import Example

FACT: dict[str, Any] = {"must_contain": (("3日",),)}


def answered(answer: str, kind: Any = "qa", gold: str = "休みは3日です。", **over: Any) -> Scored:
    example = Example("e", kind, "休みは何日?", gold, "", "", **over)
    return Scored(example, answer, False, (), 0.1, 1, 1, score(example, answer, False))


@pytest.mark.parametrize(
    ("results", "found"),
    [
        ([], []),
        ([answered("3日です", **FACT), answered("わかりません", **FACT)], []),
        ([answered("年末の休みは3日です。")], ["f1"]),
        ([answered("休みは三日だよ。", "rewrite")], ["chrf"]),
        ([answered("休みは三日だよ。", "rewrite"), answered("年末の休みは3日")], ["chrf", "f1"]),
        (
            [answered("A", "labelled", "A", label="A"), answered("B", "labelled", "A", label="A")],
            [],
        ),
        ([answered("記載なし", gold="記載がありません。", answerable=False)], []),
    ],
)
def test_degrees_are_named_by_what_gives_them(results: list[Scored], found: list[str]) -> None:
    assert graded_by(results) == found


def test_a_share_is_a_share_and_a_score_says_by_what() -> None:
    assert (measure([], "ja"), measure([], "en")) == ("正答率", "share right")
    assert measure(["chrf", "f1"], "en") == "score (chrF / word F1, 0–1)"
    assert measure(["f1"], "ja") == "スコア（単語 F1、0〜1）"
