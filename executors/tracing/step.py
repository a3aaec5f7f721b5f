"""Traces training steps of a set-up on fake tensors: the peak of every phase, any depth.

Phases are traced with 2 and 3 layers and extrapolated each by itself: every moment of a step is
exactly linear in the number of layers, the largest of several moments is not.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from advisor.estimate.settings import EstimateSettings
from advisor.estimate.shapes import Shapes
from executors.tracing.build import build, materialise
from executors.tracing.ledger import Held, Ledger
from executors.tracing.pairs import build_encoder, trace_steps
from executors.tracing.semantics import semantics

STEPS = 2  # Adam's states exist from the first optimiser step on, so the second step counts.
BLOCK = {"cuda": 512, "cpu": 1}


@dataclass(frozen=True, slots=True)
class Traced:
    """Bytes allocated at the peak of every phase of a step with optimiser states."""

    phases: dict[str, float]
    at_peak: Mapping[str, list[Held]]

    @property
    def allocated(self) -> float:
        return max(self.phases.values())


def trace(shapes: Shapes, settings: EstimateSettings) -> Traced:
    """The peak of every phase at the model's real depth."""
    few, more = (trace_layers(shapes, settings, depth).phases for depth in (2, 3))
    peaks = {name: few[name] + (shapes.layers - 2) * (more[name] - few[name]) for name in few}
    peaks["backward"] = max(peaks["backward"], peaks.pop("backward end", 0.0))
    return Traced(peaks, {})


def trace_layers(
    shapes: Shapes, settings: EstimateSettings, layers: int, *, explain: bool = False
) -> Traced:
    """The peak of every phase with this number of layers."""
    ledger = Ledger(BLOCK[settings.device], explain=explain)
    with warnings.catch_warnings(), ExitStack() as stack:
        warnings.simplefilter("ignore")
        encoder = settings.method == "encoder"
        model = (build_encoder if encoder else build)(shapes, settings, layers)
        stack.enter_context(FakeTensorMode(allow_non_fake_inputs=True))
        stack.enter_context(ledger)
        stack.enter_context(semantics(settings.device, padded=settings.masked))
        materialise(model, ledger)
        if encoder:
            trace_steps(model, settings, ledger)
        else:
            _prepare(model, settings)
            _steps(model, settings, ledger)
    return Traced(dict(ledger.peaks), ledger.at_peak)


def _prepare(model: Any, settings: EstimateSettings) -> None:
    from trl.trainer.utils import add_fused_lm_head

    from executors.finetune.answer_head import add_answer_head
    from executors.finetune.recipe import base_of

    base = base_of(model)
    if settings.loss == "tiled":
        add_fused_lm_head(base, outputs=("log_probs", "entropy", "is_top1"))
        if settings.device == "cpu":
            add_answer_head(base)
    if settings.gradient_checkpointing:
        base.activation_checkpointing_enable({"use_reentrant": False})
    model.train()


def _steps(model: Any, settings: EstimateSettings, ledger: Ledger) -> None:
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = _optimizer(trained, settings)
    batch = _batch(settings)
    for step in range(STEPS):
        last = step == STEPS - 1
        with ledger.phase("forward") if last else nullcontext():
            turn = _mark_first_layer(model, ledger)
            loss, outputs = _loss(model, batch, settings)
        with ledger.phase("backward") if last else nullcontext():
            loss.backward()
        turn.remove()
        del loss, outputs
        with ledger.phase("optimizer") if last else nullcontext():
            if settings.loss == "tiled":
                torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    if settings.loss == "tiled":
        model.eval()
        with ledger.phase("evaluation"), torch.no_grad():
            _loss(model, batch, settings)


def _mark_first_layer(model: Any, ledger: Ledger) -> Any:
    """Let the end of the backward pass, from the first layer on, be a phase of its own.

    What grows with depth there is gradients, not what layers keep: another straight line.
    """
    layers = next(m for m in model.modules() if isinstance(m, torch.nn.ModuleList))

    def watch(_module: Any, _inputs: Any, output: Any) -> None:
        value = output[0] if isinstance(output, tuple) else output
        if value.requires_grad:
            value.register_hook(lambda _: ledger.enter("backward end"))

    return layers[0].register_forward_hook(watch)


def _loss(model: Any, batch: dict[str, torch.Tensor], settings: EstimateSettings) -> Any:
    """The loss, and what is held on to until the backward pass is over.

    As SFTTrainer.compute_loss does it (TRL 1.16), which lets go of its outputs; a plain loop has
    them in a variable, logits and all.
    """
    if settings.loss == "full":
        outputs = model(**batch)
        return outputs.loss, outputs
    # accelerate wraps the model's forward, so autocast's copies of weights end with it.
    with torch.autocast("cpu", torch.bfloat16):
        outputs = model(**batch, use_cache=False, fused_lm_head=True)
    per_token = -outputs.log_probs
    count = outputs.label_mask.sum()
    loss = per_token.sum() / torch.as_tensor(count).clamp(min=1)
    # The trainer reads entropy and accuracy off the outputs before it goes backward.
    (outputs.entropy * outputs.label_mask).sum() / count
    return loss, None


def _batch(settings: EstimateSettings) -> dict[str, torch.Tensor]:
    size = (settings.batch_size, settings.seq_len)
    batch = {
        "input_ids": torch.zeros(size, dtype=torch.long),
        "labels": torch.zeros(size, dtype=torch.long),
    }
    if settings.masked or settings.loss == "tiled":
        batch["attention_mask"] = torch.ones(size, dtype=torch.long)
    return batch


def _optimizer(trained: list[torch.nn.Parameter], settings: EstimateSettings) -> Any:
    name = settings.resolved_optimizer
    on_gpu = settings.device == "cuda"
    if name == "adamw_torch":
        return torch.optim.AdamW(trained, lr=1e-4, weight_decay=0.0, foreach=on_gpu)
    if name == "sgd":
        return torch.optim.SGD(trained, lr=1e-4, foreach=on_gpu)
    if name == "adafactor":
        from transformers.optimization import Adafactor

        return Adafactor(trained, lr=1e-4, relative_step=False, scale_parameter=False)
    return EightBitAdamW(trained)


class EightBitAdamW(torch.optim.Optimizer):
    """What bitsandbytes' AdamW8bit allocates: one byte a state and value, one scale in 256.

    Small tensors keep fp32 states (bitsandbytes/optim/optimizer.py, `min_8bit_size`). Paged
    states live in the machine's memory and visit the card page by page: not counted here.
    """

    def __init__(self, trained: list[torch.nn.Parameter], *, smallest: int = 4096) -> None:
        super().__init__(trained, {"lr": 1e-4})
        self._smallest = smallest

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None or self.state[parameter]:
                    continue
                eight = parameter.numel() >= self._smallest
                dtype = torch.uint8 if eight else torch.float32
                for name in ("state1", "state2"):
                    state = torch.zeros(parameter.shape, dtype=dtype)
                    self.state[parameter][name] = state
                    if eight:
                        scales = torch.zeros(-(-parameter.numel() // 256), dtype=torch.float32)
                        self.state[parameter][f"{name}_scales"] = scales
