"""Twenty steps of every method give the losses and weights of a plain PyTorch loop."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from made import TUNING
from tiny import byte_tokenizer

from executors.finetune.recipe import attach, make_trainer
from executors.finetune.rows import Row, make_rows
from executors.models import LoadedModel, load
from knowledge.corpus.types import Example

STEPS, RATE, RANK, ALPHA = 20, 3e-3, 4, 8
CONFIG = TUNING | {
    "seed": 3,
    "finetune.learning_rate": RATE,
    "finetune.batch_size": 2,
    "finetune.grad_accum": 2,
    "finetune.rank": RANK,
    "finetune.alpha": ALPHA,
}
WARMUP = 2


def rows(n: int = 4 * STEPS) -> list[Row]:
    """Rows of unlike lengths, so that an accumulated step weighs its batches by their tokens."""
    made = [
        Example(f"e{i}", "rewrite", f"{i}?" * (1 + i % 3), "はい。" * (1 + i % 4), "", "")
        for i in range(n)
    ]
    return make_rows(made, byte_tokenizer(), "en", 512).rows


def fresh(folder: Path, method: str) -> LoadedModel:
    torch.set_num_threads(1)
    quantised = method == "qlora"
    return load(str(folder), purpose="train", quantised=quantised, dtype="float32", device="cpu")


def trained_by_recipe(
    folder: Path, method: str, out: Path, **over: Any
) -> tuple[list[float], dict[str, torch.Tensor]]:
    trainer = make_trainer(
        fresh(folder, method),
        method,  # type: ignore[arg-type]
        CONFIG | over,
        rows(),
        rows(2),
        folder=out,
        callbacks=[],
        max_steps=STEPS,
        warmup_steps=WARMUP,
        train_sampling_strategy="sequential",
        eval_strategy="no",
        save_strategy="no",
        logging_steps=1,
    )
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return losses, trained_weights(trainer.model)


def trained_weights(model: Any) -> dict[str, torch.Tensor]:
    return {n: p.detach().clone() for n, p in model.named_parameters() if p.requires_grad}


class PlainLora(torch.nn.Module):
    """W x + alpha/r B A x, with W as the base computes it: a matrix, or NF4 unpacked each time."""

    def __init__(self, base: Any, a: torch.Tensor, b: torch.Tensor) -> None:
        super().__init__()
        self.base, self.a, self.b = base, torch.nn.Parameter(a), torch.nn.Parameter(b)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.weight().T + (x @ self.a.T) @ self.b.T * (ALPHA / RANK)

    def weight(self) -> torch.Tensor:
        if not hasattr(self.base.weight, "quant_state"):
            return self.base.weight.detach()
        from bitsandbytes.functional import dequantize_4bit

        return dequantize_4bit(self.base.weight.data, self.base.weight.quant_state).float()


def plain_model(folder: Path, method: str) -> tuple[Any, dict[str, torch.nn.Parameter]]:
    """The model and what is trained of it, by the recipe's names."""
    loaded = fresh(folder, method)
    if method == "full":
        return loaded.model, dict(loaded.model.named_parameters())
    start = trained_weights(attach(fresh(folder, "lora").model, "lora", CONFIG))
    trained: dict[str, torch.nn.Parameter] = {}
    for name, module in list(loaded.model.named_modules()):
        key = f"base_model.model.{name}.lora_%s.default.weight"
        if key % "A" not in start:
            continue
        plain = PlainLora(module, start[key % "A"], start[key % "B"])
        loaded.model.set_submodule(name, plain)
        trained |= {key % "A": plain.a, key % "B": plain.b}
    for parameter in loaded.model.parameters():
        parameter.requires_grad_(False)
    for parameter in trained.values():
        parameter.requires_grad_(True)
    return loaded.model, trained


def schedule(step: int) -> float:
    """Linear warm-up, then a cosine to zero."""
    if step < WARMUP:
        return RATE * step / WARMUP
    share = (step - WARMUP) / (STEPS - WARMUP)
    return RATE * 0.5 * (1 + math.cos(math.pi * share))


def batches() -> Iterator[list[Row]]:
    all_rows = rows()
    yield from (all_rows[at : at + 4] for at in range(0, 4 * STEPS, 4))


def trained_by_hand(folder: Path, method: str) -> tuple[list[float], dict[str, torch.Tensor]]:
    model, trained = plain_model(folder, method)
    model.train()
    optimizer = torch.optim.AdamW(trained.values(), lr=RATE, weight_decay=0.0)
    losses = []
    for step, batch in enumerate(batches()):
        total = torch.zeros(())
        n = sum(row.trained_tokens for row in batch)
        for row in batch:  # one by one: no padding that could leak into the loss
            logits = model(input_ids=torch.tensor([row.input_ids])).logits[0, :-1]
            labels = torch.tensor(row.labels[1:])
            loss = torch.nn.functional.cross_entropy(logits, labels, reduction="sum") / n
            loss.backward()
            total += loss.detach()
        torch.nn.utils.clip_grad_norm_(trained.values(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = schedule(step)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(total))
    return losses, {name: parameter.detach() for name, parameter in trained.items()}


@pytest.mark.parametrize("method", ["full", "lora", "qlora"])
def test_twenty_steps_are_those_of_a_plain_loop(
    tiny_folder: Path, tmp_path: Path, method: str
) -> None:
    losses, weights = trained_by_recipe(tiny_folder, method, tmp_path)
    expected, expected_weights = trained_by_hand(tiny_folder, method)
    assert len(losses) == STEPS
    assert losses == pytest.approx(expected, abs=1e-4)
    assert losses[-1] < losses[0] - 0.1, "nothing was learned that could be compared"
    assert weights.keys() == expected_weights.keys()
    for name, weight in weights.items():
        assert weight.dtype == torch.float32
        torch.testing.assert_close(weight, expected_weights[name], rtol=0, atol=1e-3, msg=name)


@pytest.mark.parametrize("method", ["full", "lora", "qlora"])
def test_eight_batches_of_one_are_one_batch_of_eight(
    tiny_folder: Path, tmp_path: Path, method: str
) -> None:
    def went(batch: int, accumulate: int) -> tuple[list[float], dict[str, torch.Tensor]]:
        parts = {"finetune.batch_size": batch, "finetune.grad_accum": accumulate}
        return trained_by_recipe(tiny_folder, method, tmp_path / str(batch), **parts)

    one, one_weights = went(1, 8)
    eight, eight_weights = went(8, 1)
    assert one == pytest.approx(eight, abs=1e-4)
    for name, weight in one_weights.items():
        torch.testing.assert_close(weight, eight_weights[name], rtol=0, atol=1e-3, msg=name)
