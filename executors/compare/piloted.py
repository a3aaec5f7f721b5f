"""What the pilots of a comparison found: their points, and an advice or why there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from advisor.errors import OkakaeError
from executors.compare.curve import WORTHWHILE, Advice, Measured, advise, turn_away
from executors.compare.pilot import PARTS, Pilot, trained
from executors.compare.verdict import Verdict
from executors.rundir import RunDir


@dataclass(frozen=True, slots=True)
class Point:
    """One training of a pilot, or the road's own: its lowest held-out loss and the score there."""

    examples: int
    loss: float
    score: float | None
    """chrF, 0 to 1, of a few held-out rows; None where the plan asks for none."""
    seconds: float
    run: str


@dataclass(frozen=True, slots=True)
class Piloted:
    """What a pilot found; `why` holds the reference and values of what kept it from an advice."""

    road: str
    points: tuple[Point, ...] = ()
    advice: Advice | None = None
    why: Mapping[str, Any] = field(default_factory=dict)


def conclude(
    pilots: Sequence[Pilot], finished: Sequence[str], folder: Path, verdict: Verdict
) -> tuple[Piloted, ...]:
    """What each pilot says: its points as far as there are, and an advice where there are all."""
    points = {pilot.road: _points(pilot, finished, folder) for pilot in pilots}
    return tuple(_concluded(pilot, points, pilots, folder, verdict) for pilot in pilots)


def _concluded(
    pilot: Pilot,
    points: Mapping[str, tuple[Point, ...]],
    pilots: Sequence[Pilot],
    folder: Path,
    verdict: Verdict,
) -> Piloted:
    mine = points[pilot.road]
    if pilot.refused:
        return Piloted(pilot.road, mine, None, pilot.refused)
    if len(mine) <= len(PARTS):
        return Piloted(pilot.road, mine, None, _why_unfinished(pilot, folder))
    measured = [Measured(point.examples, point.loss) for point in mine]
    # Losses of the same base on the same rows can be held against each other.
    others = [
        points[other.road][-1].loss
        for other in pilots
        if len(points[other.road]) > len(PARTS) and _rows(other) == _rows(pilot)
    ]
    target = min(others)
    better = target < (1 - WORTHWHILE) * mine[-1].loss
    try:
        advice = advise(measured, target=target if better else None)
    except OkakaeError as error:
        return Piloted(pilot.road, mine, None, {"ref": f"error.{error.ref}.what", **error.values})
    worse = verdict.against_best[pilot.road].verdict == "worse"
    return Piloted(pilot.road, mine, turn_away(advice, verdict.best) if worse else advice)


def _rows(pilot: Pilot) -> tuple[object, ...]:
    """What decides the rows that a loss is measured on."""
    plan = pilot.entry.plan
    return plan.executor, plan.config["model"], plan.config["finetune.seq_len"]


def _points(pilot: Pilot, finished: Sequence[str], folder: Path) -> tuple[Point, ...]:
    paths = [(pilot.path(folder, part), len(part)) for part in pilot.parts]
    found = [_point(path, n, folder) for path, n in paths if trained(path, pilot.entry)]
    if pilot.road in finished:
        found.append(_point(folder / "roads" / pilot.road, pilot.examples, folder))
    return tuple(found)


def _point(path: Path, examples: int, folder: Path) -> Point:
    run = RunDir.open(path)
    actuals = run.manifest.actuals
    kept = [entry for entry in run.metrics() if entry.get("step") == actuals["best_step"]]
    scores = [float(entry["eval_chrf"]) for entry in kept if "eval_chrf" in entry]
    return Point(
        examples,
        actuals["eval_loss_best"],
        fmean(scores) if scores else None,
        # A resumed training's own clock began anew; this one goes on.
        actuals["total_seconds"] - actuals.get("evaluate_seconds", 0.0),
        path.relative_to(folder).as_posix(),
    )


def _why_unfinished(pilot: Pilot, folder: Path) -> dict[str, Any]:
    for part in pilot.parts:
        path = pilot.path(folder, part)
        if not trained(path, pilot.entry):
            run = RunDir(path)
            error = run.manifest.error if run.manifest_path.is_file() else None
            return {"ref": "pilot.unfinished", "n": len(part), "why": error or "-"}
    return {"ref": "pilot.road-unfinished"}


def pilot_document(piloted: Sequence[Piloted]) -> list[dict[str, Any]]:
    """As it stands in compare.json and report.json."""
    return [
        {
            "road": one.road,
            "says": one.advice.says if one.advice else None,
            "text": one.advice.text if one.advice else None,
            "values": dict(one.advice.values) if one.advice else {},
            "points": [asdict(point) for point in one.points],
            "forecasts": [asdict(ahead) for ahead in one.advice.forecasts] if one.advice else [],
            "why": dict(one.why) or None,
        }
        for one in piloted
    ]
