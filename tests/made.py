"""Makes what tests of several rooms need: settings of a plan and a tiny company's folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from advisor.types import Plan

PlanMaker = Callable[..., Plan]

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
