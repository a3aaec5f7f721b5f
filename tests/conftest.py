"""What many tests share: a quiet session, a tiny model folder, a tiny company, sealed plans."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from advisor.plan import seal, tree_digest
from advisor.session import Session
from advisor.texts import set_lang
from advisor.types import KnowledgeStamp, Plan, PlanInput

os.environ["HF_HUB_OFFLINE"] = "1"  # read once, when the hub's library is first imported
sys.path.insert(0, str(Path(__file__).parent / "executors"))  # tiny.py, from every room

CONFIG: dict[str, Any] = {
    "model": "starter",
    "seed": 0,
    "generate.max_new_tokens": 8,
    "data.test_share": 0.25,
    "data.validation_share": 0.15,
}
TUNING: dict[str, Any] = {
    "finetune.epochs": 1.0,
    "finetune.rank": 4,
    "finetune.alpha": 8,
    "finetune.dropout": 0.0,
    "finetune.learning_rate": 1e-2,
    "finetune.batch_size": 4,
    "finetune.grad_accum": 1,
    "finetune.seq_len": 512,
    "finetune.warmup_ratio": 0.05,
    "finetune.scheduler": "cosine",
    "finetune.gradient_checkpointing": False,
    "finetune.early_stopping_patience": 3,
    "finetune.eval_per_epoch": 2,
    "finetune.max_steps": 0,
    "finetune.targets": "all-linear",
    "finetune.optimizer": "auto",
}


@pytest.fixture(autouse=True)
def _language_of_its_own() -> Iterator[None]:
    yield
    set_lang(None)


@pytest.fixture
def session() -> Session:
    return Session(lang="en", no_input=True, plain=True)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of two layers with random weights and a byte tokenizer, as a user has a model."""
    import torch
    from tiny import save_tiny, tiny_llama

    torch.set_num_threads(2)
    return save_tiny(tmp_path_factory.mktemp("model"), tiny_llama(context=4096, hidden=32))


def write_company(folder: Path, *, pairs: int = 24, rewrites: int = 0) -> Path:
    """Rules in Markdown, questions on them, and rewriting pairs by scene."""
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    for n in range(pairs // 2):
        name = f"rule{n:02}.md"
        (folder / name).write_text(
            f"# 第{n}部の規程\n\n第{n}部の休暇は年に{n + 3}日です。届け出は{n + 1}日前までです。\n",
            encoding="utf-8",
        )
        rows += [
            {
                "id": f"q{n}-{what}",
                "question": f"第{n}部の{what}は?",
                "answer": f"{days}日です。",
                "doc_ids": [name],
            }
            for what, days in (("休暇", n + 3), ("届け出", n + 1))
        ]
    rows += [
        {
            "id": f"r{n}",
            "prompt": f"やあ、{n}番の件、頼むよ。",
            "completion": f"{n}番の件、お願いいたします。",
            "scene": f"s{n % 10}",
        }
        for n in range(rewrites)
    ]
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / "questions.jsonl").write_text("".join(lines), encoding="utf-8")
    return folder


@pytest.fixture
def company(tmp_path: Path) -> Path:
    return write_company(tmp_path / "company")


PlanMaker = Callable[..., Plan]


@pytest.fixture
def plan_for() -> PlanMaker:
    """Makes a sealed plan for data in a folder beside the plan file."""

    def make(executor: str, data: Path | None = None, folder: Path | None = None, **over: Any) -> Plan:
        config = CONFIG | (TUNING if executor == "finetune" else {"prompting.shots": 2})
        config |= over.pop("config", {})
        inputs: tuple[PlanInput, ...] = ()
        if data is not None:
            path = os.path.relpath(data, folder or data.parent)
            inputs = (PlanInput("data", Path(path).as_posix(), *tree_digest(data)),)
        fields: dict[str, Any] = {
            "executor": executor,
            "approach": {"finetune": "fine_tuning"}.get(executor, executor),
            "method": "lora" if executor == "finetune" else None,
            "variant": None,
            "place": "local",
            "language": "ja",
            "goal": "new_facts",
            "config": config,
            "config_why": {key: "default" for key in config},
            "inputs": inputs,
            "steps": ("read", "split"),
            "estimates": {},
            "limits": {},
            "expected_machine": {},
            "answers": {"goal": "new_facts"},
            "recommended": "rag",
            "knowledge": KnowledgeStamp("2026.11", "0" * 64),
            "okakae_version": "0.1.0",
            "created": "2026-11-23T00:00:00+00:00",
        }
        return seal(Plan(**(fields | over)))

    return make
