"""When a training stops by itself: read off its losses, so that a resumed one decides the same."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from advisor.errors import RunError
from bench.tuning import SETTINGS, Bar, rows
from executors.finetune.recipe import train
from executors.finetune.watch import exhausted, has_risen
from executors.models import load


def history(*losses: float) -> list[dict[str, Any]]:
    mixed: list[dict[str, Any]] = []
    for step, loss in enumerate(losses):
        mixed += [{"step": step, "eval_loss": loss}, {"step": step, "loss": loss}]
    return mixed


@pytest.mark.parametrize(
    ("losses", "patience", "over"),
    [
        ((), 1, False),
        ((3.0,), 1, False),
        ((3.0, 2.0, 2.5), 1, True),
        ((3.0, 2.0, 2.5), 2, False),
        ((3.0, 2.0, 2.5, 2.2), 2, True),
        ((3.0, 2.0, 2.5, 1.9, 2.0), 2, False),
        ((3.0, 3.1, 3.2, 3.3), 3, False),
        ((3.0, 3.1, 3.2, 3.3, 3.4), 3, True),
    ],
)
def test_patience_counts_evaluations_since_the_best(
    losses: tuple[float, ...], patience: int, over: bool
) -> None:
    assert exhausted(history(*losses), patience) is over


@pytest.mark.parametrize(
    ("losses", "risen"),
    [
        ((3.0, 9.0), False),  # once may be chance
        ((3.0, 9.0, 9.0), True),
        ((3.0, 9.0, 2.0), False),
        ((3.0, 3.1, 3.2), False),  # within the noise of a small set
    ],
)
def test_a_rising_loss_is_told_from_a_noisy_one(losses: tuple[float, ...], risen: bool) -> None:
    assert has_risen(history(*losses)) is risen


@pytest.mark.parametrize(
    ("method", "rate", "ref"), [("full", 1e30, "loss-not-a-number"), ("full", 3.0, "loss-rising")]
)
def test_a_rate_far_too_high_stops_early_and_is_named(
    tiny_folder: Path, tmp_path: Path, method: str, rate: float, ref: str
) -> None:
    torch.set_num_threads(1)
    told: list[float] = []
    loaded = load(str(tiny_folder), purpose="train", dtype="float32", device="cpu")
    with pytest.raises(RunError) as caught:
        train(
            loaded,
            method,  # type: ignore[arg-type]
            SETTINGS | {"finetune.learning_rate": rate, "finetune.epochs": 8.0},
            rows(0, 16),
            rows(16, 20),
            checkpoints=tmp_path,
            limit_hours=None,
            progress=Bar(told.append),
            resume=False,
        )
    assert caught.value.ref == ref
    assert told[-1] < 0.9, "it trained on to the end"
    # What is left to go on from holds numbers.
    from safetensors.torch import load_file

    for file in tmp_path.glob("checkpoint-*/*.safetensors"):
        for tensor in load_file(str(file)).values():
            assert bool(tensor.isfinite().all()), file
    assert math.isfinite(rate)
