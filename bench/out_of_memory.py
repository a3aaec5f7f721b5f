"""Runs trainings under memory limits that are too small for them: do they come through, and how?

`python -m bench out_of_memory`. The limit is the kernel's (RLIMIT_AS), set between what the
training addresses at its planned micro-batch and what it addresses at one row; both are measured
first, without a limit.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.machine import save
from bench.tuning import SETTINGS, sealed, tiny_base

BATCH = 8
TEXT = "この件につきまして、関係各所への確認を進めておりますので、いましばらくお待ちください。"
CONFIG = SETTINGS | {
    "generate.max_new_tokens": 4,
    "data.test_share": 0.0,
    "data.validation_share": 0.1,
    "finetune.batch_size": BATCH,
    "finetune.grad_accum": 1,
    "finetune.dropout": 0.0,
    "finetune.seq_len": 2048,
    "finetune.max_steps": 8,
    "finetune.eval_per_epoch": 1,
}


def make_data(folder: Path, n: int = 80, repeats: int = 7) -> Path:
    """Rewriting pairs of about 1,000 byte tokens each, so that activations are what is large."""
    folder.mkdir(parents=True)
    rows = (
        {
            "id": f"r{i}",
            "prompt": f"{i}番の件、頼むよ。",
            "completion": f"{i}番の件。" + TEXT * repeats,
            "scene": f"s{i % 10}",
        }
        for i in range(n)
    )
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / "pairs.jsonl").write_text("".join(lines), encoding="utf-8")
    return folder


def write_plan(folder: Path, base: Path, data: Path, name: str, **over: Any) -> Path:
    from advisor.plan import save_plan

    method = over.pop("method", "lora")
    config = CONFIG | {f"finetune.{key}": value for key, value in over.items()}
    path = folder / f"{name}.json"
    save_plan(sealed(config, base, data, method), path)
    return path


def applied(plan: Path, run: Path, limit: int = 0) -> tuple[int, Any]:
    """The exit code of applying `plan` under a limit, and the run's manifest."""
    from executors.rundir import RunDir

    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",  # every thread's arena reserves 64 MiB of addresses
        "OKAKAE_STATE_DIR": str(run.parent / "state"),
        "OKAKAE_READ_CACHE": "off",
        "HF_HUB_OFFLINE": "1",
    }
    command = [sys.executable, "-m", "bench.limited_apply", str(plan), str(run), str(limit)]
    done = subprocess.run(command, env=environment, check=False, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        print(done.stderr[-2000:], file=sys.stderr)
    return done.returncode, RunDir.open(run).manifest


def addressed(plan: Path, run: Path) -> int:
    """Bytes of addresses that the training process used at its peak, without a limit."""
    code, manifest = applied(plan, run)
    if code:
        sys.exit(f"a training without a limit ended with {code}")
    return int(manifest.actuals["peak_addressed_gib"] * 2**30)


def told(code: int, manifest: Any, limit: int, planned: int) -> dict[str, Any]:
    return {
        "limit_gib": round(limit / 2**30, 3),
        "exit_code": code,
        "status": manifest.status,
        "steps_down": [change["step"] for change in manifest.changes],
        "effective_batch": manifest.actuals.get("effective_batch"),
        "planned_batch": planned,
        "micro_batch": manifest.actuals.get("micro_batch"),
        "optimiser_steps": manifest.actuals.get("steps"),
        "eval_loss_best": manifest.actuals.get("eval_loss_best"),
    }


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="okakae-memory-") as folder:
        root = Path(folder)
        base, data = tiny_base(root / "base", context=4096, hidden=64), make_data(root / "data")
        plans = {
            "planned": write_plan(root, base, data, "planned"),
            "one": write_plan(root, base, data, "one", batch_size=1, grad_accum=BATCH),
        }
        with ThreadPoolExecutor(2) as two:
            free = two.map(lambda name: addressed(plans[name], root / f"free-{name}"), plans)
            peak = dict(zip(plans, free, strict=True))
        gap = peak["planned"] - peak["one"]
        limits = {
            "halfway to one row": peak["one"] + gap // 2,
            "under one row": peak["one"] - gap // 20,
        }
        figures: dict[str, Any] = {
            "addressed_gib": {name: round(value / 2**30, 3) for name, value in peak.items()}
        }
        print(figures, flush=True)

        def under(name: str) -> dict[str, Any]:
            run, limit = root / name.replace(" ", "-"), limits[name]
            found = told(*applied(plans["planned"], run, limit), limit, BATCH)
            print(name, found, flush=True)
            return found

        with ThreadPoolExecutor(2) as two:
            figures |= dict(zip(limits, two.map(under, limits), strict=True))
    print(save("out_of_memory", figures))


if __name__ == "__main__":
    main()
