"""Says before anything is loaded whether a training can fit here, by the estimate's formula."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from advisor.detect import gpus, machine
from advisor.errors import UsageError
from advisor.estimate.memory import training_memory
from advisor.estimate.settings import EstimateSettings
from advisor.estimate.shapes import Shapes, find_shapes
from advisor.types import Estimate, Method, Scalar
from executors.base import Lack
from executors.finetune.memory import limit_gib


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a training needs beside what there is, in GiB."""

    planned: Estimate
    smallest: Estimate
    """QLoRA with one row at once and recomputed activations: the foot of the ladder."""
    lora: Estimate
    """The same as planned, but the base in 16 bits."""
    have: float


def outlook(config: Mapping[str, Scalar], method: Method) -> Outlook | None:
    """The outlook of a training on this machine; None where the model's shapes are not known."""
    try:
        shapes = find_shapes(str(config["model"]))
    except (UsageError, OSError, ValueError, KeyError):
        return None
    cards = gpus()
    have = cards[0].vram_gib if cards else machine().ram_gib
    if not cards and (limit := limit_gib()) is not None:
        have = min(have, limit)

    def need(method: Method, **over: Scalar) -> Estimate:
        settings = {**config, **{f"finetune.{name}": value for name, value in over.items()}}
        return _need(shapes, settings, method, "cuda" if cards else "cpu")

    return Outlook(
        planned=need(method),
        smallest=need("qlora", batch_size=1, gradient_checkpointing=True),
        lora=need("lora"),
        have=have,
    )


def too_large(config: Mapping[str, Scalar], method: Method) -> list[Lack]:
    """One lack when even the foot of the ladder cannot fit; said before anything is loaded."""
    found = outlook(config, method)
    if found is None or found.smallest.low <= found.have:
        return []
    need, have = f"{found.smallest.low:.1f}", f"{found.have:.1f}"
    values = {"model": config["model"], "method": "qlora", "need": need, "have": have}
    return [Lack("model-too-large", values)]


def _need(shapes: Shapes, config: Mapping[str, Scalar], method: Method, device: str) -> Estimate:
    settings = EstimateSettings(
        model=shapes.id,
        method=method,
        seq_len=int(config["finetune.seq_len"]),
        batch_size=int(config["finetune.batch_size"]),
        grad_accum=int(config["finetune.grad_accum"]),
        lora_rank=int(config["finetune.rank"]),
        targets=str(config["finetune.targets"]),
        gradient_checkpointing=bool(config["finetune.gradient_checkpointing"]),
        optimizer=str(config["finetune.optimizer"]),
        device=device,
    )
    return training_memory(shapes, settings).estimate
