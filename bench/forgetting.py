"""What tuning on a tone costs elsewhere, with general rows mixed in and without.

The starter model on casual → most polite pairs of keico_style, one training per share of replay,
everything else the same: the general probe before and after with intervals, the light it gets,
and chrF on fields of life that were held out. `python -m bench forgetting [--shares=0,0.1]
[--pairs=220] [--epochs=3] [--resume]`: a quarter of an hour on one free core; `--resume` takes up
the trainings that an earlier call has finished. The data set is read from `../shared/data` and
never enters the product.
"""

from __future__ import annotations

import json
import random
import shutil
import sys
from pathlib import Path
from typing import Any

from bench.machine import save
from bench.roads import SHARED, _is_casual_to_polite, okakae

WORK = Path("runs") / "bench-forgetting"


def main() -> None:
    words = dict(word.lstrip("-").split("=", 1) for word in sys.argv[1:] if "=" in word)
    shares = [float(share) for share in words.get("shares", "0,0.1").split(",")]
    pairs, epochs = int(words.get("pairs", 220)), float(words.get("epochs", 3))
    if "--resume" not in sys.argv:
        shutil.rmtree(WORK, ignore_errors=True)
    data = write_pairs(WORK / "data", pairs)
    runs = {f"{share:g}": tuned(data, share, epochs) for share in shares}
    figures = {
        "data": "keico_style, level 4 to 1",
        "pairs": pairs,
        "epochs": epochs,
        "model": "starter",
        "method": "lora",
        "by_share": {share: arm(run) for share, run in runs.items()},
        "against_none": against(runs) if "0" in runs else {},
    }
    print(json.dumps(figures, ensure_ascii=False, indent=1))
    print(save("forgetting", figures))


def write_pairs(folder: Path, n: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    lines = (SHARED / "keico_style" / "rewrite_pairs.jsonl").read_text(encoding="utf-8")
    rows = [row for row in map(json.loads, lines.splitlines()) if _is_casual_to_polite(row)]
    random.Random(0).shuffle(rows)
    with (folder / "pairs.jsonl").open("w", encoding="utf-8") as stream:
        for row in rows[:n]:
            record = {
                "id": row["id"],
                "input": row["source"],
                "output": row["target"],
                "scene": row["field"],
            }
            stream.write(json.dumps(record, ensure_ascii=False) + "\n")
    return folder


def tuned(data: Path, share: float, epochs: float) -> Path:
    """One run of the product itself, from plan to answers."""
    folder = WORK / f"replay-{share:g}"
    if (folder / "run" / "report.json").is_file():
        return folder / "run"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    sets = {
        "goal": "style_or_tone",
        "data.path": data,
        "data.test_share": 0.2,
        "data.validation_share": 0.08,
        "model": "starter",
        "finetune.epochs": epochs,
        "finetune.eval_per_epoch": 2,
        "finetune.replay_share": share,
        "generate.max_new_tokens": 64,
    }
    flags = [flag for key, value in sets.items() for flag in ("--set", f"{key}={value}")]
    plan = folder / "plan.json"
    okakae("plan", *flags, "--option", "lora", "--out", str(plan))
    okakae("apply", str(plan), "--run", str(folder / "run"))
    return folder / "run"


def arm(run: Path) -> dict[str, Any]:
    """The probe's parts, the light and the task's figure of one run."""
    found = json.loads((run / "artifacts" / "forgetting.json").read_text(encoding="utf-8"))
    (road,) = json.loads((run / "report.json").read_text(encoding="utf-8"))["roads"]
    actual = road["actual"]
    return {
        "light": found["light"],
        "parts": found["parts"],
        "bounds": found["bounds"],
        "replay": found["replay"],
        "chrf": road["metrics"]["chrf"],
        "steps": actual["steps"],
        "best_step": actual["best_step"],
        "eval_loss": [actual["eval_loss_first"], actual["eval_loss_best"]],
        "build_seconds": round(actual["build_seconds"], 1),
    }


def against(runs: dict[str, Path]) -> dict[str, Any]:
    """Each share of replay beside none, on the same items: what it saved and what it cost."""
    from dataclasses import asdict

    from executors.evaluate.statistics import paired_difference

    base = after(runs["0"])
    found: dict[str, Any] = {}
    for share, run in runs.items():
        if share == "0":
            continue
        other = after(run)
        found[share] = {
            name: asdict(
                paired_difference(
                    [other[name][key] for key in base[name]], list(base[name].values())
                )
            )
            for name in base
        }
    return found


def after(run: Path) -> dict[str, dict[str, float]]:
    """By measure: every item's figure after the training, and every test pair's chrF."""
    from advisor.session import Session
    from executors.apply import heldout, load_data
    from executors.compare.roads import road
    from executors.rundir import RunDir

    items = json.loads((run / "artifacts" / "forgetting.json").read_text(encoding="utf-8"))["items"]
    by: dict[str, dict[str, float]] = {}
    for measure in ("loss", "choices"):
        for lang in ("ja", "en"):
            by[f"{measure}-{lang}"] = {
                key: now for key, (_, now) in items[measure].items() if key.startswith(lang)
            }
    opened = RunDir.open(run)
    session = Session(lang="en", no_input=True, plain=True)
    test = heldout(load_data(opened.plan, opened.data_root, session).split, opened.plan)
    answered = road(run, test).results
    by["chrf"] = {one.example.id: one.figures["chrf"] for one in answered}
    return by


if __name__ == "__main__":
    main()
