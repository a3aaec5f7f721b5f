"""The proof of the memory estimates: what is measured, how rows are judged, what counts as fair."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.estimate import find_shapes, training_memory
from bench.machine import RESULTS
from bench.memory_errors import GIB, against, compare, said, statistics_of
from bench.memory_gpu import MODELS, PARTS, capped_setups, gpu_setups, smoke
from bench.memory_peers import judged
from bench.memory_peers_worker import PEERS, ask
from bench.memory_published import (
    against as published_against,
)
from bench.memory_published import in_gib, is_check, targets_of, usable
from bench.memory_record import CpuRecord
from bench.memory_setups import (
    SHAPES,
    Setup,
    as_document,
    config_of,
    cpu_setups,
    settings_of,
    setup_of,
    write_config,
)
from knowledge.catalog.loader import load


def a_setup(**over: Any) -> Setup:
    given_ = {
        "name": "one",
        "shape": "llama-32k",
        "method": "lora",
        "gradient_checkpointing": False,
        "batch_size": 3,
        "seq_len": 77,
        "attention": "eager",
        "padded": True,
        "lora_rank": 7,
        "targets": "q_proj,v_proj",
        "optimizer": "sgd",
    }
    return Setup(**{**given_, **over})


def test_the_estimator_is_asked_exactly_what_was_measured() -> None:
    setup = a_setup()
    settings = settings_of(setup, "config.json")
    same = {field.name for field in fields(Setup)} & {f.name for f in fields(type(settings))}
    assert same >= {"method", "batch_size", "seq_len", "attention", "padded", "optimizer"}
    assert {name: getattr(settings, name) for name in same} == {
        name: getattr(setup, name) for name in same
    }
    assert (settings.grad_accum, settings.loss, settings.model) == (1, "tiled", "config.json")


def test_a_stored_row_gives_its_setup_back() -> None:
    setup = a_setup(cap_gib=6.0, part="fit")
    row = json.loads(json.dumps({**as_document(setup), "peak_allocated": 1, "losses": [1.0]}))
    assert setup_of(row) == setup


def test_the_cpu_sweep_covers_what_it_promises() -> None:
    setups = cpu_setups()
    assert len({setup.name for setup in setups}) == len(setups) >= 36
    kinds = {(s.family, s.method, s.gradient_checkpointing) for s in setups}
    families = {setup.family for setup in setups}
    assert len(families) >= 8
    assert len(kinds) == len(families) * 3 * 2
    vocabularies = [setup.config["vocab_size"] for setup in setups]
    assert min(vocabularies) <= 32_768
    assert max(vocabularies) >= 262_144
    assert {setup.attention for setup in setups} == {"sdpa", "eager"}
    assert all(setup.shape in SHAPES for setup in setups)


def test_the_gpu_sweep_holds_half_of_the_families_out() -> None:
    setups = gpu_setups()
    assert len({setup.name for setup in setups}) == len(setups) >= 60
    assert {setup.part for setup in setups} == {"fit", "held out"}
    assert abs(list(PARTS.values()).count("fit") - len(PARTS) / 2) <= 1
    for setup in setups:
        assert setup.part == PARTS[setup.family]
        assert setup.seq_len <= load("models")[setup.shape].max_context
        assert settings_of(setup, setup.shape).device == "cuda"


@pytest.mark.parametrize("model", MODELS)
def test_the_weights_written_for_a_catalog_model_have_its_shape(model: str, tmp_path: Path) -> None:
    written = find_shapes(str(write_config(config_of(load("models")[model]), tmp_path)))
    known = find_shapes(model)
    assert written.params == known.params
    assert (written.layers, written.hidden, written.kv_heads, written.vocab, written.tied) == (
        known.layers,
        known.hidden,
        known.kv_heads,
        known.vocab,
        known.tied,
    )


def test_a_capped_card_is_tried_from_the_largest_model_down() -> None:
    models = load("models")
    sizes = [models[setup.shape].params for setup in capped_setups(6)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes
    assert {setup.cap_gib for setup in capped_setups(6)} == {6.0}
    assert max(sizes) > max(models[setup.shape].params for setup in capped_setups(3))


def row_of(setup: Setup, factor: float = 1.0) -> tuple[dict[str, Any], Any]:
    """A row as a run would leave it that measured `factor` times the estimate."""
    memory = training_memory(
        find_shapes("Qwen/Qwen3-0.6B"), settings_of(replace(setup, targets="all-linear"), "-")
    )
    peaks = {name: round(gib * GIB * factor) for name, gib in memory.phases.items()}
    row = {**as_document(setup), "phase_peaks": peaks, "peak_allocated": max(peaks.values())}
    return row, memory


@given(st.floats(0.2, 5.0))
def test_the_error_is_estimate_over_measurement(factor: float) -> None:
    row, memory = row_of(a_setup(), factor)
    held = against(row, memory)
    assert held["error"] == pytest.approx(1 / factor - 1, abs=2e-3)
    assert held["phase_errors"][held["measured_phase"]] == held["error"]
    assert held["measured_phase"] == held["estimated_phase"]
    assert held["inside"] == (held["low_gib"] <= held["measured_gib"] <= held["high_gib"]) or (
        # Bounds are rounded in the record.
        min(abs(held["measured_gib"] - held[end]) for end in ("low_gib", "high_gib")) < 2e-4
    )


@given(st.lists(st.tuples(st.floats(-0.9, 9.0), st.booleans()), min_size=1, max_size=30))
def test_the_worst_is_never_better_than_the_median(rows: list[tuple[float, bool]]) -> None:
    held = [
        {"name": str(n), "error": error, "inside": inside, "half_width": 0.1}
        for n, (error, inside) in enumerate(rows)
    ]
    found = statistics_of(held)
    assert abs(found["worst"]) >= found["median"] - 1e-4
    assert -abs(found["worst"]) - 1e-4 <= found["bias"] <= abs(found["worst"]) + 1e-4
    assert found["coverage"] == pytest.approx(sum(i for _, i in rows) / len(rows), abs=1e-4)
    assert held[int(found["worst_name"])]["error"] == found["worst"]


def test_failed_and_out_of_memory_rows_are_kept_apart_from_errors() -> None:
    good, memory = row_of(a_setup(name="good", device="cuda"))
    good |= {"peak_reserved": 2 * GIB, "peak_device": 3 * GIB, "card_bytes": 80 * GIB}
    configs = {good["shape"]: SHAPES[good["shape"]] | {"max_position_embeddings": 2048}}
    failed = {**good, "name": "failed", "error": "took longer than 900 s"}
    too_big = {**good, "name": "big", "out_of_memory": True, "cap_gib": 0.1}
    found = compare([good, failed, too_big], configs)
    assert [row["name"] for row in found["rows"]] == ["good"]
    assert {row["name"]: row["out_of_memory"] for row in found["fits"]} == {
        "good": False,
        "big": True,
    }
    assert said({**too_big, "cap_gib": memory.estimate.high}, memory)["said"] == "fits"
    assert said({**too_big, "cap_gib": memory.estimate.low / 2}, memory)["said"] == "does not fit"
    assert said({**too_big, "cap_gib": memory.estimate.likely}, memory)["said"] == "unsure"


def test_the_record_counts_what_the_allocator_gave() -> None:
    torch = pytest.importorskip("torch")
    record = CpuRecord()
    kept = torch.ones(1_000_000)
    record.start()
    record.enter("forward")
    first = torch.ones(2_000_000)
    del first
    record.enter("backward")
    second = torch.ones(500_000)
    record.enter("between")
    record.stop()
    found = record.result()
    assert found["alive_before_training"] == kept.nbytes
    assert found["phase_peaks"]["forward"] == pytest.approx(12_000_000, abs=200)
    assert found["phase_peaks"]["backward"] == pytest.approx(6_000_000, abs=200)
    assert found["phase_begins"]["backward"] == pytest.approx(4_000_000, abs=200)
    assert found["peak_allocated"] == found["phase_peaks"]["forward"]
    assert second.nbytes == 2_000_000


def test_published_targets_are_put_into_the_models_own_names() -> None:
    rows = load("measurements")
    said_by = {row.id: targets_of(row) for row in rows.values() if usable(row)}
    assert said_by["litgpt-llama-2-7b-hf-lora-512x2"] == "q_proj,v_proj"
    assert said_by["litgpt-stablelm-base-alpha-3b-lora-512x1"] == "query_key_value"
    assert said_by["peft-llama-3.2-3b-lora-768x4"] == "down_proj,gate_proj,up_proj"
    gemma = said_by["litgpt-gemma-2b-lora-512x2"].split(",")
    assert set(gemma) == {linear.name for linear in find_shapes("google/gemma-2b").linears}


def test_units_and_counters_of_published_rows_are_kept() -> None:
    rows = [row for row in load("measurements").values() if usable(row)]
    check = [row for row in rows if is_check(row)]
    assert len(check) >= 7
    assert {row.counter for row in check} == {"reserved"}
    for row in rows:
        factor = 1e9 / 2**30 if row.unit == "GB" else 1.0
        assert in_gib(row) == pytest.approx((row.peak or 0) * factor)
        held = published_against(row)
        assert held["inside"] == (
            held["low_gib"] - 1e-3 <= held["measured_gib"] <= held["high_gib"] + 1e-3
        )
        # A row that is far off says why.
        assert bool(held["why"]) == (abs(held["error"]) > 0.15)


def test_a_peer_is_judged_by_its_better_figure_and_refusals_are_counted() -> None:
    cases = [{"id": str(n), "measured_gib": 10.0} for n in range(3)]
    answers = {
        "0": {"total": 20.0, "net": 11.0},
        "1": {"total": 20.0, "net": 9.0},
        "2": {"refused": "ValueError: no"},
    }
    found = judged(cases, answers)
    assert (found["figure"], found["n"], found["refused"]) == ("net", 2, 1)
    assert found["median"] == pytest.approx(0.1)
    assert judged(cases, {}) == {"n": 0, "refused": 3}


def test_a_peer_that_is_not_there_is_said_to_be_missing() -> None:
    missing = [name for name in PEERS if name != "accelerate" and not ask(name, [])["installed"]]
    for name in missing:
        assert ask(name, [{"id": "a"}]) == {"installed": None}


def test_accelerates_own_figure_is_four_times_the_weights_in_fp32() -> None:
    case = {"id": "a", "config": SHAPES["mistral-32k"], "precision": "fp32"}
    found = ask("accelerate", [case])["answers"]["a"]
    # AutoModel, as the command builds it, leaves the head out.
    shape = SHAPES["mistral-32k"]
    assert found["total"] * GIB > 4 * 4 * shape["vocab_size"] * shape["hidden_size"]
    assert found["total"] == found["net"]


def test_every_committed_cpu_row_can_be_estimated_again() -> None:
    path = RESULTS / "memory_cpu.json"
    figures = json.loads(path.read_text(encoding="utf-8"))["figures"]
    sound = [row for row in figures["rows"] if "error" not in row]
    assert len(sound) >= 30
    found = compare(sound, figures["configs"])
    assert len(found["rows"]) == len(sound)
    for row in sound:
        assert row["optimizer_steps"] == row["steps"] >= 2
        assert row["peak_allocated"] == max(row["phase_peaks"].values())
        assert row["peak_rss"] > row["alive_before_training"]
        # NF4 and adapters too: what stands before training is never less than the weights alone.
        full = row["method"] == "full"
        assert row["alive_before_training"] >= row["parameters"] * (4 if full else 0.5)


@pytest.mark.slow
def test_the_gpu_sweeps_worker_runs_here() -> None:
    """The same process, recipe and record as on a card, on two tiny models."""
    full, qlora = smoke("cpu")
    for row in (full, qlora):
        assert "error" not in row
        assert row["optimizer_steps"] == row["steps"] == 2
        assert all(loss > 0 for loss in row["losses"] + row["eval_losses"])
        peaks = row["phase_peaks"]
        assert min(peaks[name] for name in ("forward", "backward", "optimizer", "evaluation")) > 0
        assert row["peak_allocated"] == max(peaks.values())
        assert row["config"]["vocab_size"] == 1024
    # fp32 weights before the first step, and the first numbers of every tensor, by which a training
    # proves afterwards that it changed something (at most 1/32 of this tiny model).
    weights = 4 * full["parameters"]
    assert weights <= full["alive_before_training"] <= weights * (1 + 1 / 32)
    # With gradients and two Adam states before the last step ends.
    assert full["phase_peaks"]["optimizer"] >= 16 * full["parameters"]
    assert qlora["alive_before_training"] < full["alive_before_training"] / 2
