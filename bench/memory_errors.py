"""Holds closed-form estimates against measured rows: error, coverage, and which phase is off."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from advisor.estimate import Memory, find_shapes, training_memory
from advisor.estimate.memory import CONTEXT_GIB, PROCESS_GIB
from bench.memory_record import GIB
from bench.memory_setups import SHAPES, Setup, settings_of, setup_of, write_config

PHASES = ("forward", "backward", "optimizer", "evaluation")
# What the goals of the estimates are: median and worst error, share of rows in their range, and
# the range's half width over its middle.
GOALS = {"median": 0.03, "worst": 0.08, "coverage": 0.90, "half_width": 0.12}


def estimate_of(setup: Setup, configs: Mapping[str, Any]) -> Memory:
    """The estimate of a set-up as `okakae estimate` makes it, from its `config.json` or its id."""
    if setup.shape not in SHAPES:
        return _memory(setup, setup.shape)
    with tempfile.TemporaryDirectory() as folder:
        return _memory(setup, str(write_config(configs[setup.shape], Path(folder))))


def _memory(setup: Setup, model: str) -> Memory:
    settings = settings_of(setup, model)
    return training_memory(find_shapes(model), settings)


def compare(rows: Iterable[Mapping[str, Any]], configs: Mapping[str, Any]) -> dict[str, Any]:
    """Every row beside its estimate, and the statistics by method, by family and by both."""
    sound = [row for row in rows if "error" not in row]
    estimates = {row["name"]: estimate_of(setup_of(row), configs) for row in sound}
    ran = [row for row in sound if not row.get("out_of_memory")]
    held = [against(row, estimates[row["name"]]) for row in ran]
    return {
        "all": statistics_of(held),
        "by_part": grouped([row for row in held if row["part"]], lambda row: row["part"]),
        "fits": [said(row, estimates[row["name"]]) for row in sound if row.get("card_bytes")],
        "by_method": grouped(held, lambda row: row["method"]),
        "by_family": grouped(held, lambda row: row["family"]),
        "by_both": grouped(held, lambda row: f"{row['family']} {row['method']}"),
        "rows": held,
    }


def against(row: Mapping[str, Any], memory: Memory) -> dict[str, Any]:
    """One measured row beside its estimate; errors are estimate over measurement less one."""
    setup = setup_of(row)
    measured = row["peak_allocated"] / GIB
    outside = PROCESS_GIB if setup.device == "cpu" else CONTEXT_GIB
    estimate = memory.estimate
    low, high = estimate.low - outside[0], estimate.high - outside[2]
    phases = {
        name: round(memory.phases[name] / (row["phase_peaks"][name] / GIB) - 1, 4)
        for name in PHASES
        if name in memory.phases and row["phase_peaks"].get(name)
    }
    held = {
        "name": setup.name,
        "family": setup.family,
        "method": setup.method,
        "part": setup.part,
        "measured_gib": round(measured, 4),
        "estimated_gib": round(memory.allocated, 4),
        "error": round(memory.allocated / measured - 1, 4),
        "low_gib": round(low, 4),
        "high_gib": round(high, 4),
        "inside": low <= measured <= high,
        "half_width": round((high - low) / (high + low), 4),
        "measured_phase": max(PHASES, key=lambda name: row["phase_peaks"].get(name, 0)),
        "estimated_phase": memory.phase,
        "phase_errors": phases,
    }
    if setup.device == "cpu" and row.get("peak_rss"):
        rss = row["peak_rss"] / GIB
        held |= {
            "rss_gib": round(rss, 4),
            "rss_error": round(memory.device / rss - 1, 4),
            "rss_inside": estimate.low <= rss <= estimate.high,
        }
    if row.get("peak_reserved"):
        reserved, device = row["peak_reserved"] / GIB, row["peak_device"] / GIB
        held |= {
            "reserved_error": round(memory.reserved / reserved - 1, 4),
            "device_error": round(memory.device / device - 1, 4),
            "device_inside": estimate.low <= device <= estimate.high,
        }
    return held


def said(row: Mapping[str, Any], memory: Memory) -> dict[str, Any]:
    """Whether the estimate called the card large enough, and whether it was: the promise made."""
    card = row.get("cap_gib") or row["card_bytes"] / GIB
    estimate = memory.estimate
    word = "fits" if estimate.high <= card else "does not fit" if estimate.low > card else "unsure"
    return {
        "name": row["name"],
        "card_gib": round(card, 2),
        "high_gib": round(estimate.high, 2),
        "said": word,
        "out_of_memory": bool(row.get("out_of_memory")),
    }


def grouped(
    held: Sequence[Mapping[str, Any]], by: Callable[[Mapping[str, Any]], str]
) -> dict[str, Any]:
    names = sorted({by(row) for row in held})
    return {name: statistics_of([row for row in held if by(row) == name]) for name in names}


def statistics_of(held: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Median and worst absolute error, the mean signed one, and the share inside the range."""
    if not held:
        return {"n": 0}
    worst = max(held, key=lambda row: abs(row["error"]))
    found = {
        "n": len(held),
        "median": round(statistics.median(abs(row["error"]) for row in held), 4),
        "worst": worst["error"],
        "worst_name": worst["name"],
        "bias": round(statistics.fmean(row["error"] for row in held), 4),
        "coverage": round(statistics.fmean(row["inside"] for row in held), 4),
        "half_width": round(statistics.median(row["half_width"] for row in held), 4),
    }
    for counter in ("rss", "device"):
        known = [row[f"{counter}_inside"] for row in held if f"{counter}_inside" in row]
        if known:
            found[f"{counter}_coverage"] = round(statistics.fmean(known), 4)
    return found


def show(comparison: Mapping[str, Any]) -> None:
    """A table a person reads: every group, then every row that misses the goal."""
    print(f"{'':34}{'n':>4}{'median':>9}{'worst':>9}{'bias':>8}{'inside':>8}{'±':>8}")
    groups = [("all", comparison["all"])]
    for part in ("by_part", "by_method", "by_family", "by_both"):
        groups += comparison[part].items()
    for name, found in groups:
        if found["n"]:
            print(
                f"{name:34}{found['n']:4}{found['median']:9.1%}{found['worst']:+9.1%}"
                f"{found['bias']:+8.1%}{found['coverage']:8.0%}{found['half_width']:8.1%}"
            )
    broken = [row["name"] for row in comparison["fits"] if row["out_of_memory"]]
    promised = [row for row in comparison["fits"] if row["said"] == "fits"]
    if comparison["fits"]:
        false = [row["name"] for row in promised if row["out_of_memory"]]
        print(f"said to fit: {len(promised)}, of these out of memory: {len(false)} {false}")
        print(f"out of memory in all: {len(broken)} of {len(comparison['fits'])}")
    missed = [row for row in comparison["rows"] if abs(row["error"]) > GOALS["worst"]]
    for row in sorted(missed, key=lambda row: -abs(row["error"])):
        phases = ", ".join(f"{name} {error:+.0%}" for name, error in row["phase_errors"].items())
        print(
            f"{row['name']}: {row['error']:+.1%} "
            f"({row['measured_phase']} measured, {row['estimated_phase']} estimated; {phases})"
        )
