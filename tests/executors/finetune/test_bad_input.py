"""Bad input of a tuning: a clear reference, the right exit code, and nothing lost."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import save_tiny, tiny_llama

from advisor.errors import MachineError, OkakaeError
from advisor.plan import save_plan
from advisor.session import Session
from advisor.texts import has_text
from bench.tuning import SETTINGS, sealed
from executors.apply import check_plan, load_data
from executors.base import Context
from executors.finetune.executor import FinetuneExecutor
from executors.finetune.fits import outlook, too_large
from executors.finetune.ladder import Rung
from executors.rundir import RunDir

SESSION = Session(lang="en", no_input=True, plain=True)
CONFIG = SETTINGS | {
    "generate.max_new_tokens": 4,
    "data.test_share": 0.1,
    "data.validation_share": 0.15,
    "finetune.seq_len": 1024,
    "finetune.max_steps": 8,
}


def company(folder: Path, n: int = 60, **row: Any) -> Path:
    folder.mkdir()
    rows = [
        {
            "id": f"r{i}",
            "prompt": f"{i}番?",
            "completion": f"{i}番です。",
            "scene": f"s{i % 10}",
            **row,
        }
        for i in range(n)
    ]
    lines = (json.dumps(one, ensure_ascii=False) + "\n" for one in rows)
    (folder / "pairs.jsonl").write_text("".join(lines), encoding="utf-8")
    return folder


def refused(base: Path, data: Path, **config: Any) -> OkakaeError:
    """What a run of this plan is refused with, found as `apply` finds it but in this process."""
    torch.set_num_threads(1)
    plan = sealed(CONFIG | config, base, data)
    path = data.parent / "plan.json"
    save_plan(plan, path)
    run = data.parent / "run"
    with pytest.raises(OkakaeError) as caught:
        checked, _ = check_plan(path, SESSION)
        read = load_data(plan, checked.data_root, SESSION)
        made = RunDir.create(run, plan, data)
        FinetuneExecutor().tune(plan, made, read, Context(SESSION), Rung("lora", plan.config), None)
    error = caught.value
    assert has_text(f"error.{error.ref}.what") and has_text(f"error.{error.ref}.fix")
    assert not (run / "artifacts").exists()
    return error


def broken(base: Path, folder: Path, change: Callable[[Path], None]) -> Path:
    copy = Path(shutil.copytree(base, folder))
    change(copy)
    return copy


def sharded(tmp_path: Path) -> Path:
    return save_tiny(tmp_path / "sharded", tiny_llama(context=4096), max_shard_size="150KB")


def missing_shard(folder: Path) -> None:
    min(folder.glob("model-*.safetensors")).unlink()


def cut_shard(folder: Path) -> None:
    shard = min(folder.glob("model-*.safetensors"))
    shard.write_bytes(shard.read_bytes()[:-100])


def pickled(folder: Path) -> None:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(str(folder))
    for file in folder.glob("*.safetensors*"):
        file.unlink()
    torch.save(model.state_dict(), folder / "pytorch_model.bin")


def own_code(folder: Path) -> None:
    file = folder / "config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    config |= {"model_type": "home_made", "auto_map": {"AutoModelForCausalLM": "trap.M"}}
    file.write_text(json.dumps(config), encoding="utf-8")
    (folder / "trap.py").write_text("raise SystemExit('ran foreign code')", encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "ref", "code"),
    [
        (missing_shard, "model-shards-missing", 4),
        (cut_shard, "model-damaged", 4),
        (pickled, "model-pickled", 9),
        (own_code, "model-own-code", 9),
    ],
)
def test_a_model_that_is_not_whole_or_not_safe_is_refused(
    tmp_path: Path, change: Callable[[Path], None], ref: str, code: int
) -> None:
    base = broken(sharded(tmp_path), tmp_path / "broken", change)
    error = refused(base, company(tmp_path / "company"))
    assert (error.ref, error.exit_code) == (ref, code)


def test_pickled_weights_are_read_when_the_user_insists(tmp_path: Path) -> None:
    from executors.generator import load_for

    base = broken(sharded(tmp_path), tmp_path / "pickled", pickled)
    loaded = load_for({"model": str(base), "weights.allow_pickled": True}, Context(SESSION))
    assert loaded.parameters > 0


@pytest.mark.parametrize(
    ("n", "row", "config", "ref", "code"),
    [
        (12, {}, {}, "too-few-examples", 6),
        (60, {}, {"finetune.max_steps": 0, "finetune.epochs": 0.1}, "too-few-steps", 6),
        (60, {}, {"finetune.seq_len": 32}, "rows-unusable", 6),
        (60, {}, {"data.validation_share": 0.0}, "no-validation-rows", 6),
    ],
)
def test_examples_that_cannot_teach_are_refused(
    tmp_path: Path,
    tiny_folder: Path,
    n: int,
    row: dict[str, Any],
    config: dict[str, Any],
    ref: str,
    code: int,
) -> None:
    error = refused(tiny_folder, company(tmp_path / "company", n, **row), **config)
    assert (error.ref, error.exit_code) == (ref, code)


def test_rows_without_an_answer_are_refused(tmp_path: Path, tiny_folder: Path) -> None:
    """The reader drops a row without any answer; one of blanks reaches the rows."""
    from executors.finetune.rehearsal import refuse_bad_rows
    from executors.finetune.rows import make_rows
    from executors.models import load_tokenizer
    from knowledge.corpus.types import Example

    tokenizer, _ = load_tokenizer(str(tiny_folder))
    examples = [Example(f"e{i}", "rewrite", "?", " " * (i % 3), "", "") for i in range(30)]
    made = make_rows(examples, tokenizer, "ja", 512)
    with pytest.raises(OkakaeError) as caught:
        refuse_bad_rows(made, 30, Context(SESSION))
    assert (caught.value.ref, caught.value.exit_code) == ("rows-unusable", 6)
    assert "no-answer 30" in caught.value.values["reasons"]


def test_a_model_that_cannot_fit_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    base = tmp_path / "huge"
    base.mkdir()
    config = tiny_llama().config.to_dict() | {
        "hidden_size": 16384,
        "intermediate_size": 53248,
        "num_hidden_layers": 126,
        "num_attention_heads": 128,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "vocab_size": 128256,
    }
    (base / "config.json").write_text(json.dumps(config), encoding="utf-8")
    data = company(tmp_path / "company")
    plan = sealed(CONFIG, base, data)
    save_plan(plan, tmp_path / "plan.json")
    with pytest.raises(MachineError) as caught:
        check_plan(tmp_path / "plan.json", SESSION)
    assert (caught.value.ref, caught.value.exit_code) == ("model-too-large", 4)
    need, have = (float(caught.value.values[name]) for name in ("need", "have"))
    assert need > 150 > have, "405B parameters in 4 bits are more than 150 GiB"


def test_a_model_that_fits_is_let_through_and_lora_is_told_to_fit(tiny_folder: Path) -> None:
    config = {**CONFIG, "model": str(tiny_folder)}
    found = outlook(config, "qlora")
    assert found is not None and found.lora.high < found.have
    assert found.smallest.low <= found.planned.low
    assert too_large(config, "qlora") == []
    assert too_large({**config, "model": "nobody/knows"}, "lora") == []


def test_settings_for_a_plan_know_both_consents() -> None:
    from advisor.plan_config import read_settings
    from knowledge.catalog.loader import load

    given = {"finetune.allow_shorter": "yes", "weights.allow_pickled": "yes"}
    values, faults = read_settings(given, load("settings"))
    assert (values, faults) == ({name: True for name in given}, [])
