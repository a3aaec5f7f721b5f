"""The process that trains: killed, out of memory, interrupted, orphaned – the run comes through."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from killing import kill_training_at_first_checkpoint
from made import write_company

from advisor.errors import LimitError, MachineError
from advisor.plan import save_plan
from advisor.session import Session
from bench.out_of_memory import applied, write_plan
from bench.tuning import SETTINGS, sealed, sha256, tiny_base
from executors.apply import apply, check_plan
from executors.finetune.ladder import Rung
from executors.finetune.survive import EVENT, hour_jpy, limit_hours, reached
from executors.rundir import RunDir

CONFIG = SETTINGS | {
    "generate.max_new_tokens": 4,
    "data.test_share": 0.1,
    "data.validation_share": 0.15,
    "finetune.seq_len": 1024,
    "finetune.epochs": 3.0,
    "finetune.batch_size": 4,
    "finetune.grad_accum": 1,
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("survive")
    tiny_base(folder / "base", context=4096)
    write_company(folder / "data", pairs=0, rewrites=100)
    return folder


def plan_file(root: Path, name: str = "plan", method: str = "lora", **limits: float) -> Path:
    from dataclasses import replace

    from advisor.plan import seal

    plan = sealed(CONFIG, root / "base", root / "data", method)
    path = root / f"{name}.json"
    save_plan(seal(replace(plan, limits=limits)), path)
    return path


def events(run: Path) -> list[dict[str, Any]]:
    file = run / "events.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    return [json.loads(line) for line in lines]


def test_the_tighter_limit_holds_and_yen_are_counted_as_electricity(root: Path) -> None:
    from dataclasses import replace

    plan = sealed(CONFIG, root / "base", root / "data")
    assert limit_hours(plan) is None
    rate = hour_jpy(plan)
    assert 0 < rate < 100, "yen an hour of a computer without a card"
    both = replace(plan, limits={"hours": 2.0, "jpy": rate})
    assert limit_hours(both) == pytest.approx(1.0)


def test_a_resumed_run_stands_where_it_stood_on_the_ladder(root: Path, tmp_path: Path) -> None:
    plan = sealed(CONFIG, root / "base", root / "data")
    run = RunDir.create(tmp_path / "run", plan, root / "data")
    planned = Rung("lora", plan.config)
    assert reached(run, planned) == planned
    small = Rung(
        "qlora", plan.config | {"finetune.batch_size": 1, "finetune.grad_accum": 4}, "qlora"
    )
    run.add_change({"what": EVENT, **small.told()})
    found = reached(run, planned)
    assert (found.method, found.config["finetune.batch_size"]) == ("qlora", 1)
    assert found.effective_batch == planned.effective_batch


@pytest.mark.slow
def test_the_yen_limit_stops_at_a_checkpoint_and_can_be_resumed(root: Path, tmp_path: Path) -> None:
    session = Session(lang="en", no_input=True, plain=True)
    checked, _ = check_plan(plan_file(root, "yen", jpy=1e-9), session)
    with pytest.raises(LimitError) as caught:
        apply(checked, session, run_path=tmp_path / "run")
    assert (caught.value.ref, caught.value.exit_code) == ("jpy-reached", 7)
    assert list((tmp_path / "run" / "checkpoints").glob("checkpoint-1/whole.json"))
    assert RunDir.open(tmp_path / "run").manifest.status == "interrupted"


@pytest.mark.slow
def test_a_killed_child_is_followed_by_a_smaller_one(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the system does for want of memory: SIGKILL, without a word."""
    run = tmp_path / "run"

    kill_training_at_first_checkpoint(run)
    session = Session(lang="en", no_input=True, plain=True)
    done = apply(check_plan(plan_file(root), session)[0], session, run_path=run)
    manifest = done.manifest
    (change,) = manifest.changes
    assert (change["step"], change["batch_size"], change["grad_accum"]) == (
        "smaller-micro-batch", 2, 2,
    )  # fmt: skip
    assert (manifest.status, manifest.actuals["effective_batch"]) == ("done", 4.0)
    assert [e["event"] for e in events(run)][:2] == ["out-of-memory", EVENT]
    assert "effective batch still 4" in capsys.readouterr().err
    about = json.loads((done.artifacts / "tuned.json").read_text(encoding="utf-8"))
    assert about["changes"][0]["step"] == "smaller-micro-batch"
    from executors.report.write import report_run

    report = Path(report_run(done, session)["md"]).read_text(encoding="utf-8")
    assert "effective batch still 4" in report


