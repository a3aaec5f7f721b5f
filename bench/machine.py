"""The machine and date that every committed figure carries."""

from __future__ import annotations

import json
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def about_machine() -> dict[str, Any]:
    """Processor, cores, memory and the versions that decide speed."""
    import psutil

    from executors.rundir import environment

    model = ""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
        model = next((line.split(":")[1].strip() for line in lines if "model name" in line), "")
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": model or platform.processor(),
        "cores": psutil.cpu_count(logical=False) or psutil.cpu_count(),
        "ram_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "versions": environment(),
    }


def save(name: str, figures: Any, machine: dict[str, Any] | None = None) -> Path:
    """Write one result file below bench/results, with the machine beside the figures.

    Args:
        machine: where the figures were measured, when that is not here and now.
    """
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    document = {"machine": machine or about_machine(), "figures": figures}
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return path
