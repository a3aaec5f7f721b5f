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
    offers = made["offers"]
    assert isinstance(offers, list)
    assert [(offer["kind"], offer["gpu"]) for offer in offers] == [("own", "cpu")]
    assert offers[0]["cost_jpy"] == made["own_electricity_jpy"]


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


LLAMA = ("--model", "Qwen/Qwen3-8B")
BAD = [
    (("--model", "Qwen/Qwen3-8C"), ["estimate-model-unknown"], "Qwen/Qwen3-8B"),
    ((*LLAMA, "--gpu", "RTX 4900"), ["gpu-unknown"], "RTX 4090"),
    ((*LLAMA, "--gpus", "0"), ["count-too-small"], "--gpus"),
    ((*LLAMA, "--batch-size", "-4"), ["count-too-small"], "-4"),
    ((*LLAMA, "--seq-len", "0"), ["count-too-small"], "--seq-len"),
    ((*LLAMA, "--seq-len", "40961"), ["sequence-beyond-context"], "40961"),
    ((*LLAMA, "--epochs", "nan"), ["not-a-number"], "nan"),
    ((*LLAMA, "--epochs", "inf"), ["count-too-large"], "--epochs"),
    ((*LLAMA, "--epochs", "-1"), ["count-too-small"], "--epochs"),
    ((*LLAMA, "--examples", "9" * 30), ["count-too-large"], "--examples"),
    ((*LLAMA, "--tokens-per-example", "0"), ["count-too-small"], "--tokens-per-example"),
    ((*LLAMA, "--method", "dora"), ["choice-wrong"], "qlora"),
    ((*LLAMA, "--attention", "flash"), ["choice-wrong"], "sdpa"),
    ((*LLAMA, "--targets", "q_porj"), ["target-unknown"], "q_proj"),
    ((*LLAMA, "--gpu", "P100 16GB", "--method", "qlora"), ["qlora-unsupported"], "7.0"),
    ((*LLAMA, "--gpu", "T4", "--device", "cpu"), ["gpu-on-cpu"], "T4"),
    ((*LLAMA, "--currency", "EUR"), ["currency-without-rate"], "eur_jpy"),
    ((*LLAMA, "--set", "usd_jpyy=150"), ["rate-unknown"], "usd_jpy"),
    ((*LLAMA, "--set", "usd_jpy=free"), ["rate-wrong"], "free"),
    ((*LLAMA, "--set", "usd_jpy"), ["set-form"], "usd_jpy"),
    (
        ("--model", "nobody/none", "--gpu", "Voodoo", "--gpus", "0", "--currency", "XXX"),
        ["currency-without-rate", "estimate-model-unknown", "count-too-small", "gpu-unknown"],
        "Voodoo",
    ),
]


@pytest.mark.parametrize(("arguments", "faults", "says"), BAD)
@pytest.mark.parametrize("lang", ["ja", "en"])
def test_bad_input_is_said_plainly_all_at_once(
    arguments: tuple[str, ...], faults: list[str], says: str, lang: str
) -> None:
    result = CliRunner().invoke(estimate, [*arguments, "--json", "--lang", lang])
    assert result.exit_code == 2
    told = json.loads(result.stdout)
    found = [fault["id"] for fault in told["faults"]] or [told["error"]]
    assert sorted(found) == sorted(faults)
    assert says in result.stderr
    assert "Traceback" not in result.output
    assert all(fault["text"] for fault in told["faults"])


@pytest.mark.parametrize(
    "content", ["", "not json", "[1, 2]", '"text"', "\x00\x01", '{"hidden_size": "wide"}', "{}"]
)
def test_a_config_that_is_none_is_refused_by_name(tmp_path: Path, content: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(content, encoding="utf-8")
    result = run("--model", str(path), "--json")
    assert result.exit_code == 2
    assert str(path) in result.stderr
    assert "Traceback" not in result.output


SMALL = {
    "model_type": "llama",
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 128,
    "vocab_size": 1000,
    "max_position_embeddings": 2048,
}


def test_a_config_of_ones_own_is_estimated(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(SMALL), encoding="utf-8")
    assert document("--model", str(path), "--method", "lora")["vram_gib"]["likely"] > 0  # type: ignore[index]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"hidden_size": -64}, {"hidden_size"}),
        (
            {"hidden_size": 10**30, "num_hidden_layers": 10**12},
            {"hidden_size", "num_hidden_layers"},
        ),
        ({"hidden_size": float("nan")}, {"hidden_size"}),
        ({"vocab_size": [1, 2], "head_dim": "wide"}, {"vocab_size", "head_dim"}),
        ({"num_attention_heads": True}, {"num_attention_heads"}),
        ({"num_attention_heads": 5}, {"num_attention_heads", "num_key_value_heads"}),
        ({"num_key_value_heads": 8}, {"num_key_value_heads"}),
        ({"num_key_value_heads": "x", "model_type": ""}, {"num_key_value_heads", "model_type"}),
        ({"text_config": "none", "hidden_size": None}, {"hidden_size | n_embd"}),
        ({"intermediate_size": 0}, {"intermediate_size"}),
    ],
)
def test_a_config_that_cannot_be_names_every_key(
    tmp_path: Path, change: dict[str, object], where: set[str]
) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**SMALL, **change}), encoding="utf-8")
    result = run("--model", str(path), "--json")
    assert result.exit_code == 2
    assert {fault["where"] for fault in json.loads(result.stdout)["faults"]} == where


