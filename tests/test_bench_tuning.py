"""The training beside its peers: equal batches are told from unequal ones, and the workers work."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.tuning import rows, tiny_base
from bench.tuning_peers import SETTINGS, order, run_one, same_tokens
from bench.tuning_peers_worker import IGNORED, as_lists


def test_a_row_is_what_is_left_without_its_padding() -> None:
    ids = torch.tensor([[5, 6, 7], [8, 9, 0]])
    labels = torch.tensor([[IGNORED, 6, 7], [IGNORED, 9, IGNORED]])
    mask = torch.tensor([[1, 1, 1], [1, 1, 0]])
    expected = [([5, 6, 7], [IGNORED, 6, 7]), ([8, 9], [IGNORED, 9])]
    assert as_lists((ids, labels, mask)) == expected
    labels[1, 2] = 0  # a label on padding is trained, so it must be seen
    assert as_lists((ids, labels, mask))[1] == ([8, 9, 0], [IGNORED, 9, 0])


@pytest.mark.parametrize(
    "theirs",
    [
        [[[[1, 2], [IGNORED, 3]]]],  # another label
        [[[[1, 4], [IGNORED, 2]]]],  # another token
        [],  # a step less
    ],
)
def test_other_tokens_are_not_compared(theirs: list[Any]) -> None:
    ours = {"batches": [[[[1, 2], [IGNORED, 2]]]]}
    same_tokens("trl", ours, ours)
    with pytest.raises(RuntimeError, match="trl"):
        same_tokens("trl", {"batches": theirs}, ours)


@pytest.mark.slow
def test_okakae_and_trl_see_the_same_batches_from_the_same_start(tmp_path: Path) -> None:
    made = rows(0, 32)
    told = {"train": [asdict(row) for row in made], "validation": [asdict(made[0])]}
    told["drawn"] = [told["train"][at] for at in order(made, 2)]
    settings = SETTINGS | {"batch": 2, "warmup_ratio": 0.05, "warmup_steps": 1}
    settings |= {"model": str(tiny_base(tmp_path / "base"))}
    folder = tmp_path / "rows"
    folder.mkdir()
    (folder / "rows.json").write_text(json.dumps(told), encoding="utf-8")
    (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    ours, theirs = (run_one(tool, "", folder, tmp_path / tool) for tool in ("okakae", "trl"))
    same_tokens("trl", theirs, ours)
    assert len(ours["step_seconds"]) == len(ours["batches"]) == 16
    assert ours["start_sha256"] == theirs["start_sha256"]
