"""The advice before and after the measurement, with the evidence that changed it or did not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from advisor.estimate.money import electricity_jpy
from advisor.types import Estimate
from executors.compare.roads import Road
from executors.compare.spent import year_jpy
from executors.compare.update import update
from executors.compare.verdict import judge
from executors.evaluate.heldout import Scored
from executors.report.advice import told, update_document
from executors.report.document import verdict_sentence
from executors.report.view import View
from executors.rundir import RunDir
from knowledge.corpus.types import Example

GOOD = [1.0] * 30 + [0.0] * 10
POOR = [1.0] * 10 + [0.0] * 30
NEARLY = [0.0, *GOOD[1:]]
APPROACH = {"lora": "fine_tuning"}


def road(name: str, correct: Sequence[float], yen: float | None) -> Road:
    estimates = {} if yen is None else {"cost_jpy": Estimate(0, yen, yen, "JPY", "formula:test")}
    plan: Any = SimpleNamespace(
        estimates=estimates,
        approach=APPROACH.get(name, name),
        executor={"lora": "finetune"}.get(name, name),
        config={},
        answers={"traffic_per_day": 100},
        expected_machine={},
    )
    results = tuple(
        Scored(
            Example(f"e{n}", "qa", f"q{n}", "a", "", ""),
            "",
            False,
            (),
            seconds=2.0,
            tokens_in=1,
            tokens_out=1,
            figures={"correct": value},
        )
        for n, value in enumerate(correct)
    )
    actuals = {"build_seconds": 3600.0}
    manifest = SimpleNamespace(actuals=actuals)
    run: Any = SimpleNamespace(
        path=Path(name), artifacts=Path(name, "artifacts"), manifest=manifest
    )
    return Road(name, run, plan, results)


ROADS = {
    "shown worse": ([road("rag", POOR, 10), road("lora", GOOD, 90)], "rag", "fine_tuning"),
    "cheaper": ([road("lora", GOOD, 9000), road("rag", NEARLY, 10)], "fine_tuning", "rag"),
    "simpler": ([road("lora", GOOD, 10), road("rag", NEARLY, 10)], "fine_tuning", "rag"),
    "confirmed": ([road("rag", GOOD, 10), road("lora", POOR, 10)], "rag", "rag"),
    "not measured": ([road("rag", GOOD, 10), road("lora", POOR, 10)], "hybrid", "rag"),
    "not compared": ([road("rag", GOOD, 10)], "rag", "rag"),
    "undecided": ([road("rag", GOOD[:9], 10), road("lora", POOR[:9], 10)], "rag", None),
}


@pytest.mark.parametrize("outcome", list(ROADS))
def test_advice_evidence_advice(outcome: str) -> None:
    roads, recommended, after = ROADS[outcome]
    found = update(roads, judge(roads), recommended)
    assert (found.outcome, found.before, found.after) == (outcome, recommended, after)
    assert found.overturned is (after not in (recommended, None))
    document = update_document(found)
    assert document["overturned"] is found.overturned
    shown = {"shown worse": "better", "cheaper": "no difference shown"}
    if outcome in shown:
        assert document["evidence"]["difference"]["verdict"] == shown[outcome]
    for lang in ("ja", "en"):
        sentence = told(document, View({}, lang))
        assert sentence and "{" not in sentence and "?" not in sentence
        if outcome == "shown worse":
            assert "25%" in sentence and "75%" in sentence and "+50 [" in sentence
        if outcome == "cheaper":
            assert "9,000" in sentence and "-2 [" in sentence


@pytest.mark.parametrize("recommended", ["rag", "hybrid"])
def test_one_road_alone_neither_confirms_nor_overturns(recommended: str) -> None:
    roads = [road("rag", GOOD, 10)]
    found = update(roads, judge(roads), recommended)
    assert (found.outcome, found.overturned) == ("not compared", False)
    said = told(update_document(found), View({}, "en"))
    assert "Only RAG was measured" in said and "neither confirms nor overturns" in said


def test_the_chosen_road_is_better_than_the_one_before_only_where_that_is_shown() -> None:
    """The one before is worse than the best, but not shown to be worse than the chosen one."""
    best, before, cheap = [1.0] * 30, [0.0] * 12 + [1.0] * 18, [0.0] * 6 + [1.0] * 24
    cheap = [*cheap[10:], *cheap[:10]]
    roads = [road("lora", best, 900), road("rag", before, 90), road("prompting", cheap, 9)]
    found = update(roads, judge(roads), "rag")
    assert (found.outcome, found.after) == ("shown worse", "prompting")
    assert found.against is not None and found.against.difference.value == pytest.approx(0.2)
    assert found.against.verdict == "no difference shown"


def test_of_several_roads_of_the_approach_the_best_was_meant() -> None:
    roads = [road("prompting", GOOD, 1), road("lora", POOR, 5)]
    better = Road("qlora", RunDir(Path("q")), roads[1].plan, road("x", NEARLY, 5).results)
    found = update([*roads, better], judge([*roads, better]), "fine_tuning")
    assert found.road_before is better


def test_a_road_without_an_estimate_is_not_free() -> None:
    """Its year is what the run took: 36,500 answers of two seconds, and an hour of building."""
    unknown = year_jpy(road("rag", GOOD, None))
    assert unknown is not None and unknown.basis.startswith("measured:")
    hours = 36_500 * 2 / 3600 + 1
    taken = electricity_jpy(Estimate(hours, hours, hours, "hours", ""), "cpu_machine_watts")
    assert unknown.likely == pytest.approx(taken.likely)
    cheap = road("lora", GOOD, 1)
    assert judge([road("rag", GOOD, None), cheap]).choice == "lora"


def unpriced(name: str, correct: Sequence[float]) -> Road:
    made = road(name, correct, None)
    away = {"endpoint.url": "https://api.example.com/v1", "endpoint.model": "nobody-knows-it"}
    made.plan.config.update(away)
    return made


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_a_road_is_not_called_simpler_because_the_other_has_no_price(lang: str) -> None:
    """Hosted prompting is simpler than RAG; what speaks for RAG is that its price is known."""
    roads = [unpriced("prompting", NEARLY), road("rag", GOOD, 90)]
    verdict = judge(roads)
    found = update(roads, verdict, "prompting")
    assert (found.outcome, found.after, found.overturned) == ("price unknown", "rag", True)
    said = told(update_document(found), View({}, lang))
    assert {"ja": "料金がわかりません", "en": "price of Prompting is not known"}[lang] in said
    assert not any(word in said for word in ("simpler", "手軽", "?")) and " 90 " in said
    assert verdict.says == "verdict.tie-some-unpriced"


def test_of_two_without_a_price_the_simpler_one_is_said_to_be_simpler() -> None:
    roads = [unpriced("prompting", NEARLY), unpriced("lora", GOOD)]
    verdict = judge(roads)
    found = update(roads, verdict, "fine_tuning")
    assert (found.outcome, found.after) == ("simpler", "prompting")
    assert verdict.says == "verdict.tie-unpriced"
    for lang, word in (("ja", "最も手軽"), ("en", "simplest")):
        assert word in verdict_sentence(verdict, lang)  # type: ignore[arg-type]


def test_a_price_that_nobody_knows_is_never_the_cheapest() -> None:
    away = {"endpoint.url": "https://api.example.com/v1", "endpoint.model": "nobody-knows-it"}
    served = road("prompting", GOOD, None)
    served.plan.config.update(away)
    assert year_jpy(served) is None
    assert judge([served, road("lora", NEARLY, 90_000)]).choice == "lora"
