"""The report as data: what was asked, recommended, planned, done, answered – report.json."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from advisor.files import write_json
from advisor.texts import t
from advisor.types import Language
from executors.compare.roads import Road
from executors.compare.verdict import Verdict
from executors.evaluate.heldout import Scored, cluster
from executors.evaluate.measure import graded_by, measure
from executors.evaluate.statistics import Interval, mean_interval
from executors.report.forgetting import read_forgetting
from executors.report.searched import prompting_document

ABSTENTION_FILE = "abstention.json"
TUNED_FILE = "tuned.json"
CURVE_POINTS = 40
SIDE_BY_SIDE = 60
"""Questions shown with every road's answer; all of them are in the answers files."""


def build_document(
    roads: Sequence[Road],
    verdict: Verdict | None,
    *,
    folder: Path,
    recommended: str | None,
    recommendation: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The whole report in the contract's form; paths are relative to `folder`."""
    first = roads[0]
    graded = graded_by(result for road in roads for result in road.results)
    after = None if verdict is None else _approach(verdict.choice, roads)
    return {
        "schema_version": 1,
        "language": first.plan.language,
        "created": first.run.manifest.finished or first.run.manifest.started,
        "verdict": None
        if verdict is None
        else {
            "choice": verdict.choice,
            "says": verdict_sentence(verdict, first.plan.language, graded),
            "says_id": verdict.says,
            "best": verdict.best,
            "n": verdict.n,
            "detectable_difference": round(verdict.detectable_difference, 4),
            "values": dict(verdict.values),
        },
        "roads": [_road(road, verdict, folder) for road in roads],
        "recommendation_before": recommended,
        "recommendation_after": after,
        "recommendation": recommendation,
        "asked": dict(first.plan.answers),
        "goal": first.plan.goal,
        "questions": _questions(roads),
        "environment": dict(first.run.manifest.environment),
        "knowledge": asdict(first.plan.knowledge),
        "inputs": [asdict(entry) for entry in first.plan.inputs],
    }


def verdict_sentence(verdict: Verdict, lang: Language, graded: Sequence[str] = ()) -> str:
    """The verdict as the one sentence that people read.

    Args:
        graded: by what the figures are graded (see `Road.graded`).
    """
    choice = t(f"road.{verdict.choice}", lang) if verdict.choice else ""
    points = round(100 * verdict.detectable_difference)
    values = verdict.values | {"best": t(f"road.{verdict.best}", lang)}
    told = verdict.values.get("told", verdict.best)
    values |= {"told": t(f"road.{told}", lang), "what": measure(graded, lang)}
    return t(verdict.says, lang, choice=choice, n=verdict.n, points=points, **values).strip()


def _approach(choice: str | None, roads: Sequence[Road]) -> str | None:
    return next((road.plan.approach for road in roads if road.name == choice), None)


def _road(road: Road, verdict: Verdict | None, folder: Path) -> dict[str, Any]:
    plan, manifest = road.plan, road.run.manifest
    metrics = {name: _interval(road.figure(name)) for name in _figure_names(road.results)}
    document: dict[str, Any] = {
        "name": road.name,
        "approach": plan.approach,
        "method": plan.method,
        "variant": plan.variant,
        "n": len(road.results),
        "metrics": metrics,
        "graded": road.graded,
        "by_kind": _by_kind(road),
        "answerable": _interval(_correct([r for r in road.results if r.example.answerable])),
        "seconds_per_answer": round(road.seconds_per_answer, 3),
        "estimate": {key: asdict(value) for key, value in manifest.estimates.items()},
        "actual": {key: round(value, 6) for key, value in manifest.actuals.items()},
        "answers": _relative(road.run.eval / "answers.jsonl", folder),
        "run": _relative(road.run.path, folder),
        "seal": plan.seal,
        "config": dict(plan.config),
        "config_why": dict(plan.config_why),
        "curve": _curve(road.run.metrics()),
        "abstention": _abstention(road.run.artifacts / ABSTENTION_FILE),
        "forgetting": read_forgetting(road.run.artifacts),
        "stopped": _stopped(road.run.artifacts / TUNED_FILE),
        "status": manifest.status,
        "changes": [dict(change) for change in manifest.changes],
        **prompting_document(road),
    }
    if verdict is not None:
        against = verdict.against_best[road.name]
        document["against_best"] = {
            **_interval(against.difference, value_name="difference"),
            "p_value": round(against.p_value, 4),
            "verdict": against.verdict,
        }
        document["lost_because"] = list(verdict.lost_because.get(road.name, ()))
    return document


def _curve(metrics: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The losses by step; NaN is no JSON, and a step without a number shows nothing."""
    entries = [m for m in metrics if m.keys() & {"loss", "eval_loss", "eval_chrf"}]
    return [
        {key: value for key, value in entry.items() if math.isfinite(value)} for entry in entries
    ]


def _stopped(path: Path) -> str:
    """Why a training ended before its last planned step: `patience`; empty where it did not."""
    if not path.is_file():
        return ""
    return str(json.loads(path.read_text(encoding="utf-8")).get("stopped", ""))


def _abstention(path: Path) -> dict[str, Any] | None:
    """When the road says that the papers do not say, with curves short enough to draw."""
    if not path.is_file():
        return None
    stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    for name in ("curve", "curve_left_out"):
        points = stored.get(name, [])
        step = max(1, len(points) // CURVE_POINTS)
        stored[name] = [*points[::step], *points[-1:]] if points else []
    return stored


def _figure_names(results: Sequence[Scored]) -> list[str]:
    return sorted({name for result in results for name in result.figures})


def _by_kind(road: Road) -> dict[str, Any]:
    """The headline figure apart for unanswerable questions and each kind of the others."""
    groups: dict[str, list[Scored]] = {}
    for result in road.results:
        kind = result.example.kind if result.example.answerable else "unanswerable"
        groups.setdefault(kind, []).append(result)
    return {kind: _interval(_correct(results)) for kind, results in sorted(groups.items())}


def _correct(results: Sequence[Scored]) -> Interval:
    return mean_interval(
        [result.figures["correct"] for result in results],
        [cluster(result.example) for result in results],
    )


def _interval(interval: Interval, value_name: str = "value") -> dict[str, Any]:
    def plain(x: float) -> float | None:
        return None if math.isnan(x) else round(x, 4)

    return {
        value_name: plain(interval.value),
        "low": plain(interval.low),
        "high": plain(interval.high),
        "n": interval.n,
    }


def _questions(roads: Sequence[Road]) -> list[dict[str, Any]]:
    rows = []
    for position, first in enumerate(roads[0].results[:SIDE_BY_SIDE]):
        example = first.example
        rows.append(
            {
                "id": example.id,
                "kind": example.kind,
                "question": example.prompt,
                "gold": example.completion,
                "answerable": example.answerable,
                "answers": {
                    road.name: {
                        "answer": road.results[position].answer,
                        "abstained": road.results[position].abstained,
                        "correct": round(road.results[position].figures["correct"], 3),
                        "sources": [
                            {"source": p["source"], "where": p["where"], "title": p["title"]}
                            for p in road.results[position].passages[:2]
                        ],
                    }
                    for road in roads
                },
            }
        )
    return rows


def _relative(path: Path, folder: Path) -> str:
    return path.resolve().relative_to(folder.resolve()).as_posix()


def save_document(document: Mapping[str, Any], folder: Path) -> Path:
    path = folder / "report.json"
    write_json(path, dict(document))
    return path


def load_document(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return document
