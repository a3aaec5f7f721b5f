"""Answers a few held-out rows at every evaluation, so that the task's score stands by the loss.

The loss can fall while answers stay the same, and rise while they get better (ms-swift#1601).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from transformers import TrainerCallback

from executors.evaluate.metrics import chrf
from executors.finetune.rows import IGNORED, Row
from executors.models import LoadedModel

SCORE = "eval_chrf"
LONGEST_ANSWER = 160
ROOM = 16
"""Tokens beyond the right answer that a model may write."""


class ScoreAlong(TrainerCallback):
    """Adds chrF (0 to 1) of greedy answers to the history of losses, which a checkpoint keeps.

    Nothing is drawn at random and the model's mode is put back: training goes on as without it.
    """

    def __init__(self, loaded: LoadedModel, rows: Sequence[Row], n: int) -> None:
        """The `n` first rows by id whose answers are not too long are asked every time."""
        self._loaded = loaded
        short = [row for row in rows if row.trained_tokens <= LONGEST_ANSWER]
        self.rows = sorted(short, key=lambda row: row.id)[:n]

    def on_evaluate(
        self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any
    ) -> None:
        if not self.rows:
            return
        score = answered(self._loaded.with_model(model), self.rows)
        state.log_history.append({"step": state.global_step, "epoch": state.epoch, SCORE: score})


def answered(loaded: LoadedModel, rows: Sequence[Row]) -> float:
    """Mean chrF of the model's own answers to the rows' prompts."""
    from executors.generate import continue_rows

    prompts = [row.input_ids[: len(row.input_ids) - row.trained_tokens] for row in rows]
    room = max(row.trained_tokens for row in rows) + ROOM
    given = continue_rows(loaded, prompts, max_new_tokens=room)
    golds = [
        loaded.tokenizer.decode(
            [label for label in row.labels if label != IGNORED], skip_special_tokens=True
        ).strip()
        for row in rows
    ]
    scores = [chrf(one.text, gold) for one, gold in zip(given, golds, strict=True)]
    return sum(scores) / len(scores)
