"""Hours and yen: ranges in order, published rates inside them, cheapest offers first."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from advisor.estimate import EstimateSettings, estimate, estimates_for_option, find_shapes
from advisor.estimate.time import tokens_per_second, training_hours
from advisor.estimate.year import START_S, prompting_costs, rag_costs
from advisor.types import Needs
from knowledge.catalog.loader import load

NEEDS = Needs(
    goal="new_facts",
    language="ja",
    data_kind="documents",
    data=None,
    changes="monthly",
    citations=True,
    confidential="some",
    may_send=True,
    budget_jpy=100_000,
    gpu="RTX 4090",
    vram_gib=23.5,
    deadline_days=30,
    traffic_per_day=100,
    target_score=None,
    target_latency_s=None,
    skills=None,
    machine=None,
    n_examples=500,
    n_classes=None,
    corpus_tokens=300_000,
)


@pytest.mark.parametrize(
    ("row", "method", "targets"),
    [
        (7174.3, "lora", "q_proj,v_proj"),
        (6309.0, "lora", "down_proj,gate_proj,up_proj"),
        (2315.5, "full", "all-linear"),
    ],
)
def test_published_rates_lie_inside_the_range(row: float, method: str, targets: str) -> None:
    """PEFT's benchmark: Llama-3.2-3B on an L40S, 4 x at most 768, no checkpointing."""
    setup = EstimateSettings(
        model="meta-llama/Llama-3.2-3B",
        method=method,  # type: ignore[arg-type]
        targets=targets,
        seq_len=768,
        grad_accum=1,
        tokens_per_example=300,
        gradient_checkpointing=False,
        loss="full",
    )
    rates = tokens_per_second(find_shapes(setup.model), setup, load("gpus")["L40S"])
    assert rates is not None
    assert rates[0] < row < rates[2]


@given(
    st.sampled_from(["full", "lora", "qlora"]),
    st.sampled_from(sorted(load("gpus"))),
    st.integers(1, 5000),
    st.sampled_from([50, 200, 900]),
)
@hypothesis_settings(max_examples=100, deadline=None)
def test_hours_grow_with_examples(method: str, gpu: str, examples: int, tokens: int) -> None:
    setup = EstimateSettings(
        model="Qwen/Qwen3-8B",
        method=method,  # type: ignore[arg-type]
        examples=examples,
        tokens_per_example=tokens,
    )
    shapes, card = find_shapes(setup.model), load("gpus")[gpu]
    hours = training_hours(shapes, setup, card)
    more = training_hours(shapes, replace(setup, examples=2 * examples), card)
    if hours is None:
        assert more is None
        return
    assert more is not None
    assert 0 < hours.low <= hours.likely <= hours.high
    assert more.likely > hours.likely


def test_a_processor_is_far_slower_than_a_card() -> None:
    setup = EstimateSettings(model="starter", method="lora")
    shapes = find_shapes("starter")
    on_cpu = training_hours(shapes, replace(setup, device="cpu"), None)
    on_card = training_hours(shapes, setup, load("gpus")["T4"])
    assert on_cpu is not None
    assert on_card is not None
    assert on_cpu.low > on_card.high


def test_offers_fit_and_come_cheapest_first() -> None:
    made = estimate(EstimateSettings(model="meta-llama/Llama-3.1-8B", method="lora"))
    costs = [offer.cost_jpy.likely for offer in made.offers]
    assert costs == sorted(costs)
    assert made.offers
    for offer in made.offers:
        assert load("gpus")[offer.gpu].usable_gib >= made.memory.estimate.high
        assert offer.cost_jpy.low <= offer.cost_jpy.likely <= offer.cost_jpy.high
        assert offer.price_date


def test_qlora_is_not_offered_where_it_cannot_run() -> None:
    made = estimate(EstimateSettings(model="Qwen/Qwen3-4B", method="qlora"))
    assert all(offer.gpu != "P100 16GB" for offer in made.offers)
    pascal = next(fit for fit in made.fits if fit.gpu == "P100 16GB")
    assert not pascal.fits
    lora = estimate(EstimateSettings(model="Qwen/Qwen3-0.6B", method="lora"))
    assert any(offer.gpu == "P100 16GB" for offer in lora.offers)


def test_traffic_and_corpus_drive_what_rag_costs() -> None:
    api = load("apis")["gpt-6.1-sol"]
    small = rag_costs(100_000, 100, "monthly", answer_api=api)
    busy = rag_costs(100_000, 1000, "monthly", answer_api=api)
    large = rag_costs(1_000_000, 100, "monthly", answer_api=api)
    assert busy.month_jpy.likely == pytest.approx(10 * small.month_jpy.likely)
    start = START_S[1] / 3600  # reading and loading cost the same whatever the corpus
    embedding = small.build_hours.likely - start
    assert large.build_hours.likely - start == pytest.approx(10 * embedding)
    assert large.index_mib is not None
    assert small.index_mib is not None
    assert large.index_mib.likely > small.index_mib.likely
    plain = prompting_costs(0, 100, answer_api=api)
    assert plain.month_jpy.likely < small.month_jpy.likely
    # 310 tokens in at 2 dollars and 200 out at 10 dollars a million, 3,040 questions, 150 yen.
    expected = (310 * 2 + 200 * 10) / 1e6 * 3040 * 150
    assert plain.month_jpy.likely == pytest.approx(expected)
    assert small.year_jpy.likely >= 12 * small.month_jpy.likely


@pytest.mark.parametrize(
    ("approach", "method", "model"),
    [
        ("prompting", None, "gpt-6.1-sol"),
        ("prompting", None, "starter"),
        ("rag", None, "Qwen/Qwen3-8B"),
        ("fine_tuning", "qlora", "Qwen/Qwen3-8B"),
        ("fine_tuning", "full", "starter"),
        ("fine_tuning", "encoder", "starter"),
        ("hybrid", None, "Qwen/Qwen3-8B"),
    ],
)
@pytest.mark.parametrize(
    "place", [("none", 0.0), ("RTX 4090", 23.5), ("cloud", 79.0), ("vram-8", 7.4)]
)
def test_every_option_has_memory_hours_and_cost(
    approach: str, method: str | None, model: str, place: tuple[str, float]
) -> None:
    needs = replace(NEEDS, gpu=place[0], vram_gib=place[1])
    found = estimates_for_option(approach, method, model, needs)  # type: ignore[arg-type]
    assert {"vram_gib", "hours", "cost_jpy"} <= found.keys()
    for value in found.values():
        assert 0 <= value.low <= value.likely <= value.high < float("inf")
        assert value.basis


def test_confidential_data_is_not_priced_on_foreign_machines() -> None:
    needs = replace(NEEDS, gpu="none", vram_gib=0.0, confidential="all", may_send=False)
    found = estimates_for_option("fine_tuning", "qlora", "Qwen/Qwen3-8B", needs)
    assert "cost_jpy" not in found
    assert found["vram_gib"].likely > 3


def test_a_model_of_unknown_size_has_no_numbers() -> None:
    assert estimates_for_option("rag", None, "./somewhere", NEEDS) == {}
