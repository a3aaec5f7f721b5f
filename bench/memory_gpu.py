"""Sweeps real model shapes on one CUDA card by all three counters; one command, resumable.

`python -m bench memory_gpu` measures what is missing and says so where there is no card (disk for
the largest model's weights is needed, 30 GB); `--compare` measures nothing, `--smoke` runs two tiny
set-ups on whatever is here and stores nothing.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.machine import save
from bench.memory_errors import compare, show
from bench.memory_setups import Setup, name_of, named
from bench.memory_sweep import Sweep, in_process, stored_document
from knowledge.catalog.loader import load
from knowledge.catalog.records import Model

NAME = "memory_gpu"
LIMIT_S = 900
# Constants may be fitted on one half of the families; the other half is only ever looked at.
PARTS = {
    "llama": "fit",
    "gemma3": "fit",
    "phi3": "fit",
    "gpt2": "fit",
    "qwen3": "held out",
    "qwen2": "held out",
    "mistral": "held out",
    "phi": "held out",
    "gpt_neox": "held out",
}
MODELS = (
    "meta-llama/Llama-3.2-1B",
    "meta-llama/Llama-3.2-3B",
    "meta-llama/Llama-3.1-8B",
    "google/gemma-3-270m",
    "google/gemma-3-1b-it",
    "google/gemma-3-4b-it",
    "microsoft/Phi-4-mini-instruct",
    "microsoft/phi-4",
    "rinna/japanese-gpt-1b",
    "Qwen/Qwen3-0.6B",
    "Qwen/Qwen3-1.7B",
    "Qwen/Qwen3-4B",
    "Qwen/Qwen3-8B",
    "Qwen/Qwen3-14B",
    "Qwen/Qwen2.5-0.5B",
    "Qwen/Qwen2.5-7B",
    "mistralai/Mistral-7B-Instruct-v0.3",
    "microsoft/phi-2",
    "rinna/japanese-gpt-neox-3.6b",
)
GRID: tuple[dict[str, Any], ...] = (
    {"method": "qlora", "gradient_checkpointing": True, "batch_size": 4, "seq_len": 1024},
    {"method": "qlora", "gradient_checkpointing": True, "batch_size": 1, "seq_len": 4096},
    {"method": "qlora", "gradient_checkpointing": False, "batch_size": 2, "seq_len": 512},
    {"method": "lora", "gradient_checkpointing": True, "batch_size": 4, "seq_len": 1024},
    {"method": "lora", "gradient_checkpointing": False, "batch_size": 1, "seq_len": 2048},
    {"method": "full", "gradient_checkpointing": True, "batch_size": 2, "seq_len": 1024},
)
# Full tuning keeps 16 bytes a weight: up to here it fits the largest single cards.
FULL_UP_TO = 4.5e9
CAPS_GIB = (3, 6, 8, 12, 15, 22)
"""Cards people have: the README's claim is that QLoRA starts at 3 GB."""
CAPPED: dict[str, Any] = {
    "method": "qlora",
    "gradient_checkpointing": True,
    "batch_size": 1,
    "seq_len": 512,
}


def gpu_setups() -> list[Setup]:
    """Every model under the grid, lengths cut to its context, families marked by their part."""
    found: dict[str, Setup] = {}
    for model in MODELS:
        record = load("models")[model]
        for settings in GRID:
            if settings["method"] == "full" and record.params > FULL_UP_TO:
                continue
            length = min(settings["seq_len"], record.max_context)
            setup = _on_cuda(model, {**settings, "seq_len": length})
            found[setup.name] = setup
    return list(found.values())


def _on_cuda(model: str, settings: dict[str, Any]) -> Setup:
    setup = named(model, {**settings, "device": "cuda"})
    return replace(setup, part=PARTS[setup.family])


def capped_setups(cap_gib: float) -> Iterator[Setup]:
    """Catalog models from the largest down whose 4-bit weights alone are below the cap."""
    seen = set()
    models = [model for model in load("models").values() if _countable(model)]
    for model in sorted(models, key=lambda model: -model.params):
        if model.params in seen or nf4_gib(model) > cap_gib:
            continue
        seen.add(model.params)
        yield _on_cuda(model.id, {**CAPPED, "cap_gib": float(cap_gib)})


def _countable(model: Model) -> bool:
    kind = "gemma3" if model.architecture == "gemma3_text" else model.architecture
    return kind in PARTS and model.plain_transformer and not model.num_local_experts


def nf4_gib(model: Model) -> float:
    """GiB of a model's weights with its linear layers in NF4."""
    from advisor.estimate.memory import weight_bytes
    from advisor.estimate.shapes import of_model

    return weight_bytes(of_model(model), nf4=True) / 2**30


def largest_that_trains(sweep: Sweep, cap_gib: float) -> dict[str, Any]:
    """Go down from the largest model until one really trains under the cap."""
    tried = []
    for setup in capped_setups(cap_gib):
        sweep.run([setup], limit_s=LIMIT_S)
        row = sweep.rows[setup.name]
        tried.append(setup.shape)
        if not row.get("out_of_memory") and "error" not in row:
            return {
                "cap_gib": cap_gib,
                "model": setup.shape,
                "parameters": row["parameters"],
                "device_gib": round(row["peak_device"] / 2**30, 2),
                "tried": tried,
            }
    return {"cap_gib": cap_gib, "model": None, "tried": tried}


def smoke(device: str) -> list[dict[str, Any]]:
    """Two tiny set-ups by the same process, record and recipe as the sweep."""
    rows = []
    for method in ("full", "qlora"):
        setup = Setup(
            name="", shape="smoke", method=method, gradient_checkpointing=True,
            batch_size=2, seq_len=64, padded=True, device=device,
        )  # fmt: skip
        with tempfile.TemporaryDirectory() as work:
            rows.append(in_process(replace(setup, name=name_of(setup)), Path(work), LIMIT_S))
    return rows


def main() -> None:
    import torch

    parser = argparse.ArgumentParser(prog=f"python -m bench {NAME}", description=__doc__)
    parser.add_argument("--compare", action="store_true", help="measure nothing again")
    parser.add_argument("--again", action="store_true", help="measure every set-up again")
    parser.add_argument("--smoke", action="store_true", help="two tiny set-ups, nothing stored")
    given = parser.parse_args()
    if given.smoke:
        for row in smoke("cuda" if torch.cuda.is_available() else "cpu"):
            mib = row.get("peak_allocated", 0) / 2**20
            print(row.get("error") or f"{row['name']}: {mib:.1f} MiB, losses {row['losses']}")
        return
    if not given.compare:
        if not torch.cuda.is_available():
            print("skipped: no CUDA card here; the sweep needs one (16 GB or more say something)")
            return
        sweep = Sweep(NAME, again=given.again)
        sweep.run(gpu_setups(), limit_s=LIMIT_S)
        capped = [largest_that_trains(sweep, cap) for cap in CAPS_GIB]
        sweep.save(largest_that_trains=capped)
    figures = (document := stored_document(NAME))["figures"]
    figures["comparison"] = compare(figures["rows"], figures["configs"])
    show(figures["comparison"])
    print(save(NAME, figures, document["machine"]))


if __name__ == "__main__":
    main()
