"""Replays one contrastive step of a sentence encoder: two texts an example, one pass for each.

As sentence-transformers 6 trains (SetFit's first stage too): both passes are kept until the loss,
then go backward one after the other, the later first.
"""

from __future__ import annotations

import functools
from typing import Any

from advisor.estimate.replay import operators as op
from advisor.estimate.replay.attention import attention
from advisor.estimate.replay.model import Model, Setup
from advisor.estimate.replay.modules import mlp, norm
from advisor.estimate.replay.step import Moments, looked_up, moments_of
from advisor.estimate.replay.tape import SINGLE, Lanes, Tape, Tensor


@functools.lru_cache(maxsize=256)
def replay_pairs(setup: Setup) -> tuple[Moments, ...]:
    """The moments of a step with two layers, and what further ones add."""
    tape = Tape(Lanes())
    model = Model(tape, setup)
    before: list[int] = []
    early: list[int] = []
    late: list[int] = []
    with tape.region(before):
        first = _Pass(model)
        first.through(model)
    kept, held = first.per_layer, tape.order
    with tape.region(early):
        second = _Pass(model)
        second.layer(model, 0)
    with tape.region(late):
        second.layer(model, 1)
        second.pool(model)
        loss = _loss(model, first.pooled, second.pooled)
    first.pooled = second.pooled = None
    turns: tuple[list[int], ...] = ([], [], [], [], [])
    with tape.region(turns[0]):
        starts = (second.ends[1], second.ends[0], held, first.ends[0])
        tape.backward(loss, list(zip(starts, turns[1:], strict=True)))
    trained = [p for (layer, _), p in model.weights.items() if layer == 1]
    gradients = sum(p.width * p.bytes for p in trained)
    return tuple(
        moments_of(tape.lanes, phase, found, *per_layer)
        for phase, found, per_layer in (
            ("forward", early, (kept,)),
            ("forward", late, (2 * kept,)),
            ("backward", turns[0], (2 * kept,)),
            # The last layer is the first to go back, before there are gradients of others.
            ("backward", turns[1], (2 * kept, kept + gradients)),
            ("backward", turns[2], (kept + gradients,)),
            ("backward", turns[3], (kept + gradients, gradients)),
            ("backward", turns[4], (gradients,)),
        )
    )


class _Pass:
    """One text of each pair on its way; holds what the caller's batch holds."""

    def __init__(self, model: Model) -> None:
        tape = model.tape
        self.inputs = [tape.new(model.width("one"), 8 * 2)]
        if model.setup.masked:
            self.inputs.append(tape.new(model.width("mask"), 1))
        self.x: Tensor = _embedded(model)
        self.ends: list[int] = []
        self.per_layer = 0
        self.pooled: Tensor | None = None

    def through(self, model: Model) -> None:
        self.layer(model, 0)
        self.layer(model, 1)
        self.pool(model)

    def layer(self, model: Model, layer: int) -> None:
        tape, before = model.tape, model.tape.live
        run = functools.partial(_block, model, layer)
        checkpointing = model.setup.checkpointing
        self.x = tape.checkpointed(run, self.x) if checkpointing else run(self.x)
        self.per_layer = tape.live - before
        self.ends.append(tape.order)

    def pool(self, model: Model) -> None:
        """The mean over tokens, with a mask as wide as the states; these stay in the batch."""
        tape, d = model.tape, self.x.width
        mask = tape.new(d, SINGLE)
        node = tape.node(lambda _, grad: (tape.new(d, SINGLE),), (self.x,), (mask,))
        product = tape.new(d, SINGLE, node)
        node = tape.node(lambda _, grad: (Tensor(grad.storage, d, SINGLE),), (product,), ())
        self.pooled = tape.new(model.width("pooled"), SINGLE, node)


def _embedded(model: Model) -> Tensor:
    """Words, segments and positions added up, a norm, dropout."""
    tape, setup = model.tape, model.setup
    words = looked_up(model, "embed")
    types = looked_up(model, "types")
    x = op.add(tape, words, types)
    every_row = setup.family.positions_offset > 0  # counted for each row, as padding has none
    positions = looked_up(model, "positions", "d" if every_row else "seq:d")
    x = op.add(tape, x, positions)
    x = norm(model, -1, "norm.embed", x)
    return op.dropout(tape, x, on_gpu=setup.on_gpu)


def _block(model: Model, layer: int, given: Tensor) -> Tensor:
    """Norms stand behind the sums (BERT)."""
    tape = model.tape
    side, scores = attention(model, layer, given)
    x = norm(model, layer, "norm.1", op.add(tape, side, given))
    del side
    x = norm(model, layer, "norm.2", op.add(tape, mlp(model, layer, x), x))
    del scores
    return x


def _loss(model: Model, first: Any, second: Any) -> Tensor:
    """The pairs' cosines against their labels: a few vectors a pair."""
    tape, width = model.tape, model.width("pooled")

    def back(_: Any, grad: Tensor) -> Any:
        return tape.new(width, SINGLE), tape.new(width, SINGLE)

    return tape.new(0, SINGLE, tape.node(back, (first, second), (first, second)))
