"""The loss on a CPU: log-probabilities of answer tokens only, without keeping any logits.

TRL's head works in fp32 tiles over every position when there is no Triton device. On a CPU this
one computes the same per-token values at answer positions only, in the model's own dtype, and
needs chunk x vocabulary of memory whatever the batch. CUDA keeps TRL's kernels.
"""

from __future__ import annotations

import functools
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

CHUNK_TOKENS = 128
# Families whose logits are scaled or routed in their own way keep TRL's head, which knows them.
UNUSUAL = ("logit_scale", "output_multiplier", "lm_head_multiplier", "logits_scaling")


@functools.cache
def _log_prob_function() -> Any:
    import torch

    class AnswerLogProb(torch.autograd.Function):
        """Per-token log-probability of `labels` under softmax(hidden @ weight.T).

        Rows are independent, so the gradient to a hidden state for unit upstream is finished in
        the forward pass, and only tokens x hidden are kept for the backward one.
        """

        @staticmethod
        def forward(ctx, hidden, weight, labels, softcap):  # type: ignore[no-untyped-def]
            needs_grad = ctx.needs_input_grad[0] or ctx.needs_input_grad[1]
            log_probs = torch.empty(len(labels), dtype=torch.float32)
            top1 = torch.empty(len(labels), dtype=torch.bool)
            unit = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
            for at in range(0, len(labels), CHUNK_TOKENS):
                rows = slice(at, at + CHUNK_TOKENS)
                scores = _scores(hidden[rows], weight, softcap)
                chosen = scores.gather(1, labels[rows, None]).squeeze(1)
                log_probs[rows] = chosen - scores.logsumexp(1)
                top1[rows] = scores.argmax(1) == labels[rows]
                if unit is not None:
                    unit[rows] = (
                        _unit_gradient(scores, labels[rows], softcap, hidden.dtype) @ weight
                    )
            if needs_grad:
                ctx.softcap = softcap
                ctx.save_for_backward(hidden, weight, labels, unit)
            ctx.mark_non_differentiable(top1)
            return log_probs, top1

        @staticmethod
        def backward(ctx, grad, _grad_top1):  # type: ignore[no-untyped-def]
            hidden, weight, labels, unit = ctx.saved_tensors
            to_hidden = None if unit is None else unit * grad[:, None].to(unit.dtype)
            to_weight = None
            if ctx.needs_input_grad[1]:
                to_weight = torch.zeros_like(weight, dtype=torch.float32)
                for at in range(0, len(labels), CHUNK_TOKENS):
                    rows = slice(at, at + CHUNK_TOKENS)
                    scores = _scores(hidden[rows], weight, ctx.softcap)
                    step = _unit_gradient(scores, labels[rows], ctx.softcap, hidden.dtype)
                    step *= grad[rows, None].to(step.dtype)
                    to_weight += step.T @ hidden[rows]
                to_weight = to_weight.to(weight.dtype)
            return to_hidden, to_weight, None, None

    return AnswerLogProb


def _scores(hidden: torch.Tensor, weight: torch.Tensor, softcap: float | None) -> torch.Tensor:
    scores = (hidden @ weight.T).float()
    return scores if softcap is None else (scores / softcap).tanh_().mul_(softcap)


def _unit_gradient(
    scores: torch.Tensor, labels: torch.Tensor, softcap: float | None, dtype: torch.dtype
) -> torch.Tensor:
    """D log p(label) / d logits: one-hot minus softmax, through the soft cap. Spends `scores`."""
    slope = None if softcap is None else 1 - (scores / softcap).square_()
    gradient = scores.softmax(1).neg_()
    gradient[range(len(labels)), labels] += 1
    if slope is not None:
        gradient *= slope
    return gradient.to(dtype)


def add_answer_head(model: Any) -> bool:
    """Let `model(..., labels=, fused_lm_head=True)` use the CPU head; call it after SFTTrainer.

    Returns:
        False when the family scales or routes its logits in its own way and keeps TRL's head.
    """
    from trl.trainer.utils import FusedCausalLMOutput

    config = model.config.get_text_config()
    unusual = any(getattr(config, name, None) not in (None, 1.0) for name in UNUSUAL)
    head = model.get_output_embeddings()
    if unusual or getattr(config, "output_router_logits", False) or head.bias is not None:
        return False
    softcap = getattr(config, "final_logit_softcapping", None)
    trl_forward = model.forward

    @functools.wraps(type(model).forward)
    def forward(self, *args, fused_lm_head=False, labels=None, **kwargs):  # type: ignore[no-untyped-def]
        if not fused_lm_head or labels is None or kwargs.get("shift_labels") is not None:
            if labels is not None:
                kwargs["labels"] = labels
            return trl_forward(*args, fused_lm_head=fused_lm_head, **kwargs)
        items = kwargs.pop("num_items_in_batch", None)
        kwargs.pop("shift_labels", None)
        kwargs["use_cache"] = False
        hidden = self.base_model(*args, **kwargs).last_hidden_state[:, :-1]
        mask = labels[:, 1:] != -100
        weight = self.get_output_embeddings().weight
        log_probs, top1 = _log_prob_function().apply(
            hidden[mask].to(weight.dtype), weight, labels[:, 1:][mask], softcap
        )
        spread = log_probs.new_zeros(mask.shape).masked_scatter(mask, log_probs)
        loss = -log_probs.sum() / (mask.sum().clamp(min=1) if items is None else items)
        return FusedCausalLMOutput(
            loss=loss,
            log_probs=spread,
            # The entropy of 262k classes per token costs a further pass and decides nothing here;
            # the trainer drops the column instead of logging a zero.
            entropy=spread.detach() * 0,
            is_top1=mask.new_zeros(mask.shape).masked_scatter(mask, top1),
            label_mask=mask,
        )

    model.forward = types.MethodType(forward, model)
    return True
