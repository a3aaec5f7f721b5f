"""Main memory a training needs beside the card's: loading, quantising, saving, paged states."""

from __future__ import annotations

from advisor.estimate.memory import (
    GIB,
    PROCESS_GIB,
    state_bytes,
    trainable_params,
    trained_bytes,
    training_memory,
)
from advisor.estimate.settings import EstimateSettings
from advisor.estimate.shapes import Shapes
from advisor.types import Estimate, Term


def host_memory(shapes: Shapes, settings: EstimateSettings) -> Estimate:
    """GiB of main memory for one training process.

    On a CPU that is the training itself. Beside a GPU: safetensors are mapped and go to the card
    tensor by tensor, also when they are quantised there, so that the largest one counts; saving
    copies what is trained; paged optimiser states move here when the card is full. None of this
    has been measured yet, hence the width.
    """
    if settings.device == "cpu":
        return training_memory(shapes, settings).estimate
    largest = 2.0 * max(shapes.vocab * shapes.hidden, *(x.weights for x in shapes.linears)) / GIB
    saved = trainable_params(shapes, settings) * trained_bytes(settings) / GIB
    paged = settings.resolved_optimizer.startswith("paged")
    moved = state_bytes(shapes, settings) / GIB if paged else 0.0
    low, likely, high = PROCESS_GIB
    return Estimate(
        low=low + largest,
        likely=likely + 2 * largest + saved,
        high=high + 2.0 * shapes.params / GIB + saved + moved,
        unit="GiB",
        basis="formula:host",
        terms=(
            Term("outside", likely),
            Term("weights", 2 * largest),
            Term("adapters" if not settings.trains_all else "weight_copies", saved),
        ),
    )
