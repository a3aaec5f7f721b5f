"""Replays one training step and one evaluation; gives the moments that may be its peak."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from advisor.estimate.replay import heads
from advisor.estimate.replay import operators as op
from advisor.estimate.replay.layers import block
from advisor.estimate.replay.model import Model, Setup
from advisor.estimate.replay.modules import norm
from advisor.estimate.replay.tape import HALF, Lanes, Node, Tape, Tensor, largest


@dataclass(frozen=True, slots=True)
class Moments:
    """What is alive, beside the weights, at the possible peaks of a stretch of a phase.

    Bytes per symbol in the order of `symbols`, with two layers; every further layer adds one of
    `per_layer`, whichever is more at the model's real depth.
    """

    phase: str
    symbols: tuple[str, ...]
    found: tuple[tuple[int, ...], ...]
    per_layer: tuple[tuple[int, ...], ...]


@functools.lru_cache(maxsize=4096)
def replay(setup: Setup) -> tuple[Moments, ...]:
    """The moments of every phase, of a model with two layers and what further ones add."""
    tape = Tape(Lanes())
    model = Model(tape, setup)
    outside: list[int] = []
    inside: list[int] = []
    head: list[int] = []
    back: list[int] = []
    deep: list[int] = []
    late: list[int] = []
    shared = _shared(model)
    with tape.region(outside):
        embedded = _embedded(model)
        x = _layer(model, 0, embedded)
    first, after_first = tape.order, tape.live
    with tape.region(inside):
        x = _layer(model, 1, x)
    last, forward = tape.order, tape.live - after_first
    with tape.region(head):
        hidden = norm(model, -1, "norm.last", x)
        del x, embedded  # the model's own forward held the embeddings to its end
        loss, outputs = _loss(model, hidden)
        del hidden
        forgotten = _end_autocast(model)
    with tape.region(back):
        tape.backward(loss, [(last, deep), (first, late)])
    del loss, outputs, shared
    trained = [p for (layer, _), p in model.weights.items() if layer == 1 and p.trained]
    gradients = sum(p.width * p.bytes for p in trained)
    # A plain loop's outputs hold the KV cache of both layers until the step is over.
    gradients += sum(_size(x) for x in model.cache) // 2
    kept = forward - forgotten
    found = [
        moments_of(tape.lanes, "forward", outside, 0),
        moments_of(tape.lanes, "forward", inside + head, forward),
        moments_of(tape.lanes, "backward", back, kept),
        # A layer's backward pass is largest in the last layer or in the second, depending on
        # whether layers keep more than they leave behind as gradients.
        moments_of(tape.lanes, "backward", deep, kept, gradients),
        moments_of(tape.lanes, "backward", late, gradients),
    ]
    if setup.tiled:
        found.append(_evaluation(setup))
    return tuple(found)


def _evaluation(setup: Setup) -> Moments:
    tape = Tape(Lanes())
    tape.grad_enabled = False
    model = Model(tape, setup, training=False)
    seen: list[int] = []
    shared = _shared(model)
    with tape.region(seen):
        embedded = _embedded(model)
        x = _layer(model, 0, embedded)
        before = tape.live
        x = _layer(model, 1, x)
        per_layer = tape.live - before
        x = norm(model, -1, "norm.last", x)
        del embedded
        _loss(model, x)
    del x, shared
    tape.end_autocast()
    return moments_of(tape.lanes, "evaluation", seen, per_layer)


def moments_of(lanes: Lanes, phase: str, found: list[int], *per_layer: int) -> Moments:
    """The largest of `found` moments, with what one more layer may add to them."""
    names, moments = lanes.names, largest(found, lanes)
    used = lanes.used([*moments, *per_layer])
    return Moments(
        phase,
        tuple(names[at] for at in used),
        tuple(lanes.unpack(moment, used) for moment in moments),
        tuple(lanes.unpack(layer, used) for layer in per_layer),
    )


def _size(x: Tensor) -> int:
    return x.width * x.bytes


def _end_autocast(model: Model) -> int:
    """Drop the casts of weights; what the second layer's took and nobody had saved."""
    tape = model.tape
    before = tape.live
    for (layer, _), weight in model.weights.items():
        if layer == 1:
            weight.cast = None
    dropped = before - tape.live
    tape.end_autocast()
    return dropped


def _shared(model: Model) -> list[Tensor]:
    """The batch itself, and what all layers read: positions and masks."""
    tape, setup = model.tape, model.setup
    inputs = 3 if setup.masked or setup.tiled else 2
    held = [tape.new(model.width("one"), 8 * inputs)]
    if not setup.family.learned_positions:
        held.append(tape.new(model.width("rope"), 2 * setup.weight_bytes))
    if setup.masked:
        held.append(tape.new(model.width("mask"), HALF if setup.eager else 1))
    return held


def _embedded(model: Model) -> Tensor:
    setup, tape, family = model.setup, model.tape, model.setup.family
    x = looked_up(model, "embed")
    if x.node is None and setup.checkpointing and tape.grad_enabled:
        # With frozen tables the hidden states themselves are made to require a gradient.
        x.node = Node(lambda *_: (), (), 0, ())
    if family.learned_positions:
        x = op.add(tape, x, looked_up(model, "positions", "seq:d"))
        if family.residual_dropout and model.training:
            x = op.dropout(tape, x, on_gpu=setup.on_gpu)
    return x


def looked_up(model: Model, table_name: str, width: str = "d") -> Tensor:
    """Rows of an embedding table, whose gradient is as large as the whole table."""
    tape = model.tape
    table = model.base_weight(-1, table_name, model.width(f"w:{table_name}"))

    def back(_: Any, grad: Tensor) -> Any:
        return (tape.new(table.width, table.bytes),)

    return tape.new(model.width(width), model.setup.weight_bytes, tape.node(back, (table,), ()))


def _layer(model: Model, layer: int, x: Tensor) -> Tensor:
    if model.setup.checkpointing and model.training:
        return model.tape.checkpointed(functools.partial(block, model, layer), x)
    return block(model, layer, x)


def _loss(model: Model, x: Tensor) -> tuple[Tensor, object]:
    setup = model.setup
    if not setup.tiled:
        return heads.plain(model, x)
    # A head with a bias keeps TRL's code on a CPU too (executors/finetune/answer_head.py).
    fused = setup.on_gpu or setup.family.head_bias
    return heads.fused(model, x) if fused else heads.answers_on_cpu(model, x)
