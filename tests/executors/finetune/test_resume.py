"""A training that was cut at any step and resumed is, to the bit, the one that was not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.tuning import SETTINGS, Bar, rows
from executors.finetune.checkpoints import is_whole, last_whole
from executors.finetune.recipe import Trained, train
from executors.models import load

CONFIG = SETTINGS | {"finetune.epochs": 2.0, "finetune.eval_per_epoch": 2}
STEPS = 8


class CutShort(Exception):
    """Stands for whatever ends a process between two steps."""


def go(
    base: Path, folder: Path, method: str = "lora", dtype: str = "float32", **over: Any
) -> Trained:
    torch.set_num_threads(1)
    loaded = load(
        str(base), purpose="train", quantised=method == "qlora", dtype=dtype, device="cpu"
    )
    told: Callable[[float], None] | None = over.pop("told", None)
    limit = over.pop("limit_hours", None)
    settings = {f"finetune.{key}": value for key, value in over.items()}
    return train(
        loaded,
        method,  # type: ignore[arg-type]
        CONFIG | settings,
        rows(0, 14),
        rows(14, 18),
        checkpoints=folder,
        limit_hours=limit,
        progress=Bar(told),
        resume=True,
    )


def cut_after(step: int) -> Callable[[float], None]:
    def told(done: float) -> None:
        if round(done * STEPS) == step:
            raise CutShort

    return told


def weights(trained: Trained) -> dict[str, torch.Tensor]:
    return {n: p.detach() for n, p in trained.model.named_parameters() if p.requires_grad}


def assert_same(one: Trained, other: Trained) -> None:
    found, expected = weights(one), weights(other)
    assert found.keys() == expected.keys()
    for name, weight in found.items():
        assert weight.dtype == expected[name].dtype, name
        assert torch.equal(weight, expected[name]), name
    steps = [(e["step"], e["eval_loss"]) for e in one.losses if "eval_loss" in e]
    assert steps == [(e["step"], e["eval_loss"]) for e in other.losses if "eval_loss" in e]
    assert (one.best_step, one.steps) == (other.best_step, other.steps)


@pytest.mark.parametrize(
    ("method", "dtype"), [("lora", "float32"), ("qlora", "bfloat16"), ("full", "float32")]
)
def test_cut_at_any_step_and_resumed_it_ends_the_same(
    tiny_folder: Path, tmp_path: Path, method: str, dtype: str
) -> None:
    whole = go(tiny_folder, tmp_path / "whole", method, dtype)
    assert whole.steps == STEPS
    for step in (3, 6):
        folder = tmp_path / f"cut{step}"
        with pytest.raises(CutShort):
            go(tiny_folder, folder, method, dtype, told=cut_after(step))
        assert_same(go(tiny_folder, folder, method, dtype), whole)


def test_adapters_of_a_four_bit_base_keep_their_number_format(
    tiny_folder: Path, tmp_path: Path
) -> None:
    """TRL trains them in bf16 and PEFT reloads them in fp32: a resumed run must not switch."""
    seen: list[torch.dtype] = []
    for dtype, expected in (("bfloat16", torch.bfloat16), ("float32", torch.float32)):
        folder = tmp_path / dtype
        with pytest.raises(CutShort):
            go(tiny_folder, folder, "qlora", dtype, told=cut_after(5))
        resumed = go(tiny_folder, folder, "qlora", dtype)
        seen = [weight.dtype for weight in weights(resumed).values()]
        assert set(seen) == {expected}


def test_the_time_limit_and_a_resume_are_the_uninterrupted_run(
    tiny_folder: Path, tmp_path: Path
) -> None:
    whole = go(tiny_folder, tmp_path / "whole")
    stopped = go(tiny_folder, tmp_path / "cut", limit_hours=1e-9)
    assert (stopped.stopped, stopped.steps) == ("limit", 1)
    assert_same(go(tiny_folder, tmp_path / "cut"), whole)


def test_a_finished_training_is_read_again_and_not_trained_on(
    tiny_folder: Path, tmp_path: Path
) -> None:
    first = go(tiny_folder, tmp_path)
    told: list[float] = []
    assert_same(go(tiny_folder, tmp_path, told=told.append), first)
    assert told == []


def test_patience_survives_a_resume(tiny_folder: Path, tmp_path: Path) -> None:
    """A counter in a callback would begin again and train past where the run would have ended."""
    hard = {"learning_rate": 0.5, "early_stopping_patience": 2, "epochs": 6.0}
    whole = go(tiny_folder, tmp_path / "whole", **hard)
    assert whole.stopped == "patience"
    last = last_whole(tmp_path / "whole")
    assert last is not None
    again = go(tiny_folder, tmp_path / "whole", **hard)
    assert (again.steps, again.best_step) == (whole.steps, whole.best_step)
    assert last_whole(tmp_path / "whole") == last


def test_a_run_that_was_moved_finds_its_best_weights(tiny_folder: Path, tmp_path: Path) -> None:
    whole = go(tiny_folder, tmp_path / "whole")
    with pytest.raises(CutShort):
        go(tiny_folder, tmp_path / "before", told=cut_after(7))
    shutil.move(tmp_path / "before", tmp_path / "after")
    assert_same(go(tiny_folder, tmp_path / "after"), whole)


@pytest.mark.parametrize("damage", ["optimizer.pt", "trainer_state.json", "whole.json"])
def test_a_checkpoint_cut_while_written_is_not_gone_on_from(
    tiny_folder: Path, tmp_path: Path, damage: str
) -> None:
    whole = go(tiny_folder, tmp_path / "whole")
    folder = tmp_path / "cut"
    with pytest.raises(CutShort):
        go(tiny_folder, folder, told=cut_after(7))
    newest = last_whole(folder)
    assert newest is not None and is_whole(newest)
    file = newest / damage
    file.write_bytes(file.read_bytes()[:-9])
    assert not is_whole(newest)
    older = last_whole(folder)
    assert older != newest and not newest.exists()
    assert_same(go(tiny_folder, folder), whole)


def test_a_smaller_micro_batch_goes_on_with_the_same_rows(
    tiny_folder: Path, tmp_path: Path
) -> None:
    """The memory ladder resumes in the middle: same rows at every step, so nearly same losses."""
    whole = go(tiny_folder, tmp_path / "whole", dropout=0.0)
    with pytest.raises(CutShort):
        go(tiny_folder, tmp_path / "cut", told=cut_after(3), dropout=0.0)
    smaller = go(tiny_folder, tmp_path / "cut", dropout=0.0, batch_size=1, grad_accum=4)
    assert smaller.steps == whole.steps
    assert smaller.best_eval_loss == pytest.approx(whole.best_eval_loss, abs=1e-3)
