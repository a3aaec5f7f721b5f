"""Answers along the run are scored, and training goes on as if nobody had asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tiny import byte_tokenizer, memorise, save_tiny, tiny_llama

from bench.tuning import SETTINGS, Bar, rows
from executors.finetune.recipe import Trained, train
from executors.finetune.rows import IGNORED, Row
from executors.finetune.score import SCORE, ScoreAlong, answered
from executors.models import load


def go(base: Path, folder: Path, told: Any = None, **over: int) -> Trained:
    torch.set_num_threads(1)
    settings = {"finetune.epochs": 2.0, "finetune.eval_per_epoch": 2}
    return train(
        load(str(base), purpose="train", dtype="float32", device="cpu"),
        "lora",
        SETTINGS | settings | {f"finetune.{key}": value for key, value in over.items()},
        rows(0, 14),
        rows(14, 18),
        checkpoints=folder,
        limit_hours=None,
        progress=Bar(told),
        resume=True,
    )


def scores(trained: Trained) -> list[tuple[float, float]]:
    return [(entry["step"], entry[SCORE]) for entry in trained.losses if SCORE in entry]


def weights(trained: Trained) -> dict[str, torch.Tensor]:
    return {n: p.detach() for n, p in trained.model.named_parameters() if p.requires_grad}


def test_weights_are_those_of_a_run_that_answered_nothing(
    tiny_folder: Path, tmp_path: Path
) -> None:
    silent = go(tiny_folder, tmp_path / "silent")
    scored = go(tiny_folder, tmp_path / "scored", score_rows=2)
    assert scores(silent) == []
    judged = [entry["step"] for entry in scored.losses if "eval_loss" in entry]
    assert [step for step, _ in scores(scored)] == judged
    assert all(0 <= value <= 1 for _, value in scores(scored))
    found = weights(scored)
    assert all(torch.equal(found[name], weight) for name, weight in weights(silent).items())


def test_a_resumed_run_has_the_same_scores(tiny_folder: Path, tmp_path: Path) -> None:
    class CutShort(Exception): ...

    def told(done: float) -> None:
        if done >= 0.7:
            raise CutShort

    whole = go(tiny_folder, tmp_path / "whole", score_rows=2)
    try:
        go(tiny_folder, tmp_path / "cut", told, score_rows=2)
    except CutShort:
        pass
    resumed = go(tiny_folder, tmp_path / "cut", score_rows=2)
    assert scores(resumed) == scores(whole)
    found = weights(resumed)
    assert all(torch.equal(found[name], weight) for name, weight in weights(whole).items())


def test_right_answers_score_one(tmp_path: Path) -> None:
    tokenizer, model = byte_tokenizer(), tiny_llama()
    asked, given = "<bos>雨は?", "傘です。<eos>"
    prompt, answer = (tokenizer(x, add_special_tokens=False)["input_ids"] for x in (asked, given))
    row = Row("r", prompt + answer, [IGNORED] * len(prompt) + answer)
    before = answered(load(str(save_tiny(tmp_path / "raw", model)), dtype="float32"), [row])
    memorise(model, tokenizer, [asked + given], steps=80)
    after = answered(load(str(save_tiny(tmp_path / "knows", model)), dtype="float32"), [row])
    assert before < 0.2 and after == 1.0


def test_rows_with_long_answers_are_not_asked(tiny_folder: Path) -> None:
    chosen = rows(0, 6)
    long = [type(row)(row.id, row.input_ids * 9, row.input_ids * 9) for row in chosen[:3]]
    along = ScoreAlong(load(str(tiny_folder)), [*long, *chosen[3:]], 5)
    assert [row.id for row in along.rows] == [row.id for row in chosen[3:]]
