"""How many optimiser steps a training of so many rows takes, and how few rows are too few."""

from __future__ import annotations

import math
from collections.abc import Mapping

from advisor.types import Scalar

MIN_EXAMPLES = 20
MIN_OPTIMISER_STEPS = 8


def steps(config: Mapping[str, Scalar], n_rows: int) -> tuple[int, int]:
    """Optimiser steps in all, and steps of one epoch."""
    batch, accumulate = int(config["finetune.batch_size"]), int(config["finetune.grad_accum"])
    per_epoch = math.ceil(math.ceil(n_rows / batch) / accumulate)
    planned = int(config["finetune.max_steps"]) or math.ceil(
        per_epoch * float(config["finetune.epochs"])
    )
    return planned, per_epoch


def least_rows(config: Mapping[str, Scalar]) -> int | None:
    """The fewest examples that make a training under these settings; None: no number does."""
    most = MIN_OPTIMISER_STEPS * int(config["finetune.batch_size"])
    most = max(MIN_EXAMPLES, most * int(config["finetune.grad_accum"]))
    most = math.ceil(most / min(1.0, float(config["finetune.epochs"])))
    sizes = range(MIN_EXAMPLES, most + 1)
    return next((n for n in sizes if steps(config, n)[0] >= MIN_OPTIMISER_STEPS), None)
