"""Few-shot prompting on keico_style with its prompt as planned and searched, on one test part.

The model is the 270M starter. The search sees validation pairs only; the test part is that of
`python -m bench roads`. Needs the shared data sets beside the checkout.
"""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

from bench.machine import save
from bench.roads import okakae, write_tone

CALLS = (0, 64, 256)


def one(work: Path, data: Path, calls: int) -> dict[str, Any]:
    """One run of the prompting road with so many calls for its search."""
    plan, run = work / f"plan-{calls}.json", work / f"run-{calls}"
    sets = {
        "goal": "style_or_tone",
        "data.path": data,
        "data.test_share": 0.17,
        "data.validation_share": 0.08,
        "model": "starter",
        "prompting.search_calls": calls,
    }
    flags = [flag for key, value in sets.items() for flag in ("--set", f"{key}={value}")]
    okakae("plan", *flags, "--option", "prompting", "--out", str(plan))
    started = time.perf_counter()
    okakae("apply", str(plan), "--run", str(run))
    (road,) = json.loads((run / "report.json").read_text(encoding="utf-8"))["roads"]
    return {
        "calls": calls,
        "seconds": round(time.perf_counter() - started, 1),
        "chrf": road["metrics"]["chrf"],
        "seconds_per_answer": road["seconds_per_answer"],
        "tokens_per_answer": road["tokens_per_answer"],
        "search": road["prompt_search"],
    }


def gain(work: Path, data: Path, calls: int) -> dict[str, float]:
    """Searched minus planned on the same test pairs, drawn by scene."""
    from executors.evaluate.heldout import cluster, scored
    from executors.evaluate.statistics import paired_difference
    from knowledge.corpus.reading import read

    examples = read(data).examples
    planned, searched = (
        {r.example.id: r for r in scored(examples, work / f"run-{n}" / "eval")} for n in (0, calls)
    )
    ids = sorted(planned)
    gap = paired_difference(
        [searched[id_].figures["chrf"] for id_ in ids],
        [planned[id_].figures["chrf"] for id_ in ids],
        [cluster(planned[id_].example) for id_ in ids],
    )
    figures = {"value": gap.value, "low": gap.low, "high": gap.high}
    return {name: round(value, 4) for name, value in figures.items()} | {"n": gap.n}


def main() -> None:
    work = Path("runs") / "bench-prompt-search"
    shutil.rmtree(work, ignore_errors=True)
    data = work / "tone"
    write_tone(data)
    runs = [one(work, data, calls) for calls in CALLS]
    for run in runs[1:]:
        run["gain_on_test"] = gain(work, data, run["calls"])
    print(save("prompt_search", {"keico_style": runs}))


if __name__ == "__main__":
    main()
