"""The closed forms beside fresh traces of the real modules: the whole grid, cell by cell.

A library upgrade that changes what a step keeps shows here: run it then. About half an hour of
one core; the default tests trace one cell a family and method.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Any

from advisor.estimate import EstimateSettings, find_shapes, training_memory
from bench.machine import save

WORST = 0.005
"""What the allocated peak may differ by, as a share of the traced one."""

FAMILIES = {
    "llama": "meta-llama/Llama-3.2-1B",
    "qwen2": "Qwen/Qwen2.5-0.5B",
    "qwen3": "Qwen/Qwen3-0.6B",
    "mistral": "mistralai/Mistral-7B-v0.3",
    "gemma": "google/gemma-2b",
    "gemma2": "google/gemma-2-9b",
    "gemma3": "google/gemma-3-1b-it",
    "phi": "microsoft/phi-2",
    "phi3": "microsoft/phi-4",
    "gpt2": "rinna/japanese-gpt2-medium",
    "gpt_neox": "rinna/japanese-gpt-neox-3.6b",
}
AXES: dict[str, tuple[Any, ...]] = {
    "device": ("cuda", "cpu"),
    "loss": ("tiled", "full"),
    "method": ("full", "lora", "qlora"),
    "gradient_checkpointing": (True, False),
    "attention": ("sdpa", "eager"),
    "padded": (False, True),
}


def deviation(**setup: Any) -> float:
    """The closed form's allocated peak over the traced one, minus 1."""
    from executors.tracing.step import trace

    settings = EstimateSettings(**setup)
    shapes = find_shapes(settings.model)
    traced = trace(shapes, settings).allocated
    return training_memory(shapes, settings).allocated * 2**30 / traced - 1


def grid(family: str) -> Iterator[dict[str, Any]]:
    """Every cell of a family: padded batches have three rows, the others one."""
    for values in itertools.product(*AXES.values()):
        cell = dict(zip(AXES, values, strict=True))
        if family == "gemma2" and cell["attention"] == "sdpa":
            continue  # its capped attention scores exist in eager attention only
        yield cell | {
            "model": FAMILIES[family],
            "batch_size": 3 if cell["padded"] else 1,
            "seq_len": 320,
        }


def whole(family: str) -> dict[str, Any]:
    """The drift of every cell of a family, in percent of the traced peak."""
    started = time.perf_counter()
    found = [(100 * deviation(**cell), cell) for cell in grid(family)]
    worst, at = max(found, key=lambda pair: abs(pair[0]))
    return {
        "cells": len(found),
        "worst_percent": round(worst, 3),
        "worst_at": {name: at[name] for name in AXES},
        "over": [
            {"percent": round(percent, 3)} | {name: cell[name] for name in AXES}
            for percent, cell in found
            if abs(percent) > 100 * WORST
        ],
        "seconds": round(time.perf_counter() - started, 1),
    }


def main() -> None:
    import torch

    torch.set_num_threads(1)
    families = {}
    for family in FAMILIES:
        families[family] = whole(family)
        print(family, families[family], flush=True)
    figures = {
        "cells": sum(each["cells"] for each in families.values()),
        "allowed_percent": 100 * WORST,
        "worst_percent": max((each["worst_percent"] for each in families.values()), key=abs),
        "over": sum(len(each["over"]) for each in families.values()),
        "families": families,
    }
    print(save("traces", figures))


if __name__ == "__main__":
    main()
