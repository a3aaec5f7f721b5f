"""One tool trains a LoRA adapter on given rows, or adapters are judged: TOOL FOLDER OUT.

FOLDER holds settings.json and rows.json (see tuning_peers.py; `drawn` are the training rows in the
order of okakae's sampler, for the peers); OUT is an empty folder. The adapter goes to OUT/adapter
and OUT/result.json says what was seen from outside: a callback and a hook that are the same for
every tool note each step's seconds and what the model was really given. A peer runs in an
environment of its own with its defaults; only what makes it the same training is set.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

IGNORED = -100
Record = dict[str, Any]


def recorder() -> Any:
    """A callback that every trainer of this process takes, made after `transformers` is there."""
    from transformers import TrainerCallback, trainer

    class Recorder(TrainerCallback):  # type: ignore[misc]
        """Seconds by step, and the batches behind them; evaluations are neither."""

        def __init__(self) -> None:
            self.steps: list[float] = []
            self.cpu: list[float] = []
            self.batches: list[tuple[Any, Any, Any]] = []
            self.seen: Record = {}
            self._began = self._used = self._started = 0.0

        def on_train_begin(
            self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any
        ) -> None:
            trained = {n: p.detach() for n, p in model.named_parameters() if p.requires_grad}
            self.seen = {
                "trained_parameters": sum(p.numel() for p in trained.values()),
                "start_sha256": digest_of(trained),
                "optimizer": str(getattr(args.optim, "value", args.optim)),
                "checkpointing": any(
                    getattr(part, "gradient_checkpointing", False) for part in model.modules()
                ),
                "loaded_mib": peak_mib(),
            }
            model.register_forward_pre_hook(self._keep, with_kwargs=True)
            self._started = time.perf_counter()

        def _keep(self, model: Any, args: Any, named: Record) -> None:
            if model.training:
                parts = (named["input_ids"], named["labels"], named["attention_mask"])
                self.batches.append(tuple(part.clone() for part in parts))  # type: ignore[arg-type]

        def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self._began, self._used = time.perf_counter(), time.process_time()

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self.steps.append(time.perf_counter() - self._began)
            self.cpu.append(time.process_time() - self._used)

        def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self.seen["train_seconds"] = time.perf_counter() - self._started
            self.seen["losses"] = [e["loss"] for e in state.log_history if "loss" in e]

    made = Recorder()
    trainer.DEFAULT_CALLBACKS.append(made)
    return made


def okakae(settings: Record, rows: Record, out: Path) -> None:
    """The recipe as `apply` runs it, the general probe and rows of replay left away."""
    from advisor.session import Session
    from executors.base import Context
    from executors.finetune.executor import load_base
    from executors.finetune.recipe import train
    from executors.finetune.rows import Row

    def made(part: str) -> list[Row]:
        return [Row(row["id"], row["input_ids"], row["labels"]) for row in rows[part]]

    config = {
        "model": settings["model"],
        "seed": settings["seed"],
        "finetune.epochs": 1.0,
        "finetune.rank": settings["rank"],
        "finetune.alpha": settings["alpha"],
        "finetune.dropout": 0.0,
        "finetune.learning_rate": settings["learning_rate"],
        "finetune.batch_size": settings["batch"],
        "finetune.grad_accum": 1,
        "finetune.warmup_ratio": settings["warmup_ratio"],
        "finetune.scheduler": "cosine",
        "finetune.gradient_checkpointing": False,  # what a plan says on a processor
        "finetune.early_stopping_patience": 3,
        "finetune.eval_per_epoch": 1,
        "finetune.max_steps": 0,
        "finetune.targets": "all-linear",
        "finetune.optimizer": "auto",
    }
    context = Context(Session(no_input=True, plain=True, offline=True))
    loaded = load_base(config, "lora", context)
    with context.session.progress("okakae", total=1.0) as progress:
        trained = train(
            loaded,
            "lora",
            config,
            made("train"),
            made("validation"),
            checkpoints=out / "checkpoints",
            limit_hours=None,
            progress=progress,
            resume=False,
        )
    trained.model.save_pretrained(str(out / "adapter"))


def trl(settings: Record, rows: Record, out: Path, **asked: Any) -> None:
    """SFTTrainer with its defaults on a model in bf16, given token ids and labels."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed
    from trl import SFTConfig, SFTTrainer

    model = AutoModelForCausalLM.from_pretrained(settings["model"], dtype=torch.bfloat16)
    columns = [{"input_ids": r["input_ids"], "labels": r["labels"]} for r in rows["drawn"]]
    set_seed(settings["seed"])
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(
            output_dir=str(out / "checkpoints"),
            num_train_epochs=1,
            per_device_train_batch_size=settings["batch"],
            learning_rate=settings["learning_rate"],
            lr_scheduler_type="cosine",
            warmup_steps=settings["warmup_steps"],
            train_sampling_strategy="sequential",
            bf16=True,
            use_cpu=True,
            save_strategy="no",
            report_to="none",
            seed=settings["seed"],
            **asked,
        ),
        train_dataset=Dataset.from_list(columns),
        processing_class=AutoTokenizer.from_pretrained(settings["model"]),
        peft_config=LoraConfig(
            r=settings["rank"],
            lora_alpha=settings["alpha"],
            lora_dropout=0.0,
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        ),
    )
    trainer.train()
    trainer.save_model(str(out / "adapter"))


