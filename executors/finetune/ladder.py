"""What to try next when a training ran out of memory: the effective batch always stays.

Halve the micro-batch and double the accumulation, recompute activations, leave out the longest
rows (with consent), keep the base in 4 bits. Hugging Face's `auto_find_batch_size` halves the
batch alone, which is another training; here each optimiser step sees the same rows as before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from advisor.types import Method, Scalar

Step = Literal["smaller-micro-batch", "checkpointing", "shorter", "qlora"]
LORA_RATE = 10.0
"""LoRA wants about ten times the rate of full tuning (LoRA Without Regret)."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """Tokens of every row that is trained on, and how many of the task's may still go."""

    task: tuple[int, ...] = ()
    general: tuple[int, ...] = ()
    """Rows mixed in for replay: others are drawn for those that no longer fit."""
    spare: int = 0
    """Rows of the task that can be left out besides those that are, before a training is refused
    (`rehearsal.tolerated`)."""

    @property
    def every(self) -> tuple[int, ...]:
        return self.task + self.general


@dataclass(frozen=True, slots=True)
class Rung:
    """One way of training the same thing, and how it was come to."""

    method: Method
    config: Mapping[str, Scalar]
    step: Step | None = None
    """What makes it smaller than the rung before; None for the plan itself."""
    restarts: bool = False
    """Whether checkpoints of the rung before do not fit this one."""
    left_out: int = 0
    """Rows that a shorter length leaves out."""

    @property
    def effective_batch(self) -> int:
        return int(self.config["finetune.batch_size"]) * int(self.config["finetune.grad_accum"])

    def told(self) -> dict[str, str | int | float | bool]:
        """For events, the screen and the report."""
        return {
            "step": str(self.step),
            "method": self.method,
            "batch_size": int(self.config["finetune.batch_size"]),
            "grad_accum": int(self.config["finetune.grad_accum"]),
            "effective_batch": self.effective_batch,
            "gradient_checkpointing": bool(self.config["finetune.gradient_checkpointing"]),
            "seq_len": int(self.config["finetune.seq_len"]),
            "learning_rate": float(self.config["finetune.learning_rate"]),
            "left_out": self.left_out,
        }


def next_rung(
    rung: Rung,
    lengths: Lengths,
    *,
    may_shorten: Callable[[int, int], bool],
    four_bits: bool,
) -> Rung | None:
    """The next smaller way to train, or None when nothing is left.

    Args:
        may_shorten: asked with the new length and the rows it leaves out, only when that step
            is come to; without a yes it is passed over.
        four_bits: whether this machine can keep a base in 4 bits.
    """
    batch, accumulate = (
        int(rung.config[f"finetune.{name}"]) for name in ("batch_size", "grad_accum")
    )
    if batch > 1:
        smaller = _largest_part(batch)
        parts = {
            "finetune.batch_size": smaller,
            "finetune.grad_accum": accumulate * batch // smaller,
        }
        return replace(_changed(rung, parts), step="smaller-micro-batch")
    if not rung.config["finetune.gradient_checkpointing"]:
        return replace(
            _changed(rung, {"finetune.gradient_checkpointing": True}), step="checkpointing"
        )
    length, left_out = shorter(lengths, int(rung.config["finetune.seq_len"]))
    if left_out and may_shorten(length, left_out):
        cut = _changed(rung, {"finetune.seq_len": length})
        return replace(cut, step="shorter", restarts=True, left_out=left_out)
    if rung.method != "qlora" and four_bits:
        rate = float(rung.config["finetune.learning_rate"])
        if rung.method == "full":
            rate *= LORA_RATE
        small = _changed(rung, {"finetune.learning_rate": rate})
        return replace(small, method="qlora", step="qlora", restarts=True)
    return None


def shorter(lengths: Lengths, seq_len: int) -> tuple[int, int]:
    """The smallest length that a training is not refused for, and how many rows it leaves out.

    What a shorter length has cut is no longer spare, so that the same length is found again.
    """
    kept = sorted(one for one in lengths.task if one <= seq_len)
    if not kept:
        return seq_len, 0
    length = kept[max(0, len(kept) - 1 - max(0, lengths.spare))]
    return length, sum(length < one <= seq_len for one in lengths.every)


def _largest_part(batch: int) -> int:
    """The largest proper divisor: half of it where it is even."""
    return next(part for part in range(batch // 2, 0, -1) if batch % part == 0)


def _changed(rung: Rung, config: Mapping[str, Scalar]) -> Rung:
    return replace(rung, config={**rung.config, **config}, restarts=False)
