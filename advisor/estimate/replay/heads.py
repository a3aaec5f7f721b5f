"""From the last layer's output to the loss: a plain loop's, TRL's fused one, okakae's on a CPU."""

from __future__ import annotations

from typing import Any

from advisor.estimate.replay import operators as op
from advisor.estimate.replay.model import Model
from advisor.estimate.replay.tape import HALF, SINGLE, Parameter, Tensor


def head_weight(model: Model) -> Parameter:
    """The output table; the input table itself where the two are tied."""
    name = "embed" if model.setup.tied else "head"
    return model.base_weight(-1, name, model.width(f"w:{name}"))


def plain(model: Model, x: Tensor) -> tuple[Tensor, object]:
    """Logits of every position, a float copy, log-softmax; the logits stay in `outputs`."""
    tape, vocab = model.tape, model.width("vocab")
    bias = None
    if model.setup.family.head_bias:
        bias = model.base_weight(-1, "head.bias", model.width("w:head.bias"))
    logits = op.linear(tape, x, head_weight(model), vocab, bias)
    if model.setup.family.softcap:
        logits = op.soft_capped(tape, logits)
    wide = op.to(tape, logits, SINGLE)
    log_softmax = tape.new(vocab, SINGLE)

    def softmax_back(saved: Any, grad: Tensor) -> Any:
        return (tape.new(vocab, SINGLE),)

    node = tape.node(softmax_back, (wide,), (op.view(log_softmax),))
    log_softmax.node = node
    saved = (op.view(log_softmax),)
    loss = tape.new(0, SINGLE, tape.node(softmax_back, (log_softmax,), saved))
    return loss, logits


def fused(model: Model, x: Tensor) -> tuple[Tensor, object]:
    """TRL's tiles on a GPU (trl/kernels/chunked_logprob.py): answer positions only."""
    tape, setup = model.tape, model.setup
    weight = head_weight(model)
    d, one = model.width("answers:d"), model.width("answers:one")
    hidden = _answers(model, x, places=2) if setup.on_gpu else op.copy(tape, x)
    columns = model.width("tile:columns")
    narrow = hidden.bytes == SINGLE

    def tiles(tables: str) -> tuple[Tensor | None, ...]:
        rows = tape.new(model.width("tile:d"), HALF) if narrow else None
        table = tape.new(model.width(tables), HALF) if weight.bytes == SINGLE else None
        return rows, table

    def loss_back(saved: Any, grad: Tensor) -> Any:
        to_hidden = tape.new(d, SINGLE)
        to_weight = tape.new(weight.width, SINGLE) if weight.trained else None
        buffer = tape.new(model.width("tile"), HALF)
        # The loop's variable still holds one part of the table while the next is made.
        made = tiles("tile:two tables")
        if not setup.on_gpu:
            # Without Triton the tile is folded in fp32, and both factors are widened.
            folded = tape.new(columns, 7 * SINGLE + 1)
            del folded
            widened = (tape.new(columns, SINGLE), tape.new(model.width("tile:table"), SINGLE))
            del widened
        narrow_hidden = op.to(tape, to_hidden, hidden_bytes)
        if to_weight is not None:
            to_weight = op.to(tape, to_weight, weight.bytes)
        del buffer, made
        return (narrow_hidden, to_weight)

    hidden_bytes = hidden.bytes
    statistics = tape.new(one, SINGLE * 7)
    buffer = tape.new(model.width("tile"), HALF)
    made = tiles("tile:table")
    rows = made[0]
    del made
    if not setup.on_gpu:
        work = tape.new(columns, 3 * SINGLE + 1)
        del work
    del rows, buffer
    node = tape.node(loss_back, (hidden, weight), (hidden, weight, tape.new(one, SINGLE + 8)))
    del statistics
    return tape.new(one, SINGLE * 2, node), None


def _answers(model: Model, x: Tensor, *, places: int) -> Tensor:
    """`hidden[:, :-1][mask]`: the answer positions, all of them at worst."""
    tape = model.tape
    d, nbytes = x.width, x.bytes

    def sliced(_: Any, grad: Tensor) -> Any:
        return (tape.new(d, nbytes),)

    def picked(saved: Any, grad: Tensor) -> Any:
        return (tape.new(model.width("answers:d"), nbytes),)

    shown = Tensor(x.storage, x.width, nbytes, tape.node(sliced, (x,), ()))
    where = tape.new(model.width("answers:one"), 8 * places)
    return tape.new(model.width("answers:d"), nbytes, tape.node(picked, (shown,), (where,)))


def answers_on_cpu(model: Model, x: Tensor) -> tuple[Tensor, object]:
    """executors/finetune/answer_head.py: chunks of scores, turned into gradients in their place."""
    tape, setup = model.tape, model.setup
    weight = head_weight(model)
    d, one = model.width("answers:d"), model.width("answers:one")
    hidden = op.to(tape, _answers(model, x, places=2), weight.bytes)
    chunk, block = model.width("chunk:vocab"), model.width("chunk:block")
    hidden_bytes, trained, softcap = hidden.bytes, weight.trained, setup.family.softcap
    needs = op.needs(hidden) or trained

    def softmax() -> None:
        """Beside the block that is written over, a soft cap's slope; the rest is a value a row."""
        if softcap:
            share = tape.new(block, SINGLE)
            slope = tape.new(block, SINGLE)
            del share, slope

    def back(_saved: Any, _grad: Tensor) -> Any:
        to_hidden = tape.new(d, hidden_bytes)
        to_weight = None
        if trained:
            to_weight = tape.new(weight.width, SINGLE)
            spare, step = tape.new(block, SINGLE), tape.new(chunk, hidden_bytes)
            softmax()
            product = tape.new(weight.width, hidden_bytes)
            del product, step, spare
            to_weight = op.to(tape, to_weight, weight.bytes)
        return (to_hidden, to_weight)

    result = tape.new(one, SINGLE + 1)
    gradient = tape.new(d, hidden_bytes) if needs and tape.grad_enabled else None
    spare = tape.new(block, SINGLE)
    # The chunk before is held until the scores of the next are there, and autocast keeps the
    # half-precision table that the first chunk's gradient was made with; for the scores, which
    # meet the table transposed, it is cast for every chunk.
    before = tape.new(model.width("chunk:before"), HALF)
    kept = gradient is not None and weight.bytes == SINGLE
    table = tape.new(model.width("table:before"), HALF) if kept else None
    cast = tape.new(weight.width, HALF) if weight.bytes == SINGLE else None
    scores = tape.new(chunk, HALF)
    del cast, before
    softmax()
    first = tape.new(model.width("table:first"), HALF) if kept else None
    del scores, table, first, spare
    node = tape.node(back, (hidden, weight), (hidden, weight, gradient))
    return tape.new(one, SINGLE * 2, node), result
