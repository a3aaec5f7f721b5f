"""The fine-tuning road: full, LoRA or QLoRA by one recipe, and the tuned model to ask."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advisor.errors import RunError
from advisor.files import write_json
from advisor.texts import t
from advisor.types import Method, Plan, Scalar
from executors.base import Context, Lack, Question, Reply, RunData
from executors.finetune.asking import answered, lists_labels
from executors.finetune.ladder import Lengths, Rung
from executors.finetune.proof import (
    check_adapter,
    check_template,
    prove_answers,
    prove_learned,
    prove_saved,
    template_digest,
)
from executors.finetune.rehearsal import refuse_bad_rows, tolerated
from executors.finetune.schedule import MIN_EXAMPLES
from executors.finetune.survive import WORK, limit_reached, write_lengths
from executors.generator import LocalGenerator, load_for, local_model_lacks
from executors.goals import for_goal
from executors.hardware import number_format, peak_addressed_gib, peak_ram_gib
from executors.models import Attention, LoadedModel, quiet_libraries
from executors.permitted import learnable
from executors.rundir import RunDir
from knowledge.corpus.types import Example

if TYPE_CHECKING:
    from executors.finetune.rows import Row

ADAPTER = "adapter"
MODEL = "model"
ABOUT = "tuned.json"
PACKAGES = ("torch", "transformers", "trl", "peft", "datasets", "accelerate")


class FinetuneExecutor:
    name = "finetune"

    def check(self, plan: Plan, data_root: Path | None) -> list[Lack]:
        """Packages that are missing, or a model that cannot fit here by any way."""
        from executors.finetune.fits import too_large

        lacks = training_lacks(plan.config, tuning_method(plan))
        return lacks or too_large(plan.config, tuning_method(plan))

    def build(self, plan: Plan, run: RunDir, data: RunData, context: Context) -> dict[str, float]:
        """Train in a process of its own, which may run out of memory, and smaller if it did."""
        from executors.finetune.survive import survive

        return survive(plan, run, learnable(data, context.session), context, tuning_method(plan))

    def tune(
        self,
        plan: Plan,
        run: RunDir,
        data: RunData,
        context: Context,
        rung: Rung,
        limit_hours: float | None,
        general: Sequence[Example] = (),
    ) -> dict[str, float]:
        """Train, keep the best weights and the losses, and prove that something was learned.

        Args:
            rung: the method and settings to train with, the plan's or smaller ones.
            limit_hours: what is left of the plan's limits on time and money.
            general: the rows to draw replay from; see `executors.finetune.general.planned_rows`.
        """
        with quiet_libraries():
            from executors.finetune.general import (
                after_training,
                before_training,
                planned_probe,
            )
            from executors.finetune.recipe import train
            from executors.finetune.replay import mix
            from executors.finetune.rows import make_rows
            from executors.tracing.record import Watched, keep, training_actuals

        method, config = rung.method, rung.config
        learned, watched = (
            for_goal(part, plan.goal) for part in (data.split.train, data.split.validation)
        )
        if len(learned) < MIN_EXAMPLES:
            raise RunError("too-few-examples", n=len(learned), least=MIN_EXAMPLES)
        probe = planned_probe(plan, run)
        started = time.perf_counter()
        counted = Watched()
        loaded = load_base(config, method, context)
        load_seconds = time.perf_counter() - started
        context.session.say("finetune.number-format", **number_format(loaded, context.session))
        seq_len = int(config["finetune.seq_len"])
        labels = sorted({e.label for e in learned if e.label})
        train_rows, validation_rows = (
            make_rows(part, loaded.tokenizer, plan.language, seq_len, labels=labels)
            for part in (learned, watched)
        )
        refuse_bad_rows(train_rows, len(learned), context, run)
        refuse_bad_rows(validation_rows, len(watched), context, tolerant=True)
        if not validation_rows.rows:
            raise RunError("no-validation-rows", n=len(watched))
        mixed, replay = mix(train_rows, config, loaded.tokenizer, general)
        if replay.rows:
            context.session.say("forgetting.replay", n=replay.rows, share=f"{replay.share:.0%}")
        before = before_training(loaded, method, probe, run.path / WORK, context)
        spare = tolerated(len(learned)) - train_rows.n_left_out
        write_lengths(run.path / WORK, _lengths(train_rows.rows, mixed.rows, spare))
        label = t("finetune.training", method=method, n=len(mixed.rows))
        with quiet_libraries(), context.session.progress(label, total=1.0) as progress:
            trained = train(
                loaded,
                method,
                config,
                mixed.rows,
                validation_rows.rows,
                checkpoints=run.path / "checkpoints",
                limit_hours=limit_hours,
                progress=progress,
                resume=run.manifest.status != "done",
            )
        peaks = counted.peaks(loaded)
        run.replace_metrics(trained.losses)
        per_step = int(config["finetune.batch_size"]) * int(config["finetune.grad_accum"])
        actuals = {
            **training_actuals(peaks, loaded, mixed, trained, per_step),
            "load_seconds": load_seconds,
            "build_seconds": trained.seconds,
            "hours": (time.perf_counter() - started) / 3600,
            "steps": float(trained.steps),
            "eval_loss_first": trained.first_eval_loss,
            "eval_loss_best": trained.best_eval_loss,
            "best_step": float(trained.best_step),
            "trained_tokens": float(trained.trained_tokens),
            "effective_batch": float(per_step),
            "micro_batch": float(config["finetune.batch_size"]),
            "peak_ram_gib": peak_ram_gib(),
            "peak_addressed_gib": peak_addressed_gib(),
        }
        if trained.stopped == "limit":
            # Said before the proof: a few steps of warm-up have moved nothing yet.
            run.add_actuals(actuals)
            raise limit_reached(plan, trained.steps)
        if trained.stopped == "patience":
            told = {"step": trained.steps, "best": trained.best_step}
            run.event("stopped-early", **told)
            context.session.say("finetune.stopped-early", **told)
        if trained.best_eval_loss >= trained.first_eval_loss:
            losses = {"first": trained.first_eval_loss, "best": trained.best_eval_loss}
            run.event("no-better", **losses)
            context.session.say("finetune.no-better", **losses)
        keep(config, method, loaded, mixed, peaks, actuals)
        proof = prove_learned(trained, method)
        _save(trained.model, loaded.tokenizer, method, run.artifacts)
        proof |= prove_saved(trained.model, method, run.artifacts)
        tuned = loaded.with_model(trained.model)
        proof |= prove_answers(tuned, train_rows.rows, run, context)
        light = after_training(tuned, probe, before, replay, config, run, context)
        write_json(
            run.artifacts / ABOUT,
            {
                "schema_version": 1,
                "method": method,
                "base_model": loaded.source,
                "base_digest": loaded.digest,
                "licence": loaded.licence,
                "dtype": str(loaded.dtype),
                "dtype_reason": loaded.dtype_reason,
                "template_sha256": template_digest(loaded.tokenizer),
                "settings": rung.told(),
                "changes": [dict(change) for change in run.manifest.changes],
                "stopped": trained.stopped,
                "language": plan.language,
                "labels": labels,
                "labels_listed": lists_labels(labels),
                "rows": len(train_rows.rows),
                "left_out": train_rows.left_out,
                "longest_row_tokens": train_rows.longest,
                "replay": asdict(replay),
                "forgetting": light,
                **proof,
            },
        )
        return actuals

    def rehearse(self, plan: Plan, data: RunData, context: Context) -> None:
        """Refuse rows that a training would refuse, with the tokenizer alone."""
        from executors.finetune.rehearsal import rehearse

        rehearse(plan, data, context)

    def open(self, run: RunDir, context: Context) -> TunedSystem:
        """The tuned model, asked as it was trained."""
        about = _about(run)
        listed = bool(about.get("labels_listed", True))  # runs of earlier versions listed all
        return TunedSystem(run.plan, about["labels"], listed, self.generator(run, context))

    def generator(self, run: RunDir, context: Context) -> LocalGenerator:
        """The base model with the run's adapter, or the run's own model after full tuning.

        Raises:
            RunError: the base model or its template changed, or the adapter is not the run's.
        """
        about = _about(run)
        plan = run.plan
        if about["method"] == "full":
            loaded = load_for({**plan.config, "model": str(run.artifacts / MODEL)}, context)
        else:
            loaded = load_for(plan.config, context, quantised=about["method"] == "qlora")
            if loaded.digest != about["base_digest"]:
                raise RunError("base-changed", where=str(run.path), model=loaded.source)
            with quiet_libraries():
                from peft import PeftModel

                folder = run.artifacts / ADAPTER
                tuned = PeftModel.from_pretrained(loaded.model, str(folder))
            check_adapter(tuned, folder)
            loaded = loaded.with_model(tuned.eval())
        check_template(loaded.tokenizer, about, run.path)
        return LocalGenerator(loaded)


class TunedSystem:
    """Answers with what the tuned model learned; the prompt is the one it was trained on."""

    def __init__(
        self, plan: Plan, labels: list[str], listed: bool, generator: LocalGenerator
    ) -> None:
        """Args: listed: see `lists_labels`."""
        self._plan, self._labels, self._listed = plan, labels, listed
        self._generator = generator

    def answer(self, questions: Sequence[Question], *, passages: int = 5) -> list[Reply]:
        return answered(self._generator, questions, self._plan, self._labels, listed=self._listed)

    def close(self) -> None:
        self._generator.close()


def training_lacks(config: Mapping[str, Scalar], method: str | None) -> list[Lack]:
    """Packages that a training by this method needs and this environment has not."""
    quantising = ("bitsandbytes",) if method == "qlora" else ()
    return local_model_lacks(config, packages=(*PACKAGES, *quantising))


def load_base(
    config: Mapping[str, Scalar],
    method: Method,
    context: Context,
    *,
    device: str = "auto",
    attention: Attention = "auto",
) -> LoadedModel:
    """The base model as the recipe trains it: NF4 for QLoRA, fp32 for full tuning."""
    return load_for(
        config,
        context,
        quantised=method == "qlora",
        train=True,
        # A full tuning's small steps vanish in bf16 weights: at 2e-5 most never change.
        dtype="float32" if method == "full" else "auto",
        device=device,
        attention=attention,
    )


def tuning_method(plan: Plan) -> Method:
    """How the plan tunes: its method, or what its road is set to where tuning is a part of it."""
    method = plan.method or plan.config.get("hybrid.method")
    if method not in ("full", "lora", "qlora"):
        raise RunError("method-unknown", method=str(method))
    return method


def _about(run: RunDir) -> dict[str, Any]:
    about: dict[str, Any] = json.loads((run.artifacts / ABOUT).read_text(encoding="utf-8"))
    return about


def _lengths(task: Sequence[Row], mixed: Sequence[Row], spare: int) -> Lengths:
    """Args: mixed: the task's rows with general ones behind them."""
    every = tuple(len(row.input_ids) for row in mixed)
    return Lengths(every[: len(task)], every[len(task) :], spare)


def _save(model: Any, tokenizer: Any, method: Method, artifacts: Path) -> None:
    artifacts.mkdir(parents=True, exist_ok=True)
    folder = artifacts / (MODEL if method == "full" else ADAPTER)
    model.save_pretrained(str(folder), safe_serialization=True)
    tokenizer.save_pretrained(str(folder))
    # PEFT writes an empty model card for a hub that nobody asked for.
    (folder / "README.md").unlink(missing_ok=True)
