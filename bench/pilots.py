"""The curve predictor on a pilot of our own: the starter, LoRA, keico_style, casual to polite.

`python -m bench pilots [--sizes=20,40,80,160] [--ahead=640] [--pairs=4-1] [--held=32]`: trains on
nested parts of the training rows by the product's own recipe (one epoch, batches of two), foretells
the loss at the sizes of `--ahead` from the first sizes, and trains those too. A quarter of an hour
on one free core; finished trainings below runs/ are not done again. The data set is read from
`../shared/data` and never enters the product.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.machine import save
from bench.roads import MIN_SIMILARITY, SHARED, okakae

WORK = Path("runs") / "bench-pilots"
SETS = {
    "goal": "style_or_tone",
    "model": "starter",
    "data.test_share": 0.15,
    "data.validation_share": 0.15,
    "finetune.epochs": 1,
    "finetune.batch_size": 2,
    "finetune.grad_accum": 1,
    "finetune.eval_per_epoch": 1,
    "finetune.score_rows": 0,
    "finetune.replay_share": 0,
    "finetune.general_probe": "off",
}


def main() -> None:
    words = dict(word.lstrip("-").split("=", 1) for word in sys.argv[1:] if "=" in word)
    pilot = [int(n) for n in words.get("sizes", "20,40,80,160").split(",")]
    ahead = [int(n) for n in words.get("ahead", "640").split(",")]
    levels, held = words.get("pairs", "4-1"), int(words.get("held", 32))
    started = time.perf_counter()
    losses = {n: trained(levels, n, held) for n in (*pilot, *ahead)}
    curve = judged(pilot, ahead, losses)
    earlier = WORK.parent / "bench-pilots-curves.json"
    curves = json.loads(earlier.read_text("utf-8")) if earlier.is_file() else {}
    curves[f"keico_style {levels}, {held} held out"] = curve
    earlier.write_text(json.dumps(curves, indent=1), encoding="utf-8")
    figures = {"model": "starter", "method": "lora", "settings": SETS, "curves": curves}
    print(json.dumps(curve, indent=1))
    print(f"{time.perf_counter() - started:.0f} s", save("pilots", figures))


def trained(levels: str, n: int, held: int) -> dict[str, float]:
    """The held-out loss after the product's training on the first `n` rows of one order."""
    from advisor.session import Session
    from executors.apply import apply, check_plan, load_data
    from executors.compare.pilot import nested_order
    from executors.rundir import RunDir

    folder = WORK / levels
    path, plan = folder / f"{n}-of-{held}", folder / "plan.json"
    if not plan.is_file():
        planned(folder, levels, plan)
    session = Session(lang="en", no_input=True, plain=True, offline=True)
    checked, _ = check_plan(plan, session)
    if not ((path / "manifest.json").is_file() and RunDir(path).manifest.status == "done"):
        data = load_data(checked.plan, checked.data_root, session)
        order = nested_order(data.split.train, seed=0)
        if len(order) < n:
            sys.exit(f"{len(order)} training rows, {n} wanted")
        watched = tuple(nested_order(data.split.validation, seed=0)[:held])
        split = replace(data.split, train=tuple(order[:n]), validation=watched, test=())
        given = replace(data, split=split)
        apply(checked, session, run_path=path, resume=path.exists(), data=given)
    actuals = RunDir(path).manifest.actuals
    found = {"loss": actuals["eval_loss_best"], "seconds": actuals["total_seconds"]}
    print(f"  {n} rows: loss {found['loss']:.4f} after {found['seconds']:.0f} s", flush=True)
    return found | {"untrained": actuals["eval_loss_first"], "steps": actuals["steps"]}


def planned(folder: Path, levels: str, plan: Path) -> None:
    """Write the pairs of one rewriting direction and the plan for them."""
    data = folder / "data"
    data.mkdir(parents=True)
    start, _, goal = levels.partition("-")
    lines = (SHARED / "keico_style" / "rewrite_pairs.jsonl").read_text(encoding="utf-8")
    with (data / "pairs.jsonl").open("w", encoding="utf-8") as stream:
        for row in map(json.loads, lines.splitlines()):
            direction = (str(row["from_level"]), str(row["to_level"]))
            if direction != (start, goal) or float(row.get("similarity", 1)) < MIN_SIMILARITY:
                continue
            record = {"id": row["id"], "input": row["source"], "output": row["target"]}
            stream.write(json.dumps(record | {"scene": row["field"]}, ensure_ascii=False) + "\n")
    sets = SETS | {"data.path": data}
    flags = [flag for key, value in sets.items() for flag in ("--set", f"{key}={value}")]
    okakae("plan", *flags, "--option", "lora", "--out", str(plan))


def judged(
    pilot: Sequence[int], ahead: Sequence[int], losses: dict[int, dict[str, float]]
) -> dict[str, Any]:
    """What the first sizes foretold beside what came; nothing foretold is what flat would miss."""
    from executors.compare.curve import Measured, advise, predict

    points = [Measured(n, losses[n]["loss"]) for n in pilot]
    advice = advise(points)
    foretold = []
    for n in ahead:
        said, true = predict(points, n), losses[n]["loss"]
        foretold.append(
            {
                "times": n / pilot[-1],
                "low": round(said.low, 4),
                "likely": round(said.likely, 4),
                "high": round(said.high, 4),
                "true": round(true, 4),
                "error_percent": round(100 * (said.likely / true - 1), 2),
                "inside": said.low <= true <= said.high,
                "error_if_flat_percent": round(100 * (points[-1].loss / true - 1), 2),
            }
        )
    return {
        "losses": {str(n): found for n, found in losses.items()},
        "says": advice.says,
        "foretold": foretold,
    }


if __name__ == "__main__":
    main()
