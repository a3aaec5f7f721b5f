"""What the benches of fine-tuning share: a tiny base, rows for it, settings, forked processes."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "executors"))

SETTINGS: dict[str, Any] = {
    "seed": 0,
    "finetune.epochs": 2.0,
    "finetune.rank": 4,
    "finetune.alpha": 8,
    "finetune.dropout": 0.1,  # so that the state of the random numbers matters
    "finetune.learning_rate": 1e-2,
    "finetune.batch_size": 2,
    "finetune.grad_accum": 2,
    "finetune.seq_len": 512,
    "finetune.warmup_ratio": 0.05,
    "finetune.scheduler": "cosine",
    "finetune.gradient_checkpointing": False,
    "finetune.early_stopping_patience": 3,
    "finetune.eval_per_epoch": 4,
    "finetune.max_steps": 0,
    "finetune.targets": "all-linear",
    "finetune.optimizer": "auto",
}


class Bar:
    """A progress bar that nobody watches; tells each step to `told`."""

    def __init__(self, told: Callable[[float], None] | None = None) -> None:
        self._told = told

    def update(self, done: float, note: str = "") -> None:
        if self._told:
            self._told(done)

    def advance(self, step: float = 1.0, note: str = "") -> None: ...


def tiny_base(folder: Path, **shape: Any) -> Path:
    """A Llama of two layers with random weights, on the disk as a user has a model."""
    from tiny import save_tiny, tiny_llama

    return save_tiny(folder, tiny_llama(**({"context": 1024, "hidden": 32} | shape)))


def sealed(
    config: dict[str, Any], base: Path, data: Path | None = None, method: str = "lora", **asked: Any
) -> Any:
    """A plan as `okakae plan` would seal it, for data in a folder beside the plan file."""
    from advisor.plan import seal, tree_digest
    from advisor.types import KnowledgeStamp, Plan, PlanInput

    inputs = () if data is None else (PlanInput("data", data.name, *tree_digest(data)),)
    return seal(
        Plan(
            executor="finetune",
            approach="fine_tuning",
            method=method,  # type: ignore[arg-type]
            variant=None,
            place="local",
            language="ja",
            goal="style_or_tone",
            config=config | {"model": str(base)},
            config_why={},
            inputs=inputs,
            steps=(),
            estimates={},
            limits={},
            expected_machine={},
            answers={"goal": "style_or_tone", **asked},
            recommended=None,
            knowledge=KnowledgeStamp("bench", "0" * 64),
            okakae_version="0",
            created="2026-11-25T00:00:00+00:00",
        )
    )


def rows(start: int, stop: int) -> list[Any]:
    from tiny import byte_tokenizer

    from executors.finetune.rows import make_rows
    from knowledge.corpus.types import Example

    made = [
        Example(f"e{n}", "rewrite", f"{n}?", f"{n}番です。" * (1 + n % 3), "", "")
        for n in range(start, stop)
    ]
    return make_rows(made, byte_tokenizer(), "en", 512).rows


def import_everything() -> None:
    """What a training imports, so that forked processes start at once."""
    import torch

    torch.set_num_threads(1)  # tiny matrices; and threads do not survive a fork
    import bitsandbytes  # noqa: F401
    import datasets  # noqa: F401

    from executors.finetune import recipe  # noqa: F401
    from executors.finetune.trainer import resumable_trainer

    resumable_trainer()


def forked(work: Callable[[], None]) -> int:
    """Start `work` in a forked process; returns its id."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    try:
        work()
        os._exit(0)
    except BaseException as error:
        print(f"child: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        os._exit(1)


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
