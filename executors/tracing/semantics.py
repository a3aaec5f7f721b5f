"""What a GPU does differently from the CPU that a fake run runs on, and what fake values hide.

A fake CUDA device needs a real one for its backward pass, so every trace runs on a fake CPU;
the differences that change what is allocated are put in here.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import torch
from torch.overrides import TorchFunctionMode

# Operators that CUDA's autocast runs in fp32 and a CPU's does not, as far as decoders use them
# (torch 2.13, ATen/autocast_mode.h: AT_FORALL_FP32 and AT_FORALL_FP32_SET_OPT_DTYPE). They are
# replaced by name, as no mode of torch's is active while a checkpointed layer is recomputed.
_FUNCTIONS, _TENSOR = torch.nn.functional, torch.Tensor
_IN_FP32: tuple[tuple[Any, str], ...] = (
    (_FUNCTIONS, "layer_norm"),
    (_FUNCTIONS, "softplus"),
    *((place, name) for place in (torch, _TENSOR) for name in ("pow", "rsqrt", "exp", "log")),
    (_TENSOR, "__pow__"),
)
_TO_FP32: tuple[tuple[Any, str], ...] = (
    (_FUNCTIONS, "softmax"),
    (_FUNCTIONS, "log_softmax"),
    *((place, name) for place in (torch, _TENSOR) for name in ("softmax", "cumsum", "sum")),
)


def _in_fp32(function: Any) -> Any:
    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        if torch.is_autocast_enabled("cpu") and _is_half(args[0]):
            args = tuple(value.float() if _is_half(value) else value for value in args)
            kwargs = {k: v.float() if _is_half(v) else v for k, v in kwargs.items()}
        return function(*args, **kwargs)

    return run


def _to_fp32(function: Any) -> Any:
    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        if torch.is_autocast_enabled("cpu") and _is_half(args[0]) and not kwargs.get("dtype"):
            kwargs["dtype"] = torch.float32
        return function(*args, **kwargs)

    return run


def _is_half(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.dtype in (torch.bfloat16, torch.float16)


def _dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """A GPU's dropout keeps a mask of one byte a value."""
    if not training or p == 0.0:
        return input
    return torch.native_dropout(input, p, True)[0]


class KnownPositions(TorchFunctionMode):
    """Indexing with a mask of answer tokens, whose number a fake run is told: all of them."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.Tensor.__getitem__ and _is_mask(args[1]):
            value, mask = args
            places = torch.empty((mask.numel(), mask.dim()), dtype=torch.long).unbind(1)
            return torch.Tensor.__getitem__(value, places)
        return func(*args, **(kwargs or {}))


def _is_mask(index: Any) -> bool:
    return isinstance(index, torch.Tensor) and index.dtype == torch.bool and index.dim() > 0


def _without_dropout(function: Any) -> Any:
    """A GPU's fused attention draws its dropout inside the kernel and keeps two seeds of it."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **{**kwargs, "dropout_p": 0.0})

    return run


def _skips_mask(padded: bool, *_: Any, **__: Any) -> bool:
    """An encoder's mask is left away where no row is padded."""
    return not padded


@contextmanager
def semantics(device: str, *, padded: bool) -> Iterator[None]:
    """Trace as on `device`; `padded` says whether an attention mask given is needed."""
    import transformers.masking_utils as masking
    from trl.kernels import chunked_logprob
    from trl.trainer import utils as trl_utils

    with ExitStack() as stack:
        patch = mock.patch.object
        # Asked on fake tensors, transformers always builds masks; a run looks at the values.
        stack.enter_context(patch(masking, "is_tracing", lambda *_: False))
        stack.enter_context(patch(masking, "fast_all", lambda *_: not padded))
        skips = functools.partial(_skips_mask, padded)
        stack.enter_context(patch(masking, "_ignore_bidirectional_mask_sdpa", skips))
        stack.enter_context(patch(masking, "find_packed_sequence_indices", lambda *_: None))
        if device == "cuda":
            stack.enter_context(patch(trl_utils, "_use_triton", lambda _: True))
            # The CPU fallback of TRL's kernels makes fp32 tiles that a GPU does not have.
            for name in ("_forward_tile", "_backward_tile", "_addmm_fp32"):
                stack.enter_context(patch(chunked_logprob, name, lambda *_, **__: None))
            stack.enter_context(patch(_FUNCTIONS, "dropout", _dropout))
            attention = _FUNCTIONS.scaled_dot_product_attention
            fused = _without_dropout(attention)
            stack.enter_context(patch(_FUNCTIONS, "scaled_dot_product_attention", fused))
            for place, name in _IN_FP32:
                stack.enter_context(patch(place, name, _in_fp32(getattr(place, name))))
            for place, name in _TO_FP32:
                stack.enter_context(patch(place, name, _to_fp32(getattr(place, name))))
        stack.enter_context(KnownPositions())
        yield
