"""The closed forms against fresh traces of the real modules: a library upgrade that changes what
is kept shows here."""

from __future__ import annotations

import os
from typing import Any

import pytest

from advisor.estimate import EstimateSettings, find_shapes, training_memory
from bench.traces import FAMILIES, WORST, deviation, whole
from executors.tracing.step import trace_layers

SHORT = {"seq_len": 256, "batch_size": 2}


# One cell a family and method by default, so that each axis is met by several families.
DEFAULT = [
    {"method": method, "loss": loss, "gradient_checkpointing": checkpointing, "padded": padded}
    for method, loss, checkpointing, padded in (
        ("lora", "tiled", True, True),
        ("full", "tiled", False, False),
        ("qlora", "full", False, True),
    )
]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("cell", DEFAULT, ids=lambda cell: cell["method"])
def test_the_closed_form_is_the_trace(family: str, cell: dict[str, Any]) -> None:
    attention = "eager" if family == "gemma2" else "sdpa"
    found = deviation(model=FAMILIES[family], attention=attention, **SHORT, **cell)
    assert abs(found) <= WORST


@pytest.mark.parametrize("family", ["qwen2", "gemma2", "gemma3", "phi", "gpt2"])
def test_on_a_cpu_too(family: str) -> None:
    """Okakae's own head, dropout in the values' precision, the optimiser tensor by tensor."""
    cell = {"method": "lora", "device": "cpu", "gradient_checkpointing": False}
    cell |= {"attention": "eager" if family == "gemma2" else "sdpa"}
    assert abs(deviation(model=FAMILIES[family], **SHORT, **cell)) <= WORST


@pytest.mark.parametrize("targets", ["q_proj,v_proj", "gate_proj,up_proj,down_proj"])
def test_adapters_on_some_layers_only(targets: str) -> None:
    cell = {"method": "lora", "targets": targets, "gradient_checkpointing": False, "loss": "full"}
    assert abs(deviation(model=FAMILIES["llama"], **SHORT, **cell)) <= WORST


def test_a_window_shorter_than_the_sequence() -> None:
    """Gemma 3's sliding layers need a mask from 512 tokens on, padded or not."""
    cell = {"method": "lora", "gradient_checkpointing": True, "padded": False}
    found = deviation(model=FAMILIES["gemma3"], seq_len=1024, batch_size=1, **cell)
    assert abs(found) <= WORST


@pytest.mark.parametrize("method", ["full", "lora"])
def test_at_the_real_depth(method: str) -> None:
    """All 28 layers traced, not extrapolated: every phase, and not only the largest."""
    settings = EstimateSettings(model=FAMILIES["qwen3"], method=method, **SHORT)  # type: ignore[arg-type]
    shapes = find_shapes(settings.model)
    traced = trace_layers(shapes, settings, shapes.layers).phases
    traced["backward"] = max(traced["backward"], traced.pop("backward end"))
    for phase, gib in training_memory(shapes, settings).phases.items():
        assert gib * 2**30 == pytest.approx(traced[phase], rel=WORST)


@pytest.mark.parametrize("device", ["cuda", "cpu"])
@pytest.mark.parametrize("checkpointing", [True, False])
@pytest.mark.parametrize("batch", [1, 16])
@pytest.mark.parametrize(
    "model",
    ["sentence-transformers/all-MiniLM-L6-v2", "intfloat/multilingual-e5-base"],
)
def test_a_contrastive_step_of_an_encoder(
    model: str, batch: int, checkpointing: bool, device: str
) -> None:
    """Two passes behind each other, each with norms behind its sums; at the real depth."""
    cell = {"method": "encoder", "gradient_checkpointing": checkpointing, "device": device}
    settings = EstimateSettings(model=model, seq_len=256, batch_size=batch, **cell)  # type: ignore[arg-type]
    shapes = find_shapes(model)
    traced = trace_layers(shapes, settings, shapes.layers)
    found = training_memory(shapes, settings).allocated * 2**30
    assert found == pytest.approx(traced.allocated, rel=WORST)


@pytest.mark.slow
@pytest.mark.skipif(
    "OKAKAE_TRACE_ALL" not in os.environ,
    reason="1,008 traces take half an hour: for upgrades of the libraries, OKAKAE_TRACE_ALL=1",
)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_whole_grid(family: str) -> None:
    assert whole(family)["over"] == []
