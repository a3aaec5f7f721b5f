"""Memory, hours and yen of one option of a recommendation, from what the company needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from advisor.errors import UsageError
from advisor.estimate.calibration import informed, informed_hours
from advisor.estimate.inference import inference_memory, seconds_per_answer
from advisor.estimate.memory import training_memory
from advisor.estimate.money import electricity_jpy, usd_to_jpy
from advisor.estimate.offers import cheapest_hour, offer_costs
from advisor.estimate.settings import EstimateSettings, TuningMethod
from advisor.estimate.shapes import Shapes, find_shapes
from advisor.estimate.time import CPU_CORES, with_general, work
from advisor.estimate.year import (
    RoadCosts,
    prompt_tokens_of,
    prompting_costs,
    rag_costs,
    tuning_costs,
)
from advisor.plan_config import rank_and_accumulation
from advisor.types import Approach, Estimate, Method, Needs
from knowledge.catalog.loader import find_gpu, load
from knowledge.catalog.records import Api, Gpu

# Cards behind the answers that name a place instead of a card (gpus.toml, offers.toml).
CARD_OF_PLACE = {"colab": "T4", "kaggle": "T4", "cloud": "A100 80GB SXM4"}
# Judgement: a model this small is tuned on processors where there is no card (270M: 2 s a step of
# 512 tokens on two cores, 2026-11).
TUNABLE_ON_CPU = 700_000_000
ANSWER_CONTEXT = {"prompting": 4096, "rag": 4096, "hybrid": 4096}
ANSWER_TOKENS = 200
EXAMPLES_SHOWN = 8
EPOCHS = 3.0
FEW_SHOT_TOKENS, UNKNOWN_CORPUS_TOKENS, UNKNOWN_EXAMPLES = 1200, 200_000, 300
# A passage and its question beside each example (hybrid tuning), and an embedder's own memory.
PASSAGE_TOKENS, EMBEDDER_GIB = 1200, 0.5
NO_CARD_NEEDED = Estimate(0.0, 0.0, 0.0, "GiB", "formula:no-card-used")


def estimates_for_option(
    approach: Approach,
    method: Method | None,
    model: str | None,
    needs: Needs,
    *,
    epochs: float = EPOCHS,
) -> dict[str, Estimate]:
    """`vram_gib`, `hours`, `cost_jpy` by name; where no card is used, `ram_gib` as well.

    `hours` are until the thing is built, `cost_jpy` is building, answering at the stated traffic
    and renewing over the first year: machines and API only. Its parts stand beside it, and the
    year's working hours as `people_jpy` (`RoadCosts.estimates`).

    Args:
        model: a catalog id, `starter`, the id of a hosted API, a folder or a config; an option
            whose model's size nobody knows has no estimates.
        epochs: times a tuning sees every example.
    """
    api = load("apis").get(model or "")
    if api is not None:
        return _hosted(approach, api, needs)
    try:
        shapes = find_shapes(model or "starter")
    except UsageError:
        return {}
    if shapes.family.encoder:
        return _tuned(shapes, "encoder", needs, epochs) if method == "encoder" else {}
    if approach in ("fine_tuning", "hybrid"):
        if method == "encoder":
            return _tuned(shapes, "full", needs, epochs, encoder=True)
        return _tuned(shapes, method or "qlora", needs, epochs, passages=approach == "hybrid")
    return _answered(approach, shapes, needs)


def card(needs: Needs) -> Gpu | None:
    """The card of the catalog behind the answer `gpu`; None where there is none."""
    if not needs.vram_gib or needs.gpu in (None, "none"):
        return None
    return find_gpu(CARD_OF_PLACE.get(str(needs.gpu), str(needs.gpu)))


def _cores(needs: Needs) -> int:
    return needs.machine.cpu_cores if needs.machine else CPU_CORES


def _hosted(approach: Approach, api: Api, needs: Needs) -> dict[str, Estimate]:
    costs = _road_costs(approach, needs, api, None, "cpu_machine_watts")
    return {
        "vram_gib": NO_CARD_NEEDED,
        "hours": costs.build_hours,
        "cost_jpy": costs.year_jpy,
        **costs.estimates(),
    }


def _answered(approach: Approach, shapes: Shapes, needs: Needs) -> dict[str, Estimate]:
    context = min(ANSWER_CONTEXT.get(approach, 4096), shapes.context)
    gpu = card(needs)
    on_card = needs.vram_gib > 0
    memory = inference_memory(shapes, context, device="cuda" if on_card else "cpu")
    if approach == "rag":
        memory = _plus(memory, EMBEDDER_GIB)
    asked = min(context - ANSWER_TOKENS, prompt_tokens_of(approach, _shown_tokens(needs)))
    seconds = seconds_per_answer(shapes, max(1, asked), ANSWER_TOKENS, gpu)
    watts = "gpu_machine_watts" if on_card else "cpu_machine_watts"
    hour = _rented_hour(shapes, needs) if on_card else None
    costs = _road_costs(approach, needs, None, seconds, watts, hour)
    found = {
        "vram_gib": memory if on_card else NO_CARD_NEEDED,
        "hours": costs.build_hours,
        "cost_jpy": costs.year_jpy,
        **costs.estimates(),
    }
    return found if on_card else found | {"ram_gib": memory}


def _road_costs(
    approach: Approach,
    needs: Needs,
    api: Api | None,
    seconds: Estimate | None,
    watts: str,
    rented_hour_jpy: Estimate | None = None,
) -> RoadCosts:
    if approach == "prompting":
        return prompting_costs(
            _shown_tokens(needs),
            needs.traffic_per_day,
            examples=min(needs.n_examples or 0, EXAMPLES_SHOWN),
            answer_api=api,
            answer_seconds=seconds,
            watts=watts,
            rented_hour_jpy=rented_hour_jpy,
        )
    return rag_costs(
        needs.corpus_tokens or UNKNOWN_CORPUS_TOKENS,
        needs.traffic_per_day,
        needs.changes,
        answer_api=api,
        answer_seconds=seconds,
        watts=watts,
        rented_hour_jpy=rented_hour_jpy,
    )


def _rented_hour(shapes: Shapes, needs: Needs, dtype: str = "bf16") -> Estimate | None:
    """Yen for an hour of the cheapest card that answers; None where the company has its own.

    A free notebook trains, but nobody's questions are answered from one.
    """
    own = card(needs) is not None and needs.gpu not in CARD_OF_PLACE
    if own or needs.confidential == "all":
        return None
    memory = inference_memory(shapes, min(4096, shapes.context), dtype=dtype)
    offer = cheapest_hour(memory)
    if offer is None or offer.usd_per_hour is None:
        return None
    one = Estimate(1.0, 1.0, 1.0, "hours", "formula:one-hour")
    return usd_to_jpy(one, offer.usd_per_hour, f"price:{offer.id}:{offer.date}")


def _shown_tokens(needs: Needs) -> int:
    """Tokens of the examples that stand in the prompt."""
    return FEW_SHOT_TOKENS if needs.n_examples else 0


def settings_for(
    shapes: Shapes,
    method: TuningMethod,
    needs: Needs,
    *,
    passages: bool = False,
    epochs: float = EPOCHS,
) -> EstimateSettings:
    """The training okakae would run for these needs, as its recipe and the data imply."""
    gpu = card(needs)
    on_cpu = needs.vram_gib <= 0 and shapes.params <= TUNABLE_ON_CPU
    data = needs.data
    rank, accumulate = rank_and_accumulation(needs.n_examples or 0)
    mean = round(data.example_tokens_mean) if data and data.example_tokens_mean else 200
    longest = max(data.example_tokens_max if data else 0, 2 * mean, 256)
    if passages:
        mean, longest = mean + PASSAGE_TOKENS, longest + PASSAGE_TOKENS
    return EstimateSettings(
        model=shapes.id,
        method=method,
        seq_len=min(longest, 2048, shapes.context),
        grad_accum=accumulate,
        lora_rank=rank,
        examples=max(1, needs.n_examples or UNKNOWN_EXAMPLES),
        epochs=epochs,
        tokens_per_example=max(1, min(mean, shapes.context)),
        gradient_checkpointing=not on_cpu,
        gpu=gpu.id if gpu else None,
        device="cpu" if on_cpu else "cuda",
    )


def _tuned(
    shapes: Shapes,
    method: TuningMethod,
    needs: Needs,
    epochs: float,
    *,
    encoder: bool = False,
    passages: bool = False,
) -> dict[str, Estimate]:
    settings = settings_for(shapes, method, needs, passages=passages, epochs=epochs)
    digest = needs.data.digest if needs.data else ""
    known = informed(shapes, settings, training_memory(shapes, settings), data=digest)
    memory, done = known.memory.estimate, work(shapes, settings)
    if not (encoder or shapes.family.encoder):
        done = with_general(done, shapes, settings)

    def hours_on(gpu: Gpu | None) -> Estimate | None:
        return informed_hours(known, done, settings, gpu, _cores(needs))

    if encoder:
        # A classifier reads labels off one position: no logits, and it is small everywhere.
        memory = _without(memory, "loss")
    if settings.device == "cpu":
        hours = hours_on(None)
        if hours is None:
            return {"vram_gib": NO_CARD_NEEDED, "ram_gib": memory}
        training = electricity_jpy(hours, "cpu_machine_watts")
        seconds = seconds_per_answer(shapes, 300, ANSWER_TOKENS, None)
        year = _tuned_year(hours, training, seconds, needs, "cpu_machine_watts")
        return {
            "vram_gib": NO_CARD_NEEDED,
            "ram_gib": memory,
            "hours": hours,
            "cost_jpy": year.year_jpy,
            **year.estimates(),
        }
    priced = _training_price(memory, needs, hours_on)
    if priced is None:
        return {"vram_gib": memory}
    hours, training, gpu = priced
    seconds = seconds_per_answer(shapes, 300, ANSWER_TOKENS, gpu, nf4=method == "qlora")
    hour = _rented_hour(shapes, needs, "nf4" if method == "qlora" else "bf16")
    year = _tuned_year(hours, training, seconds, needs, "gpu_machine_watts", hour)
    return {"vram_gib": memory, "hours": hours, "cost_jpy": year.year_jpy, **year.estimates()}


def _tuned_year(
    hours: Estimate,
    training: Estimate,
    seconds: Estimate,
    needs: Needs,
    watts: str,
    hour_jpy: Estimate | None = None,
) -> RoadCosts:
    return tuning_costs(
        hours,
        training,
        needs.traffic_per_day,
        needs.changes,
        examples=needs.n_examples or UNKNOWN_EXAMPLES,
        answer_seconds=seconds,
        watts=watts,
        rented_hour_jpy=hour_jpy,
    )


def _training_price(
    memory: Estimate, needs: Needs, hours_on: Callable[[Gpu | None], Estimate | None]
) -> tuple[Estimate, Estimate, Gpu] | None:
    """Hours and yen of one training: own card, else the cheapest card for hire that fits."""
    gpu = card(needs)
    rented = needs.gpu in CARD_OF_PLACE or gpu is None
    if gpu is not None and not rented:
        hours = hours_on(gpu)
        return None if hours is None else (hours, electricity_jpy(hours), gpu)
    offers = offer_costs(memory, hours_on)
    if needs.confidential == "all":
        offers = tuple(offer for offer in offers if not offer.sends_data_out)
    if needs.gpu in ("colab", "kaggle"):
        offers = tuple(offer for offer in offers if offer.platform == needs.gpu) or offers
    paid = [offer for offer in offers if offer.kind != "free" or needs.gpu == offer.platform]
    if not paid:
        return None
    best = paid[0]
    return best.hours, best.cost_jpy, load("gpus")[best.gpu]


def _plus(memory: Estimate, gib: float) -> Estimate:
    return replace(
        memory, low=memory.low + gib / 2, likely=memory.likely + gib, high=memory.high + 2 * gib
    )


def _without(memory: Estimate, name: str) -> Estimate:
    left_out = sum(term.value for term in memory.terms if term.name == name) / 2
    return replace(
        memory,
        low=max(0.1, memory.low - left_out),
        likely=max(0.1, memory.likely - left_out),
        terms=tuple(term for term in memory.terms if term.name != name),
    )
