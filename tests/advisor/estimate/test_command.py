"""`okakae estimate`: the contract's document, its page, its exit codes, and that it stays light."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from advisor.commands_estimate import estimate


def run(*arguments: str) -> Result:
    return CliRunner().invoke(estimate, [*arguments, "--lang", "en"])


def document(*arguments: str) -> dict[str, object]:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    parsed: dict[str, object] = json.loads(result.stdout)
    return parsed


def test_the_document_is_the_contracts() -> None:
    made = document("--model", "meta-llama/Llama-3.1-8B", "--method", "lora", "--gpu", "L40S")
    assert made["schema_version"] == 1
    assert made["settings"]["method"] == "lora"  # type: ignore[index]
    vram = made["vram_gib"]
    assert isinstance(vram, dict)
    assert vram["unit"] == "GiB"
    assert vram["low"] <= vram["likely"] <= vram["high"]
    assert vram["allocated"] <= vram["reserved"] <= vram["device"] == vram["likely"]
    assert vram["basis"].startswith("traced:llama:")
    for term in vram["terms"]:
        assert term.keys() >= {"name", "gib", "phase"}
    named = made["fits"][0]  # type: ignore[index]
    assert named["gpu"] == "L40S"
    assert named["fits"] is (vram["high"] <= named["usable_gib"])
    assert named["margin_gib"] == pytest.approx(named["usable_gib"] - vram["high"], abs=0.01)
    assert made["hours"].keys() >= {"low", "likely", "high"}  # type: ignore[attr-defined]
    assert made["offers"][0]["cost_jpy"].keys() >= {"low", "likely", "high"}  # type: ignore[index]


def test_the_terms_of_the_peak_phase_add_up_to_what_is_allocated() -> None:
    vram = document("--model", "Qwen/Qwen3-8B")["vram_gib"]
    assert isinstance(vram, dict)
    total = sum(
        term["gib"]
        for term in vram["terms"]
        if term["phase"] in ("all", vram["peak_phase"]) and term["name"] != "outside"
    )
    assert total == pytest.approx(vram["allocated"], abs=0.005)


def test_a_cpu_is_compared_with_this_machines_memory() -> None:
    made = document("--model", "starter", "--device", "cpu", "--seq-len", "128")
    assert [fit["gpu"] for fit in made["fits"]] == ["cpu"]  # type: ignore[attr-defined]
    assert made["offers"] == []


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_the_page_says_whether_it_fits_and_what_would_help(lang: str) -> None:
    result = CliRunner().invoke(
        estimate,
        ["--model", "meta-llama/Llama-3.1-8B", "--method", "full", "--gpu", "T4", "--lang", lang],
    )
    assert result.exit_code == 0
    assert "T4" in result.stdout
    assert ("does not fit" if lang == "en" else "入りません") in result.stdout
    assert "QLoRA" in result.stdout
    assert "{" not in result.stdout


def test_an_unknown_model_is_answered_with_near_names() -> None:
    result = run("--model", "Qwen/Qwen3-8C")
    assert result.exit_code == 2
    assert "Qwen/Qwen3-8B" in result.stderr
    assert "Traceback" not in result.output


def test_an_unknown_gpu_is_answered_with_near_names() -> None:
    result = run("--model", "Qwen/Qwen3-8B", "--gpu", "RTX 4900")
    assert result.exit_code == 2
    assert "RTX 4090" in result.stderr


def test_every_fault_of_a_set_up_comes_at_once() -> None:
    result = run(
        *("--model", "Qwen/Qwen3-8B", "--gpu", "P100 16GB", "--seq-len", "99999"),
        *("--batch-size", "0", "--targets", "nowhere", "--loss", "half", "--json"),
    )
    assert result.exit_code == 2
    faults = {fault["id"] for fault in json.loads(result.stdout)["faults"]}
    assert faults == {
        "qlora-unsupported",
        "sequence-beyond-context",
        "count-too-small",
        "target-unknown",
        "choice-wrong",
    }


def test_a_config_without_keys_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"model_type": "llama", "hidden_size": 64}', encoding="utf-8")
    result = run("--model", str(path))
    assert result.exit_code == 2
    assert "num_hidden_layers" in result.stderr


def test_no_heavy_library_is_loaded() -> None:
    code = (
        "import sys\n"
        "from advisor.commands_estimate import estimate\n"
        "estimate(['--model', 'Qwen/Qwen3-8B', '--json'], standalone_mode=False)\n"
        "heavy = {'torch', 'numpy', 'pydantic', 'rich', 'transformers'} & sys.modules.keys()\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
