"""A run directory has one writer, whole files, and artifacts that are still the ones written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from made import PlanMaker

from advisor.errors import MachineError, RunError, UsageError
from executors.rundir import RunDir, environment, new_run_path


@pytest.fixture
def run(tmp_path: Path, plan_for: PlanMaker) -> RunDir:
    return RunDir.create(tmp_path / "run", plan_for("prompting"), tmp_path / "data")


def ended_process() -> int:
    """The id of a process that no longer exists."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def lock_of(run: RunDir, pid: int, since: float) -> Path:
    path = run.path / "lock"
    path.write_text(json.dumps({"pid": pid, "since": since}), encoding="utf-8")
    return path


def test_a_run_keeps_its_plan_and_begins_with_a_manifest(run: RunDir) -> None:
    again = RunDir.open(run.path)
    assert again.plan == run.plan
    assert again.manifest.status == "running"
    assert again.manifest.plan_seal == run.plan.seal
    assert again.manifest.seeds == {"seed": 0}
    assert again.data_root == run.path.parent / "data"


def test_a_folder_with_something_in_it_is_not_taken(tmp_path: Path, plan_for: PlanMaker) -> None:
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(UsageError) as caught:
        RunDir.create(tmp_path, plan_for("prompting"), None)
    assert caught.value.ref == "run-exists"
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(UsageError, match="run-missing"):
        RunDir.open(tmp_path)


def test_a_living_process_keeps_its_run(run: RunDir) -> None:
    with run.locked():
        with pytest.raises(UsageError) as caught, RunDir.open(run.path).locked():
            pass
        assert caught.value.ref == "run-locked"
        assert (run.path / "lock").is_file()
        assert not run.interrupted()
    assert not (run.path / "lock").exists()
    assert run.interrupted()


def test_the_lock_of_a_dead_process_is_taken_over(run: RunDir) -> None:
    lock_of(run, ended_process(), time.time())
    assert run.interrupted()
    with run.locked():
        assert json.loads((run.path / "lock").read_text())["pid"] == os.getpid()


def test_a_process_id_that_was_used_again_holds_nothing(run: RunDir) -> None:
    lock_of(run, os.getpid(), time.time() - 10 * 365 * 86400)
    with run.locked():
        pass


def test_a_lock_not_yet_written_is_respected_but_not_for_ever(run: RunDir) -> None:
    lock = run.path / "lock"
    lock.touch()
    with pytest.raises(UsageError, match="run-locked"), run.locked():
        pass
    os.utime(lock, (time.time() - 60, time.time() - 60))
    with run.locked():
        pass


def test_the_lock_goes_when_the_work_fails(run: RunDir) -> None:
    with pytest.raises(ValueError, match="boom"), run.locked():
        raise ValueError("boom")
    assert not (run.path / "lock").exists()


def test_a_manifest_that_cannot_be_written_leaves_the_old_one(
    run: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = run.manifest_path.read_bytes()

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(MachineError, match="disk-full"):
        run.finish("done")
    assert run.manifest_path.read_bytes() == before
    assert not [p for p in run.path.iterdir() if p.name.startswith(".")]


def test_stages_actuals_and_end_are_kept(run: RunDir) -> None:
    run.add_actuals({"a": 1.0})
    run.add_actuals({"b": 2.0})
    run.mark("build")
    run.mark("build")
    run.finish("failed", "endpoint-down")
    manifest = RunDir.open(run.path).manifest
    assert manifest.actuals == {"a": 1.0, "b": 2.0}
    assert manifest.stages == ("build",)
    assert (manifest.status, manifest.error) == ("failed", "endpoint-down")
    run.start_again()
    assert (run.manifest.status, run.manifest.error, run.manifest.finished) == (
        "running",
        None,
        None,
    )
    assert run.done("build") and not run.done("evaluate")


def test_artifacts_are_verified_by_name(run: RunDir) -> None:
    (run.artifacts / "index").mkdir(parents=True)
    (run.artifacts / "prompt.json").write_text("one")
    (run.artifacts / "index" / "vectors").write_bytes(b"\0\1")
    run.mark("build")
    assert set(run.manifest.artifacts) == {"artifacts/prompt.json", "artifacts/index/vectors"}
    run.verify_artifacts()
    (run.artifacts / "index" / "vectors").write_bytes(b"\0\2")
    with pytest.raises(RunError) as caught:
        run.verify_artifacts()
    assert caught.value.ref == "artifact-changed"
    assert caught.value.values["path"] == "artifacts/index/vectors"
    (run.artifacts / "index" / "vectors").unlink()
    with pytest.raises(RunError, match="artifact-missing"):
        run.verify_artifacts()


def test_a_run_below_a_folder_called_checkpoints_is_still_digested(
    tmp_path: Path, plan_for: PlanMaker
) -> None:
    run = RunDir.create(tmp_path / "checkpoints" / "run", plan_for("prompting"), None)
    run.artifacts.mkdir()
    (run.artifacts / "a").write_text("x")
    run.mark("build")
    assert list(run.manifest.artifacts) == ["artifacts/a"]


def test_metrics_and_events_are_lines(run: RunDir) -> None:
    run.metric(step=1, loss=2.0, note="a\u2028b")
    assert run.metrics() == [{"step": 1, "loss": 2.0, "note": "a\u2028b"}]
    run.replace_metrics([{"step": 1, "loss": 1.5}, {"step": 2, "loss": 1.0}])
    assert [m["loss"] for m in run.metrics()] == [1.5, 1.0]
    run.event("stage", name="x")
    assert json.loads((run.path / "events.jsonl").read_text("utf-8"))["event"] == "stage"


def test_new_runs_never_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OKAKAE_RUNS", str(tmp_path))
    paths = []
    for _ in range(3):
        path = new_run_path("rag")
        path.mkdir()
        paths.append(path)
    assert len(set(paths)) == 3
    assert all(p.parent == tmp_path and "rag" in p.name for p in paths)


def test_the_environment_names_versions_but_no_person_or_host() -> None:
    import getpass
    import platform

    found = environment()
    assert {"python", "torch", "transformers"} <= found.keys()
    told = " ".join(found.values())
    assert platform.node() not in told
    assert getpass.getuser() not in told
