"""PyTorch's operators, as far as decoders use them: what each allocates, saves and gives back.

From torch 2.13's derivatives.yaml and the operators' own code; every one is checked by the traces
of whole layers (tests/executors/tracing).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from advisor.estimate.replay.tape import HALF, SINGLE, Parameter, Tape, Tensor


def needs(x: Tensor) -> bool:
    return x.node is not None


def view(x: Tensor, width: int | None = None) -> Tensor:
    """The same storage under another shape; the gradient passes through."""
    return Tensor(x.storage, x.width if width is None else width, x.bytes, x.node)


def to(tape: Tape, x: Tensor, nbytes: int) -> Tensor:
    """`x.to(dtype)`: nothing when it has that precision."""
    if x.bytes == nbytes:
        return x
    before = x.bytes

    def back(_: Any, grad: Tensor) -> Any:
        return (to(tape, grad, before),)

    return tape.new(x.width, nbytes, tape.node(back, (x,), ()))


def copy(tape: Tape, x: Tensor) -> Tensor:
    """`contiguous`, `clone`, `reshape` of what cannot be viewed."""
    return tape.new(x.width, x.bytes, tape.node(lambda _, grad: (grad,), (x,), ()))


def add(tape: Tape, x: Tensor, y: Tensor) -> Tensor:
    nbytes, x_bytes, y_bytes = max(x.bytes, y.bytes), x.bytes, y.bytes

    def back(_: Any, grad: Tensor) -> Any:
        return (to(tape, grad, x_bytes), to(tape, grad, y_bytes))

    return tape.new(x.width, nbytes, tape.node(back, (x, y), ()))


def plain(tape: Tape, x: Tensor, *, nbytes: int | None = None, copies: int = 1) -> Tensor:
    """A product or sum with what needs no gradient; `copies` temporaries in the backward pass."""
    before = x.bytes

    def back(_: Any, grad: Tensor) -> Any:
        made = tape.new(grad.width, grad.bytes)
        for _again in range(copies - 1):
            made = tape.new(grad.width, grad.bytes)
        return (to(tape, made, before),)

    return tape.new(x.width, nbytes or x.bytes, tape.node(back, (x,), ()))


def mul(tape: Tape, x: Tensor, y: Tensor) -> Tensor:
    """A product of two tensors of one shape; each is saved if the other needs its gradient."""
    nbytes, x_bytes, y_bytes = max(x.bytes, y.bytes), x.bytes, y.bytes
    for_x, for_y = needs(x), needs(y)

    def back(saved: Any, grad: Tensor) -> Any:
        x, y = saved
        to_x = to_y = None
        if y is not None:
            to_x = to(tape, tape.new(grad.width, max(grad.bytes, y.bytes)), x_bytes)
        if x is not None:
            to_y = to(tape, tape.new(grad.width, max(grad.bytes, x.bytes)), y_bytes)
        return (to_x, to_y)

    saved = (x if for_y else None, y if for_x else None)
    return tape.new(x.width, nbytes, tape.node(back, (x, y), saved))


def scaled_rows(tape: Tape, x: Tensor, rows: Tensor) -> Tensor:
    """`x * r` with one number `r` a row (a norm's inverse deviation)."""

    def back(saved: Any, grad: Tensor) -> Any:
        x, rows = saved
        to_x = tape.new(grad.width, grad.bytes)
        wide = tape.new(x.width, grad.bytes)
        to_rows = tape.new(rows.width, grad.bytes)
        del wide
        return (to_x, to_rows)

    return tape.new(x.width, x.bytes, tape.node(back, (x, rows), (x, rows)))


def weighted(tape: Tape, x: Tensor, weight: Parameter) -> Tensor:
    """`weight * x`, a weight for each column; `x` is saved only for a trained weight."""
    nbytes, x_bytes = max(x.bytes, weight.bytes), x.bytes

    def back(saved: Any, grad: Tensor) -> Any:
        x, weight = saved
        to_x = to_weight = None
        if weight is not None:
            to_x = to(tape, tape.new(grad.width, grad.bytes), x_bytes)
        if x is not None:
            wide = tape.new(grad.width, grad.bytes)
            to_weight = tape.new(weight_width, weight_bytes)
            del wide
        return (to_x, to_weight)

    weight_width, weight_bytes = weight.width, weight.bytes
    saved = (x if weight.trained else None, weight if needs(x) else None)
    return tape.new(x.width, nbytes, tape.node(back, (x, weight), saved))


def mean_of_squares(tape: Tape, x: Tensor, one: int) -> Tensor:
    """`rsqrt(x.pow(2).mean(-1, keepdim=True) + eps)`: one fp32 number a row."""

    def square_back(saved: Any, grad: Tensor) -> Any:
        (x,) = saved
        power = tape.new(x.width, x.bytes)
        doubled = tape.new(x.width, x.bytes)
        del power
        return (tape.new(doubled.width, doubled.bytes),)

    def mean_back(_: Any, grad: Tensor) -> Any:
        return (tape.new(width, grad.bytes),)

    width = x.width
    squares = tape.new(width, x.bytes, tape.node(square_back, (x,), (x,)))
    mean = tape.new(one, x.bytes, tape.node(mean_back, (squares,), ()))
    del squares
    mean = tape.new(one, x.bytes, tape.node(lambda _, grad: (grad,), (mean,), ()))
    result = tape.new(one, x.bytes)

    def rsqrt_back(saved: Any, grad: Tensor) -> Any:
        return (tape.new(one, grad.bytes),)

    result.node = tape.node(rsqrt_back, (mean,), (view(result),))
    return result


def linear(
    tape: Tape,
    x: Tensor,
    weight: Parameter,
    d_out: int,
    bias: Parameter | None = None,
    *,
    autocast: bool = False,
) -> Tensor:
    """`x @ weight.T (+ bias)`; `d_out` in elements over all tokens.

    Saves the input for a trained weight's gradient and the weight for the input's.
    """
    factor: Tensor = weight
    offset: Tensor | None = bias
    value = x
    if autocast:
        value = to(tape, x, HALF)
        if weight.trained and weight.bytes == SINGLE:
            factor = tape.cast(weight, HALF, _widen(tape))
        if bias is not None and bias.trained and bias.bytes == SINGLE:
            offset = tape.cast(bias, HALF, _widen(tape))
    width, nbytes, weight_width = value.width, value.bytes, factor.width
    biased = offset is not None and needs(offset)
    bias_width = offset.width if offset is not None else 0

    def back(saved: Any, grad: Tensor) -> Any:
        value, factor = saved
        to_value = to_weight = to_bias = None
        if biased:
            to_bias = tape.new(bias_width, grad.bytes)
        if factor is not None:
            to_value = tape.new(width, nbytes)
        if value is not None:
            to_weight = tape.new(weight_width, grad.bytes)
        return (to_value, to_weight, to_bias)

    saved = (value if needs(factor) else None, factor if needs(value) else None)
    node = tape.node(back, (value, factor, offset), saved)
    return tape.new(d_out, nbytes, node)


def _widen(tape: Tape) -> Callable[[Any, Tensor], Any]:
    return lambda _, grad: (tape.new(grad.width, SINGLE),)


def four_bit(
    tape: Tape, x: Tensor, weight: Parameter, d_out: int, scales: int, *, nested: bool
) -> Tensor:
    """Bitsandbytes' product: the dequantised weight lives for its length, both ways."""
    width, full = x.width, weight.width

    def dequantised() -> Tensor:
        absmax = tape.new(scales, SINGLE) if nested else None
        made = tape.new(full, HALF)
        del absmax
        return made

    def back(_: Any, grad: Tensor) -> Any:
        made = dequantised()
        result = tape.new(width, HALF)
        del made
        return (result,)

    node = tape.node(back, (x,), ((weight,) if needs(x) else ()))
    made = dequantised()
    result = tape.new(d_out, HALF, node)
    del made
    return result


def dropout(tape: Tape, x: Tensor, *, on_gpu: bool) -> Tensor:
    """Keeps a mask: one byte a value on a GPU, in the values' own precision on a CPU."""
    mask = tape.new(x.width, 1 if on_gpu else x.bytes)
    node = tape.node(lambda _, grad: (tape.new(grad.width, grad.bytes),), (x,), (mask,))
    return tape.new(x.width, x.bytes, node)


def gather(tape: Tape, parts: Sequence[Tensor]) -> Tensor:
    """`torch.cat` along the columns: a copy; gradients are views of the whole one."""
    widths = [part.width for part in parts]

    def back(_: Any, grad: Tensor) -> Any:
        return tuple(Tensor(grad.storage, width, grad.bytes) for width in widths)

    nbytes = max(part.bytes for part in parts)
    return tape.new(sum(widths), nbytes, tape.node(back, parts, ()))


def piece(tape: Tape, x: Tensor, width: int) -> Tensor:
    """A slice of the columns: a view, whose gradient is a whole tensor of zeros filled in."""
    whole = x.width

    def back(_: Any, grad: Tensor) -> Any:
        return (tape.new(whole, grad.bytes),)

    return Tensor(x.storage, width, x.bytes, tape.node(back, (x,), ()))


def split(tape: Tape, x: Tensor, widths: Sequence[int]) -> tuple[Tensor, ...]:
    """`split` or `chunk`: views, whose gradients are put together in one new tensor."""
    whole, nbytes = x.width, x.bytes
    joint = tape.node(lambda _, grads: (tape.new(whole, nbytes),), (x,), ())
    if joint is None:
        return tuple(Tensor(x.storage, width, nbytes) for width in widths)
    joint.collects = True
    return tuple(Tensor(x.storage, width, nbytes, joint) for width in widths)


def gelu_in_python(tape: Tape, x: Tensor, *, cubed_in_fp32: bool) -> Tensor:
    """Transformers' NewGELU: 0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³))), operator by operator."""
    half = plain(tape, x)
    base = to(tape, x, SINGLE) if cubed_in_fp32 else x

    def cube_back(saved: Any, grad: Tensor) -> Any:
        (base,) = saved
        square = tape.new(base.width, base.bytes)
        tripled = tape.new(base.width, base.bytes)
        del square
        return (tape.new(tripled.width, tripled.bytes),)

    cube = tape.new(base.width, base.bytes, tape.node(cube_back, (base,), (base,)))
    del base
    scaled = plain(tape, cube)
    del cube
    inner = add(tape, x, scaled)
    del scaled
    scaled = plain(tape, inner)
    del inner
    scaled = tanh(tape, scaled)
    return mul(tape, half, add_nothing(tape, scaled))


def tanh(tape: Tape, x: Tensor) -> Tensor:
    """Keeps its own result."""
    result = tape.new(x.width, x.bytes)
    result.node = tape.node(
        lambda _, grad: (tape.new(grad.width, grad.bytes),), (x,), (view(result),)
    )
    return result


def soft_capped(tape: Tape, x: Tensor) -> Tensor:
    """`tanh(x / cap) * cap` (Gemma 2)."""
    return plain(tape, tanh(tape, plain(tape, x)))


def add_nothing(tape: Tape, x: Tensor, nbytes: int = 0) -> Tensor:
    """A sum with what needs no gradient, in the wider precision of the two."""
    before = x.bytes
    node = tape.node(lambda _, grad: (to(tape, grad, before),), (x,), ())
    return tape.new(x.width, max(before, nbytes), node)
