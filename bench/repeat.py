"""Applies the plans of a finished demo once more: same seal, same passages, same losses?"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.machine import save

OKAKAE = str(Path(sys.executable).parent / "okakae")


def again(demo: Path, road: str, work: Path) -> dict[str, Any]:
    """Apply one plan of the demo again and compare what came out, byte by byte."""
    target = work / road
    subprocess.run(
        [OKAKAE, "apply", str(demo / "plans" / f"{road}.json"), "--run", str(target), "--json"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    first, second = demo / "roads" / road, target
    return {
        "same_seal": _json(first / "plan.json")["seal"] == _json(second / "plan.json")["seal"],
        "same_answers": _answers(first) == _answers(second),
        "same_passages": _passages(first) == _passages(second),
        "same_losses": _losses(first) == _losses(second),
        "answers": len(_answers(first)),
        "passages": sum(map(len, _passages(first))),
        "losses": len(_losses(first)),
    }


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _answers(run: Path) -> list[tuple[str, str]]:
    return [(row["id"], row["answer"]) for row in _lines(run / "eval" / "answers.jsonl")]


def _passages(run: Path) -> list[list[tuple[str, str, float]]]:
    rows = _lines(run / "eval" / "answers.jsonl")
    return [[(p["doc_id"], p["text"], p["score"]) for p in row["passages"]] for row in rows]


def _losses(run: Path) -> list[float]:
    rows = _lines(run / "metrics.jsonl")
    return [row[name] for row in rows for name in ("loss", "eval_loss") if name in row]


def main() -> None:
    demos = sorted(Path("runs").glob("*-demo/report.json"))
    if not demos:
        sys.exit("run `okakae demo` first")
    demo = demos[-1].parent
    work = Path("runs") / "bench-repeat"
    shutil.rmtree(work, ignore_errors=True)
    print(save("repeat", {road: again(demo, road, work) for road in ("rag", "qlora")}))


if __name__ == "__main__":
    main()
