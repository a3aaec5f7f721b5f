"""Proof that a training learned something: the adapter moved and the held-out loss went down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.errors import RunError
from advisor.types import Method

if TYPE_CHECKING:
    from executors.finetune.recipe import Trained


def prove_learned(trained: Trained, method: Method) -> dict[str, float]:
    """Figures that show the training changed the model.

    Returns:
        The share of trained tensors that are not zero, and the held-out loss before and after.

    Raises:
        RunError: an adapter is still what it was at the start ("it ran, nothing changed").
    """
    proof = {"eval_loss_first": trained.first_eval_loss, "eval_loss_best": trained.best_eval_loss}
    if method == "full":
        return proof
    # LoRA's B matrices start at zero: one that still is has learned nothing.
    matrices = [p for name, p in trained.model.named_parameters() if "lora_B" in name]
    moved = sum(bool(matrix.detach().abs().sum() > 0) for matrix in matrices)
    if not matrices or not moved:
        raise RunError("adapter-unchanged", steps=trained.steps)
    return proof | {"adapter_tensors_moved": moved / len(matrices)}
