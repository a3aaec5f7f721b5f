"""The closed forms against real steps of small models on a CPU, by the allocator's own record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from advisor.estimate import EstimateSettings, find_shapes, training_memory
from executors.tracing.build import text_config

SMALL = {
    "num_hidden_layers": 3,
    "hidden_size": 128,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "intermediate_size": 384,
    "vocab_size": 16000,
    "max_position_embeddings": 512,
    "tie_word_embeddings": True,
}


def held(model: Any, optimizer: torch.optim.Optimizer, batch: torch.Tensor) -> int:
    """Bytes of weights, states and batch."""
    states = [v for state in optimizer.state.values() for v in state.values()]
    tensors = [*model.parameters(), *model.buffers(), *states, batch]
    storages = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors}
    return sum(storages.values())


def real_peak(settings: EstimateSettings) -> int:
    """Bytes at the peak of the second step of a plain Hugging Face + PEFT loop."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    shapes = find_shapes(settings.model)
    model: Any = AutoModelForCausalLM.from_config(
        text_config(shapes, shapes.layers), dtype=torch.bfloat16, attn_implementation="sdpa"
    )
    if settings.gradient_checkpointing:
        model.activation_checkpointing_enable({"use_reentrant": False})
    if settings.method == "lora":
        config = LoraConfig(
            r=settings.lora_rank, target_modules="all-linear", task_type="CAUSAL_LM"
        )
        model = get_peft_model(model, config)
    model.train()
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4)
    batch = torch.ones((settings.batch_size, settings.seq_len), dtype=torch.long)

    def step() -> None:
        outputs = model(input_ids=batch, labels=batch)
        outputs.loss.backward()
        del outputs
        optimizer.step()
        optimizer.zero_grad()

    step()
    before = held(model, optimizer, batch)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        step()
    events = [e for e in record.profiler.kineto_results.events() if e.name() == "[memory]"]
    now = most = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        now += event.nbytes()
        most = max(most, now)
    return before + most


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("kind", "method", "checkpointing"),
    [("llama", "lora", False), ("qwen3", "full", True), ("gemma3_text", "lora", True)],
)
def test_a_real_step_needs_what_was_said(
    kind: str, method: Any, checkpointing: bool, tmp_path: Path
) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"model_type": kind, **SMALL}), encoding="utf-8")
    settings = EstimateSettings(
        model=str(config),
        method=method,
        loss="full",
        device="cpu",
        gradient_checkpointing=checkpointing,
        batch_size=2,
        seq_len=96,
        lora_rank=8,
    )
    estimated = training_memory(find_shapes(settings.model), settings).allocated * 2**30
    assert estimated == pytest.approx(real_peak(settings), rel=0.005)
