"""Attention, from the projections in to the projection out, by each of its kernels."""

from __future__ import annotations

from advisor.estimate.replay import operators as op
from advisor.estimate.replay.model import Model
from advisor.estimate.replay.modules import norm, projection
from advisor.estimate.replay.tape import HALF, SINGLE, Tape, Tensor


def rotary(model: Model, x: Tensor, name: str) -> Tensor:
    """`x * cos + rotate_half(x) * sin`, on all or the first of the columns."""
    tape = model.tape
    if model.setup.family.partial_rotary:
        turned = op.piece(tape, x, model.width(f"{name}:rot"))
        passed = op.piece(tape, x, model.width(f"{name}:pass"))
        turned = _turn(model, turned, f"{name}:rot")
        return op.gather(tape, (turned, passed))
    return _turn(model, x, name)


def _turn(model: Model, x: Tensor, name: str) -> Tensor:
    tape = model.tape
    nbytes = max(x.bytes, model.setup.weight_bytes)
    straight = op.plain(tape, x, nbytes=nbytes)
    turned = op.plain(tape, _rotate_half(model, x, name), nbytes=nbytes)
    return op.add(tape, straight, turned)


def _rotate_half(model: Model, x: Tensor, name: str) -> Tensor:
    half = model.width(f"{name}/2")
    first = op.piece(model.tape, x, half)
    second = op.piece(model.tape, x, half)
    return op.gather(model.tape, (op.plain(model.tape, second), first))


def attention(model: Model, layer: int, x: Tensor) -> tuple[Tensor, Tensor | None]:
    """Projections, rotation, the kernel, the projection out; and the scores if written out.

    Layers give the scores a name (`_`), by which they live until the layer is done.
    """
    setup, tape, family = model.setup, model.tape, model.setup.family
    query, key, value = _query_key_value(model, layer, x)
    if family.qk_norm:
        query = norm(model, layer, "q_norm", query, "heads")
        key = norm(model, layer, "k_norm", key, "kv_heads")
    if not family.learned_positions:
        turned = rotary(model, query, "q"), rotary(model, key, "kv")
        query, key = turned
        del turned
    if setup.keeps_cache:
        key, value = _cached(model, key), _cached(model, value)
    # A CPU has no fused attention that draws dropout.
    written_out = family.residual_dropout and model.training and not setup.on_gpu
    kernel = eager_kernel if setup.eager else math_kernel if written_out else fused_kernel
    result, weights = kernel(model, query, key, value)
    if family.attention_output_copied:
        result = op.copy(tape, result)
    role = f"attention:{family.attention[-1]}"
    out = projection(model, layer, role, result, model.width("d"))
    if family.residual_dropout and model.training:
        out = op.dropout(tape, out, on_gpu=setup.on_gpu)
    return out, weights


