"""Watches a training: progress for people, how long steps take, the limits of time and sense."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any

from transformers import TrainerCallback

from advisor.session import Progress

RISEN = 1.10
"""A held-out loss this many times the untrained model's is no noise of a small set any more."""


class Watch(TrainerCallback):
    """Moves the bar, and stops at a checkpoint when the time is up."""

    def __init__(self, progress: Progress, planned_steps: int, limit_hours: float | None) -> None:
        self._progress = progress
        self._planned = planned_steps
        self._limit_s = math.inf if limit_hours is None else limit_hours * 3600
        self._started = time.perf_counter()
        self.time_is_up = False

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
        note = ""
        for entry in reversed(state.log_history):
            if "eval_loss" in entry:
                note = f"loss {entry['eval_loss']:.3f}"
                break
        self._progress.update(state.global_step / max(1, self._planned), note)
        if (
            state.global_step < self._planned
            and time.perf_counter() - self._started > self._limit_s
        ):
            self.time_is_up = True
            # Saved and not judged: an evaluation out of turn would make the rest of the run,
            # should it be resumed, another one than the uninterrupted.
            control.should_save = control.should_training_stop = True
        return control


class Sense(TrainerCallback):
    """Stops a training whose loss is no number, rises, or no longer falls.

    Patience is read off the history of losses, which a checkpoint keeps, and not counted in a
    callback, which begins again at 0 when a run is resumed.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.broke = False
        """A loss or a gradient was no number; the weights are lost, those saved before are not."""

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> Any:
        seen = [(logs or {}).get(name) for name in ("loss", "grad_norm", "eval_loss")]
        if any(value is not None and not math.isfinite(float(value)) for value in seen):
            self.broke = True
        return self._stop_if_broken(control)

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
        if exhausted(state.log_history, self.patience) or has_risen(state.log_history):
            control.should_training_stop = True
        return self._stop_if_broken(control)

    def _stop_if_broken(self, control: Any) -> Any:
        if self.broke:
            control.should_training_stop = True
            # A resumed run must not begin from weights that are no numbers.
            control.should_save = control.should_evaluate = False
        return control


def evaluations(history: Sequence[Mapping[str, Any]]) -> list[tuple[int, float]]:
    """Step and held-out loss of every evaluation; the first is of the untrained model."""
    return [(int(e["step"]), float(e["eval_loss"])) for e in history if "eval_loss" in e]


def exhausted(history: Sequence[Mapping[str, Any]], patience: int) -> bool:
    """Whether so many evaluations in a row were no better than the best before them.

    The untrained model's is not among them: a loss that rises while the rate warms up is let be.
    """
    losses = [loss for _, loss in evaluations(history)][1:]
    return bool(losses) and len(losses) - 1 - losses.index(min(losses)) >= patience


def has_risen(history: Sequence[Mapping[str, Any]]) -> bool:
    """Whether two evaluations in a row lie clearly above the untrained model's."""
    losses = [loss for _, loss in evaluations(history)]
    return len(losses) >= 3 and min(losses[-2:]) > RISEN * losses[0] + 0.05


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
