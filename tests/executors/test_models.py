"""Finding and loading a model: what is refused, what is named, what is recorded."""

from __future__ import annotations

import json
import re
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import byte_tokenizer, save_tiny, tiny_llama

from advisor.errors import MachineError, OkakaeError, UsageError
from advisor.texts import has_text
from executors import models
from executors.hardware import pick_device, pick_dtype
from executors.models import keep_quantised_weights_trainable, load, resolve
from executors.weights import check_model_folder, digest

EXECUTORS = Path(models.__file__).parent


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("tiny"), max_shard_size="150KB")


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "model"))


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("reached for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))


def refused(reference: str | Path, **options: Any) -> OkakaeError:
    with pytest.raises(OkakaeError) as caught:
        load(str(reference), **options)
    return caught.value


def test_a_folder_loads_with_its_facts_and_reasons(folder: Path) -> None:
    (folder / "LICENSE.txt").write_text("terms", encoding="utf-8")
    loaded = load(str(folder), device="cpu")
    assert loaded.parameters == sum(p.numel() for p in tiny_llama().parameters())
    assert loaded.context_tokens == 256
    assert loaded.licence == "LICENSE.txt"
    assert loaded.source == str(folder)
    assert (loaded.dtype, loaded.dtype_reason) == pick_dtype(torch.device("cpu"))
    assert loaded.dtype_reason.startswith("cpu with")
    assert next(loaded.model.parameters()).dtype == loaded.dtype
    assert not loaded.model.training


def test_the_number_format_can_be_set(folder: Path) -> None:
    loaded = load(str(folder), dtype="float16", attention="eager")
    assert (loaded.dtype, loaded.dtype_reason) == (torch.float16, "set by hand")
    assert loaded.model.config._attn_implementation == "eager"
    assert refused(folder, dtype="int3").ref == "dtype-unknown"


def test_missing_shards_are_named(folder: Path) -> None:
    first, second, *_ = sorted(folder.glob("model-*.safetensors"))
    first.unlink()
    second.unlink()
    error = refused(folder)
    assert (error.ref, error.exit_code) == ("model-shards-missing", 4)
    assert error.values["files"] == f"{first.name}, {second.name}"


@pytest.mark.parametrize("cut", ["tail", "header", "empty"])
def test_damaged_shards_are_named(folder: Path, cut: str) -> None:
    shard = min(folder.glob("model-*.safetensors"))
    content = shard.read_bytes()
    kept = {"tail": content[:-7], "header": b"\xff" * 64 + content[64:], "empty": b""}[cut]
    shard.write_bytes(kept)
    error = refused(folder)
    assert (error.ref, error.values["files"]) == ("model-damaged", shard.name)


def without(file: Path, tensor: str) -> None:
    """The same safetensors file, well-formed, without one tensor."""
    tensors = load_file(file)
    del tensors[tensor]
    save_file(tensors, file, {"format": "pt"})


DOWN = "model.layers.1.mlp.down_proj.weight"


def test_a_shard_without_a_tensor_of_the_index_is_named(folder: Path) -> None:
    index = folder / "model.safetensors.index.json"
    name = json.loads(index.read_text(encoding="utf-8"))["weight_map"][DOWN]
    without(folder / name, DOWN)
    error = refused(folder)
    assert (error.ref, error.values["files"]) == ("model-damaged", name)


def test_a_tensor_that_nothing_holds_is_not_filled_with_random_numbers(
    folder: Path, tmp_path: Path
) -> None:
    index = folder / "model.safetensors.index.json"
    listed = json.loads(index.read_text(encoding="utf-8"))
    without(folder / listed["weight_map"].pop(DOWN), DOWN)
    index.write_text(json.dumps(listed), encoding="utf-8")
    single = save_tiny(tmp_path / "single")
    without(single / "model.safetensors", DOWN)
    for damaged in (folder, single):
        error = refused(damaged)
        assert (error.ref, error.values["files"]) == ("model-damaged", DOWN)


def test_a_flipped_byte_in_a_header_is_no_traceback(folder: Path) -> None:
    shard = min(folder.glob("model-*.safetensors"))
    shard.write_bytes(shard.read_bytes().replace(b'"F32"', b'"G32"', 1))
    error = refused(folder)
    assert error.ref == "model-damaged"
    assert shard.name in str(error.values["files"])


def test_beside_shards_a_single_file_is_what_is_loaded_checked_and_digested(folder: Path) -> None:
    tuned = tiny_llama(seed=1)
    before = digest(check_model_folder(folder, "m"))
    save_file(
        {name: p.detach().clone() for name, p in tuned.named_parameters()},
        folder / "model.safetensors",
        {"format": "pt"},
    )
    loaded = load(str(folder), dtype="float32")
    assert torch.equal(loaded.model.model.embed_tokens.weight, tuned.model.embed_tokens.weight)
    assert loaded.digest != before
    min(folder.glob("model-*.safetensors")).unlink()  # nothing reads it
    assert load(str(folder)).digest == loaded.digest
    single = folder / "model.safetensors"
    single.write_bytes(single.read_bytes()[:-7])
    assert refused(folder).values["files"] == single.name


@pytest.mark.parametrize("name", ["config.json", "model.safetensors.index.json"])
def test_damaged_json_is_named(folder: Path, name: str) -> None:
    (folder / name).write_text("{half", encoding="utf-8")
    error = refused(folder)
    assert (error.ref, error.values["files"]) == ("model-damaged", name)


def test_a_damaged_tokenizer_is_no_traceback(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{half", encoding="utf-8")
    assert refused(folder).ref == "model-tokenizer-damaged"
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").unlink()
    assert refused(folder).ref == "model-tokenizer-missing"


def test_pickled_weights_are_refused_unless_insisted(tmp_path: Path) -> None:
    model = tiny_llama()
    model.config.save_pretrained(str(tmp_path))
    byte_tokenizer().save_pretrained(str(tmp_path))
    assert refused(tmp_path).ref == "model-weights-missing"
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    error = refused(tmp_path)
    assert (error.ref, error.exit_code) == ("model-pickled", 9)
    loaded = load(str(tmp_path), allow_pickled=True, dtype="float32")
    assert torch.equal(loaded.model.model.embed_tokens.weight, model.model.embed_tokens.weight)


def test_a_models_own_code_is_never_run(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    trap = folder / "trap.py"
    trap.write_text("raise SystemExit('ran foreign code')", encoding="utf-8")
    config |= {"auto_map": {"AutoConfig": "trap.C", "AutoModelForCausalLM": "trap.M"}}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    load(str(folder))  # a kind that transformers knows: its own implementation is used
    config["model_type"] = "home_made"
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    error = refused(folder)
    assert (error.ref, error.exit_code) == ("model-own-code", 9)


def test_a_tokenizer_that_alone_needs_its_own_code_is_told_as_such(folder: Path) -> None:
    file = folder / "tokenizer_config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    (folder / "trap.py").write_text("raise SystemExit('ran foreign code')", encoding="utf-8")
    config["auto_map"] = {"AutoTokenizer": ["trap.T", None]}
    file.write_text(json.dumps(config), encoding="utf-8")
    load(str(folder))  # a class that transformers knows is used in its place
    file.write_text(json.dumps(config | {"tokenizer_class": "HomeMade"}), encoding="utf-8")
    error = refused(folder)
    assert (error.ref, error.exit_code) == ("model-own-code", 9)


def test_what_is_no_language_model_is_said(folder: Path, tmp_path: Path) -> None:
    def ref_with(**changes: str) -> str:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8")) | changes
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
        return refused(folder).ref

    assert ref_with(model_type="vit") == "model-not-causal"
    assert ref_with(model_type="of_next_year") == "model-type-unknown"
    empty = tmp_path / "empty"
    empty.mkdir()
    assert refused(empty).ref == "model-no-config"
    (empty / "adapter_config.json").write_text("{}", encoding="utf-8")
    assert refused(empty).ref == "model-is-adapter"
    file = tmp_path / "model.gguf"
    file.write_bytes(b"GGUF")
    assert refused(file).ref == "model-is-file"


def test_a_tokenizer_without_an_end_token_is_refused(folder: Path) -> None:
    tokenizer = byte_tokenizer()
    tokenizer.eos_token = None
    tokenizer.save_pretrained(str(folder))
    assert refused(folder).ref == "model-no-end-token"


@pytest.mark.parametrize("reference", ["./nowhere", "/no/such/model/folder", "~/nowhere/at/all"])
def test_a_path_that_does_not_exist_is_a_usage_error(reference: str) -> None:
    error = refused(reference)
    assert (error.ref, error.exit_code) == ("model-folder-missing", 2)


@pytest.mark.parametrize(
    "options", [{}, {"allow": {"upload"}}, {"allow": {"download"}, "offline": True}]
)
def test_a_hub_model_that_is_not_here_is_not_fetched_without_consent(
    options: dict[str, Any],
) -> None:
    error = refused("okakae-tests/not-in-any-cache", **options)
    assert (error.ref, error.exit_code) == ("model-not-here", 4)


def test_a_hub_model_in_the_cache_needs_no_network(
    original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    cache = tmp_path / "hub"
    repository = cache / "models--okakae-tests--cached"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("abc123", encoding="utf-8")
    shutil.copytree(original, repository / "snapshots" / "abc123")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    assert resolve("okakae-tests/cached").path.name == "abc123"
    assert load("okakae-tests/cached").licence is None
    repository.rename(cache / "models--Qwen--Qwen2.5-3B")
    assert load("Qwen/Qwen2.5-3B").licence == "qwen-research"  # what the catalog says of it
    (cache / "models--Qwen--Qwen2.5-3B").rename(repository)
    # A download that stopped half-way leaves a snapshot without some shards.
    min((repository / "snapshots" / "abc123").glob("model-*.safetensors")).unlink()
    assert refused("okakae-tests/cached").ref == "model-shards-missing"


def test_digest_follows_the_content_not_the_place(folder: Path, original: Path) -> None:
    def of(path: Path) -> str:
        return digest(check_model_folder(path, "m"))

    assert of(folder) == of(original)
    save_tiny(folder, tiny_llama(seed=1), max_shard_size="150KB")
    tuned = of(folder)
    assert tuned != of(original)
    byte_tokenizer(chat_template="{{ messages }}").save_pretrained(str(folder))
    assert of(folder) != tuned


def test_digest_of_a_large_file_sees_tuned_weights(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("executors.weights.DIGEST_BLOCK_BYTES", 64)
    before = digest(check_model_folder(folder, "m"))
    assert digest(check_model_folder(folder, "m")) == before
    save_tiny(folder, tiny_llama(seed=1), max_shard_size="150KB")
    assert digest(check_model_folder(folder, "m")) != before


def test_devices_that_are_not_there_are_said() -> None:
    with pytest.raises(UsageError):
        pick_device("graphics")
    if not torch.cuda.is_available():
        with pytest.raises(MachineError) as caught:
            pick_device("cuda:0")
        assert caught.value.ref == "device-missing"


@pytest.mark.parametrize(
    ("capability", "purpose", "want"),
    [
        ((7, 5), "use", torch.float16),
        ((7, 5), "train", torch.float32),
        ((8, 0), "use", torch.bfloat16),
        ((9, 0), "train", torch.bfloat16),
    ],
)
def test_number_format_by_gpu_generation(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], purpose: Any, want: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: capability)
    dtype, why = pick_dtype(torch.device("cuda"), purpose)
    assert dtype == want
    assert f"{capability[0]}.{capability[1]}" in why


def test_a_cpu_without_bf16_computes_in_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("executors.hardware.cpu_bf16_feature", lambda: None)
    assert pick_dtype(torch.device("cpu"))[0] == torch.float32


def test_quantised_weights_still_train_after_an_evaluation(folder: Path) -> None:
    pytest.importorskip("bitsandbytes")
    from peft import LoraConfig, get_peft_model

    loaded = load(str(folder), quantised=True, dtype="bfloat16", device="cpu")
    assert loaded.quantised
    assert loaded.parameters == sum(p.numel() for p in tiny_llama().parameters())
    assert keep_quantised_weights_trainable(loaded.model) == 2 * 7
    torch.manual_seed(0)
    model = get_peft_model(
        loaded.model, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM")
    )
    ids = torch.arange(3, 131).reshape(2, 64)

    def gradient() -> float:
        model.train()
        model.zero_grad()
        model(input_ids=ids, labels=ids).loss.backward()
        grads = [p.grad.float().norm() for p in model.parameters() if p.grad is not None]
        return float(torch.stack(grads).norm())

    before = gradient()
    model.eval()
    with torch.no_grad():
        model(input_ids=ids)
    assert gradient() == pytest.approx(before, rel=1e-3)


def test_every_error_raised_here_has_its_text_in_both_languages() -> None:
    sources = ("models", "hardware", "weights", "starter", "generate")
    pattern = r'(?:UsageError|MachineError|Forbidden)\(\s*"([a-z-]+)"'
    text = "".join((EXECUTORS / f"{name}.py").read_text(encoding="utf-8") for name in sources)
    refs = set(re.findall(pattern, text)) | {"model-not-here", "model-download-failed"}
    assert len(refs) > 20
    assert [ref for ref in refs if not has_text(f"error.{ref}.what")] == []
    assert [ref for ref in refs if not has_text(f"error.{ref}.fix")] == []