@pytest.mark.slow
def test_a_real_memory_limit_is_survived_with_the_same_effective_batch(tmp_path: Path) -> None:
    from bench.out_of_memory import BATCH, addressed, make_data

    base = tiny_base(tmp_path / "base", context=4096, hidden=64)
    data = make_data(tmp_path / "data")
    one = write_plan(tmp_path, base, data, "one", batch_size=1, grad_accum=BATCH)
    planned = write_plan(tmp_path, base, data, "planned")
    least, most = (addressed(p, tmp_path / f"free-{p.stem}") for p in (one, planned))
    assert most - least > 50 * 2**20, "no room for a limit in between"
    code, manifest = applied(planned, tmp_path / "run", (least + most) // 2)
    assert (code, manifest.status) == (0, "done")
    steps = {str(change["step"]) for change in manifest.changes}
    assert steps == {"smaller-micro-batch"}
    assert manifest.actuals["effective_batch"] == BATCH > manifest.actuals["micro_batch"]
    assert manifest.actuals["steps"] == 8


@pytest.mark.slow
def test_nothing_smaller_is_left(root: Path, tmp_path: Path) -> None:
    code, manifest = applied(plan_file(root, "hopeless"), tmp_path / "run", 1200 * 2**20)
    assert code == MachineError.exit_code
    assert manifest.status == "failed"


class Command:
    """`okakae apply` in a process group of its own, as a shell starts it."""

    def __init__(self, plan: Path, run: Path, *more: str) -> None:
        command = [sys.executable, "-m", "advisor", "apply", str(plan), "--run", str(run), *more]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "OKAKAE_LANG": "en"}
        self.run = run
        self.process = subprocess.Popen(
            [*command, "--plain"],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def until_checkpoint(self, n: int) -> psutil.Process:
        """Wait for the n-th checkpoint; the process that trains."""
        seen: set[str] = set()
        while len(seen) < n:
            assert self.process.poll() is None, self.process.stderr and self.process.stderr.read()
            seen |= {p.parent.name for p in (self.run / "checkpoints").glob("*/whole.json")}
            time.sleep(0.01)
        (child,) = psutil.Process(self.process.pid).children()
        return child

    def done(self) -> str:
        _, said = self.process.communicate(timeout=400)
        return said


def adapter(run: Path) -> str:
    return sha256(run / "artifacts" / "adapter" / "adapter_model.safetensors")


@pytest.mark.slow
@pytest.mark.parametrize("method", ["lora", "qlora"])
def test_kill_nine_and_ctrl_c_leave_a_run_that_ends_as_if_nothing_was(
    root: Path, tmp_path: Path, method: str
) -> None:
    plan = plan_file(root, method, method)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert Command(plan, whole).done() and adapter(whole)

    killed = Command(plan, cut)
    child = killed.until_checkpoint(2)
    killed.process.kill()
    killed.done()
    child.wait(10)  # it must not write on beside the run that resumes

    interrupted = Command(plan, cut, "--resume")
    interrupted.until_checkpoint(4)
    os.killpg(interrupted.process.pid, signal.SIGINT)
    said = interrupted.done()
    assert interrupted.process.returncode == 130
    assert "--resume" in said and "Traceback" not in said
    assert RunDir.open(cut).manifest.status == "interrupted"

    resumed = Command(plan, cut, "--resume")
    resumed.done()
    assert resumed.process.returncode == 0
    assert adapter(cut) == adapter(whole)
