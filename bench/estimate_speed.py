"""How fast an estimate is: a whole process beside a bare Python, and a thousand through the API."""

from __future__ import annotations

import itertools
import os
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.machine import save
from bench.startup import seconds

RUNS = 21
MODELS = (
    *("meta-llama/Llama-3.1-8B", "Qwen/Qwen3-4B", "google/gemma-3-1b-it"),
    *("mistralai/Mistral-7B-v0.3", "microsoft/phi-4"),
)
METHODS = ("full", "lora", "qlora")
GPUS = (None, "T4", "L40S", "RTX 4090")
LENGTHS, BATCHES = (256, 512, 1024, 2048), (1, 2, 4, 8, 16)


def processes() -> dict[str, Any]:
    """`okakae estimate … --json` and `python -c pass` in turn: medians and the slowest tenth."""
    environment = dict(os.environ)
    binary = str(Path(sys.executable).parent / "okakae")
    asked = [binary, "estimate", "--model", MODELS[0], "--method", "qlora", "--gpu", "T4", "--json"]
    bare = [sys.executable, "-c", "pass"]
    for command in (asked, bare):  # bytecode and the disk's cache
        seconds(command, environment)
    pairs, used = [], []
    for _ in range(RUNS):
        before = _children_cpu_s()
        whole_s = seconds(asked, environment)
        used.append(_children_cpu_s() - before)
        pairs.append((whole_s, seconds(bare, environment)))
    whole = [pair[0] for pair in pairs]
    return {
        "estimate_s": round(statistics.median(whole), 4),
        "estimate_p90_s": round(statistics.quantiles(whole, n=10)[-1], 4),
        "estimate_cpu_s": round(statistics.median(used), 4),
        "python_s": round(statistics.median(pair[1] for pair in pairs), 4),
        "runs": RUNS,
    }


def _children_cpu_s() -> float:
    times = os.times()
    return times.children_user + times.children_system


def thousand(lengths: Sequence[int] = LENGTHS, gpus: Sequence[str | None] = GPUS) -> dict[str, Any]:
    """A thousand different set-ups in one process, the catalog's reading included."""
    from advisor.estimate import EstimateSettings, estimate

    grid = itertools.product(MODELS, METHODS, gpus, lengths, BATCHES)
    setups = [
        EstimateSettings(model=model, method=method, gpu=gpu, seq_len=length, batch_size=batch)  # type: ignore[arg-type]
        for model, method, gpu, length, batch in itertools.islice(grid, 1000)
    ]
    started, busy = time.perf_counter(), time.process_time()
    for setup in setups:
        estimate(setup)
    took, used = time.perf_counter() - started, time.process_time() - busy
    return {"estimates": len(setups), "seconds": round(took, 4), "cpu_seconds": round(used, 4)}


def main() -> None:
    # Others may be at work on the machine: the load says how far the wall clock can be believed.
    figures = {"load_before": round(os.getloadavg()[0], 2), **processes()}
    figures |= {"through_the_api": thousand(), "torch_loaded": "torch" in sys.modules}
    # The same set-up on several cards needs the same memory, which is counted once.
    figures["no_memory_twice"] = thousand(range(272, 272 + 16 * 16, 16), (None,))
    print(figures)
    print(save("estimate_speed", figures))


if __name__ == "__main__":
    main()
