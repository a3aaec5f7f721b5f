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
from typing import Any, Literal

from advisor.errors import RunError
from advisor.files import check_writable
from advisor.session import Progress
from advisor.types import Method, Scalar
from executors.finetune.answer_head import add_answer_head
from executors.finetune.batches import check_batches
from executors.finetune.checkpoints import WHOLE, MarkWhole, check_room, last_whole, unwritten
from executors.finetune.proof import moved, sample
from executors.finetune.rows import Row
from executors.finetune.schedule import MIN_OPTIMISER_STEPS, steps
from executors.finetune.score import ScoreAlong
from executors.finetune.trainer import keep_adapter_format, resumable_trainer
from executors.finetune.watch import Sense, StepClock, Watch, evaluations, exhausted, has_risen
from executors.models import LoadedModel

Stopped = Literal["", "limit", "patience"]
"""Why a training ended before its last planned step."""


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training left behind: the model with its best weights, and its losses."""

    model: Any
    losses: list[dict[str, float]]
    best_eval_loss: float
    first_eval_loss: float
    best_step: int
    """The optimiser step whose weights are kept."""
    steps: int
    planned_steps: int
    stopped: Stopped
    moved: float
    """The share of trained tensors that are no longer what they were."""
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
        RunError: too few rows for one honest run, a batch that does not train what its rows say,
            or a loss that is not a number or rises.
        MachineError, UsageError: checkpoints cannot be written; those written before stay.
    """
    planned_steps, every = _schedule(config, len(train_rows))
    check_writable(checkpoints / WHOLE)
    clock, sense = StepClock(), Sense(int(config["finetune.early_stopping_patience"]))
    watch = Watch(progress, planned_steps, limit_hours)
    last = last_whole(checkpoints) if resume else None
    trainer = make_trainer(
        loaded,
        method,
        config,
        train_rows,
        validation_rows,
        folder=checkpoints,
        callbacks=[
            clock,
            watch,
            sense,
            ScoreAlong(loaded, validation_rows, int(config.get("finetune.score_rows", 0))),
            MarkWhole(checkpoints),
        ],
        num_train_epochs=float(config["finetune.epochs"]),
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
        eval_on_start=last is None,
        # A whole number of times between checkpoints: a resumed run knows no half of a mean.
        logging_steps=next(n for n in range(max(1, every // 2), 0, -1) if every % n == 0),
    )
    check_batches(trainer, train_rows, loaded.tokenizer)
    untrained = sample(trainer.model)
    check_room(checkpoints, [p for p in trainer.model.parameters() if p.requires_grad])
    started = time.perf_counter()
    try:
        _go_on(trainer, last, sense, planned_steps)
    except Exception as error:
        if told := unwritten(error, checkpoints):
            raise told from error
        raise
    losses = [_numbers(entry) for entry in trainer.state.log_history]
    judged = evaluations(losses)
    _refuse_broken(losses, sense.broke, trainer.state.global_step)
    # The first is of the untrained model, which is not among the weights to choose from.
    best_step, best = min(judged[1:] or judged, key=lambda pair: pair[1])
    return Trained(
        model=trainer.model,
        losses=losses,
        best_eval_loss=best,
        first_eval_loss=judged[0][1],
        best_step=best_step,
        steps=trainer.state.global_step,
        planned_steps=planned_steps,
        stopped=_why_stopped(trainer.state.global_step, planned_steps, watch.time_is_up),
        moved=moved(trainer.model, untrained),
        seconds=time.perf_counter() - started,
        seconds_per_step=clock.seconds_per_step,
        trained_tokens=sum(row.trained_tokens for row in train_rows),
    )


def _schedule(config: Mapping[str, Scalar], n_rows: int) -> tuple[int, int]:
    """Optimiser steps in all, and how many lie between two evaluations."""
    planned, steps_per_epoch = steps(config, n_rows)
    if planned < MIN_OPTIMISER_STEPS:
        raise RunError("too-few-steps", n=n_rows, steps=planned)
    return planned, max(1, steps_per_epoch // max(1, int(config["finetune.eval_per_epoch"])))


def _go_on(trainer: Any, last: Path | None, sense: Sense, planned_steps: int) -> None:
    """Train from the start or from a checkpoint; one that was the end is only read again."""
    if last is not None:
        from transformers import TrainerState

        state = TrainerState.load_from_json(str(last / "trainer_state.json"))
        over = exhausted(state.log_history, sense.patience) or has_risen(state.log_history)
        if over or state.global_step >= planned_steps:
            trainer.state = state
            best = state.best_model_checkpoint
            trainer.state.best_model_checkpoint = str(last.parent / Path(best or last).name)
            trainer._load_best_model()
            return
    trainer.train(resume_from_checkpoint=None if last is None else str(last))


def _refuse_broken(losses: list[dict[str, float]], broke: bool, steps: int) -> None:
    judged = evaluations(losses)
    if broke or not judged or not all(math.isfinite(loss) for _, loss in judged):
        raise RunError("loss-not-a-number", steps=steps)
    if has_risen(losses) and min(loss for _, loss in judged[1:]) >= judged[0][1]:
        first, now = (f"{judged[i][1]:.2f}" for i in (0, -1))
        raise RunError("loss-rising", steps=steps, first=first, now=now)


def _why_stopped(steps: int, planned: int, time_is_up: bool) -> Stopped:
    if time_is_up:
        return "limit"
    return "patience" if steps < planned else ""


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
    from trl import SFTConfig

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
    if arguments.n_gpu > 1:
        # One process trains on the card that holds the model; transformers would copy the model
        # to every card it sees, which TRL refuses.
        arguments._n_gpu = 1
    model = attach(loaded.model, method, config)
    restore = keep_adapter_format(model) if _fp32_on_four_bits(loaded) else None
    trainer = resumable_trainer()(
        model=model,
        args=arguments,
        train_dataset=Dataset.from_list([_columns(row) for row in train_rows]),
        eval_dataset=Dataset.from_list([_columns(row) for row in validation_rows]),
        processing_class=loaded.tokenizer,
        callbacks=callbacks,
    )
    trainer.remove_callback(PrinterCallback)  # losses go to the run's files, not to the screen
    if restore is not None:
        restore()
    if on_cpu and add_answer_head(base_of(trainer.model)):
        trainer.logs_entropy = False
    return trainer


def _fp32_on_four_bits(loaded: LoadedModel) -> bool:
    return loaded.quantised and str(loaded.dtype) == "torch.float32"


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


def _numbers(entry: Mapping[str, Any]) -> dict[str, float]:
    return {key: float(value) for key, value in entry.items() if isinstance(value, int | float)}
