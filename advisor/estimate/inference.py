"""What answering needs: memory of a model with its KV cache, and the speed of its answers."""

from __future__ import annotations

from advisor.estimate.memory import (
    CONTEXT_GIB,
    GIB,
    NF4_DOUBLE_BYTES,
    PROCESS_GIB,
    weight_bytes,
)
from advisor.estimate.shapes import Shapes
from advisor.estimate.time import rated
from advisor.types import Estimate, Term
from knowledge.catalog.records import Gpu

BYTES = {"fp32": 4.0, "fp16": 2.0, "bf16": 2.0, "int8": 1.0, "nf4": NF4_DOUBLE_BYTES}
# A prompt is read at 2N FLOPs a token at about this share of a card's peak; an answer is written
# one token at a time, each reading all weights at about this share of the memory's bandwidth.
PREFILL_SHARE, DECODE_SHARE = (0.15, 0.35, 0.60), (0.30, 0.55, 0.80)
# Two processor cores: 0.1–0.5 TFLOP/s in bf16, 10–30 GB/s from memory.
CPU_TFLOPS, CPU_GB_S = (0.05, 0.15, 0.5), (8.0, 16.0, 30.0)


def cached_tokens(shapes: Shapes, context: int) -> int:
    """Tokens whose keys and values are held, over all layers.

    Layers that look only at a window keep no more than the window (transformers'
    DynamicSlidingWindowLayer).
    """
    window, every = shapes.family.window, shapes.family.unmasked_every
    if not window or not every:
        return shapes.layers * context
    whole = shapes.layers // every
    return whole * context + (shapes.layers - whole) * min(context, window)


def inference_memory(
    shapes: Shapes, context: int, batch: int = 1, dtype: str = "bf16", *, device: str = "cuda"
) -> Estimate:
    """GiB to answer `batch` questions at once with `context` tokens each (prompt and answer).

    Grouped heads have one key and value for several queries, which is what the cache holds.
    """
    if dtype == "nf4":
        weights = weight_bytes(shapes, nf4=True)
    else:
        weights = BYTES[dtype] * shapes.params
    width = 4.0 if dtype == "fp32" else 2.0
    cache = 2.0 * cached_tokens(shapes, context) * shapes.kv_width * batch * width
    tokens = context * batch
    # Reading the prompt: residual and MLP of one layer, and the logits of the last position.
    work = tokens * width * (2.0 * shapes.hidden + 3.0 * shapes.inner)
    logits = batch * shapes.vocab * 6.0
    allocated = (weights + cache + work + logits) / GIB
    outside = PROCESS_GIB if device == "cpu" else CONTEXT_GIB
    spread = (0.95, 1.05, 1.20) if shapes.counted else (0.80, 1.10, 1.40)
    low, likely, high = (allocated * s + o for s, o in zip(spread, outside, strict=True))
    terms = (
        Term("weights", weights / GIB),
        Term("kv_cache", cache / GIB, "forward"),
        Term("activations", work / GIB, "forward"),
        Term("loss", logits / GIB, "forward"),
        Term("outside", outside[1]),
    )
    return Estimate(low, likely, high, "GiB", "formula:weights+kv-cache", terms)


def seconds_per_answer(
    shapes: Shapes, tokens_in: int, tokens_out: int, gpu: Gpu | None, *, nf4: bool = False
) -> Estimate:
    """Seconds one answer takes: reading the prompt, then writing token by token."""
    weights = weight_bytes(shapes, nf4=nf4)
    known = None if gpu is None else rated(gpu)
    if known is None or known.tensor_tflops is None or known.memory_bandwidth_gb_s is None:
        rates = list(zip(CPU_TFLOPS, CPU_GB_S, strict=True))
    else:
        peak, bandwidth = known.tensor_tflops, known.memory_bandwidth_gb_s
        rates = [
            (peak * p, bandwidth * d) for p, d in zip(PREFILL_SHARE, DECODE_SHARE, strict=True)
        ]
    high, likely, low = (
        tokens_in * 2.0 * shapes.params / (tflops * 1e12) + tokens_out * weights / (gb_s * 1e9)
        for tflops, gb_s in rates
    )
    return Estimate(low, likely, high, "s", "formula:prefill+bandwidth")
