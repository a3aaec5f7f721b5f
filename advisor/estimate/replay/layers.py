"""Decoder layers: how norms, attention, MLP and residual stream hang together in a family."""

from __future__ import annotations

from advisor.estimate.replay import operators as op
from advisor.estimate.replay.attention import attention
from advisor.estimate.replay.model import Model
from advisor.estimate.replay.modules import mlp, norm
from advisor.estimate.replay.tape import Tensor


def sequential(model: Model, layer: int, given: Tensor) -> Tensor:
    """X + attention(norm(x)), then the same with the MLP; Gemma also norms what comes out."""
    tape, sandwich = model.tape, model.setup.family.norms_per_layer == 4
    residual = given
    x = norm(model, layer, "norm.1", given)
    x, scores = attention(model, layer, x)
    if sandwich:
        x = norm(model, layer, "norm.2", x)
    held = x if model.setup.family.residual_dropout else None  # a name of its own in GPT-2
    x = op.add(tape, residual, x)
    residual = x
    x = norm(model, layer, "norm.3", x)
    x = mlp(model, layer, x)
    if sandwich:
        x = norm(model, layer, "norm.4", x)
    x = op.add(tape, residual, x)
    del held, scores
    return x


def parallel(model: Model, layer: int, given: Tensor) -> Tensor:
    """Attention and MLP side by side: behind one norm (Phi) or each behind its own (NeoX)."""
    tape = model.tape
    if model.setup.family.parallel_norms:
        side, scores = attention(model, layer, norm(model, layer, "norm.1", given))
        x = mlp(model, layer, norm(model, layer, "norm.2", given))
        x = op.add(tape, op.add(tape, x, side), given)
        del scores
        return x
    x = norm(model, layer, "norm.1", given)
    side, scores = attention(model, layer, x)
    wide = mlp(model, layer, x)
    x = op.add(tape, op.add(tape, side, wide), given)
    del scores
    return x


def block(model: Model, layer: int, x: Tensor) -> Tensor:
    """One decoder layer of the family."""
    family = model.setup.family
    side_by_side = family.norm_shared or family.parallel_norms
    return (parallel if side_by_side else sequential)(model, layer, x)
