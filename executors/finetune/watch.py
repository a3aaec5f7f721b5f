"""Watches a training: progress for people, how long steps take, the limits of time and sense."""

from __future__ import annotations

import math
import statistics
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


class StepClock(TrainerCallback):
    """Times optimiser steps by themselves: no evaluation, no saving, no loading."""

    def __init__(self, *, exact: bool = False) -> None:
        """`exact` waits for the GPU around every step; over many steps it evens out unasked."""
        self._exact = exact
        self._began = 0.0
        self._gradients_at = 0.0
        self.gradients: list[float] = []
        """Seconds of each step's forward and backward passes, all of its batches together."""
        self.optimizer: list[float] = []
        """Seconds of each step's update of the weights."""

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._began = self._now()

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._gradients_at = self._now()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.gradients.append(self._gradients_at - self._began)
        self.optimizer.append(self._now() - self._gradients_at)

    @property
    def seconds_per_step(self) -> float:
        """The median step; the first one, which fills caches, only where there is no other."""
        steps = [sum(pair) for pair in zip(self.gradients, self.optimizer, strict=True)]
        return statistics.median(steps[1:] or steps) if steps else 0.0

    def _now(self) -> float:
        if self._exact:
            import torch

            if torch.cuda.is_available():
                torch.cuda.synchronize()
        return time.perf_counter()
