"""The modules that layers are built of: linear layers with and without adapters, norms, MLPs.

Locals live as long as they do in the libraries' own code (transformers 5, PEFT 0.21), which is why
they look as they do there.
"""

from __future__ import annotations

from advisor.estimate.replay import operators as op
from advisor.estimate.replay.model import Model
from advisor.estimate.replay.tape import HALF, SINGLE, Parameter, Tensor


def projection(model: Model, layer: int, role: str, x: Tensor, out: int) -> Tensor:
    """A linear layer: trained, frozen or in 4 bits, with or without an adapter.

    `role` is `attention:NAME` or `mlp:NAME`: GPT-2 has one name in both.
    """
    setup, tape = model.setup, model.tape
    name = role.partition(":")[2]
    d_in, d_out = model.columns(role)
    # A product of two of d, q, kv and ff, of which one is always d.
    pairs = [other if d_in == "d" else d_in for other in d_out]
    weight = model.base_weight(layer, role, sum(model.width(f"w:d*{pair}") for pair in pairs))
    bias = None
    if name in setup.biased:
        bias_width = sum(model.width(f"w:{part}") for part in d_out)
        bias = model.base_weight(layer, f"{role}.bias", bias_width)
    if setup.method == "qlora":
        scales = sum(model.width(f"w:d*{pair}/64") for pair in pairs)
        result = op.four_bit(tape, op.to(tape, x, HALF), weight, out, scales, nested=setup.nested)
        result = op.to(tape, result, x.bytes)
    else:
        result = op.linear(tape, x, weight, out, bias, autocast=setup.autocast)
    if name not in setup.targets:
        return result
    if setup.method == "qlora":
        # bitsandbytes' layers under PEFT leave the casting to autocast where there is one.
        result = op.copy(tape, result)
        nbytes = x.bytes if setup.autocast and setup.on_gpu else setup.adapter_bytes
        read = op.to(tape, x, nbytes)
        return op.add(tape, result, _adapter(model, layer, role, read, out, result.bytes))
    read = op.to(tape, x, setup.adapter_bytes)
    result = op.add(tape, result, _adapter(model, layer, role, read, out, 0))
    return op.to(tape, result, HALF)


def _adapter(model: Model, layer: int, role: str, x: Tensor, out: int, nbytes: int) -> Tensor:
    """B A x, scaled; cast to `nbytes` unless that is 0 or autocast is on."""
    setup, tape = model.setup, model.tape
    d_in, d_out = model.columns(role)
    down, up = (
        model.weight(
            layer,
            f"{role}.{part}",
            sum(model.width(f"w:r*{side}") for side in sides),
            trained=True,
            nbytes=setup.adapter_bytes,
        )
        for part, sides in (("A", (d_in,)), ("B", d_out))
    )
    if setup.adapter_dropout and model.training:
        middle = op.linear(
            tape,
            op.dropout(tape, x, on_gpu=setup.on_gpu),
            down,
            model.width("rank"),
            autocast=setup.autocast,
        )
    else:
        middle = op.linear(tape, x, down, model.width("rank"), autocast=setup.autocast)
    wide = op.linear(tape, middle, up, out, autocast=setup.autocast)
    del middle
    scaled = op.plain(tape, wide)
    del wide
    if nbytes and not (setup.autocast and setup.on_gpu):
        scaled = op.to(tape, scaled, nbytes)
    return scaled


def norm(model: Model, layer: int, name: str, x: Tensor, rows: str = "one") -> Tensor:
    """RMSNorm or LayerNorm over the columns; `rows` normalised vectors a token."""
    family, tape = model.setup.family, model.tape
    per_head = rows != "one"
    weight = model.base_weight(layer, name, model.width("w:norm" if per_head else "w:d"))
    if family.norm == "layer":
        return _layer_norm(model, layer, name, x, weight)
    wide = op.to(tape, x, SINGLE)
    scale = op.mean_of_squares(tape, wide, model.width(rows))
    wide = op.scaled_rows(tape, wide, scale)
    del scale
    if family.norm == "rms_fp32":
        wide = op.weighted(tape, wide, weight)
        return op.to(tape, wide, x.bytes)
    return op.weighted(tape, op.to(tape, wide, x.bytes), weight)


def _layer_norm(model: Model, layer: int, name: str, given: Tensor, weight: Parameter) -> Tensor:
    """One fused operator, which CUDA's autocast runs in fp32; keeps its input and two numbers."""
    setup, tape = model.setup, model.tape
    bias = model.base_weight(layer, f"{name}.bias", model.width("w:d"))
    x = op.to(tape, given, SINGLE if setup.autocast and setup.on_gpu else given.bytes)
    statistics = tape.new(model.width("one"), SINGLE * 2 if setup.on_gpu else x.bytes * 2)
    width, nbytes, trained, weight_width = x.width, x.bytes, weight.trained, weight.width

    def back(saved: object, grad: Tensor) -> object:
        to_x = tape.new(width, nbytes)
        if not trained:
            return (to_x, None, None)
        return (to_x, tape.new(weight_width, nbytes), tape.new(weight_width, nbytes))

    node = tape.node(back, (x, weight, bias), (x, statistics))
    return tape.new(width, nbytes, node)


def activation(model: Model, x: Tensor) -> Tensor:
    """SiLU or a fused GELU keeps its input; one written in Python keeps what it needs."""
    setup, tape = model.setup, model.tape
    if setup.family.gelu_in_python:
        return op.gelu_in_python(tape, x, cubed_in_fp32=setup.autocast and setup.on_gpu)
    node = tape.node(lambda _, grad: (tape.new(grad.width, grad.bytes),), (x,), (x,))
    return tape.new(x.width, x.bytes, node)


def mlp(model: Model, layer: int, x: Tensor) -> Tensor:
    family = model.setup.family
    inner = _gated if family.gated else _ungated
    out = projection(
        model, layer, f"mlp:{family.mlp[-1]}", inner(model, layer, x), model.width("d")
    )
    if family.residual_dropout and model.training:
        out = op.dropout(model.tape, out, on_gpu=model.setup.on_gpu)
    return out


def _gated(model: Model, layer: int, x: Tensor) -> Tensor:
    family, tape, ff = model.setup.family, model.tape, model.width("ff")
    names = [f"mlp:{name}" for name in family.mlp]
    if len(names) == 3:
        return op.mul(
            tape,
            activation(model, projection(model, layer, names[0], x, ff)),
            projection(model, layer, names[1], x, ff),
        )
    gate, up = op.split(tape, projection(model, layer, names[0], x, 2 * ff), (ff, ff))
    return op.mul(tape, up, activation(model, gate))


def _ungated(model: Model, layer: int, x: Tensor) -> Tensor:
    role = f"mlp:{model.setup.family.mlp[0]}"
    return activation(model, projection(model, layer, role, x, model.width("ff")))
