"""Trains one set-up with okakae's own recipe in a process of its own and reports its memory.

`python -m bench.memory_worker SETUP.json RESULT.json [MODEL_FOLDER]`; the same on CPU and CUDA.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from advisor.errors import OkakaeError
from bench.memory_model import FIRST_WORD, write_model
from bench.memory_record import GIB, CpuRecord, CudaRecord
from bench.memory_setups import Setup, as_document, setup_of

# Adam's states exist from the second step on.
STEPS = 2
TRAINED_SHARE = 0.5
"""Answers are half of each row, as in a company's question–answer pairs."""


class Quiet:
    """A progress bar that nobody looks at."""

    def update(self, done: float, note: str = "") -> None: ...

    def advance(self, step: float = 1.0, note: str = "") -> None: ...


def measure(setup: Setup, folder: Path) -> dict[str, Any]:
    """Load, train and evaluate; the row with its settings, peaks in bytes and losses."""
    from executors.models import quiet_libraries

    with quiet_libraries():
        from executors.finetune import recipe
        from executors.models import load

        record = CpuRecord() if setup.device == "cpu" else CudaRecord()
        _cap(setup, record)
        _watch_trainer(record)
        # A measurement needs the optimiser's states, not eight steps of learning.
        recipe.MIN_OPTIMISER_STEPS = STEPS
        started = time.perf_counter()
        row: dict[str, Any] = {**as_document(setup), "steps": STEPS}
        try:
            with tempfile.TemporaryDirectory() as checkpoints:
                loaded = load(
                    str(folder),
                    purpose="train",
                    quantised=setup.method == "qlora",
                    device=setup.device,
                    # As the executor loads them on hardware that has bf16; a CPU without it
                    # computes the same tensors more slowly.
                    dtype="float32" if setup.method == "full" else "bfloat16",
                    attention=setup.attention,  # type: ignore[arg-type]
                )
                row |= {"dtype": str(loaded.dtype), "parameters": loaded.parameters}
                rows = _rows(setup, recipe)
                trained = recipe.train(
                    loaded,
                    setup.method,  # type: ignore[arg-type]
                    _recipe_settings(setup),
                    rows,
                    rows,
                    checkpoints=Path(checkpoints),
                    limit_hours=None,
                    progress=Quiet(),
                    resume=False,
                )
            row |= {
                "optimizer_steps": trained.steps,
                "losses": [e["loss"] for e in trained.losses if "loss" in e],
                "eval_losses": [e["eval_loss"] for e in trained.losses if "eval_loss" in e],
            }
        except (RuntimeError, OkakaeError) as error:
            if not _out_of_memory(error):
                raise
            row["out_of_memory"] = True
    return {**row, **record.result(), "seconds": round(time.perf_counter() - started, 1)}


def _out_of_memory(error: Exception) -> bool:
    """By torch's own class, by loading's message, or by the driver's text (bitsandbytes)."""
    import torch

    if isinstance(error, OkakaeError):
        return error.ref == "model-too-big"
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in str(error).lower()


def _watch_trainer(record: CpuRecord | CudaRecord) -> None:
    """Let the recipe use a trainer that tells the record which phase begins; nothing else differs.

    Checkpoints are not written: files are no memory of the device.
    """
    import trl
    from torch.optim.optimizer import register_optimizer_step_post_hook

    class Watched(trl.SFTTrainer):  # type: ignore[misc]
        def train(self, *args: Any, **kwargs: Any) -> Any:
            record.start()
            try:
                return super().train(*args, **kwargs)
            finally:
                record.stop()

        def training_step(self, *args: Any, **kwargs: Any) -> Any:
            record.enter("forward")
            loss = super().training_step(*args, **kwargs)
            record.enter("optimizer")  # clipping the gradient belongs to it
            return loss

        def compute_loss(self, model: Any, *args: Any, **kwargs: Any) -> Any:
            found = super().compute_loss(model, *args, **kwargs)
            if model.training:
                record.enter("backward")
            return found

        def prediction_step(self, *args: Any, **kwargs: Any) -> Any:
            record.enter("evaluation")
            found = super().prediction_step(*args, **kwargs)
            record.enter("between")
            return found

        def _save_checkpoint(self, *args: Any, **kwargs: Any) -> None: ...

        def _load_best_model(self) -> None: ...

    trl.SFTTrainer = Watched
    register_optimizer_step_post_hook(lambda *_: record.enter("between"))


def _cap(setup: Setup, record: CpuRecord | CudaRecord) -> None:
    """Make the card as small as the set-up says: what the driver holds comes off its size."""
    if setup.cap_gib is None or not isinstance(record, CudaRecord):
        return
    import torch

    total = torch.cuda.mem_get_info()[1]
    fraction = (setup.cap_gib * GIB - record.context) / total
    torch.cuda.set_per_process_memory_fraction(min(1.0, max(fraction, 1e-6)))


def _recipe_settings(setup: Setup) -> dict[str, Any]:
    """The recipe's own defaults with the set-up's settings in them."""
    from knowledge.catalog.loader import load

    defaults = {name: setting.default for name, setting in load("settings").items()}
    return {
        **defaults,
        "finetune.max_steps": STEPS,
        "finetune.batch_size": setup.batch_size,
        "finetune.grad_accum": 1,
        "finetune.rank": setup.lora_rank,
        "finetune.alpha": 2 * setup.lora_rank,
        "finetune.targets": setup.targets,
        "finetune.optimizer": setup.optimizer,
        "finetune.gradient_checkpointing": setup.gradient_checkpointing,
        "finetune.learning_rate": 1e-5 if setup.method == "full" else 1e-4,
    }


def _rows(setup: Setup, recipe: Any) -> list[Any]:
    """One batch: every step and every evaluation sees the longest one."""
    draw = random.Random(0)
    vocab = int(setup.config["vocab_size"])
    rows = []
    for n in range(setup.batch_size):
        length = setup.seq_len - (n if setup.padded else 0)
        ids = [draw.randrange(FIRST_WORD, vocab) for _ in range(length)]
        asked = round(length * (1 - TRAINED_SHARE))
        rows.append(recipe.Row(str(n), ids, [-100] * asked + ids[asked:]))
    return rows


def main() -> None:
    setup = setup_of(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    with tempfile.TemporaryDirectory() as made:
        folder = Path(sys.argv[3]) if len(sys.argv) > 3 else Path(made)
        if not (folder / "config.json").is_file():
            write_model(setup.config, folder, setup.device)
        row = measure(setup, folder)
        row["config"] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    Path(sys.argv[2]).write_text(json.dumps(row), encoding="utf-8")


if __name__ == "__main__":
    main()
