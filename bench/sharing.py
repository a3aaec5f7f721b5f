"""What roads compared together save against the same roads run alone: `python -m bench sharing`.

Each road alone is `okakae apply` in a process of its own; together they are one `okakae compare`
without diagnostics, so that both do the same work. handbook_ja with the starter, the five roads
that `compare --wide` takes by itself, short answers and a short training; `--repeats=N`,
`--roads=a,b`, `--test_share=S`. What no sharing can save (training, answers) stands beside.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from bench.interrupted_compare import quiet
from bench.machine import save
from bench.roads import SHARED

SETS = (
    "goal=new_facts",
    "model=starter",
    "generate.max_new_tokens=16",
    "prompting.shots=2",
    "data.validation_share=0.15",
    "rag.answer=extractive",
    "finetune.max_steps=8",
    "finetune.batch_size=2",
    "finetune.grad_accum=1",
    "finetune.eval_per_epoch=1",
    "finetune.score_rows=0",
    "finetune.replay_share=0",
    "finetune.general_probe=off",
)
ROADS = ("zero_shot", "prompting", "nearest_shots", "rag", "lora")


def plans(folder: Path, roads: tuple[str, ...], test_share: float) -> dict[str, Path]:
    """Sealed plans by road."""
    from advisor.plan import find_option
    from executors.compare.candidates import advise, candidates, planned

    data = folder / "handbook"
    data.mkdir()
    for name in ("corpus.jsonl", "qa_dev.jsonl"):
        shutil.copy(SHARED / "handbook_ja" / name, data / name)
    sets = (*SETS, f"data.path={data}", f"data.test_share={test_share}")
    advised = advise(quiet(), None, sets)
    found = candidates(advised, folder, resume=False, wide=True)
    for road in set(roads) - set(found):
        option = find_option(advised.recommendation, road)
        found[road] = planned(option, advised, folder, resume=False)
    return {road: found[road][0] for road in roads}


def seconds(*words: str | Path) -> float:
    """Wall time of one okakae command in a process of its own."""
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "advisor", *map(str, words), "--json", "--no-input", "--offline"],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return time.perf_counter() - started


def own_work(run: Path) -> dict[str, float]:
    """Seconds of a road's training and answers, and how many questions it was asked."""
    from executors.evaluate.heldout import ANSWERS, read_answers
    from executors.rundir import RunDir

    opened = RunDir.open(run)
    answers = read_answers(opened.eval / ANSWERS)
    trains = opened.plan.executor == "finetune"
    return {
        "training_s": opened.manifest.actuals["build_seconds"] if trains else 0.0,
        "answers_s": sum(float(answer["seconds"]) for answer in answers),
        "questions": float(len(answers)),
    }


def measure(work: Path, roads: tuple[str, ...], repeats: int, test_share: float) -> dict[str, Any]:
    found = plans(work, roads, test_share)
    # Converts the starter and fills the disk's cache, which both sides find alike.
    seconds("apply", found[roads[0]], "--run", work / "warm")
    rounds = []
    for number in range(repeats):
        folder = work / f"round-{number}"
        alone = {
            road: seconds("apply", path, "--run", folder / road) for road, path in found.items()
        }
        together = seconds(
            "compare", *found.values(), "--no-diagnostics", "--run", folder / "together"
        )
        rounds.append(
            {
                "alone_s": alone,
                "together_s": together,
                "own_work_alone": {road: own_work(folder / road) for road in roads},
                "own_work_together": {
                    road: own_work(folder / "together" / "roads" / road) for road in roads
                },
            }
        )
        print(f"  {sum(alone.values()):.1f} s alone, {together:.1f} s together", flush=True)
        shutil.rmtree(folder)
    ratios = [one["together_s"] / sum(one["alone_s"].values()) for one in rounds]
    return {
        "data": "handbook_ja",
        "roads": list(roads),
        "settings": list(SETS),
        "rounds": rounds,
        "ratio": median(ratios),
        "ratios": ratios,
    }


def main() -> None:
    asked = dict(word[2:].split("=") for word in sys.argv[1:])
    roads = tuple(asked["roads"].split(",")) if "roads" in asked else ROADS
    with tempfile.TemporaryDirectory(prefix="okakae-sharing-") as folder:
        repeats, share = int(asked.get("repeats", 2)), float(asked.get("test_share", 0.3))
        figures = measure(Path(folder), roads, repeats, share)
    print(json.dumps(figures, indent=1))
    print(save("sharing", figures), flush=True)


if __name__ == "__main__":
    main()
