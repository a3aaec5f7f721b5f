"""Holds the curve predictor against public fine-tuning curves, each family left out of its fit.

Data: `../shared/measured/finetuning_curves.csv` (Lin et al. 2024). The constants of the catalog
are the same fit on all families; `figures.catalog` says whether they still are.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.machine import save
from executors.compare.curve import WORTHWHILE, Measured, advise, falls, predict, unsteadiness
from executors.evaluate.statistics import mean_interval
from knowledge.catalog.loader import load
from knowledge.catalog.records import Extrapolation

CURVES = Path(__file__).parents[2] / "shared" / "measured" / "finetuning_curves.csv"
FAMILIES = ("cerebras", "bart", "opt", "phi", "switch", "mt5", "mgpt", "t5")
"""As they are searched for in a model's name; mt5 before t5."""
PILOTS = (1600, 3200, 6400, 12800, 25600, 51200)
"""Largest sizes of pilots; four sizes before them at least."""
DOUBLINGS = (1, 2, 3, 4)
FLOOR = 0.02
BAND = (0.1, 0.9)
FALLS = 3

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Curve:
    dataset: str
    family: str
    points: tuple[Measured, ...]

    def pilot(self, examples: int) -> tuple[Measured, ...]:
        return tuple(point for point in self.points if point.examples <= examples)

    def at(self, examples: int) -> float | None:
        return next((p.loss for p in self.points if p.examples == examples), None)


def main() -> None:
    if not CURVES.is_file():
        print("skipped: ../shared/measured/finetuning_curves.csv is not here")
        return
    curves = read(CURVES)
    laws = fit(curves)
    held_out = left_out(curves, "family")
    new_data = [row for row in left_out(curves, "dataset") if row["doublings"] == 2]
    names = sorted({curve.dataset for curve in curves})
    figures = {
        "curves": len(curves),
        "families": len(FAMILIES),
        "at": {
            f"x{2**d}": accuracy([r for r in held_out if r["doublings"] == d]) for d in DOUBLINGS
        },
        "at_x4_by_pilot": {
            str(n): accuracy([r for r in held_out if r["doublings"] == 2 and r["pilot"] == n])
            for n in PILOTS
        },
        "at_x4_by_family": {
            f: accuracy([r for r in held_out if r["doublings"] == 2 and r["family"] == f])
            for f in FAMILIES
        },
        "at_x4_by_dataset": {
            name: accuracy([r for r in held_out if r["doublings"] == 2 and r["dataset"] == name])
            for name in names
        },
        "at_x4_data_sets_left_out": {
            name: accuracy([r for r in new_data if r["dataset"] == name]) for name in names
        },
        "last_slope_only_at_x4": accuracy(
            [r | {"error": r["slope_error"]} for r in held_out if r["doublings"] == 2]
        ),
        "decisions": decisions([r for r in held_out if r["doublings"] == 1]),
        "fitted": [law_record(law) for law in laws],
        "catalog": "as fitted" if same_as_catalog(laws) else "differs from the fit",
    }
    for key, value in figures.items():
        print(key, value)
    print(save("curve", figures))


def read(path: Path) -> list[Curve]:
    """Every curve of the file, smallest size first."""
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    sizes = {name: int(name[8:]) for name in rows[0] if name.startswith("loss_at_")}
    return [
        Curve(
            row["dataset"],
            next(f for f in FAMILIES if f in row["model"].lower()),
            tuple(Measured(n, float(row[name])) for name, n in sizes.items()),
        )
        for row in rows
    ]


def left_out(curves: Sequence[Curve], by: str) -> list[dict[str, Any]]:
    """The back-test of each family's (or data set's) curves by laws fitted on all others."""
    return [
        row
        for part in sorted({getattr(curve, by) for curve in curves})
        for row in backtest(
            [curve for curve in curves if getattr(curve, by) == part],
            fit([curve for curve in curves if getattr(curve, by) != part]),
        )
    ]


