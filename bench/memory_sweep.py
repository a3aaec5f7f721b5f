"""Runs set-ups, each in a process of its own with a time limit; goes on where it left off."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import Any

from bench.machine import RESULTS, about_machine, save
from bench.memory_setups import Setup, as_document

STACK = ("torch", "transformers", "trl", "peft", "bitsandbytes", "accelerate")


class Sweep:
    """The rows of one result file: what is finished is kept, and saved after every row."""

    def __init__(self, name: str, *, again: bool = False) -> None:
        self._name = name
        self._lock = threading.Lock()
        stored = stored_figures(name) if not again else {}
        self.machine: dict[str, Any] = about_machine()
        self.configs: dict[str, Any] = stored.get("configs", {})
        self.rows: dict[str, dict[str, Any]] = {
            row["name"]: row for row in stored.get("rows", []) if row["stack"] == self._stack()
        }

    def run(self, setups: Sequence[Setup], *, limit_s: float, jobs: int = 1) -> None:
        """Measure what is missing. A set-up that fails is a row with its error, and is tried again.

        Args:
            limit_s: a set-up that takes longer is ended and becomes a row that says so.
            jobs: shapes measured at the same time.
        """
        missing = [s for s in setups if "error" in self.rows.get(s.name, {"error": ""})]
        print(f"{len(setups) - len(missing)} of {len(setups)} set-ups are there", flush=True)
        by_shape = sorted(missing, key=lambda setup: setup.shape)
        groups = [list(group) for _, group in groupby(by_shape, key=lambda setup: setup.shape)]
        with ThreadPoolExecutor(jobs) as pool:
            for done in [pool.submit(self._shape, group, limit_s) for group in groups]:
                done.result()

    def _shape(self, group: list[Setup], limit_s: float) -> None:
        """One folder of weights serves all set-ups of a shape and goes before the next."""
        with tempfile.TemporaryDirectory(prefix="okakae-memory-") as work:
            for setup in group:
                row = in_process(setup, Path(work), limit_s)
                config = row.pop("config", None)
                with self._lock:
                    if config is not None:
                        self.configs[setup.shape] = config
                    self.rows[setup.name] = {
                        **row,
                        "stack": self._stack(),
                        "date": self.machine["date"],
                    }
                    self.save()
                    _say(row)

    def save(self, **more: Any) -> Path:
        figures = {"configs": self.configs, "rows": list(self.rows.values()), **more}
        return save(self._name, figures, self.machine)

    def _stack(self) -> str:
        versions = self.machine["versions"]
        return ", ".join(f"{name} {versions[name]}" for name in STACK if name in versions)


def in_process(setup: Setup, work: Path, limit_s: float) -> dict[str, Any]:
    """The row of one set-up, measured by `bench.memory_worker` in a fresh process."""
    asked, answered = work / "setup.json", work / "row.json"
    asked.write_text(json.dumps(as_document(setup)), encoding="utf-8")
    answered.unlink(missing_ok=True)
    command = [sys.executable, "-m", "bench.memory_worker", str(asked), str(answered)]
    environment = {"OMP_NUM_THREADS": "1", **os.environ, "HF_HUB_OFFLINE": "1"}
    root = Path(__file__).parent.parent
    try:
        ended = subprocess.run(
            [*command, str(work / "model")],
            cwd=root,
            env=environment,
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {**as_document(setup), "error": f"took longer than {limit_s:g} s"}
    if ended.returncode or not answered.is_file():
        last = ended.stderr.strip().splitlines()[-1:] or [f"exit code {ended.returncode}"]
        return {**as_document(setup), "error": last[0][:300]}
    return dict(json.loads(answered.read_text(encoding="utf-8")))


def stored_figures(name: str) -> dict[str, Any]:
    path = RESULTS / f"{name}.json"
    return dict(stored_document(name)["figures"]) if path.is_file() else {}


def stored_document(name: str) -> dict[str, Any]:
    return dict(json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8")))


def _say(row: dict[str, Any]) -> None:
    if "error" in row:
        print(f"{row['name']}: {row['error']}", flush=True)
    else:
        oom = " (out of memory)" if row.get("out_of_memory") else ""
        print(f"{row['name']}: {row['peak_allocated'] / 2**20:.0f} MiB{oom}", flush=True)
