"""Leaving out the longest rows for want of memory is a training that goes through, with replay."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from killing import kill_training_at_first_checkpoint

from advisor.plan import save_plan
from advisor.session import Session
from bench.tuning import SETTINGS, sealed
from executors.apply import apply, check_plan, load_data
from executors.base import Context
from executors.finetune.checkpoints import forget_all
from executors.finetune.executor import FinetuneExecutor
from executors.finetune.general import planned_rows
from executors.finetune.ladder import Rung, next_rung
from executors.finetune.survive import LENGTHS, WORK, read_lengths
from executors.rundir import RunDir

SESSION = Session(lang="en", no_input=True, plain=True)
FOOT = SETTINGS | {
    "generate.max_new_tokens": 4,
    "data.test_share": 0.1,
    "data.validation_share": 0.15,
    "finetune.max_steps": 8,
    "finetune.batch_size": 1,
    "finetune.grad_accum": 4,
    "finetune.gradient_checkpointing": True,
    "finetune.seq_len": 1024,
    "finetune.replay_share": 0.1,
    "finetune.replay": "sample",
    "finetune.allow_shorter": True,
}
"""One row at once and recomputed: shorter rows are the next step."""


def company(folder: Path, *, n: int = 120, too_long: int = 0) -> Path:
    """Answers of `n` different lengths; `too_long` of them beyond the planned length."""
    folder.mkdir()
    rows = [
        {
            "id": f"r{i}",
            "prompt": f"{i}番?",
            "completion": f"{i}番です。" + "x" * (2000 if i < too_long else 3 * (7 * i % n)),
            "scene": f"s{i}",
            "split": "train" if i < 100 else "validation" if i < 110 else "test",
        }
        for i in range(n)
    ]
    lines = (json.dumps(one, ensure_ascii=False) + "\n" for one in rows)
    (folder / "pairs.jsonl").write_text("".join(lines), encoding="utf-8")
    return folder


@pytest.mark.parametrize("too_long", [0, 4])
def test_the_shorter_step_is_trained_and_not_refused(
    tiny_folder: Path, tmp_path: Path, too_long: int
) -> None:
    torch.set_num_threads(1)
    data = company(tmp_path / "company", too_long=too_long)
    plan = sealed(FOOT, tiny_folder, data)
    save_plan(plan, tmp_path / "plan.json")
    read = load_data(plan, check_plan(tmp_path / "plan.json", SESSION)[0].data_root, SESSION)
    run = RunDir.create(tmp_path / "run", plan, data)

    general = planned_rows(plan, run, read, SESSION)

    def tune(rung: Rung) -> dict[str, Any]:
        FinetuneExecutor().tune(plan, run, read, Context(SESSION), rung, None, general)
        about = (run.artifacts / "tuned.json").read_text(encoding="utf-8")
        return dict(json.loads(about))

    planned = Rung("lora", plan.config)
    whole = tune(planned)
    assert whole["replay"]["rows"] > 0
    lengths = read_lengths(run.path / WORK / LENGTHS)
    assert lengths is not None and len(lengths.task) == 100 - too_long
    smaller = next_rung(planned, lengths, may_shorten=lambda *_: True, four_bits=False)
    assert smaller is not None and smaller.step == "shorter"
    forget_all(run.path / "checkpoints")
    cut = tune(smaller)
    assert len(cut["left_out"]["too-long"]) == 10, "a tenth of the task's rows in all"
    assert cut["longest_row_tokens"] < whole["longest_row_tokens"]
    # A second try finds nothing more to leave out.
    again = read_lengths(run.path / WORK / LENGTHS)
    assert again is not None
    assert next_rung(smaller, again, may_shorten=lambda *_: True, four_bits=False) is None


@pytest.mark.slow
def test_a_run_that_was_killed_for_memory_ends_with_shorter_rows(
    tiny_folder: Path, tmp_path: Path
) -> None:
    data = company(tmp_path / "company")
    save_plan(sealed(FOOT, tiny_folder, data), tmp_path / "plan.json")
    run = tmp_path / "run"

    kill_training_at_first_checkpoint(run)
    done = apply(check_plan(tmp_path / "plan.json", SESSION)[0], SESSION, run_path=run)
    assert [change["step"] for change in done.manifest.changes] == ["shorter"]
    assert done.manifest.status == "done"
