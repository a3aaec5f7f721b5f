"""The probe measures okakae's own recipe on the worst batch; no memory left is an answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from made import PlanMaker, write_company
from tiny import byte_tokenizer

from advisor.errors import MachineError, UsageError
from advisor.estimate import EstimateSettings, own_runs
from advisor.estimate.settings import check
from advisor.plan import save_plan
from advisor.session import Session
from executors.apply import apply, check_plan
from executors.finetune.rows import IGNORED, make_rows
from executors.goals import for_goal
from executors.tracing import probe as tracing_probe
from executors.tracing.counters import GIB, CpuPeak, _alive_bytes
from executors.tracing.probe import Job, full_rows, main, measure, probe
from knowledge.corpus.reading import read


def job(folder: Path, **over: Any) -> Job:
    names = {"data", "goal", "language"}
    rest = {name: over.pop(name) for name in names & over.keys()}
    settings = EstimateSettings(
        **{
            "model": str(folder),
            "method": "lora",
            "seq_len": 64,
            "batch_size": 2,
            "device": "cpu",
            "gradient_checkpointing": False,
            **over,
        }
    )
    return Job(settings=settings, model=str(folder), lang="en", plain=True, **rest)


@pytest.mark.parametrize("method", ["full", "lora", "qlora"])
def test_every_method_is_measured(tiny_folder: Path, method: str) -> None:
    found = measure(job(tiny_folder, method=method))
    assert found.seq_len == 64
    assert not found.out_of_memory
    assert found.phases.keys() == {"training", "evaluation"}
    assert 0 < found.phases["evaluation"] < found.phases["training"] == found.peaks["allocated"]
    # The process holds the interpreter and the libraries as well.
    assert found.peaks["device"] > found.peaks["allocated"]
    assert found.seconds_per_step > 0
    tokens = 2 * (64 + 63)  # two batches a step, one row of each a token short
    assert found.tokens_per_s == pytest.approx(tokens / found.seconds_per_step, rel=0.02)


def test_a_larger_batch_is_measured_to_need_more(tiny_folder: Path) -> None:
    small, large = (measure(job(tiny_folder, batch_size=n, grad_accum=1)) for n in (1, 16))
    assert large.peaks["allocated"] > 2 * small.peaks["allocated"]


def test_the_longest_rows_of_the_data_are_the_batch(tiny_folder: Path, tmp_path: Path) -> None:
    company = write_company(tmp_path / "company", pairs=0, rewrites=30)
    long = {"prompt": "長い件、" * 20, "completion": "承知いたしました。" * 20, "scene": "s0"}
    rows = [{"id": f"long{n}", **long} for n in range(2)]
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (company / "long.jsonl").write_text(text, encoding="utf-8")
    found = measure(job(tiny_folder, data=str(company), goal="style_or_tone", seq_len=2048))
    corpus = read(company)
    made = make_rows(for_goal(corpus.examples, "style_or_tone"), byte_tokenizer(), "ja", 2048)
    assert found.seq_len == made.longest > 500
    assert (found.examples, found.data) == (len(made.rows), corpus.digest)
    mean = sum(len(row.input_ids) for row in made.rows) / len(made.rows)
    assert found.mean_tokens == pytest.approx(mean, abs=0.1)


def test_data_without_examples_is_refused(tiny_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# 規程\n\n休暇は年に十日です。\n", encoding="utf-8")
    with pytest.raises(UsageError, match="probe-no-rows"):
        measure(job(tiny_folder, data=str(tmp_path)))


def test_full_rows_fill_the_sequence_and_train_every_position() -> None:
    tokenizer = byte_tokenizer()
    rows = full_rows(job(Path("m"), seq_len=32, batch_size=3).settings, tokenizer)
    assert [len(row.input_ids) for row in rows] == [32, 31, 31]
    assert all(
        row.labels[0] == IGNORED and row.trained_tokens == len(row.labels) - 1 for row in rows
    )
    assert not {id_ for row in rows for id_ in row.input_ids} & set(tokenizer.all_special_ids)
    even = replace(job(Path("m"), seq_len=32, batch_size=2).settings, padded=False)
    assert [len(row.input_ids) for row in full_rows(even, tokenizer)] == [32, 32]


def test_the_allocators_own_record_is_read_to_the_byte() -> None:
    import torch

    counter, again = CpuPeak(), CpuPeak()
    with counter.recorded():
        left = torch.empty(50 * 2**20, dtype=torch.uint8)
    kept = torch.empty(5 * 2**20, dtype=torch.uint8)
    alive = _alive_bytes()
    with again.recorded():
        first = torch.empty(40 * 2**20, dtype=torch.uint8)
        del first, left
        second = torch.empty(70 * 2**20, dtype=torch.uint8)
    # 50 + 40 are alive together, then 70; what was alive before counts, what was freed does not.
    assert again.allocated * GIB == pytest.approx(alive + 40 * 2**20, abs=4096)
    del kept, second


def test_a_killed_probe_is_a_set_up_that_does_not_fit(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = tmp_path / "killed"
    killed.write_text("#!/bin/sh\nkill -9 $$\n", encoding="utf-8")
    killed.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(killed))
    found = probe(job(tiny_folder))
    assert found.out_of_memory and found.peaks == {}
    assert found.capacity_gib > 0


@pytest.mark.parametrize(
    ("model", "kind", "ref"),
    [("./nowhere", UsageError, "model-folder-missing"), ("a/b", MachineError, "model-not-here")],
)
def test_what_went_wrong_in_the_process_is_said_outside(
    tmp_path: Path, model: str, kind: type[Exception], ref: str
) -> None:
    asked, answered = tmp_path / "job.json", tmp_path / "measured.json"
    wanted = replace(job(tmp_path), model=model)
    asked.write_text(json.dumps(asdict(wanted)), encoding="utf-8")
    main(asked, answered)
    error = tracing_probe._told(json.loads(answered.read_text("utf-8")))
    assert isinstance(error, kind)
    assert error.ref == ref
    assert error.values["model"] == model


def test_a_training_leaves_its_measurement_beside_its_estimate(
    tiny_folder: Path, tmp_path: Path, plan_for: PlanMaker, session: Session
) -> None:
    data = write_company(tmp_path / "company", pairs=0, rewrites=60)
    config = {"model": str(tiny_folder), "finetune.max_steps": 8, "finetune.seq_len": 1024}
    save_plan(
        plan_for("finetune", data, config=config, goal="style_or_tone"), tmp_path / "plan.json"
    )
    run = apply(check_plan(tmp_path / "plan.json", session)[0], session, run_path=tmp_path / "run")
    actuals = run.manifest.actuals
    assert actuals.keys() >= {"seconds_per_step", "tokens_per_second", "seconds_per_answer"}
    assert 0 < actuals["training_ram_gib"] <= actuals["peak_ram_gib"] + 1e-6
    (record,) = own_runs.read()[0]
    assert (record.kind, record.method, record.micro_batch) == ("run", "lora", 4)
    assert record.peaks == {"device": pytest.approx(actuals["training_ram_gib"], abs=1e-3)}
    assert record.predicted["low"] < record.predicted["high"]
    assert str(tiny_folder) not in own_runs.own_runs_file().read_text("utf-8")
    check(replace(record.settings, model=str(tiny_folder)))


def okakae(*words: str, state: Path, shell: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "advisor", "--lang", "en", "--plain", *words]
    if shell:
        command = ["sh", "-c", f'{shell} && exec "$@"', "sh", *command]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OKAKAE_STATE_DIR": str(state), "OMP_NUM_THREADS": "1"},
    )


@pytest.mark.slow
def test_without_memory_the_answer_is_what_would_fit(tiny_folder: Path, tmp_path: Path) -> None:
    flags = ("--model", str(tiny_folder), "--method", "full", "--device", "cpu", "--probe")
    size = ("--batch-size", "64", "--seq-len", "4096", "--attention", "eager", "--json")
    done = okakae("estimate", *flags, *size, state=tmp_path, shell="ulimit -v 6000000")
    assert done.returncode == 4, done.stderr
    document = json.loads(done.stdout)
    assert document["error"] == "probe-too-big"
    assert any("--batch-size 1" in fault["text"] for fault in document["faults"])
    assert own_runs.read(tmp_path / own_runs.FILE)[0][0].out_of_memory
    # Asked again without measuring, the same set-up is known not to fit.
    again = okakae("estimate", *flags[:-1], *size, state=tmp_path)
    assert json.loads(again.stdout)["probe"]["out_of_memory"] is True


@pytest.mark.slow
def test_the_starter_is_measured_kept_and_used(tmp_path: Path) -> None:
    flags = ("--model", "starter", "--method", "lora", "--device", "cpu", "--seq-len", "64")
    flags += ("--batch-size", "2", "--no-gradient-checkpointing", "--json")
    done = okakae("estimate", *flags, "--probe", state=tmp_path)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    vram, measured = document["vram_gib"], document["probe"]
    assert vram["basis"].startswith("probe:")
    assert measured["formula"]["low"] <= vram["likely"] <= measured["formula"]["high"]
    assert vram["likely"] == pytest.approx(measured["peaks_gib"]["device"], abs=1e-3)
    assert document["hours"]["basis"] == vram["basis"]
    later = json.loads(okakae("estimate", *flags, state=tmp_path).stdout)
    assert later["probe"] == measured
    assert later["vram_gib"] == vram
