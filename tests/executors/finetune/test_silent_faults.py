"""Faults that ruin a tuning in silence, planted one by one: each is refused by its own name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from advisor.session import Session
from bench.silent_faults import CONFIG, FAULTS, TEMPLATE, caught, rows_with, train
from bench.tuning import sealed
from executors.base import Context
from executors.finetune.proof import check_adapter, prove_answers, prove_learned, prove_saved
from executors.finetune.recipe import attach
from executors.models import load
from executors.rundir import RunDir


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_caught_by_its_name(
    tiny_folder: Path, tmp_path: Path, name: str
) -> None:
    torch.set_num_threads(1)
    assert caught(FAULTS[name], tiny_folder, tmp_path) == FAULTS[name].caught_by


def test_a_sound_training_passes_every_proof(tiny_folder: Path, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    _, trained = train(tiny_folder, tmp_path)
    proof = prove_learned(trained, "lora")
    assert proof["tensors_moved"] == 1.0
    trained.model.save_pretrained(str(tmp_path / "adapter"))
    assert prove_saved(trained.model, "lora", tmp_path)["adapter_tensors_saved"] > 0
    with torch.no_grad():  # one number of one tensor is enough to be another adapter
        next(p for n, p in trained.model.named_parameters() if "lora_B" in n)[0, 0] += 1
    with pytest.raises(Exception, match="adapter-not-loaded"):
        check_adapter(trained.model, tmp_path / "adapter")


def test_an_adapter_without_effect_and_answers_without_end_are_said(
    tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loaded = load(str(tiny_folder), dtype="float32", device="cpu")
    fresh = loaded.with_model(attach(loaded.model, "lora", CONFIG))
    run = RunDir.create(tmp_path / "run", sealed(CONFIG, tiny_folder), None)
    context = Context(Session(lang="en", no_input=True, plain=True))
    proof = prove_answers(fresh, rows_with(TEMPLATE), run, context)
    assert (proof["answers_changed"], proof["answers_ended"]) == (0, 0)
    lines = (run.path / "events.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["fault"] for line in lines] == ["end-not-generated", "answers-same"]
    said = capsys.readouterr().err
    assert "did the model end its answer" in said and "answered as before" in said
