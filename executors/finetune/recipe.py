"""The training recipe, top to bottom: load, attach, train, keep the best, prove that it learned.

One recipe for `method = full | lora | qlora` on TRL's SFTTrainer. The knobs and which way they
move things stand in knowledge/catalog/settings.toml under `finetune.*`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from advisor.errors import RunError
from advisor.session import Progress
from advisor.types import Method, Scalar
from executors.finetune.answer_head import add_answer_head
from executors.finetune.rows import Row
from executors.finetune.watch import StepClock, Watch
from executors.models import LoadedModel

MIN_OPTIMISER_STEPS = 8


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training left behind: the model with its best weights, and its losses."""

    model: Any
    losses: list[dict[str, float]]
    best_eval_loss: float
    first_eval_loss: float
    steps: int
    stopped_early: bool
    seconds: float
    seconds_per_step: float
    """Of one optimiser step, without evaluation and saving."""
    trained_tokens: int


def train(
    loaded: LoadedModel,
    method: Method,
    config: Mapping[str, Scalar],
    train_rows: list[Row],
    validation_rows: list[Row],
    *,
    checkpoints: Path,
    limit_hours: float | None,
    progress: Progress,
    resume: bool,
) -> Trained:
    """Train on `train_rows`, judging by the loss on `validation_rows`.

    Args:
        loaded: the base model, in NF4 when the method is qlora.
        checkpoints: where the best and the last state are kept while training.
        limit_hours: wall-clock limit; training stops at a checkpoint when it is reached.
        resume: go on from the last checkpoint in `checkpoints`.

    Raises:
        RunError: too few rows for one honest run, or the loss is not a number.
    """
    from transformers import EarlyStoppingCallback

    batch, accumulate = int(config["finetune.batch_size"]), int(config["finetune.grad_accum"])
    epochs = float(config["finetune.epochs"])
    steps_per_epoch = math.ceil(math.ceil(len(train_rows) / batch) / accumulate)
    planned_steps = int(config["finetune.max_steps"]) or math.ceil(steps_per_epoch * epochs)
    if planned_steps < MIN_OPTIMISER_STEPS:
        raise RunError("too-few-steps", n=len(train_rows), steps=planned_steps)
    every = max(1, steps_per_epoch // max(1, int(config["finetune.eval_per_epoch"])))
    clock = StepClock()
    trainer = make_trainer(
        loaded,
        method,
        config,
        train_rows,
        validation_rows,
        folder=checkpoints,
        callbacks=[
            clock,
            Watch(progress, planned_steps, limit_hours),
            EarlyStoppingCallback(int(config["finetune.early_stopping_patience"])),
        ],
        num_train_epochs=epochs,
        max_steps=int(config["finetune.max_steps"]) or -1,
        warmup_steps=max(1, round(planned_steps * float(config["finetune.warmup_ratio"]))),
        train_sampling_strategy="group_by_length",
        eval_strategy="steps",
        eval_steps=every,
        save_strategy="steps",
        save_steps=every,
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model="eval_loss",
        greater_is_better=False,
        eval_on_start=True,
        logging_steps=max(1, every // 2),
    )
    started = time.perf_counter()
    last = _last_checkpoint(checkpoints) if resume else None
    trainer.train(resume_from_checkpoint=None if last is None else str(last))
    losses = [_numbers(entry) for entry in trainer.state.log_history]
    evaluations = [entry["eval_loss"] for entry in losses if "eval_loss" in entry]
    if not evaluations or not all(map(math.isfinite, evaluations)):
        raise RunError("loss-not-a-number", steps=trainer.state.global_step)
    return Trained(
        model=trainer.model,
        losses=losses,
        # The first is of the untrained model, which is not among the weights to choose from.
        best_eval_loss=min(evaluations[1:] or evaluations),
        first_eval_loss=evaluations[0],
        steps=trainer.state.global_step,
        stopped_early=trainer.state.global_step < planned_steps,
        seconds=time.perf_counter() - started,
        seconds_per_step=clock.seconds_per_step,
        trained_tokens=sum(row.trained_tokens for row in train_rows),
    )


def make_trainer(
    loaded: LoadedModel,
    method: Method,
    config: Mapping[str, Scalar],
    train_rows: list[Row],
    validation_rows: list[Row],
    *,
    folder: Path,
    callbacks: list[Any],
    **schedule: Any,
) -> Any:
    """The trainer of okakae's recipe: what decides memory and speed stands here, once.

    The probe measures with the same one, so that what it finds is what a run will take.

    Args:
        folder: where TRL may write.
        schedule: SFTConfig's arguments on how long to train, when to judge and what to keep.
    """
    from datasets import Dataset
    from transformers import PrinterCallback
    from trl import SFTConfig, SFTTrainer

    on_cpu = loaded.device.type == "cpu"
    batch = int(config["finetune.batch_size"])
    arguments = SFTConfig(
        output_dir=str(folder),
        per_device_train_batch_size=batch,
        per_device_eval_batch_size=batch,
        gradient_accumulation_steps=int(config["finetune.grad_accum"]),
        learning_rate=float(config["finetune.learning_rate"]),
        lr_scheduler_type=str(config["finetune.scheduler"]),
        weight_decay=0.0,
        max_grad_norm=1.0,
        optim=_optimizer(str(config["finetune.optimizer"]), method, on_cpu),
        bf16=str(loaded.dtype) == "torch.bfloat16",
        fp16=str(loaded.dtype) == "torch.float16",
        use_cpu=on_cpu,
        activation_checkpointing=bool(config["finetune.gradient_checkpointing"]),
        activation_checkpointing_kwargs={"use_reentrant": False},
        max_length=None,  # rows were measured and none is cut (rows.py)
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=False,
        prediction_loss_only=True,
        logging_nan_inf_filter=False,
        report_to="none",
        push_to_hub=False,
        disable_tqdm=True,
        dataloader_pin_memory=not on_cpu,
        seed=int(config["seed"]),
        data_seed=int(config["seed"]),
        **schedule,
    )
    trainer_class = _without_entropy(SFTTrainer) if on_cpu else SFTTrainer
    trainer = trainer_class(
        model=attach(loaded.model, method, config),
        args=arguments,
        train_dataset=Dataset.from_list([_columns(row) for row in train_rows]),
        eval_dataset=Dataset.from_list([_columns(row) for row in validation_rows]),
        processing_class=loaded.tokenizer,
        callbacks=callbacks,
    )
    trainer.remove_callback(PrinterCallback)  # losses go to the run's files, not to the screen
    if on_cpu:
        add_answer_head(base_of(trainer.model))
    return trainer


def attach(model: Any, method: Method, config: Mapping[str, Scalar]) -> Any:
    """The model with a fresh adapter on its linear layers; the model itself for full tuning.

    All linear layers, never the head: QLoRA (arXiv 2305.14314), LoRA Learns Less and Forgets
    Less (arXiv 2405.09673).
    """
    if method == "full":
        return model
    from peft import LoraConfig, get_peft_model
    from transformers import set_seed

    set_seed(int(config["seed"]))
    # PEFT's own preparation for 4 bits would upcast norms, embeddings and head to fp32: with a
    # large vocabulary that costs GiB and wins nothing (huggingface/trl#4457), so it is not used.
    targets = str(config["finetune.targets"])
    return get_peft_model(
        model,
        LoraConfig(
            r=int(config["finetune.rank"]),
            lora_alpha=int(config["finetune.alpha"]),
            lora_dropout=float(config["finetune.dropout"]),
            target_modules=targets if targets == "all-linear" else targets.split(","),
            task_type="CAUSAL_LM",
        ),
    )


def base_of(model: Any) -> Any:
    """The causal LM itself, inside an adapter or not."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _columns(row: Row) -> dict[str, list[int]]:
    return {"input_ids": row.input_ids, "labels": row.labels}


def _optimizer(name: str, method: Method, on_cpu: bool) -> str:
    """8-bit paged states on a GPU when the memory is the point; plain AdamW on a CPU."""
    if name != "auto":
        return name
    return "paged_adamw_8bit" if method == "qlora" and not on_cpu else "adamw_torch"


def _without_entropy(trainer_class: Any) -> Any:
    class AnswerTrainer(trainer_class):  # type: ignore[misc, valid-type]
        """SFTTrainer that does not log the entropy its CPU head leaves out."""

        def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
            for metrics in self._metrics.values():
                metrics.pop("entropy", None)
            super().log(logs, start_time)

    return AnswerTrainer


def _last_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that was written to its end (its trainer state is there)."""
    found = [path.parent for path in folder.glob("checkpoint-*/trainer_state.json")]
    return max(found, key=lambda path: int(path.name.split("-")[1]), default=None)


def _numbers(entry: Mapping[str, Any]) -> dict[str, float]:
    return {key: float(value) for key, value in entry.items() if isinstance(value, int | float)}