def fit(curves: Sequence[Curve]) -> list[Extrapolation]:
    """The laws for 2 to 16 times; their bands are what families left out of a fit are missed by."""
    made = []
    for doublings in DOUBLINGS:
        everyone = examples_of(curves, doublings)
        weights = least_absolute(*everyone)
        missed: list[float] = []
        for family in sorted({curve.family for curve in curves}):
            others = examples_of([c for c in curves if c.family != family], doublings)
            recent, true = examples_of([c for c in curves if c.family == family], doublings)
            spread = np.asarray([unsteadiness(row) for row in recent.tolist()]) + FLOOR
            missed += ((true - recent @ least_absolute(*others)) / spread).tolist()
        low, high = np.quantile(missed, BAND)
        made.append(
            Extrapolation(
                id=f"times-{2**doublings}",
                source="",
                date="",
                doublings=doublings,
                weights=tuple(round(float(w), 3) for w in weights),
                low=round(float(-low), 3),
                high=round(float(high), 3),
                floor=FLOOR,
            )
        )
    return made


def examples_of(curves: Sequence[Curve], doublings: int) -> tuple[Floats, Floats]:
    """(pilots, FALLS) recent falls of log loss, newest first, and (pilots,) the falls to come."""
    recent, true = [], []
    for curve in curves:
        for n in PILOTS:
            now, then = curve.at(n), curve.at(n * 2**doublings)
            if now and then:
                recent.append(falls(curve.pilot(n)))
                true.append(math.log(now / then))
    return np.asarray(recent), np.asarray(true)


def least_absolute(features: Floats, wanted: Floats, rounds: int = 60) -> Floats:
    """Weights with the least sum of absolute errors, by reweighted least squares.

    A few curves fall off a cliff; squares would bend the weights towards them.

    Args:
        features: (pilots, weights).
        wanted: (pilots,).
    """
    weight = np.ones(len(wanted))
    found = np.zeros(features.shape[1])
    for _ in range(rounds):
        scaled = features * weight[:, None]
        found = np.linalg.solve(scaled.T @ features, scaled.T @ wanted)
        weight = 1 / np.maximum(np.abs(wanted - features @ found), 1e-3)
    return found


def backtest(curves: Sequence[Curve], laws: Sequence[Extrapolation]) -> list[dict[str, Any]]:
    """What the laws say about every pilot of these curves, and what came."""
    rows = []
    for curve in curves:
        for n in PILOTS:
            points = curve.pilot(n)
            advice = advise(points, laws=laws)
            for doublings in DOUBLINGS:
                true = curve.at(n * 2**doublings)
                if true is None:
                    continue
                said = predict(points, n * 2**doublings, laws)
                slope = points[-1].loss * math.exp(-doublings * falls(points)[0])
                rows.append(
                    {
                        "dataset": curve.dataset,
                        "family": curve.family,
                        "pilot": n,
                        "doublings": doublings,
                        "error": said.likely / true - 1,
                        "slope_error": slope / true - 1,
                        "inside": said.low <= true <= said.high,
                        "width": (said.high - said.low) / true,
                        "says": advice.says,
                        "fall": 1 - true / points[-1].loss,
                        "curve": f"{curve.dataset}/{curve.family}",
                    }
                )
    return rows


def accuracy(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Errors in percent of the true loss, and how often the 80 % band held it.

    The coverage's interval draws whole families of models on a data set: their curves are alike.
    """
    errors = 100 * np.asarray([row["error"] for row in rows])
    inside = mean_interval([float(r["inside"]) for r in rows], [r["curve"] for r in rows])
    return {
        "pilots": len(rows),
        "median_percent": round(float(np.median(np.abs(errors))), 2),
        "p90_percent": round(float(np.quantile(np.abs(errors), 0.9)), 2),
        "mean_signed_percent": round(float(errors.mean()), 2),
        "band_holds": round(inside.value, 3),
        "band_holds_interval": [round(inside.low, 3), round(inside.high, 3)],
        "median_band_width_percent": round(100 * float(np.median([r["width"] for r in rows])), 2),
    }


def decisions(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """How often each advice was given, and right about what twice the examples brought."""
    found: dict[str, Any] = {"worthwhile_percent": 100 * WORTHWHILE}
    for says in ("collect-more", "enough", "too-early"):
        given = [row for row in rows if row["says"] == says]
        paid = sum(row["fall"] >= WORTHWHILE for row in given)
        found[says] = {"given": len(given), "twice_the_examples_paid": paid}
    return found


def law_record(law: Extrapolation) -> dict[str, Any]:
    return {
        "doublings": law.doublings,
        "weights": list(law.weights),
        "low": law.low,
        "high": law.high,
        "floor": law.floor,
    }


def same_as_catalog(laws: Sequence[Extrapolation]) -> bool:
    known = {law.doublings: law_record(law) for law in load("curves").values()}
    return known == {law.doublings: law_record(law) for law in laws}


if __name__ == "__main__":
    main()
