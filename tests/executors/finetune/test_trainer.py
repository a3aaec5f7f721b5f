"""The trainer of the recipe: a held-out loss that no batch size moves, and one card."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from made import TUNING
from tiny import byte_tokenizer

from executors.finetune import recipe
from executors.finetune.recipe import make_trainer
from executors.finetune.rows import Row, make_rows
from executors.finetune.trainer import token_mean
from executors.models import LoadedModel, load
from knowledge.corpus.types import Example

CONFIG = TUNING | {"seed": 0}


def rows(*lengths: int) -> list[Row]:
    made = [
        Example(f"e{n}", "rewrite", f"{n}?", "あ" * length, "", "")
        for n, length in enumerate(lengths)
    ]
    return make_rows(made, byte_tokenizer(), "en", 4096).rows


VALIDATION = rows(1, 90, 3, 2, 40, 1, 7)
"""Answers of very different length, and no whole number of batches."""


@pytest.fixture
def loaded(tiny_folder: Path) -> LoadedModel:
    torch.set_num_threads(1)
    return load(str(tiny_folder), purpose="train", dtype="float32", device="cpu")


def trainer(loaded: LoadedModel, folder: Path, batch_size: int = 2) -> Any:
    config = CONFIG | {"finetune.batch_size": batch_size}
    return make_trainer(
        loaded, "lora", config, rows(2, 5, 9), VALIDATION, folder=folder, callbacks=[]
    )


def per_token(model: Any) -> list[tuple[float, bool]]:
    """Loss of each trained token and whether it was the likeliest, by the model's plain forward."""
    found: list[tuple[float, bool]] = []
    with torch.no_grad():
        for row in VALIDATION:
            logits = model(input_ids=torch.tensor([row.input_ids])).logits[0, :-1]
            labels = torch.tensor(row.labels[1:])
            kept = labels != -100
            loss = torch.nn.functional.cross_entropy(logits[kept], labels[kept], reduction="none")
            found += zip(
                loss.tolist(), (logits[kept].argmax(-1) == labels[kept]).tolist(), strict=True
            )
    return found


@pytest.mark.parametrize("head", ["okakae", "trl"])
def test_the_held_out_loss_is_the_mean_over_trained_tokens_whatever_the_batch(
    loaded: LoadedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, head: str
) -> None:
    if head == "trl":
        monkeypatch.setattr(recipe, "add_answer_head", lambda _model: False)
    expected = per_token(loaded.model)
    loss = sum(one for one, _ in expected) / len(expected)
    right = sum(hit for _, hit in expected) / len(expected)
    model = loaded
    for batch_size in (1, 2, 4):
        judging = trainer(model, tmp_path, batch_size)
        for _ in range(2):  # one evaluation leaves nothing to the next
            found = judging.evaluate()
            assert found["eval_loss"] == pytest.approx(loss, abs=1e-5)
            logged = judging.state.log_history[-1]
            assert logged["eval_loss"] == found["eval_loss"]
            assert logged["eval_mean_token_accuracy"] == pytest.approx(right, abs=1e-5)
        model = load(loaded.source, purpose="train", dtype="float32", device="cpu")
    assert json.dumps(found)


def test_a_mean_of_no_tokens_is_no_error() -> None:
    assert token_mean((), ()) == 0.0
    assert token_mean((3.0, 9.0), (2, 0)) == 3.0


def test_one_of_several_cards_trains(
    loaded: LoadedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two cards are counted; the model stands on one device and no second copy is made of it."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    made = trainer(replace(loaded, device=torch.device("cuda", 0)), tmp_path)
    assert made.args.n_gpu == 1
    assert (made.args.train_batch_size, made.args.eval_batch_size) == (2, 2)
