"""The three roads on real data: a company's work rules (facts) and politeness levels (tone).

Needs the shared data sets beside the checkout; they never enter the product. The starter model
is a 270M base model: read the figures for the difference between the roads.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.machine import save

SHARED = Path(__file__).parents[2] / "shared" / "data"
Roads = Mapping[str, tuple[str, Mapping[str, Any]]]
KEPT = (
    *("name", "n", "metrics", "by_kind", "against_best", "lost_because"),
    *("seconds_per_answer", "answers", "actual"),
)
"""What a result file holds of each road of a report."""
OKAKAE = str(Path(sys.executable).parent / "okakae")
TONE_PAIRS = 600
MIN_SIMILARITY = 0.2


def handbook(work: Path) -> dict[str, Any]:
    """Prompting, RAG and QLoRA on the same half of handbook_ja's questions."""
    data = work / "handbook"
    data.mkdir(parents=True)
    for name in ("corpus.jsonl", "qa_dev.jsonl"):
        shutil.copy(SHARED / "handbook_ja" / name, data / name)
    sets = {
        "goal": "new_facts",
        "data.path": data,
        "data.test_share": 0.5,
        "data.validation_share": 0.1,
        "model": "starter",
    }
    roads = {option: (option, {}) for option in ("prompting", "rag", "qlora")}
    return compare(work / "handbook-run", roads, sets)


def tone(work: Path) -> dict[str, Any]:
    """Few-shot prompting and QLoRA on held-out fields of keico_style, casual to most polite."""
    data = work / "tone"
    write_tone(data)
    sets = {
        "goal": "style_or_tone",
        "data.path": data,
        "data.test_share": 0.17,
        "data.validation_share": 0.08,
        "finetune.epochs": 2,
        "model": "starter",
    }
    roads = {option: (option, {}) for option in ("prompting", "qlora")}
    return compare(work / "tone-run", roads, sets)


def write_tone(data: Path) -> None:
    """Pairs of keico_style, casual and most polite, as a company's file would hold them."""
    data.mkdir(parents=True)
    lines = (SHARED / "keico_style" / "rewrite_pairs.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in lines.splitlines()]
    pairs = [row for row in rows if _is_casual_to_polite(row)]
    random.Random(0).shuffle(pairs)
    with (data / "pairs.jsonl").open("w", encoding="utf-8") as stream:
        for number, row in enumerate(pairs[:TONE_PAIRS]):
            record = {
                "id": f"keico-{number}",
                "input": row["source"],
                "output": row["target"],
                "scene": row["field"],
            }
            stream.write(json.dumps(record, ensure_ascii=False) + "\n")


def _is_casual_to_polite(row: dict[str, Any]) -> bool:
    similar = float(row.get("similarity", 1.0)) >= MIN_SIMILARITY
    return similar and str(row.get("from_level")) == "4" and str(row.get("to_level")) == "1"


def compare(
    folder: Path,
    roads: Roads,
    sets: Mapping[str, Any],
    *,
    diagnostics: bool = True,
    resume: bool = False,
) -> dict[str, Any]:
    """Plan each road, compare them, and keep what the report says about them.

    Args:
        folder: gets the plans, and the comparison in `run`.
        roads: by label, the option and the settings of that road alone.
        resume: go on with a comparison of the same plans that stands in `folder`.
    """
    plans = []
    for label, (option, own) in roads.items():
        plan = folder / "plans" / f"{label}.json"
        plan.parent.mkdir(parents=True, exist_ok=True)
        plans.append(str(plan))
        if resume and plan.is_file():
            continue  # made anew it would hold what earlier runs taught of time and memory
        settings = {**sets, **own}
        flags = [flag for key, value in settings.items() for flag in ("--set", f"{key}={value}")]
        okakae("plan", *flags, "--option", option, "--out", str(plan))
    flags = [] if diagnostics else ["--no-diagnostics"]
    flags += ["--resume"] if resume and (folder / "run").exists() else []
    okakae("compare", *plans, "--run", str(folder / "run"), *flags)
    report = json.loads((folder / "run" / "report.json").read_text(encoding="utf-8"))
    recommended = ("recommendation_before", "recommendation_after", "recommendation_update")
    return {
        **{key: report.get(key) for key in ("verdict", *recommended, "diagnostics")},
        "roads": [{key: road.get(key) for key in KEPT} for road in report["roads"]],
    }


def okakae(*arguments: str) -> None:
    subprocess.run(
        [OKAKAE, *arguments, "--json", "--no-input", "--offline"],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def main() -> None:
    work = Path("runs") / "bench-roads"
    shutil.rmtree(work, ignore_errors=True)
    print(save("roads", {"handbook_ja": handbook(work), "keico_style": tone(work)}))


if __name__ == "__main__":
    main()
