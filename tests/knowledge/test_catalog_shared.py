"""Nothing of the collected facts is missing from the catalog, and every number agrees with them."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from knowledge.catalog.age import day_of
from knowledge.catalog.loader import find_gpu, find_model, load
from knowledge.catalog.records import KINDS

SHARED = Path(__file__).parents[2].parent / "shared"
pytestmark = pytest.mark.skipif(
    not (SHARED / "facts").is_dir(), reason="the collected facts are not beside this checkout"
)
SHAPE = (
    *("architecture", "params", "num_hidden_layers", "hidden_size", "num_attention_heads"),
    *("num_key_value_heads", "head_dim", "intermediate_size", "vocab_size", "max_context"),
    *("tied_embeddings", "num_local_experts", "num_experts_per_tok", "sliding_window"),
)
API = ("input_usd_per_1m", "output_usd_per_1m", "cached_input_usd_per_1m", "max_input_tokens")


def facts(name: str) -> dict[str, Any]:
    import yaml

    read: dict[str, Any] = yaml.safe_load((SHARED / "facts" / name).read_text(encoding="utf-8"))
    return read


def differences(row: Mapping[str, Any], record: object, names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        if name in row and row[name] != getattr(record, name):
            yield f"{name}: {row[name]} is {getattr(record, name)} in the catalog"


def test_every_model_is_there_with_its_shape_and_counts() -> None:
    wrong: dict[str, object] = {}
    for row in facts("models.yaml")["models"]:
        model = find_model(row["hf_id"].removesuffix(" (text tower)"))
        if model is None:
            wrong[row["hf_id"]] = "missing"
            continue
        found = list(differences(row, model, SHAPE))
        published = model.checkpoint_params or model.params
        if row.get("checkpoint_params", published) != published:
            found.append(f"checkpoint_params: {published}")
        if found:
            wrong[row["hf_id"]] = found
    assert wrong == {}


def test_every_models_licence_asks_at_least_what_was_collected() -> None:
    order, licences = ["yes", "conditions", "no"], load("licences")
    for row in facts("models.yaml")["models"]:
        model = find_model(row["hf_id"].removesuffix(" (text tower)"))
        assert model is not None
        parts = [part.strip() for part in model.licence.split(",")]
        assert row["licence"].split(",")[0].strip() in parts, row["hf_id"]
        strictest = max(order.index(licences[part].commercial) for part in parts)
        assert strictest >= order.index(row["commercial"]), row["hf_id"]
        assert model.languages


def test_models_from_publishers_that_gate_say_so() -> None:
    for id_, model in load("models").items():
        if id_.startswith("meta-llama/") or id_.startswith(("google/gemma-2", "google/gemma-3")):
            assert model.gated == "licence", id_
        assert model.gated == "unknown" or model.gated_source, id_


def test_every_card_is_there_with_its_numbers() -> None:
    same = ("memory_gib", "memory_bandwidth_gb_s", "compute_capability", "bf16_native")
    for row in facts("gpus.yaml")["gpus"]:
        card = find_gpu(row["name"])
        assert card is not None, row["name"]
        rates = ("usable_gib", "bf16_dense_tflops", "fp16_dense_tflops", "fp32_tflops")
        assert list(differences(row, card, (*same, *rates))) == [], row["name"]
        derived = row.get("bf16_dense_tflops_derived")
        if derived is not None:
            assert (card.bf16_dense_tflops, card.tflops_basis) == (derived, "derived")


def test_all_eighty_eight_offers_are_there_with_their_prices() -> None:
    collected = facts("platforms.yaml")
    offers = list(load("offers").values())
    for row in collected["offers"]:
        wanted = tuple(row[name] for name in ("platform", "product", "gpu_count", "usd_per_hour"))
        same = [
            offer
            for offer in offers
            if (offer.platform, offer.product, offer.gpu_count, offer.usd_per_hour) == wanted
        ]
        assert same, row
        assert all(
            day_of(offer.date) == day_of(str(row["date"]).split(" ")[0]) for offer in same
        ), row
    platforms = {offer.platform for offer in offers}
    assert {"aws", "gcp", "azure", "lambda", "runpod", "huggingface-jobs"} <= platforms
    kaggle = [offer for offer in offers if offer.platform == "kaggle"]
    assert {offer.hours_per_week for offer in kaggle} == {30.0}
    unit = facts("platforms.yaml")["notebook_platforms"][1]
    paid = load("offers")["colab-paid-t4"]
    each = unit["units_per_hour"]["T4"] * unit["compute_unit_usd"]
    assert paid.usd_per_hour == pytest.approx(each, abs=1e-4)
    offered = " ".join(o.gpu_name for o in offers if o.platform == "colab")
    assert all(card in offered for card in ("T4", "L4", "A100", "H100", "G4"))
    fees = sorted(fee.usd_per_month for fee in load("subscriptions").values())
    assert fees == sorted(row["usd_per_month"] for row in collected["subscriptions"])
    rows = sum(len(collected[name]) for name in ("offers", "notebook_platforms", "subscriptions"))
    assert rows == 88


def test_every_hosted_model_is_there_with_its_prices_and_its_end() -> None:
    collected, apis = facts("api_prices.yaml"), load("apis")
    called = [*collected["chat_and_embedding"], *collected["fine_tuned_inference"]]
    for row in called:
        api = apis.get(row["id"])
        assert api is not None, row["id"]
        assert list(differences(row, api, API)) == [], row["id"]
        assert api.ends == str(row.get("deprecation_date", "")), row["id"]
    trained = sorted(
        api.training_usd_per_1m for api in apis.values() if api.training_usd_per_1m is not None
    )
    wanted = [row["usd_per_1m_training_tokens"] for row in collected["fine_tuning_training"]]
    assert trained == sorted(wanted)
    ruled = {api.provider for api in apis.values() if api.mode == "training"}
    assert {row["provider"] for row in collected["fine_tuning_rules"]} <= ruled


def test_every_model_of_the_published_measurements_can_be_estimated() -> None:
    from advisor.estimate import EstimateSettings, estimate

    path = SHARED / "measured" / "published_memory.csv"
    with path.open(encoding="utf-8") as file:
        names = sorted({row["model"] for row in csv.DictReader(file)} - {""})
    assert len(names) > 30
    for name in names:
        made = estimate(EstimateSettings(model=name, method="lora", seq_len=256))
        assert made.memory.estimate.high > 0, name


@pytest.mark.parametrize("kind", KINDS)
def test_every_record_has_a_source_and_a_day(kind: str) -> None:
    for id_, record in load(kind).items():
        assert record.source.strip(), id_
        assert day_of(record.date) is not None, id_
