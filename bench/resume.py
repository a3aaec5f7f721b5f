"""Kills trainings with SIGKILL at random steps and resumes them: is the final adapter the same?

`python -m bench resume [--kills=10] [--method=lora,qlora]`. Each killed run is a process of its own
(forked, so that the libraries are read once); the moment within the step is random, too, so that
some kills fall into the writing of a checkpoint. One run more is killed again and again until it
is done.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.machine import RESULTS, save
from bench.tuning import SETTINGS, Bar, forked, import_everything, rows, sha256, tiny_base

METHODS = ("lora", "qlora")
DTYPE = "bfloat16"
"""TRL trains adapters of a quantised base in bf16: the case that a naive resume gets wrong."""


def train(base: Path, method: str, dtype: str, work: Path, told: Any = None) -> None:
    """One training to its end in this process, going on from what lies in `work`."""
    from executors.finetune.recipe import train as recipe
    from executors.models import load, quiet_libraries

    with quiet_libraries():
        loaded = load(
            str(base), purpose="train", quantised=method == "qlora", dtype=dtype, device="cpu"
        )
        trained = recipe(
            loaded,
            method,  # type: ignore[arg-type]
            SETTINGS,
            rows(0, 48),
            rows(48, 54),
            checkpoints=work / "checkpoints",
            limit_hours=None,
            progress=Bar(told),
            resume=True,
        )
    trained.model.save_pretrained(str(work / "adapter"))
    (work / "steps").write_text(str(trained.steps))


def run(base: Path, method: str, dtype: str, work: Path, kill: tuple[int, float] | None) -> bool:
    """Train in a process; True when it came to its end, False when it was killed.

    Args:
        kill: the step, and seconds after it, at which the process gets SIGKILL.
    """
    heard, said = os.pipe()

    def work_on() -> None:
        os.close(heard)
        train(base, method, dtype, work, lambda _: os.write(said, b"."))

    child = forked(work_on)
    os.close(said)
    seen = 0
    while os.read(heard, 1):
        seen += 1
        if kill and seen == kill[0]:
            time.sleep(kill[1])
            os.kill(child, signal.SIGKILL)
            break
    os.close(heard)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return False
    if os.WEXITSTATUS(status):
        sys.exit("a training failed")
    return True


def measure(base: Path, method: str, dtype: str, folder: Path, kills: int) -> dict[str, Any]:
    dice = random.Random(f"{method} {dtype}")
    whole = folder / "whole"
    started = time.perf_counter()
    run(base, method, dtype, whole, None)
    steps = int((whole / "steps").read_text())
    per_step = (time.perf_counter() - started) / steps
    expected = sha256(whole / "adapter" / "adapter_model.safetensors")
    outcomes = []
    for number in range(kills):
        work = folder / f"killed-{number}"
        at, later = dice.randint(1, steps - 1), dice.uniform(0, per_step)
        died = not run(base, method, dtype, work, (at, later))
        left = sorted(path.name for path in (work / "checkpoints").glob("checkpoint-*"))
        run(base, method, dtype, work, None)
        same = sha256(work / "adapter" / "adapter_model.safetensors") == expected
        outcomes.append({"step": at, "killed": died, "checkpoints": left, "identical": same})
        print(f"  {method} {dtype}: killed at {at}, identical {same}", flush=True)
        shutil.rmtree(work)
    again, deaths = folder / "again", 0
    while not run(base, method, dtype, again, (dice.randint(6, 9), dice.uniform(0, per_step))):
        deaths += 1
    chain = sha256(again / "adapter" / "adapter_model.safetensors") == expected
    return {
        "steps": steps,
        "digest": expected,
        "kills": outcomes,
        "identical": sum(one["identical"] for one in outcomes),
        "really_killed": sum(one["killed"] for one in outcomes),
        "one_run_killed_again_and_again": {"kills": deaths, "identical": chain},
    }


def stored() -> dict[str, Any]:
    """Figures of the other method that are there already."""
    file = RESULTS / "resume.json"
    return dict(json.loads(file.read_text(encoding="utf-8"))["figures"]) if file.is_file() else {}


def main() -> None:
    asked = dict(word[2:].split("=") for word in sys.argv[1:])
    kills = int(asked.get("kills", 10))
    import_everything()
    with tempfile.TemporaryDirectory(prefix="okakae-resume-") as folder:
        base = Path(folder, "base")
        os.waitpid(forked(lambda: tiny_base(base) and None), 0)
        for method in asked.get("method", ",".join(METHODS)).split(","):
            figures = measure(base, method, DTYPE, Path(folder, method), kills)
            print(save("resume", stored() | {method: figures}), flush=True)


if __name__ == "__main__":
    main()
