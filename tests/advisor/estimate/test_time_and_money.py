"""Hours and yen: ranges in order, published rates inside them, cheapest offers first."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from advisor.estimate import EstimateSettings, estimate, estimates_for_option, find_shapes
from advisor.estimate.time import (
    GENERAL_ROW_TOKENS,
    GENERAL_ROWS,
    PROBE_TOKENS,
    hours_of,
    tokens_per_second,
    with_general,
    work,
)
from advisor.estimate.upkeep import work_costs
from advisor.estimate.year import START_S, prompting_costs, rag_costs
from advisor.types import Needs
from knowledge.catalog.loader import find_gpu, load

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
    hours = hours_of(work(shapes, setup), setup, card)
    twice = replace(setup, examples=2 * examples)
    more = hours_of(work(shapes, twice), twice, card)
    if hours is None:
        assert more is None
        return
    assert more is not None
    assert 0 < hours.low <= hours.likely <= hours.high
    assert more.likely > hours.likely


@given(st.sampled_from(["lora", "qlora", "full"]), st.integers(1, 5000), st.integers(1, 5000))
@hypothesis_settings(max_examples=50, deadline=None)
def test_the_general_rows_and_the_probe_are_counted(method: str, some: int, more: int) -> None:
    def added(examples: int) -> float:
        setup = EstimateSettings("starter", method=method, examples=examples)  # type: ignore[arg-type]
        shapes = find_shapes(setup.model)
        plain = work(shapes, setup)
        return with_general(plain, shapes, setup).tokens - plain.tokens

    least, most = sorted((some, more))
    # The probe costs the same whatever is learned; the general rows are no more than there are.
    a_hair = 1e-6
    assert PROBE_TOKENS / 6 < added(1) <= added(least) + a_hair <= added(most) + 2 * a_hair
    assert added(most) - added(1) <= GENERAL_ROWS * GENERAL_ROW_TOKENS * 3 + a_hair


def test_most_published_rates_of_every_length_lie_inside() -> None:
    """Qwen's own table: one card, 256 to 8,192 tokens, 1.8B to 72B (GPTQ where it is 4 bits)."""
    inside, n = 0, 0
    for row in load("measurements").values():
        first = row.method.split(" ")[0].split("+")[0]
        if not row.system.startswith("Qwen") or row.gpus != 1 or row.tokens_per_s is None:
            continue
        setup = EstimateSettings(
            model=row.model,
            method=first,  # type: ignore[arg-type]
            seq_len=row.seq_len or 0,
            batch_size=1,
            grad_accum=8,
            tokens_per_example=row.seq_len,
            loss="full",
        )
        rates = tokens_per_second(find_shapes(row.model), setup, find_gpu(row.gpu))
        assert rates is not None
        n += 1
        inside += rates[0] <= row.tokens_per_s <= rates[2]
    assert n >= 40
    assert inside / n >= 0.9


def test_more_cards_are_faster_but_never_more_than_as_many_times() -> None:
    one = EstimateSettings(model="Qwen/Qwen3-8B", method="lora", batch_size=8)
    shapes, card = find_shapes(one.model), load("gpus")["A100 80GB SXM4"]
    alone = tokens_per_second(shapes, one, card)
    four = tokens_per_second(shapes, replace(one, gpus=4), card)
    assert alone is not None
    assert four is not None
    assert alone[1] < four[1] <= 4 * alone[1] * 1.001


def test_a_model_of_experts_computes_with_the_active_ones_only() -> None:
    setup = EstimateSettings(model="openai/gpt-oss-20b", method="lora")
    shapes = find_shapes(setup.model)
    flops = work(shapes, setup).flops_per_token
    dense = 3 * 2 * shapes.linear_weights
    assert flops < dense / 2


def test_a_processor_with_more_cores_takes_less_time() -> None:
    setup = EstimateSettings(model="starter", method="lora", device="cpu")
    done = work(find_shapes("starter"), setup)
    two = hours_of(done, setup, None)
    sixteen = hours_of(done, setup, None, cores=16)
    assert two is not None
    assert sixteen is not None
    assert sixteen.likely < two.likely / 3


@pytest.mark.parametrize(("loss", "measured_s"), [("tiled", 2.16), ("full", 4.37)])
def test_steps_measured_on_two_cores_lie_inside_the_range(loss: str, measured_s: float) -> None:
    """bench/LOG.md: LoRA r 16 of the starter, 4 x 128 tokens, logits at answers or everywhere."""
    setup = EstimateSettings(
        model="starter",
        method="lora",
        device="cpu",
        seq_len=128,
        tokens_per_example=128,
        loss=loss,
        gradient_checkpointing=False,
    )
    rates = tokens_per_second(find_shapes("starter"), setup, None)
    assert rates is not None
    assert rates[0] <= 512 / measured_s <= rates[2]
    assert rates[1] == pytest.approx(512 / measured_s, rel=0.4)


def test_a_processor_is_far_slower_than_a_card() -> None:
    setup = EstimateSettings(model="starter", method="lora")
    done = work(find_shapes("starter"), setup)
    on_cpu = hours_of(done, replace(setup, device="cpu"), None)
    on_card = hours_of(done, setup, load("gpus")["T4"])
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


