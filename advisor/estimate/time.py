"""How long a training set-up takes: work in FLOPs over the rate a card really reaches.

The utilisation ranges are read off published runs; a card's peak alone says nothing.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass

from advisor.estimate.settings import EstimateSettings
from advisor.estimate.shapes import Shapes
from advisor.types import Estimate
from knowledge.catalog.loader import load
from knowledge.catalog.records import Gpu

# Utilisation of the dense tensor rate at 1,024 tokens or more a step. LoRA: PEFT's 3B on an L40S
# 0.25 without checkpointing, Qwen-7B on an A100 about 0.47 of 6N (0.31 of 4N); full: PEFT 0.12 on
# an L40S (optimiser-bound), torchtune 3B on an A100 0.31–0.67; QLoRA 1.0–2.5 times slower than
# LoRA, usually 1.3–1.5 (LitGPT, torchtune, Qwen, H2O).
UTILISATION: Mapping[str, tuple[float, float, float]] = {
    "full": (0.10, 0.22, 0.50),
    "lora": (0.14, 0.25, 0.48),
    "qlora": (0.09, 0.18, 0.36),
}
# Cards reach very different shares of their peak: the L40S, RTX 4090 and L4 are short of memory
# bandwidth for their tensor rate, T4 and V100 run fp16 without fused attention for grouped heads,
# an H100's peak is harder to fill than an A100's (torchtune and Unsloth tables, same recipe).
CARD_SHARE: tuple[tuple[float, float], ...] = ((9.0, 0.75), (8.9, 0.90), (8.0, 1.25), (0.0, 0.7))
# A step shorter than this many tokens leaves the card idle between kernels: published rates at
# 256 tokens are a third of those at 1,024 (Qwen-7B, batch 1).
BUSY_TOKENS = 1024
# Loading, evaluation during training and saving, on top of the steps.
OVERHEAD, START_HOURS = 1.15, (0.02, 0.05, 0.15)
# A processor of two cores with avx512_bf16: LoRA of a 270M model at 4 x 128 tokens takes 2.1 s a
# step, that is 4 x 100M decoder weights x 512 tokens = 0.2 TFLOP, plus the head at answer
# positions (2026-11). fp32 machines take twice as long, AMX a third.
CPU_TFLOPS = (0.04, 0.11, 0.35)


@dataclass(frozen=True, slots=True)
class Work:
    """What has to be computed: tokens seen, and FLOPs a token."""

    tokens: float
    flops_per_token: float
    optimizer_steps: int


@functools.lru_cache(maxsize=64)
def work(shapes: Shapes, settings: EstimateSettings) -> Work:
    """Tokens and FLOPs of a whole training.

    6N a token for full tuning, 4N with frozen weights (no weight gradients), a further 2N when
    the forward pass is repeated; attention adds 12·layers·width·length, half of it when causal.
    """
    active = shapes.linear_weights + shapes.vocab * shapes.hidden
    forward = 2.0 * active + 2.0 * shapes.layers * shapes.q_width * settings.mean_tokens
    backward = 2.0 * forward if settings.method == "full" else forward
    again = forward if settings.gradient_checkpointing else 0.0
    steps_per_epoch = math.ceil(
        settings.examples / (settings.batch_size * settings.grad_accum * settings.gpus)
    )
    return Work(
        tokens=settings.examples * settings.epochs * settings.mean_tokens,
        flops_per_token=forward + backward + again,
        optimizer_steps=max(1, round(steps_per_epoch * settings.epochs)),
    )


def tokens_per_second(
    shapes: Shapes, settings: EstimateSettings, gpu: Gpu | None
) -> tuple[float, float, float] | None:
    """Low, likely and high rate of one set-up; None for a card whose rate nobody states."""
    flops = work(shapes, settings).flops_per_token
    if settings.device == "cpu":
        low, likely, high = (rate * 1e12 / flops for rate in CPU_TFLOPS)
        return low, likely, high
    peak = None if gpu is None else rated(gpu).tensor_tflops
    if gpu is None or peak is None:
        return None
    capability = float(gpu.compute_capability or 8.0)
    share = next(share for least, share in CARD_SHARE if capability >= least)
    busy = min(1.0, (settings.batch_size * settings.mean_tokens / BUSY_TOKENS)) ** 0.8
    scaling = settings.gpus * (0.85 if settings.gpus > 1 else 1.0)
    wide = (1.0, 1.0, 1.0) if gpu.tflops_basis == "stated" else (0.7, 1.0, 1.2)
    low, likely, high = (
        peak * 1e12 * used * share * busy * scaling * factor / flops
        for used, factor in zip(UTILISATION[settings.method], wide, strict=True)
    )
    return low, likely, high


def training_hours(shapes: Shapes, settings: EstimateSettings, gpu: Gpu | None) -> Estimate | None:
    """Hours from start to the saved model; None where no rate can be stated."""
    rates = tokens_per_second(shapes, settings, gpu)
    if rates is None:
        return None
    slow, likely, fast = rates
    tokens = work(shapes, settings).tokens
    low, middle, high = (
        tokens / rate / 3600 * OVERHEAD + start
        for rate, start in zip((fast, likely, slow), START_HOURS, strict=True)
    )
    where = "cpu" if settings.device == "cpu" else "mfu"
    return Estimate(low, middle, high, "hours", f"formula:flops+{where}-2026-11")


def rated(gpu: Gpu) -> Gpu:
    """The card whose published rates stand for `gpu`: itself, or the one its size class names."""
    if gpu.tensor_tflops is not None or not gpu.similar:
        return gpu
    return load("gpus").get(gpu.similar, gpu)