def llamafactory(settings: Record, rows: Record, out: Path, **asked: Any) -> None:
    """Its own entry, given texts that stand as they are (`template: empty`)."""
    from llamafactory.train.tuner import run_exp

    data = out / "data"
    data.mkdir()
    texts = [{"prompt": row["prompt"], "answer": row["answer"]} for row in rows["drawn"]]
    (data / "rows.json").write_text(json.dumps(texts, ensure_ascii=False), encoding="utf-8")
    columns = {"prompt": "prompt", "response": "answer"}
    about = {"rows": {"file_name": "rows.json", "columns": columns}}
    (data / "dataset_info.json").write_text(json.dumps(about), encoding="utf-8")
    run_exp(
        {
            "stage": "sft",
            "do_train": True,
            "model_name_or_path": settings["model"],
            "dataset": "rows",
            "dataset_dir": str(data),
            "template": "empty",
            "cutoff_len": 1024,
            "finetuning_type": "lora",
            "lora_target": "all",
            "lora_rank": settings["rank"],
            "lora_alpha": settings["alpha"],
            "lora_dropout": 0.0,
            "output_dir": str(out / "adapter"),
            "num_train_epochs": 1,
            "per_device_train_batch_size": settings["batch"],
            "gradient_accumulation_steps": 1,
            "learning_rate": settings["learning_rate"],
            "lr_scheduler_type": "cosine",
            "warmup_steps": settings["warmup_steps"],
            "disable_shuffling": True,
            "bf16": True,
            "use_cpu": True,
            "save_strategy": "no",
            "logging_steps": 10,
            "report_to": "none",
            "seed": settings["seed"],
            **asked,
        }
    )


TOOLS: dict[str, Callable[[Record, Record, Path], None]] = {
    "okakae": okakae,
    "trl": trl,
    "llamafactory": llamafactory,
    "trl, activations kept": partial(trl, gradient_checkpointing=False),
    "llamafactory, activations kept": partial(llamafactory, disable_gradient_checkpointing=True),
}


def digest_of(tensors: Record) -> str:
    """Of tensors as a tool begins with them; the names of the tools' wrappers play no part."""
    import torch

    whole = hashlib.sha256()
    for name in sorted(tensors):
        whole.update(tensors[name].float().contiguous().view(torch.uint8).numpy().tobytes())
    return whole.hexdigest()


def peak_mib() -> float:
    """Peak resident memory of this process alone; `ru_maxrss` would inherit the parent's."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def as_lists(batch: tuple[Any, Any, Any]) -> list[tuple[list[int], list[int]]]:
    """A batch's rows without their padding, and their labels; a label on padding stays."""
    rows = []
    for ids, labels, mask in zip(*batch, strict=True):
        kept = mask.bool() | (labels != IGNORED)
        rows.append((ids[kept].tolist(), labels[kept].tolist()))
    return rows


def main() -> None:
    tool, folder, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    settings, rows = (
        json.loads((folder / name).read_text(encoding="utf-8"))
        for name in ("settings.json", "rows.json")
    )
    made = recorder()
    TOOLS[tool](settings, rows, out)
    result = made.seen | {
        "step_seconds": made.steps,
        "step_cpu_seconds": made.cpu,
        "peak_mib": peak_mib(),
        "batches": [as_lists(batch) for batch in made.batches],
        "padded_tokens": sum(ids.numel() for ids, _, _ in made.batches),
    }
    (out / "result.json").write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main()
