"""SFTTrainer as a run that may be killed at any step needs it: what is resumed is what was.

Three things of the libraries make a resumed training another one than the uninterrupted:

- PEFT reloads adapters in fp32 (`autocast_adapter_dtype`), TRL trains those of a quantised base
  in bf16: after a resume the same steps are taken in another number format.
- The order of rows is drawn from the global random state at the start of an epoch, which a
  process that starts in the middle of one does not have.
- `eval_on_start` judges again at the resumed step, which costs one of the patience.

Every one of them is answered here by a pure function of what the checkpoint holds.

And one makes a training that goes on with a smaller micro-batch another one: a held-out loss is
averaged within each batch and then over batches, so that its value depends on how the rows were
cut into batches. Here every trained token counts once.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from advisor.errors import RunError
from executors.finetune.rows import IGNORED

ADAPTER_WEIGHTS = "adapter_model.safetensors"
ACCURACY = "mean_token_accuracy"


class RowOrder:
    """Row numbers of one epoch after the other: shuffled, then grouped by length.

    The order depends on the seed, the epoch and the rows of one optimiser step, not on how such
    a step is cut into micro-batches, so that a smaller micro-batch trains on the same rows at
    every step. The longest row comes first: what does not fit fails at once.
    """

    def __init__(self, lengths: Sequence[int], per_step: int, seed: int, trainer: Any) -> None:
        self._lengths, self._per_step, self._seed = list(lengths), per_step, seed
        self._trainer = trainer

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        import torch
        from transformers.trainer_pt_utils import get_length_grouped_indices

        # Whole at the start of an epoch, with a fraction where one is resumed.
        epoch = int(self._trainer.state.epoch or 0)
        generator = torch.Generator().manual_seed(self._seed * 100_003 + epoch)
        yield from get_length_grouped_indices(self._lengths, self._per_step, generator=generator)


@functools.cache
def resumable_trainer() -> Any:
    """The trainer class; made once and late, since importing TRL takes seconds."""
    from trl import SFTTrainer

    class ResumableTrainer(SFTTrainer):  # type: ignore[misc]
        """SFTTrainer whose resumed run equals the uninterrupted one, bit by bit on a CPU."""

        logs_entropy = True
        """False where the head leaves it out (answer_head.py), so that no zero is logged."""
        _judged: list[tuple[float, int]]
        """Mean loss and trained tokens of every batch of the evaluation under way."""

        def evaluation_loop(
            self,
            dataloader: Any,
            description: str,
            prediction_loss_only: bool | None = None,
            ignore_keys: list[str] | None = None,
            metric_key_prefix: str = "eval",
        ) -> Any:
            self._judged = []
            output: Any = super().evaluation_loop(
                dataloader, description, prediction_loss_only, ignore_keys, metric_key_prefix
            )
            losses, tokens = zip(*self._judged, strict=True) if self._judged else ((), ())
            output.metrics[f"{metric_key_prefix}_loss"] = token_mean(losses, tokens)
            right = self._metrics["eval"][ACCURACY]
            self._metrics["eval"][ACCURACY] = [token_mean(right, tokens)]
            return output

        def prediction_step(self, model: Any, inputs: Any, *args: Any, **more: Any) -> Any:
            # The loss shifts the labels: the first of a row is no one's next token.
            tokens = int((inputs["labels"][:, 1:] != IGNORED).sum())
            found = super().prediction_step(model, inputs, *args, **more)
            self._judged.append((float(found[0]), tokens))
            return found

        def _get_train_sampler(self, train_dataset: Any = None) -> Any:
            rows = self.train_dataset if train_dataset is None else train_dataset
            if self.args.train_sampling_strategy != "group_by_length":
                return super()._get_train_sampler(rows)
            lengths = [len(row["input_ids"]) for row in rows]
            per_step = self.args.train_batch_size * self.args.gradient_accumulation_steps
            return RowOrder(lengths, per_step, self.args.data_seed, self)

        def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
            model = model or self.model
            if not load_adapter_as_it_is(model, Path(resume_from_checkpoint)):
                super()._load_from_checkpoint(resume_from_checkpoint, model)

        def _load_best_model(self) -> None:
            if not load_adapter_as_it_is(self.model, Path(self.state.best_model_checkpoint)):
                super()._load_best_model()

        def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
            for metrics in self._metrics.values():
                if not self.logs_entropy:
                    metrics.pop("entropy", None)
            super().log(logs, start_time)

    return ResumableTrainer


def token_mean(means: Sequence[float], tokens: Sequence[int]) -> float:
    """The mean over all tokens, of means over the tokens of each batch; 0 without any token."""
    total = sum(mean * n for mean, n in zip(means, tokens, strict=True))
    return total / max(1, sum(tokens))


def load_adapter_as_it_is(model: Any, folder: Path) -> bool:
    """Copy an adapter's saved tensors into the model's own, whose number format stays.

    Returns:
        False where there is nothing to do: a model without an adapter.

    Raises:
        RunError: `adapter-not-loaded`: a tensor of the file has no place in the model, or the
            other way round.
    """
    if not hasattr(model, "peft_config"):
        return False
    from peft import set_peft_model_state_dict
    from safetensors.torch import load_file

    saved = load_file(str(folder / ADAPTER_WEIGHTS))
    (name,) = model.active_adapters
    result = set_peft_model_state_dict(model, saved, adapter_name=name)
    places = sum(f".{name}." in key and "lora_" in key for key in model.state_dict())
    if result.unexpected_keys or places != len(saved):
        raise RunError("adapter-not-loaded", where=str(folder), found=len(saved), places=places)
    return True


def keep_adapter_format(model: Any) -> Any:
    """Remember trained tensors before TRL casts those of a quantised base to bf16.

    Returns:
        A function that puts them back as they were, for a base that computes in fp32: bf16
        adapters would be the only rounded numbers of such a run.
    """
    kept = {
        name: parameter.detach().clone()
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }

    def restore() -> None:
        for name, parameter in model.named_parameters():
            if name in kept:
                parameter.data = kept[name]

    return restore
