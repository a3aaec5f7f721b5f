"""Puts other memory estimators beside okakae on the same rows in one run: PEFT's and the CPU's.

    python -m pip install --no-deps --target peers accelerate==1.15.0 canifinetune==0.4.1 \\
        fitcheck-llm==0.3.1 fitscout==0.1.1 ftuneai==0.4.1 gpu-estimator==0.2.0 hf-mem==0.5.6 \\
        hf-vram-calc==1.0.9 llm-analysis==0.2.2 fire termcolor httpx2 httpcore2
    python -m bench memory_peers --peers=peers

A peer that is not in that folder is reported as not installed. None of them is a dependency.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from advisor.estimate import Shapes, find_shapes
from bench.machine import save
from bench.memory_errors import estimate_of
from bench.memory_published import against as published_against
from bench.memory_published import in_gib, is_check, settings_of_row, usable
from bench.memory_record import GIB
from bench.memory_setups import Setup, config_of, setup_of, write_config
from bench.memory_sweep import stored_figures
from knowledge.catalog.loader import load

NAME = "memory_peers"
L40S_GIB = 44.99


def published_cases() -> list[dict[str, Any]]:
    """PEFT's runs of Llama-3.2-3B: full and LoRA, reserved, with okakae's answer beside."""
    cases = []
    for row in load("measurements").values():
        if not (usable(row) and is_check(row)):
            continue
        settings = settings_of_row(row)
        setup = Setup(
            name=row.id,
            shape=row.model,
            method=row.method,
            gradient_checkpointing=False,
            batch_size=settings.batch_size,
            seq_len=settings.seq_len,
            lora_rank=settings.lora_rank,
            targets=settings.targets,
        )
        config = config_of(load("models")[row.model])
        answer = published_against(row)["estimated_gib"]
        shapes = find_shapes(row.model)
        cases.append(_case("peft", setup, config, shapes, "bf16", in_gib(row), answer))
    return cases


def cpu_cases() -> list[dict[str, Any]]:
    """Every measured row of `memory_cpu`: allocated, with okakae's answer beside."""
    figures = stored_figures("memory_cpu")
    cases = []
    for row in figures.get("rows", []):
        if "error" in row:
            continue
        setup = setup_of(row)
        config = figures["configs"][setup.shape]
        with tempfile.TemporaryDirectory() as folder:
            shapes = find_shapes(str(write_config(config, Path(folder))))
        answer = estimate_of(setup, figures["configs"]).allocated
        precision = "fp32" if setup.method == "full" else "bf16"
        measured = row["peak_allocated"] / GIB
        cases.append(_case("cpu", setup, config, shapes, precision, measured, answer))
    return cases


def _case(
    rows: str,
    setup: Setup,
    config: Mapping[str, Any],
    shapes: Shapes,
    precision: str,
    measured: float,
    answer: float,
) -> dict[str, Any]:
    names = ("layers", "hidden", "heads", "kv_heads", "head_dim", "inner", "vocab", "context")
    targets = shapes.targets(setup.targets) if setup.method != "full" else ()
    return {
        "id": f"{rows}: {setup.name}",
        "rows": rows,
        "method": setup.method,
        "config": dict(config),
        "shape": {
            **{name: getattr(shapes, name) for name in names},
            "params": shapes.params,
            "tied": shapes.tied,
            "gated": shapes.family.gated,
            "model_type": shapes.model_type,
        },
        "precision": precision,
        "seq_len": setup.seq_len,
        "batch_size": setup.batch_size,
        "rank": setup.lora_rank,
        "targets": [target.name for target in targets],
        "attention_only": not {t.name for t in targets} & {t.name for t in shapes.mlp_linears},
        "checkpointed": setup.gradient_checkpointing,
        "attention": setup.attention,
        "optimizer": setup.optimizer,
        "card_gib": L40S_GIB,
        "measured_gib": measured,
        "okakae_gib": answer,
    }


def ask_peers(cases: Sequence[Mapping[str, Any]], peers: Path | None) -> dict[str, Any]:
    """Answers of every peer, from a process of its own that alone sees their packages."""
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = Path(folder, "cases.json"), Path(folder, "answers.json")
        asked.write_text(json.dumps(cases), encoding="utf-8")
        path = [str(peers.resolve())] if peers else []
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path), "HF_HUB_OFFLINE": "1"}
        subprocess.run(
            [sys.executable, "-m", "bench.memory_peers_worker", str(asked), str(answered)],
            cwd=Path(__file__).parent.parent,
            env=environment,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        return dict(json.loads(answered.read_text(encoding="utf-8")))


def judged(
    cases: Sequence[Mapping[str, Any]], answers: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Median and worst error; of a peer's two figures the one with the better median is taken."""
    held = {}
    for figure in ("total", "net"):
        errors = [
            answers[case["id"]][figure] / case["measured_gib"] - 1
            for case in cases
            if figure in answers.get(case["id"], {})
        ]
        if errors:
            held[figure] = {
                "n": len(errors),
                "median": round(statistics.median(map(abs, errors)), 4),
                "worst": round(max(errors, key=abs), 4),
                "bias": round(statistics.fmean(errors), 4),
                "figure": figure,
            }
    if not held:
        return {"n": 0, "refused": len(cases)}
    best = min(held.values(), key=lambda stats: stats["median"])
    return {**best, "refused": len(cases) - best["n"]}


def figures_of(cases: Sequence[Mapping[str, Any]], found: Mapping[str, Any]) -> dict[str, Any]:
    okakae = {case["id"]: {"total": case["okakae_gib"]} for case in cases}
    table = {"okakae": {"installed": "this checkout", **_by_rows(cases, okakae)}}
    for name, peer in found.items():
        table[name] = {"installed": peer["installed"]}
        if peer["installed"]:
            table[name] |= _by_rows(cases, peer["answers"])
            refusals = [a["refused"] for a in peer["answers"].values() if "refused" in a]
            table[name]["refusals"] = sorted(set(refusals))
    return table


def _by_rows(
    cases: Sequence[Mapping[str, Any]], answers: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    groups = {rows: [case for case in cases if case["rows"] == rows] for rows in ("peft", "cpu")}
    groups |= {
        f"cpu {method}": [case for case in groups["cpu"] if case["method"] == method]
        for method in ("full", "lora", "qlora")
    }
    return {name: judged(group, answers) for name, group in groups.items()}


def show(table: Mapping[str, Any]) -> None:
    print(f"{'':16}{'PEFT rows: n, median, worst':>34}{'CPU rows: n, median, worst':>34}")
    for name, peer in table.items():
        if not peer["installed"]:
            print(f"{name:16}not installed")
            continue
        cells = []
        for rows in ("peft", "cpu"):
            stats = peer[rows]
            cell = f"{stats['n']}"
            if stats["n"]:
                cell += f"  {stats['median']:.1%}  {stats['worst']:+.1%}"
            cells.append(f"{cell:>34}")
        print(f"{name:16}{''.join(cells)}")


def main() -> None:
    parser = argparse.ArgumentParser(prog=f"python -m bench {NAME}")
    parser.add_argument("--peers", type=Path, help="the folder they were installed into")
    given = parser.parse_args()
    cases = published_cases() + cpu_cases()
    table = figures_of(cases, ask_peers(cases, given.peers))
    show(table)
    print(save(NAME, table))


if __name__ == "__main__":
    main()