def test_a_machine_of_ones_own_stands_among_the_offers_at_its_electricity() -> None:
    made = estimate(EstimateSettings(model="Qwen/Qwen3-8B", gpu="RTX 4090"))
    own = next(offer for offer in made.offers if offer.kind == "own")
    assert own.gpu == "RTX 4090"
    assert own.cost_jpy == made.own_electricity_jpy
    assert not own.sends_data_out
    power, price = load("rates")["gpu_machine_watts"], load("rates")["electricity_jpy_per_kwh"]
    expected = own.hours.likely * power.likely / 1000 * price.likely
    assert own.cost_jpy.likely == pytest.approx(expected)
    too_small = estimate(EstimateSettings(model="Qwen/Qwen3-8B", method="full", gpu="RTX 4090"))
    assert too_small.own_electricity_jpy is None


def test_hosted_tuning_is_priced_by_tokens_where_it_is_offered() -> None:
    setup = EstimateSettings(model="Qwen/Qwen3-8B", examples=1000, tokens_per_example=500)
    made = estimate(setup)
    ori = next(hosted for hosted in made.hosted if hosted.name == "train:ori-lora-10b")
    # 1,000 examples x 3 x 500 tokens at 0.46 dollars a million, 150 yen.
    assert ori.cost_jpy.likely == pytest.approx(1.5 * 0.46 * 150)
    old = {hosted.name: hosted.price_old for hosted in made.hosted}
    assert old["train:gpt-4o"] is True
    assert estimate(replace(setup, method="full")).hosted == ()
    assert estimate(replace(setup, model="Qwen/Qwen2.5-14B")).hosted == ()


@given(st.integers(1, 100_000), st.integers(1, 100_000))
@hypothesis_settings(max_examples=50, deadline=None)
def test_more_examples_cost_more_work_and_ranges_stay_in_order(few: int, more: int) -> None:
    a, b = sorted((few, more))
    small, large = work_costs(a), work_costs(b)
    assert small.data_jpy.likely <= large.data_jpy.likely
    for made in (small, large):
        for part in (made.data_jpy, made.evaluation_jpy, made.operation_month_jpy, made.year_jpy):
            assert 0 < part.low <= part.likely <= part.high


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


@pytest.mark.parametrize(
    ("approach", "method", "model"),
    [
        ("prompting", None, "gpt-6.1-sol"),
        ("rag", None, "Qwen/Qwen3-8B"),
        ("fine_tuning", "qlora", "Qwen/Qwen3-8B"),
    ],
)
@pytest.mark.parametrize("gpu", [("RTX 4090", 23.5), ("cloud", 79.0)])
def test_the_year_is_its_parts(
    approach: str, method: str | None, model: str, gpu: tuple[str, float]
) -> None:
    needs = replace(NEEDS, gpu=gpu[0], vram_gib=gpu[1])
    made = estimates_for_option(approach, method, model, needs)  # type: ignore[arg-type]
    often = made["renewals_per_year"].likely
    for end in ("low", "likely", "high"):
        build, month, renewal, year = (
            getattr(made[name], end)
            for name in ("build_jpy", "month_jpy", "renewal_jpy", "cost_jpy")
        )
        assert year == pytest.approx(build + 12 * month + often * renewal)
    assert made["people_jpy"].low > 0
    assert ("index_mib" in made) is (approach == "rag")


def test_data_that_changes_more_often_never_makes_a_year_cheaper() -> None:
    for approach, method, model in (
        ("rag", None, "Qwen/Qwen3-8B"),
        ("fine_tuning", "lora", "Qwen/Qwen3-4B"),
    ):
        years = [
            estimates_for_option(approach, method, model, replace(NEEDS, changes=changes))  # type: ignore[arg-type]
            for changes in ("never", "yearly", "monthly")
        ]
        costs = [year["cost_jpy"].likely for year in years]
        assert costs == sorted(costs)
        assert years[0]["renewals_per_year"].likely == 0
        assert years[2]["renewals_per_year"].likely == 12


def test_a_rented_card_that_answers_costs_from_its_busy_seconds_to_day_and_night() -> None:
    needs = replace(NEEDS, gpu="cloud", vram_gib=79.0)
    rented = estimates_for_option("fine_tuning", "qlora", "Qwen/Qwen3-8B", needs)["month_jpy"]
    own = estimates_for_option("fine_tuning", "qlora", "Qwen/Qwen3-8B", NEEDS)["month_jpy"]
    assert rented.likely > own.likely
    assert rented.high > 3 * rented.likely


@pytest.mark.parametrize("place", ["cloud", "colab", "kaggle"])
def test_roads_that_answer_from_a_rented_card_pay_for_it_alike(place: str) -> None:
    """Otherwise retrieval would look cheap only because its card was forgotten."""
    needs = replace(NEEDS, gpu=place, vram_gib=15.0)
    months = [
        estimates_for_option(approach, method, "Qwen/Qwen3-4B", needs)["month_jpy"]  # type: ignore[arg-type]
        for approach, method in (("rag", None), ("prompting", None), ("fine_tuning", "lora"))
    ]
    assert {round(month.likely) for month in months} == {round(months[0].likely)}
    assert all(month.basis.startswith("price:") for month in months)
    inside = replace(needs, confidential="all", may_send=False)
    kept = estimates_for_option("rag", None, "Qwen/Qwen3-4B", inside)["month_jpy"]
    assert kept.basis.startswith("price:electricity")


def test_confidential_data_is_not_priced_on_foreign_machines() -> None:
    needs = replace(NEEDS, gpu="none", vram_gib=0.0, confidential="all", may_send=False)
    found = estimates_for_option("fine_tuning", "qlora", "Qwen/Qwen3-8B", needs)
    assert "cost_jpy" not in found
    assert found["vram_gib"].likely > 3


def test_a_model_of_unknown_size_has_no_numbers() -> None:
    assert estimates_for_option("rag", None, "./somewhere", NEEDS) == {}
