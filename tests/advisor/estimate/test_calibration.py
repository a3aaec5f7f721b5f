"""Own measurements move an estimate by the stated rule, and nothing else does."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from companies import company, data
from hypothesis import given
from hypothesis import strategies as st

from advisor.estimate import (
    EstimateSettings,
    estimate,
    estimates_for_option,
    find_shapes,
    own_runs,
    training_memory,
)
from advisor.estimate.calibration import informed, narrow
from advisor.estimate.own_runs import OwnRun
from advisor.estimate.ratios import newest, ratio_of
from advisor.estimate.roads import settings_for
from advisor.estimate.time import tokens_per_second
from advisor.types import Estimate

FORMULA = Estimate(0.8, 1.0, 1.3, "GiB", "formula:test")
inside = st.floats(0.85, 1.25)
anywhere = st.floats(0.2, 5.0)
MODEL = "Qwen/Qwen2.5-0.5B"
SETTINGS = EstimateSettings(model=MODEL, method="lora", seq_len=256, device="cpu")


def width(estimate: Estimate) -> float:
    return math.log(estimate.high / estimate.low)


@given(st.lists(inside, min_size=1, max_size=40))
def test_records_inside_the_range_never_widen_it(ratios: list[float]) -> None:
    made = narrow(FORMULA, ratios)
    assert made.low >= FORMULA.low - 1e-9
    assert made.high <= FORMULA.high + 1e-9


@given(st.lists(anywhere, min_size=1, max_size=40))
def test_the_range_never_excludes_what_was_seen(ratios: list[float]) -> None:
    made = narrow(FORMULA, ratios)
    assert made.low <= min(ratios) * FORMULA.likely + 1e-9
    assert made.high >= max(ratios) * FORMULA.likely - 1e-9
    assert made.low <= made.likely <= made.high
    hull_low, hull_high = min(FORMULA.low, *ratios), max(FORMULA.high, *ratios)
    assert hull_low - 1e-9 <= made.low and made.high <= hull_high + 1e-9


@given(inside, st.integers(1, 40))
def test_one_more_record_that_agrees_never_makes_it_less_sure(ratio: float, n: int) -> None:
    fewer, more = narrow(FORMULA, [ratio] * n), narrow(FORMULA, [ratio] * (n + 1))
    assert width(more) <= width(fewer) + 1e-9
    assert abs(more.likely - ratio) <= abs(fewer.likely - ratio) + 1e-9


@given(st.lists(anywhere, min_size=1, max_size=2))
def test_fewer_than_three_records_leave_the_likely_value(ratios: list[float]) -> None:
    assert narrow(FORMULA, ratios).likely == pytest.approx(1.0)


def test_many_agreeing_records_bring_the_range_close_to_them() -> None:
    made = narrow(FORMULA, [1.1] * 58)
    assert made.likely == pytest.approx(1.1, rel=0.01)
    assert width(made) < width(FORMULA) / 10
    assert narrow(FORMULA, [1.1, 1.1, 1.1]).likely == pytest.approx(1.1**0.2)
    assert made.basis == "formula:test+own-runs:58"
    assert narrow(FORMULA, []) is FORMULA


def record(**over: Any) -> OwnRun:
    """A probe of `SETTINGS` on this machine that took a tenth more than predicted."""
    shapes = find_shapes(MODEL)
    settings = replace(SETTINGS, **over.pop("settings", {}))
    predicted = training_memory(shapes, settings).estimate
    peaks = {"allocated": predicted.likely, "device": predicted.likely * over.pop("ratio", 1.1)}
    fields: dict[str, Any] = {
        "kind": "probe",
        "date": "2026-11-24",
        "machine": own_runs.here(),
        "precision": "bfloat16",
        "peaks": peaks,
        "seconds_per_step": 4.0,
        "tokens_per_s": 200.0,
    }
    return own_runs.record_of(shapes, settings, predicted, **(fields | over))


def kept(*records: OwnRun) -> None:
    for entry in records:
        assert own_runs.append(entry)


def test_a_record_is_read_as_it_was_written() -> None:
    kept(record(), record(kind="run", data="abc"))
    runs, refused = own_runs.read()
    assert runs == (record(), record(kind="run", data="abc"))
    assert refused == ()
    text = own_runs.own_runs_file().read_text("utf-8")
    assert str(Path.home()) not in text


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        ({"method": "magic"}, "magic"),
        ({"peaks": {"device": -1.0}}, "device = -1.0"),
        ({"peaks": {"device": 1e9}}, "device"),
        ({"peaks": {"device": "much"}}, "peaks"),
        ({"peaks": {"vram": 1.0}}, "vram"),
        ({"peaks": {}}, "peaks = []"),
        ({"seq_len": 0}, "seq_len = 0"),
        ({"mean_tokens": 0.0}, "mean_tokens = 0.0"),
        ({"seq_len": 2.5}, "seq_len"),
        ({"unit": "GB"}, "GB"),
        ({"tokens_per_s": 1e12}, "tokens_per_s"),
        ({"model": None}, "model"),
    ],
)
def test_a_damaged_record_is_refused_with_its_line(damage: dict[str, Any], why: str) -> None:
    kept(record())
    path = own_runs.own_runs_file()
    with path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(asdict(record()) | damage) + "\n{cut\n")
    runs, refused = own_runs.read()
    assert len(runs) == 1
    assert [entry.line for entry in refused] == [2, 3]
    assert why in refused[0].why


@given(st.recursive(st.none() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=4))
def test_no_json_is_taken_for_a_record_by_accident(value: Any) -> None:
    with pytest.raises(ValueError, match=r"missing|not an object"):
        own_runs.parse(value if not isinstance(value, dict) else {"peaks": value})


def test_a_stored_probe_stands_in_the_formulas_place() -> None:
    kept(record())
    made = estimate(SETTINGS, ram_gib=16.0)
    assert made.probe == record()
    assert made.memory.estimate.basis == f"probe:2026-11-24:{own_runs.here()}"
    assert made.memory.device == pytest.approx(made.formula.likely * 1.1)
    assert made.hours is not None and made.hours.basis == made.memory.estimate.basis
    # 1,000 examples of 128 tokens, 3 epochs, at 200 tokens a second
    assert made.hours.likely == pytest.approx(384_000 / 200 / 3600, rel=0.3)


@pytest.mark.parametrize(
    "other",
    [
        {"seq_len": 512},
        {"batch_size": 2},
        {"lora_rank": 8},
        {"method": "qlora"},
        {"gradient_checkpointing": False},
        {"attention": "eager"},
        {"optimizer": "sgd"},
        {"model": "Qwen/Qwen3-0.6B"},
        {"device": "cuda"},
        {"grad_accum": 1},
        {"loss": "full"},
    ],
)
def test_a_probe_of_another_set_up_is_not_taken(other: dict[str, Any]) -> None:
    kept(record())
    assert estimate(replace(SETTINGS, **other)).probe is None


def test_a_probe_of_another_machine_stack_or_of_other_rows_is_not_taken() -> None:
    kept(
        record(machine="0" * 12),
        replace(record(), versions={"torch": "1.0"}),
        record(data="company"),
        record(kind="run"),
    )
    assert estimate(SETTINGS).probe is None
    assert estimate(SETTINGS, data="another").probe is None
    assert estimate(SETTINGS, data="company").probe is not None


def test_a_recommendation_uses_the_probe_of_its_own_data() -> None:
    wanted = company(data(qa=400), goal="new_facts", gpu="none")
    starter = find_shapes("starter")
    settings = replace(settings_for(starter, "lora", wanted), seq_len=300)
    predicted = training_memory(starter, settings).estimate
    measured = {"precision": "bfloat16", "peaks": {"device": 2.5}, "tokens_per_s": 100.0}
    assert wanted.data is not None
    found = own_runs.record_of(
        starter,
        settings,
        predicted,
        kind="probe",
        date="2026-11-24",
        machine=own_runs.here(),
        data=wanted.data.digest,
        **measured,
    )
    kept(replace(found, rank=found.rank + 1), found)
    estimates = estimates_for_option("fine_tuning", "lora", "starter", wanted)
    assert estimates["ram_gib"].likely == 2.5
    assert estimates["hours"].basis == estimates["ram_gib"].basis == found.basis
    other = replace(wanted, data=replace(wanted.data, digest="1" * 64))
    assert estimates_for_option("fine_tuning", "lora", "starter", other)["ram_gib"].likely != 2.5


def test_a_probe_that_ran_out_of_memory_says_that_it_does_not_fit() -> None:
    kept(record(out_of_memory=True, peaks={}, capacity_gib=16.0))
    made = estimate(SETTINGS, ram_gib=16.0)
    assert not made.fits[0].fits
    assert made.memory.estimate.low >= 16.0


def test_runs_of_the_class_narrow_others_of_their_size_only() -> None:
    sizes = (64, 128, 192, 320, 384)
    kept(*(record(kind="run", settings={"seq_len": n}, data=str(n)) for n in sizes))
    made = estimate(SETTINGS)
    assert made.own_runs == len(sizes)
    assert made.formula.likely < made.memory.device < made.formula.likely * 1.1
    assert made.memory.allocated <= made.memory.reserved <= made.memory.device
    assert width(made.memory.estimate) < width(made.formula)
    for other in ({"method": "full"}, {"device": "cuda"}, {"model": "Qwen/Qwen3-8B"}):
        assert estimate(replace(SETTINGS, **other)).own_runs == 0


def test_the_same_set_up_again_proves_nothing_new() -> None:
    again = [record(kind="run", ratio=1 + n / 10) for n in range(5)]
    assert newest(again) == (again[-1],)


def test_a_record_whose_model_nobody_knows_keeps_what_was_predicted_then() -> None:
    unknown = replace(record(ratio=1.2), model="a-folder-that-is-gone")
    ratio = ratio_of(unknown)
    assert ratio is not None
    assert ratio.memory == pytest.approx(1.2, rel=1e-3)
    assert ratio.time is None


def test_time_on_a_processor_is_held_against_all_its_cores(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = record().settings
    shapes = find_shapes(MODEL)
    for cores in (2, 16):
        monkeypatch.setattr("advisor.estimate.ratios.cores", lambda n=cores: n)
        rates = tokens_per_second(shapes, settings, None, cores=cores)
        ratio = ratio_of(record(tokens_per_s=rates[1] / 1.25 if rates else 0.0))
        assert ratio is not None
        assert ratio.time == pytest.approx(1.25)


@pytest.fixture
def overlay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OKAKAE_CONFIG_DIR", str(tmp_path))
    (tmp_path / "knowledge").mkdir()
    return tmp_path / "knowledge" / "measurements.toml"


def test_a_companys_own_table_counts_okakaes_rows_and_no_others(overlay: Path) -> None:
    settings = replace(SETTINGS, device="cuda")
    shapes = find_shapes(MODEL)
    row = """
["{id}"]
model = "Qwen/Qwen2.5-0.5B"
method = "lora"
system = "{system}"
counter = "allocated"
peak = {peak}
unit = "GiB"
seq_len = {seq_len}
micro_batch = 4
gpu = "L4"
source = "our own sweep"
date = "2026-11-24"
"""
    rows = []
    for seq_len in (128, 256, 384):
        peak = training_memory(shapes, replace(settings, seq_len=seq_len)).allocated * 1.05
        for system in ("okakae 0.1.0", "another"):
            id_ = f"{system.split()[0]}-{seq_len}"
            rows.append(row.format(id=id_, system=system, peak=f"{peak:.4f}", seq_len=seq_len))
    overlay.write_text("".join(rows), encoding="utf-8")
    known = informed(shapes, settings, training_memory(shapes, settings))
    assert known.runs == 3
    assert known.memory.device == pytest.approx(known.formula * 1.05**0.2, rel=1e-3)
