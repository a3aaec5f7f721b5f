"""A frozen 4-bit matrix product as bitsandbytes computes it, for tensors without values.

bitsandbytes' kernels cannot run on fake tensors. What they allocate is repeated here
(bitsandbytes 0.50, autograd/_functions.py `MatMul4Bit`): the dequantised weight lives for the
length of one product, forward and backward; nothing but the packed weight is saved.
"""

from __future__ import annotations

from typing import Any

import torch


def matmul(
    x: torch.Tensor,
    packed: torch.Tensor,
    d_out: int,
    bias: torch.Tensor | None,
    double_quant: bool,
) -> torch.Tensor:
    """`x` (…, d_in) times a packed weight (d_out, d_in), without or with a gradient to `x`."""
    if torch.is_grad_enabled() and x.requires_grad:
        product: torch.Tensor = _MatMul.apply(x, packed, d_out, bias, double_quant)  # type: ignore[no-untyped-call]
        return product
    return torch.nn.functional.linear(x, _dequantised(x, d_out, double_quant), bias)


def _dequantised(x: torch.Tensor, d_out: int, double_quant: bool) -> torch.Tensor:
    d_in = x.shape[-1]
    scales = torch.empty(-(-d_in * d_out // 64), dtype=torch.float32) if double_quant else None
    weight = torch.empty((d_out, d_in), dtype=x.dtype)
    del scales
    return weight


class _MatMul(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any, packed: Any, d_out: int, bias: Any, double_quant: bool) -> Any:
        ctx.packed, ctx.d_in, ctx.double_quant = packed, x.shape[-1], double_quant
        return torch.nn.functional.linear(x, _dequantised(x, d_out, double_quant), bias)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        (grad,) = grads
        like = grad.new_empty((1, ctx.d_in))
        weight = _dequantised(like, grad.shape[-1], ctx.double_quant)
        return torch.matmul(grad, weight), None, None, None, None
