"""What a prompt search adds to a plan's hours and yen before anything is run."""

from __future__ import annotations

from dataclasses import replace

import pytest
from test_time_and_money import NEEDS

from advisor.estimate import estimates_for_option
from advisor.estimate.searching import with_search
from advisor.types import Scalar

CONFIG: dict[str, Scalar] = {
    "model": "starter",
    "generate.max_new_tokens": 256,
    "data.validation_share": 0.1,
    "prompting.search_calls": 64,
    "endpoint.url": "",
}
HERE = replace(NEEDS, gpu="none", vram_gib=0.0)
BEFORE = estimates_for_option("prompting", None, "starter", HERE)


def test_a_search_here_takes_minutes_and_electricity() -> None:
    after = with_search(BEFORE, CONFIG, HERE)
    assert after["hours"].low < after["hours"].likely < after["hours"].high < 2
    assert after["hours"].likely > BEFORE["hours"].likely
    for name in ("build_jpy", "cost_jpy"):
        assert BEFORE[name].likely < after[name].likely < BEFORE[name].likely + 20
    assert after["month_jpy"] == BEFORE["month_jpy"]
    twice = with_search(BEFORE, {**CONFIG, "prompting.search_calls": 128}, HERE)
    assert twice["hours"].likely == pytest.approx(2 * after["hours"].likely)


def test_a_search_at_a_hosted_model_costs_its_tokens() -> None:
    model = "gpt-6.1-sol"
    hosted = {"endpoint.url": "https://api.example.com/v1", "endpoint.model": model}
    before = estimates_for_option("prompting", None, model, HERE)
    added = {
        url: with_search(before, {**CONFIG, **hosted, "endpoint.url": url}, HERE)["cost_jpy"].likely
        - before["cost_jpy"].likely
        for url in (str(hosted["endpoint.url"]), "http://localhost:8000/v1")
    }
    # 1,510 tokens in at 2 dollars and 200 out at 10 dollars a million, 64 answers, 150 yen.
    assert added[str(hosted["endpoint.url"])] == pytest.approx(
        (1510 * 2 + 200 * 10) / 1e6 * 64 * 150
    )
    assert 0 < added["http://localhost:8000/v1"] < 20


@pytest.mark.parametrize(
    ("over", "examples"),
    [({"prompting.search_calls": 0}, 500), ({"data.validation_share": 0.01}, 500), ({}, 50)],
)
def test_no_search_adds_nothing(over: dict[str, Scalar], examples: int) -> None:
    needs = replace(HERE, n_examples=examples)
    assert with_search(BEFORE, {**CONFIG, **over}, needs) == BEFORE


def test_a_model_of_unknown_size_has_no_numbers_with_a_search_either() -> None:
    assert with_search({}, CONFIG, HERE) == {}