def _query_key_value(model: Model, layer: int, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    family, tape = model.setup.family, model.tape
    q, kv = model.width("q"), model.width("kv")
    names = [f"attention:{name}" for name in family.attention[:-1]]
    if not family.fused:
        return (
            projection(model, layer, names[0], x, q),
            projection(model, layer, names[1], x, kv),
            projection(model, layer, names[2], x, kv),
        )
    fused = projection(model, layer, names[0], x, q + 2 * kv)
    if family.fused == "split":
        query, key, value = op.split(tape, fused, (q, kv, kv))
        return query, key, value
    return op.piece(tape, fused, q), op.piece(tape, fused, kv), op.piece(tape, fused, kv)


def _cached(model: Model, x: Tensor) -> Tensor:
    """DynamicCache concatenates what comes to what it has: here a copy of the whole."""
    joined = op.copy(model.tape, x)
    model.cache.append(joined)
    return joined


def _repeated(model: Model, x: Tensor) -> Tensor:
    """`repeat_kv`: every query head gets its own copy of its key or value head."""
    narrow, nbytes, tape = x.width, x.bytes, model.tape
    node = tape.node(lambda _, grad: (tape.new(narrow, nbytes),), (x,), ())
    if model.setup.one_kv_head:
        return Tensor(x.storage, model.width("q"), nbytes, node)
    return tape.new(model.width("q"), nbytes, node)


def fused_kernel(model: Model, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, None]:
    """scaled_dot_product_attention without writing the scores out."""
    setup, tape = model.setup, model.tape
    if setup.grouped and setup.masked:
        key, value = _repeated(model, key), _repeated(model, value)
    if setup.autocast:
        query, key, value = (op.to(tape, part, HALF) for part in (query, key, value))
    mask = tape.new(model.width("mask"), query.bytes) if setup.masked else None
    result = tape.new(query.width, query.bytes)
    sums = tape.new(model.width("heads"), SINGLE)
    parts = (query, key, value)
    widths = [(part.width, part.bytes) for part in parts]

    def back(saved: object, grad: Tensor) -> object:
        return tuple(tape.new(width, nbytes) for width, nbytes in widths)

    result.node = tape.node(back, parts, (*parts, op.view(result), sums, mask))
    return result, None


def eager_kernel(model: Model, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Scores written out: product, scale, mask, softmax in fp32, copy in half, product."""
    setup, tape = model.setup, model.tape
    if setup.grouped:
        key, value = _repeated(model, key), _repeated(model, value)
    family, rows = setup.family, not setup.one_row
    strided = rows and not family.heads_first
    joined = setup.keeps_cache  # the cache's copies have their heads in front
    scores = _product(
        model,
        query,
        key,
        model.width("scores"),
        copied=(
            strided,
            (strided and not setup.grouped and not joined) or (rows and setup.one_kv_head),
        ),
    )
    weights = op.plain(tape, scores)
    del scores
    if family.softcap:
        weights = op.soft_capped(tape, weights)
    if setup.masked or not family.encoder:
        # The mask, as wide as the stream; decoders have one without padding, too.
        weights = op.add_nothing(tape, weights, setup.weight_bytes)
    as_it_is = family.softmax_in_half and not (setup.autocast and setup.on_gpu)
    nbytes = value.bytes if family.softmax_in_half else query.bytes
    wide = op.to(tape, weights, weights.bytes if as_it_is else SINGLE)
    del weights
    weights = op.to(tape, _softmax(tape, wide), nbytes)
    del wide
    if family.residual_dropout and model.training:
        weights = op.dropout(tape, weights, on_gpu=setup.on_gpu)
    apart = rows and (setup.one_kv_head or not (setup.grouped or joined))
    result = _product(model, weights, value, query.width, copied=(False, apart))
    return op.copy(tape, result), weights


def math_kernel(model: Model, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, None]:
    """scaled_dot_product_attention as PyTorch composes it: everything in fp32."""
    tape = model.tape
    if model.setup.autocast:
        query, key, value = (op.to(tape, part, HALF) for part in (query, key, value))
    given = query.bytes
    query, key, value = (op.to(tape, part, SINGLE) for part in (query, key, value))
    query, key = op.plain(tape, query), op.plain(tape, key)
    rows = not model.setup.one_row
    weights = _product(
        model, query, key, model.width("scores"), copied=(rows, rows), keeps_precision=True
    )
    weights = op.add_nothing(tape, weights)
    weights = op.dropout(tape, _softmax(tape, weights), on_gpu=False)
    result = _product(
        model, weights, value, query.width, copied=(False, rows), keeps_precision=True
    )
    return op.copy(tape, op.to(tape, result, given)), None


def _product(
    model: Model,
    x: Tensor,
    y: Tensor,
    out: int,
    *,
    copied: tuple[bool, bool],
    keeps_precision: bool = False,
) -> Tensor:
    """A batched product; operands whose heads are not in front are copied first."""
    tape = model.tape
    if model.setup.autocast and not keeps_precision:
        x, y = op.to(tape, x, HALF), op.to(tape, y, HALF)
    if copied[0]:
        x = op.copy(tape, x)
    if copied[1]:
        y = op.copy(tape, y)
    shapes = [(part.width, part.bytes) for part in (x, y)]

    def back(saved: object, grad: Tensor) -> object:
        return tuple(tape.new(width, nbytes) for width, nbytes in shapes)

    return tape.new(out, x.bytes, tape.node(back, (x, y), (x, y)))


def _softmax(tape: Tape, x: Tensor) -> Tensor:
    result = tape.new(x.width, x.bytes)
    node = tape.node(lambda _, grad: (tape.new(grad.width, grad.bytes),), (x,), (op.view(result),))
    result.node = node
    return result
