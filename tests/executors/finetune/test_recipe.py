"""A real training on a tiny model learns, proves it, repeats itself and can be resumed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from made import TUNING
from tiny import byte_tokenizer

from advisor.errors import RunError
from executors.finetune.proof import prove_learned
from executors.finetune.recipe import Trained, train
from executors.finetune.rows import Row, make_rows
from executors.models import LoadedModel, load
from knowledge.corpus.types import Example

CONFIG = TUNING | {"seed": 0, "finetune.max_steps": 8, "finetune.eval_per_epoch": 2}


class Bar:
    """Keeps what a person would have seen."""

    def __init__(self, stop_at: float = math.inf) -> None:
        self.seen: list[float] = []
        self._stop_at = stop_at

    def update(self, done: float, note: str = "") -> None:
        self.seen.append(done)
        if done >= self._stop_at:
            raise KeyboardInterrupt

    def advance(self, step: float = 1.0, note: str = "") -> None: ...


def rows(start: int, stop: int) -> list[Row]:
    made = [
        Example(f"e{n}", "rewrite", f"{n}?", f"{n}番です。", "", "") for n in range(start, stop)
    ]
    return make_rows(made, byte_tokenizer(), "en", 512).rows


TRAIN, VALIDATION = rows(0, 16), rows(16, 20)


@pytest.fixture(scope="module")
def run(tiny_folder: Path) -> Iterator[Callable[..., Trained]]:
    torch.set_num_threads(1)  # tiny matrices: more threads only wait for each other

    def go(
        folder: Path,
        method: str = "lora",
        *,
        bar: Bar | None = None,
        resume: bool = False,
        **over: Any,
    ) -> Trained:
        loaded = fresh(tiny_folder, quantised=method == "qlora")
        limit = over.pop("limit_hours", None)
        config = CONFIG | {f"finetune.{key}": value for key, value in over.items()}
        return train(
            loaded,
            method,  # type: ignore[arg-type]
            config,
            TRAIN,
            VALIDATION,
            checkpoints=folder,
            limit_hours=limit,
            progress=bar or Bar(),
            resume=resume,
        )

    yield go


def fresh(folder: Path, quantised: bool = False) -> LoadedModel:
    return load(str(folder), purpose="train", quantised=quantised, dtype="float32", device="cpu")


def losses(trained: Trained) -> list[tuple[float, float]]:
    return [
        (entry["step"], entry.get("loss", entry.get("eval_loss", math.nan)))
        for entry in trained.losses
        if "loss" in entry or "eval_loss" in entry
    ]


def answer_loss(model: Any) -> float:
    """Mean negative log-likelihood of the answer tokens, by the model's own plain forward."""
    total, n = 0.0, 0
    with torch.no_grad():
        for row in VALIDATION:
            logits = model(input_ids=torch.tensor([row.input_ids])).logits[0, :-1]
            labels = torch.tensor(row.labels[1:])
            loss = torch.nn.functional.cross_entropy(logits, labels, reduction="sum")
            total, n = total + float(loss), n + int((labels != -100).sum())
    return total / n


@pytest.mark.parametrize("method", ["full", "lora", "qlora"])
def test_every_method_learns_and_proves_it(
    run: Callable[..., Trained], tmp_path: Path, method: str
) -> None:
    bar = Bar()
    trained = run(tmp_path, method, bar=bar)
    assert trained.steps == 8
    assert trained.best_eval_loss < trained.first_eval_loss - 0.1
    assert bar.seen[-1] == pytest.approx(1.0)
    proof = prove_learned(trained, method)  # type: ignore[arg-type]
    if method != "full":
        assert proof["adapter_tensors_moved"] == 1.0


def test_the_loss_counts_answer_tokens_and_nothing_else(
    run: Callable[..., Trained], tmp_path: Path, tiny_folder: Path
) -> None:
    trained = run(tmp_path, "full")
    assert trained.first_eval_loss == pytest.approx(answer_loss(fresh(tiny_folder).model), rel=1e-3)
    # And the weights that are kept are those of the best evaluation.
    assert answer_loss(trained.model.eval()) == pytest.approx(trained.best_eval_loss, rel=1e-3)


def test_the_same_seed_gives_the_same_losses(run: Callable[..., Trained], tmp_path: Path) -> None:
    first, second = run(tmp_path / "a"), run(tmp_path / "b")
    assert losses(first) == losses(second)
    assert len(losses(first)) > 4


def test_a_training_that_changes_nothing_is_refused(
    run: Callable[..., Trained], tmp_path: Path
) -> None:
    trained = run(tmp_path, learning_rate=0.0)
    with pytest.raises(RunError) as caught:
        prove_learned(trained, "lora")
    assert caught.value.ref == "adapter-unchanged"


def test_an_interrupted_training_goes_on_from_its_checkpoint(
    run: Callable[..., Trained], tmp_path: Path
) -> None:
    whole = run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", bar=Bar(stop_at=5 / 8))
    kept = sorted(path.name for path in (tmp_path / "cut").glob("checkpoint-*"))
    assert kept == ["checkpoint-2", "checkpoint-4"]
    bar = Bar()
    resumed = run(tmp_path / "cut", bar=bar, resume=True)
    assert bar.seen[0] == pytest.approx(5 / 8)
    assert resumed.steps == 8
    assert resumed.first_eval_loss == whole.first_eval_loss
    assert resumed.best_eval_loss == pytest.approx(whole.best_eval_loss, rel=1e-4)


def test_a_checkpoint_cut_while_written_is_passed_over(
    run: Callable[..., Trained], tmp_path: Path
) -> None:
    (tmp_path / "checkpoint-6").mkdir()
    assert run(tmp_path, resume=True).steps == 8


def test_the_time_limit_stops_at_a_kept_state(run: Callable[..., Trained], tmp_path: Path) -> None:
    trained = run(tmp_path, limit_hours=1e-9)
    assert trained.stopped == "limit"
    assert trained.steps == 1
    assert list(tmp_path.glob("checkpoint-1/trainer_state.json"))


def test_a_loss_that_is_no_number_is_said(run: Callable[..., Trained], tmp_path: Path) -> None:
    with pytest.raises(RunError) as caught:
        run(tmp_path, "full", learning_rate=1e30)
    assert caught.value.ref == "loss-not-a-number"


def test_too_few_steps_to_learn_from_are_refused(
    run: Callable[..., Trained], tmp_path: Path
) -> None:
    with pytest.raises(RunError) as caught:
        run(tmp_path, max_steps=0)
    assert (caught.value.ref, caught.value.values["steps"]) == ("too-few-steps", 4)
