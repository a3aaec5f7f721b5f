"""The verdict: the cheapest road not shown to be worse, and nothing where nothing can be said."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from executors.compare.roads import Road
from executors.compare.verdict import between, judge, why_lost
from executors.evaluate.heldout import Scored
from executors.report.document import verdict_sentence
from executors.rundir import RunDir
from knowledge.corpus.types import Example


def result(n: int, correct: float, **over: Any) -> Scored:
    answerable = over.pop("answerable", True)
    passages = over.pop("passages", ())
    example = Example(
        f"e{n}", "qa", f"q{n}", "a", "", "", answerable=answerable, doc_ids=over.pop("doc_ids", ())
    )
    return Scored(example, "", False, passages, 1.0, 1, 1, {"correct": correct, **over})


def road(name: str, correct: Sequence[float], yen: float = 0.0, documents: int = 0) -> Road:
    """Answers to as many questions, each alone or in equal runs about `documents` documents."""
    plan: Any = SimpleNamespace(estimates={"cost_jpy": SimpleNamespace(likely=yen)})
    of = [f"d{n * documents // len(correct)}" if documents else "" for n in range(len(correct))]
    results = tuple(
        result(n, value, doc_ids=(document,) if document else ())
        for n, (value, document) in enumerate(zip(correct, of, strict=True))
    )
    return Road(name, RunDir(Path(name)), plan, results)


GOOD = [1.0] * 30 + [0.0] * 10
POOR = [1.0] * 10 + [0.0] * 30


def test_a_road_shown_to_be_worse_is_not_chosen_however_cheap() -> None:
    verdict = judge([road("prompting", POOR, yen=0), road("rag", GOOD, yen=50_000)])
    assert (verdict.choice, verdict.says, verdict.best) == ("rag", "verdict.clear", "rag")
    assert verdict.against_best["prompting"].verdict == "worse"
    assert verdict.against_best["prompting"].difference.high < 0


def test_where_no_difference_is_shown_the_cheaper_road_is_chosen() -> None:
    nearly = [0.0, *GOOD[1:]]
    verdict = judge([road("qlora", GOOD, yen=90_000), road("rag", nearly, yen=10_000)])
    assert (verdict.choice, verdict.best, verdict.says) == ("rag", "qlora", "verdict.tie")
    assert verdict.against_best["rag"].verdict == "no difference shown"


@pytest.mark.parametrize("order", [1, -1])
def test_equal_costs_go_to_the_simpler_road(order: int) -> None:
    roads = [road(name, GOOD) for name in ("full", "qlora", "rag", "prompting")][::order]
    assert judge(roads).choice == "prompting"


def test_too_few_questions_choose_nothing() -> None:
    verdict = judge([road("rag", [1.0] * 14), road("prompting", [0.0] * 14)])
    assert (verdict.choice, verdict.says) == (None, "verdict.too-few")
    assert {a.verdict for a in verdict.against_best.values()} == {"not enough questions"}


def test_four_lost_of_fifteen_show_nothing() -> None:
    """The bootstrap interval alone would call it worse; the exact test says p = 0.125."""
    best, other = [1.0] * 15, [0.0] * 4 + [1.0] * 11
    verdict = judge([road("rag", best), road("prompting", other)])
    against = verdict.against_best["prompting"]
    assert against.difference.high < 0
    assert against.p_value == pytest.approx(0.125)
    assert against.verdict == "no difference shown"


@pytest.mark.parametrize(("a", "b", "says"), [(GOOD, POOR, "better"), (POOR, GOOD, "worse")])
def test_a_road_beside_another_may_be_better_or_worse(
    a: list[float], b: list[float], says: str
) -> None:
    one, other = road("rag", a), road("lora", b)
    assert between(one, other, [one, other]).verdict == says
    assert between(one, one, [one, other]).verdict == "no difference shown"
    few = [road("rag", a[20:34]), road("lora", b[20:34])]
    assert between(*few, few).verdict == "not enough questions"


def test_more_roads_need_a_clearer_difference() -> None:
    best, other = [1.0] * 20, [0.0] * 6 + [1.0] * 14
    assert judge([road("rag", best), road("qlora", other)]).against_best["qlora"].verdict == "worse"
    three = [road(name, other) for name in ("qlora", "lora", "prompting")]
    verdict = judge([road("rag", best), *three])
    assert verdict.against_best["qlora"].p_value == pytest.approx(6 * 2 / 2**6)
    assert verdict.against_best["qlora"].verdict == "no difference shown"


def test_the_luckiest_of_five_equal_roads_does_not_beat_the_others() -> None:
    """Each pair is held against all ten pairs: the best was picked by the same answers."""
    random = np.random.default_rng(4)
    called = 0
    for _ in range(100):
        hard = random.normal(0, 1, 60)
        answers = (hard + random.normal(0, 1, (5, 60)) > 0).astype(float)
        verdict = judge([road(f"road{i}", row) for i, row in enumerate(answers.tolist())])
        called += any(against.verdict == "worse" for against in verdict.against_best.values())
    assert called <= 7


def test_questions_about_few_documents_show_less() -> None:
    best, other = [1.0] * 40, [0.0] * 16 + [1.0] * 24
    alone = judge([road("rag", best), road("lora", other)])
    together = judge([road("rag", best, documents=5), road("lora", other, documents=5)])
    assert alone.against_best["lora"].verdict == "worse"
    assert together.against_best["lora"].verdict == "no difference shown"
    assert together.detectable_difference > 2 * alone.detectable_difference


def test_roads_that_agree_everywhere_do_not_claim_to_see_everything() -> None:
    verdict = judge([road("rag", GOOD), road("prompting", GOOD)])
    assert verdict.detectable_difference > 0.1
    gap = verdict.against_best["prompting"].difference
    assert gap.low < 0 < gap.high or (gap.value == 0 and verdict.best == "prompting")


def test_one_road_alone_is_judged_without_others() -> None:
    verdict = judge([road("rag", GOOD)])
    assert (verdict.choice, verdict.best, verdict.lost_because) == ("rag", "rag", {})


@pytest.mark.parametrize(("n", "choice"), [(40, "rag"), (9, None)])
def test_one_road_alone_is_not_said_to_beat_any_other(n: int, choice: str | None) -> None:
    verdict = judge([road("rag", GOOD[:n])])
    assert (verdict.choice, verdict.says) == (choice, "verdict.alone")
    said = verdict_sentence(verdict, "en"), verdict_sentence(verdict, "ja")
    assert "Only RAG was measured" in said[0] and "Nothing was compared" in said[0]
    assert "だけ" in said[1] and "比べていない" in said[1]


def test_why_a_road_lost_is_counted_where_the_best_did_better() -> None:
    passage = ({"doc_id": "x"},)
    mine = [
        result(0, 0.0, passages=passage, hit_at_3=0.0),
        result(1, 0.0, passages=passage, hit_at_3=0.0),
        result(2, 0.0, passages=passage, hit_at_3=1.0),
        result(3, 0.0, abstained=1.0, passages=passage),
        result(4, 0.0, answerable=False),
        result(5, 0.0),
        result(6, 0.0, passages=passage, hit_at_3=0.0),
    ]
    theirs = [result(n, 1.0) for n in range(6)] + [result(6, 0.0)]
    one, best = road("rag", []), road("qlora", [])
    one = Road("rag", one.run, one.plan, tuple(mine))
    best = Road("qlora", best.run, best.plan, tuple(theirs))
    causes = why_lost(one, best)
    assert causes[0] == "retrieval missing"
    assert set(causes[1:]) == {
        "answer not taken from the passage",
        "declined an answerable question",
        "answered what the papers do not say",
        "knowledge missing",
    }
    assert why_lost(best, best) == ()


def test_every_judgement_and_cause_can_be_read_in_both_languages() -> None:
    from advisor.texts import t
    from executors.report.view import slug

    for lang in ("ja", "en"):
        for word in ("better", "worse", "no difference shown", "not enough questions"):
            assert t(f"judgement.{slug(word)}", lang)  # type: ignore[arg-type]
        for says in ("clear", "clear-graded", "tie", "tie-unpriced", "too-few"):
            assert t(f"verdict.{says}", lang, choice="RAG", n=40, points=12, what="F1")  # type: ignore[arg-type]
