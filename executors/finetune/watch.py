"""Watches a training: progress for people, and the limits of time and of sense."""

from __future__ import annotations

import math
import time
from typing import Any

from transformers import TrainerCallback

from advisor.session import Progress


class Watch(TrainerCallback):
    """Moves the bar, and stops at a checkpoint when the time is up or the loss is no number."""

    def __init__(self, progress: Progress, planned_steps: int, limit_hours: float | None) -> None:
        self._progress = progress
        self._planned = planned_steps
        self._limit_s = math.inf if limit_hours is None else limit_hours * 3600
        self._started = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
        note = ""
        for entry in reversed(state.log_history):
            if "eval_loss" in entry:
                note = f"loss {entry['eval_loss']:.3f}"
                break
        self._progress.update(state.global_step / max(1, self._planned), note)
        if time.perf_counter() - self._started > self._limit_s:
            control.should_evaluate = control.should_save = True
            control.should_training_stop = True
        return control

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> Any:
        loss = (logs or {}).get("loss")
        if loss is not None and not math.isfinite(float(loss)):
            control.should_training_stop = True
        return control