def test_offers_without_a_price_are_named_apart() -> None:
    made = document("--model", "Qwen/Qwen3-8B")
    unpriced = {each["name"]: each["missing"] for each in made["offers_without_price"]}  # type: ignore[attr-defined]
    assert unpriced["colab-paid-l4"] == "price"
    assert unpriced["colab-paid-g4"] == "speed"
    priced = {offer["name"] for offer in made["offers"]}  # type: ignore[attr-defined]
    assert not priced & unpriced.keys()


def test_every_offer_says_whether_its_price_is_old() -> None:
    made = document("--model", "Qwen/Qwen3-8B")
    old = {offer["name"]: offer["price_old"] for offer in made["offers"]}  # type: ignore[attr-defined]
    assert old["colab-free-t4"] is True
    assert old["runpod-rtx-4090-community"] is False
    assert made["rates"]["labour_jpy_per_hour"]["price_old"] is True  # type: ignore[index]


def test_a_model_tells_its_licence_and_its_gate() -> None:
    licence = document("--model", "meta-llama/Llama-3.1-8B")["licence"]
    assert licence == {
        "ids": ["llama3.1"],
        "commercial": {"llama3.1": "conditions"},
        "gated": "licence",
    }


def test_cards_can_share_the_model() -> None:
    common = ("--model", "meta-llama/Llama-3.1-8B", "--method", "full", "--gpus", "8")
    whole, shared = document(*common), document(*common, "--sharding", "full")
    assert shared["settings"]["sharding"] == "full"  # type: ignore[index]
    for name in ("weights", "optimizer_states"):
        gib = [
            next(term["gib"] for term in made["vram_gib"]["terms"] if term["name"] == name)  # type: ignore[index]
            for made in (whole, shared)
        ]
        assert gib[1] == pytest.approx(gib[0] / 8, abs=1e-3)
    assert whole["would_fit_if"]["sharding"] == shared["vram_gib"]["high"]  # type: ignore[index]


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_the_page_says_that_memory_is_one_cards(lang: str) -> None:
    command = ["--model", "Qwen/Qwen3-8B", "--gpus", "4", "--sharding", "full", "--lang", lang]
    result = CliRunner().invoke(estimate, command)
    assert ("4 cards share" if lang == "en" else "GPU 4 枚で") in result.stdout


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--sharding", "half", "--gpus", "2"), "none, full"),
        (("--sharding", "full"), "two cards or more"),
        (("--sharding", "full", "--gpus", "2", "--device", "cpu"), "two cards or more"),
    ],
)
def test_a_sharding_that_cannot_be_is_said(given: tuple[str, ...], said: str) -> None:
    result = run("--model", "Qwen/Qwen3-8B", *given)
    assert result.exit_code == 2
    assert said in result.output


E5 = "intfloat/multilingual-e5-base"


def test_a_small_classifier_is_estimated() -> None:
    made = document("--model", E5, "--method", "encoder", "--batch-size", "16", "--gpu", "T4")
    vram = made["vram_gib"]
    assert isinstance(vram, dict)
    assert made["settings"]["seq_len"] == 256  # type: ignore[index]
    assert vram["basis"].startswith("traced:xlm-roberta:")
    assert vram["high"] <= 1.12 * vram["likely"] + 1e-3
    assert vram["low"] >= 0.88 * vram["likely"] - 1e-3
    params = 278_043_648
    fixed = [term for term in vram["terms"] if term["name"] in ("weights", "optimizer_states")]
    assert sum(term["gib"] for term in fixed) == pytest.approx(params * 12 / 2**30, rel=0.01)
    assert made["offers"]
    assert made["hours"]["high"] > made["hours"]["low"] > 0  # type: ignore[index]
    assert not {"lora", "qlora", "tiled"} & made["would_fit_if"].keys()  # type: ignore[attr-defined]


def test_a_config_of_an_encoder_works_as_well(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    shapes = {"num_hidden_layers": 12, "hidden_size": 768, "num_attention_heads": 12}
    shapes |= {"intermediate_size": 3072, "vocab_size": 250002, "max_position_embeddings": 514}
    config.write_text(json.dumps({"model_type": "xlm-roberta", **shapes}), encoding="utf-8")
    by_id, by_config = (
        document("--model", model, "--method", "encoder")["vram_gib"] for model in (E5, str(config))
    )
    assert by_id == by_config


@pytest.mark.parametrize(
    ("model", "method", "said"),
    [
        (E5, "qlora", "--method encoder"),
        ("Qwen/Qwen3-8B", "encoder", "intfloat/multilingual-e5-small"),
        ("cl-nagoya/ruri-v3-310m", "encoder", "cl-nagoya/ruri-base"),
        ("intfloat/multilingual-e5-bas", "encoder", E5),
    ],
)
def test_methods_and_models_that_do_not_go_together(model: str, method: str, said: str) -> None:
    result = run("--model", model, "--method", method)
    assert result.exit_code == 2
    assert said in result.output
