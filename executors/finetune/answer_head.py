"""The loss on a CPU: log-probabilities of answer tokens only, without keeping any logits.

TRL's head works in fp32 tiles over every position when there is no Triton device. On a CPU this
one computes the same per-token values at answer positions only, in the model's own dtype, and
needs chunk x vocabulary of memory whatever the batch. CUDA keeps TRL's kernels.

A product with the vocabulary is fast for many tokens at once, since it reads all of the weight;
the softmax is fast for few, whose scores in fp32 stay in the cache. So chunks are multiplied whole
and go through the softmax in blocks, all of them in the same memory: fresh pages for every
intermediate result cost more than the arithmetic.
"""

from __future__ import annotations

import functools
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

CHUNK_TOKENS = 128
BLOCK_TOKENS = 8
"""Of 262k scores these are 8 MiB in fp32."""
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
            spare = _spare(weight)
            for at in range(0, len(labels), CHUNK_TOKENS):
                rows = slice(at, at + CHUNK_TOKENS)
                chunk = hidden[rows] @ weight.T
                parts = (chunk, labels[rows], log_probs[rows], top1[rows])
                for block, label, log_prob, best in zip(
                    *(part.split(BLOCK_TOKENS) for part in parts), strict=True
                ):
                    found, first = _softmax(block, label, softcap, spare, unit is not None)
                    log_prob.copy_(found)
                    best.copy_(first == label)
                if unit is not None:
                    unit[rows] = chunk @ weight
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
                spare = _spare(weight)
                for at in range(0, len(labels), CHUNK_TOKENS):
                    rows = slice(at, at + CHUNK_TOKENS)
                    step = hidden[rows] @ weight.T
                    parts = (part.split(BLOCK_TOKENS) for part in (step, labels[rows]))
                    for block, label in zip(*parts, strict=True):
                        _softmax(block, label, ctx.softcap, spare, True)
                    step *= grad[rows, None].to(step.dtype)
                    to_weight += step.T @ hidden[rows]
                to_weight = to_weight.to(weight.dtype)
            return to_hidden, to_weight, None, None

    return AnswerLogProb


def _spare(weight: torch.Tensor) -> torch.Tensor:
    """Memory for the scores of one block in fp32: tokens x vocabulary."""
    import torch

    return weight.new_empty(BLOCK_TOKENS, len(weight), dtype=torch.float32)


def _softmax(
    block: torch.Tensor,
    labels: torch.Tensor,
    softcap: float | None,
    spare: torch.Tensor,
    gradient: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probability of each label, and the likeliest class of each token.

    Args:
        block: tokens x vocabulary, hidden @ weight.T; with `gradient` it becomes
            d log p(label) / d (hidden @ weight.T): one-hot minus softmax, through the soft cap.
        spare: what `_spare` gave; it is written over.
    """
    scores = spare[: len(block)].copy_(block)
    slope = None
    if softcap is not None:
        scores.div_(softcap).tanh_()
        slope = 1 - scores.square()
        scores.mul_(softcap)
    best = scores.argmax(1)
    chosen, largest = (scores.gather(1, of[:, None]) for of in (labels, best))
    total = scores.sub_(largest).exp_().sum(1, keepdim=True)
    if gradient:
        scores.mul_(-1 / total)
        scores[range(len(labels)), labels] += 1
        block.copy_(scores if slope is None else scores.mul_(slope))
    return (chosen - largest - total.log()).squeeze(1), best


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
