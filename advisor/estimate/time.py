"""How long a training set-up takes: its FLOPs and bytes over the rates a card really reaches.

A micro-batch takes the longer of two times: what the card needs for its arithmetic and its memory
traffic, and what the processor needs to hand it the kernels. `python -m bench time_published`
holds the ranges against published rates, each system left out of the fit in turn.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from advisor.estimate.settings import EstimateSettings
from advisor.estimate.shapes import Shapes
from advisor.types import Estimate
from knowledge.catalog.loader import find_model, load
from knowledge.catalog.records import Gpu

Range = tuple[float, float, float]

# Share of the dense tensor rate that the arithmetic itself reaches, memory traffic counted apart:
# implied by the published rates of at least 1,024 tokens a micro-batch (bench/time_published.py).
UTILISATION: Mapping[str, Range] = {
    "full": (0.30, 0.54, 0.75),
    "lora": (0.22, 0.48, 0.70),
    "qlora": (0.22, 0.46, 0.72),
    # Judgement: fp32, whose rate is 1/16 (A100) to 1/2 (RTX 4090) of the tensor cores' in bf16.
    "encoder": (0.02, 0.06, 0.30),
}
# Judgement where no published run is at hand: cards before Ampere train in fp16 without fused
# attention for grouped heads; a Hopper card's peak is harder to fill than an A100's.
CARD_SHARE: tuple[tuple[float, float], ...] = ((9.0, 0.75), (8.0, 1.0), (0.0, 0.6))
# Share of the memory's bandwidth that elementwise kernels reach.
BANDWIDTH_SHARE: Range = (0.5, 0.7, 0.85)
# Bytes moved for one weight in one pass: 2 in bf16. Out of 4 bits it is read packed, written and
# read again in bf16; kernels of 2023 (GPTQ in Qwen's table) move time for 27.
WEIGHT_BYTES, PACKED_BYTES = 2.0, 0.5
DEQUANTISED_BYTES: Range = (27.0, 8.0, 4.5)
# Bytes moved per token, layer and unit of width by norms, casts, SwiGLU, residuals, both ways:
# about three times the 39·width that LoRA saves (PEFT 3B). Logits: cast, softmax, gradient.
ACTIVATION_BYTES, LOGIT_BYTES = 120.0, 30.0
# AdamW reads and writes weight, gradient and two states, some of them more than once (foreach).
OPTIMIZER_BYTES = 40.0
# Share of the positions that carry a loss, where only those meet the head (`--loss tiled`): with it
# the steps measured on two cores (below) come out at one rate.
ANSWER_SHARE = 0.3
# Seconds of a processor to launch one layer's kernels once: Qwen's rows at 256 and 512 tokens take
# the same 5 ms a layer for forward, recomputation and a backward pass of two.
LAUNCH_S: Range = (0.003, 0.0009, 0.0003)
# GB/s at which each card receives the others' shards of the weights: NVLink, else PCIe.
NVLINK_GB_S: Range = (60.0, 120.0, 250.0)
PCIE_GB_S: Range = (6.0, 12.0, 25.0)
# Evaluation during training and saving, on top of the steps; before them the libraries' start and
# the weights from the disk (starter, warm: 5.5 s), a network's speed at the slow end.
OVERHEAD = 1.15
START_S, LOADED_GB_S = (300.0, 60.0, 5.0), (0.1, 0.5, 2.0)
# Two cores with avx512_bf16: a step of LoRA on 4 x 128 tokens of a 270M model takes 2.16 s with
# logits at answers only and 4.37 s with logits everywhere (bench/LOG.md), 0.13 TFLOP/s both times.
# In fp32 half of that; matrix units (AMX) reach three times as much.
CPU_TFLOPS: Range = (0.05, 0.13, 0.40)
CPU_CORES, CORE_SCALING = 2, 0.8

# Beside its task a tuning reads general rows (a tenth of all, at most the 72 of 34 tokens that come
# with okakae) and, with the adapter off and on, a probe of 2,100 tokens of text and 2,700 of
# questions with their choices: only forward, with logits everywhere (counted 2026-11).
GENERAL_SHARE, GENERAL_ROWS, GENERAL_ROW_TOKENS = 0.1, 72, 34
PROBE_TOKENS = 2 * 4_800


@dataclass(frozen=True, slots=True)
class Work:
    """What has to be computed and moved: tokens seen, FLOPs a token, bytes a micro-batch."""

    tokens: float
    flops_per_token: float
    batch_tokens: float
    """Tokens of a typical micro-batch."""
    optimizer_steps: int
    weights_moved: float
    """Weights read in one micro-batch: once a pass."""
    bytes_per_token: float
    """Activations and logits written and read, forward and back."""
    optimizer_bytes: float
    """Bytes moved by one step of the optimiser."""
    loaded_bytes: float
    """The model's weights on the disk, in 16 bits."""
    launches: int
    """Passes over a layer in one micro-batch; the backward pass counts twice."""


@functools.lru_cache(maxsize=64)
def work(shapes: Shapes, settings: EstimateSettings) -> Work:
    """Tokens, FLOPs and bytes of a whole training.

    6N FLOPs a token for full tuning, 4N with frozen weights (no weight gradients), a further 2N
    when the forward pass is repeated; attention adds 4·layers·width·length, half of it causal.
    """
    weights = shapes.linear_weights * _active_share(shapes)
    head = shapes.vocab * shapes.hidden
    encoder = settings.method == "encoder"
    losses = 0.0 if encoder else ANSWER_SHARE if settings.loss == "tiled" else 1.0
    forward = 2.0 * (weights + losses * head)
    pairs = 4.0 if encoder else 2.0  # every token looks at all others, or at those before it
    forward += pairs * shapes.layers * shapes.q_width * settings.mean_tokens
    backward = 2.0 * forward if settings.trains_all else forward
    again = forward if settings.gradient_checkpointing else 0.0
    passes = 3 if settings.gradient_checkpointing else 2
    steps_per_epoch = math.ceil(
        settings.examples / (settings.batch_size * settings.grad_accum * settings.gpus)
    )
    moved = ACTIVATION_BYTES * shapes.hidden * shapes.layers * passes / 2
    trained = shapes.params if settings.trains_all else 0
    return Work(
        tokens=settings.examples * settings.epochs * settings.mean_tokens * settings.texts,
        flops_per_token=forward + backward + again,
        batch_tokens=settings.batch_size * settings.mean_tokens * settings.texts,
        optimizer_steps=max(1, round(steps_per_epoch * settings.epochs)),
        weights_moved=passes * (weights + (0 if encoder else head)) * settings.texts,
        bytes_per_token=moved + losses * LOGIT_BYTES * shapes.vocab,
        optimizer_bytes=OPTIMIZER_BYTES * trained / settings.gpus,
        loaded_bytes=2.0 * shapes.params,
        launches=shapes.layers * (passes + 1) * settings.texts,
    )


def with_general(done: Work, shapes: Shapes, settings: EstimateSettings) -> Work:
    """The work of okakae's own run: the task's training, general rows in it, the probe around it.

    In tokens of training, so that the rates stay what they are.
    """
    rows = min(GENERAL_ROWS, settings.examples * GENERAL_SHARE / (1 - GENERAL_SHARE))
    head = shapes.vocab * shapes.hidden
    asked = PROBE_TOKENS * 2.0 * (shapes.linear_weights * _active_share(shapes) + head)
    more = rows * settings.epochs * GENERAL_ROW_TOKENS + asked / done.flops_per_token
    return replace(done, tokens=done.tokens + more)


def _active_share(shapes: Shapes) -> float:
    """Share of the layers' weights that one token meets: less than 1 with experts."""
    model = find_model(shapes.id)
    if model is None or not model.num_local_experts or not model.num_experts_per_tok:
        return 1.0
    return model.num_experts_per_tok / model.num_local_experts


def tokens_per_second(
    shapes: Shapes,
    settings: EstimateSettings,
    gpu: Gpu | None,
    *,
    cores: int = CPU_CORES,
    utilisation: Mapping[str, Range] = UTILISATION,
) -> Range | None:
    """Low, likely and high rate of one set-up; None for a card whose rate nobody states.

    Args:
        cores: processor cores of the machine, for a training without a card.
        utilisation: share of the arithmetic by method.
    """
    return _rates(work(shapes, settings), settings, gpu, cores, utilisation)


def _rates(
    done: Work,
    settings: EstimateSettings,
    gpu: Gpu | None,
    cores: int,
    utilisation: Mapping[str, Range],
) -> Range | None:
    if settings.device == "cpu":
        scale = max(1, cores) / CPU_CORES
        slow, likely, fast = (
            rate * 1e12 * scale**CORE_SCALING / done.flops_per_token for rate in CPU_TFLOPS
        )
        return slow, likely, fast
    card = None if gpu is None else rated(gpu)
    if gpu is None or card is None or card.tensor_tflops is None:
        return None
    tokens = settings.gpus * done.batch_tokens
    wide = (1.0, 1.0, 1.0) if gpu.tflops_basis == "stated" else (0.7, 1.0, 1.2)
    rates = []
    for end, factor in enumerate(wide):
        seconds = on_card_s(settings, done, card, end, utilisation)
        seconds = max(seconds, done.launches * LAUNCH_S[end])
        rates.append(tokens * factor / seconds)
    return rates[0], rates[1], rates[2]


def card_share(gpu: Gpu) -> float:
    """What a card's generation reaches beside an A100."""
    return _share_of(gpu.compute_capability)


@functools.cache
def _share_of(capability: str) -> float:
    return next(share for least, share in CARD_SHARE if float(capability or 8.0) >= least)


def on_card_s(
    settings: EstimateSettings, done: Work, card: Gpu, end: int, utilisation: Mapping[str, Range]
) -> float:
    """Seconds one card works on a micro-batch, at the slow (0), likely (1) or fast (2) end."""
    tokens = done.batch_tokens
    peak = (card.tensor_tflops or 0.0) * 1e12 * card_share(card)
    seconds = tokens * done.flops_per_token / (peak * utilisation[settings.method][end])
    if card.memory_bandwidth_gb_s:
        weight = DEQUANTISED_BYTES[end] if settings.method == "qlora" else WEIGHT_BYTES
        moved = done.weights_moved * weight + tokens * done.bytes_per_token
        moved += done.optimizer_bytes / settings.grad_accum
        seconds += moved / (card.memory_bandwidth_gb_s * 1e9 * BANDWIDTH_SHARE[end])
    if settings.gpus > 1:
        link = (NVLINK_GB_S if "SXM" in card.id else PCIE_GB_S)[end]
        stored = PACKED_BYTES if settings.method == "qlora" else WEIGHT_BYTES
        others = (settings.gpus - 1) / settings.gpus
        received = done.weights_moved * stored * others / (link * 1e9)
        # Shards arrive while the card computes, at best; at worst it waits for them.
        seconds = seconds + received if end == 0 else max(seconds, received)
    return seconds


def hours_of(
    done: Work, settings: EstimateSettings, gpu: Gpu | None, cores: int = CPU_CORES
) -> Estimate | None:
    """Hours from start to the saved model; None where no rate can be stated.

    Args:
        done: the work of `settings`, counted once for those who ask about many cards.
        cores: processor cores of the machine, for a training without a card.
    """
    rates = _rates(done, settings, gpu, cores, UTILISATION)
    if rates is None:
        return None
    where = "cpu" if settings.device == "cpu" else "card"
    return hours_at(rates, done, f"formula:flops+bytes:{where}-2026-11")


def hours_at(rates: Range, done: Work, basis: str) -> Estimate:
    """Hours from start to the saved model, its steps taken at `rates` (tokens a second)."""
    high, middle, low = (
        (done.tokens / rate * OVERHEAD + start + done.loaded_bytes / (disk * 1e9)) / 3600
        for rate, start, disk in zip(rates, START_S, LOADED_GB_S, strict=True)
    )
    return Estimate(low, middle, high, "hours", basis)


def rated(gpu: Gpu) -> Gpu:
    """The card whose published rates stand for `gpu`: itself, or the one its size class names."""
    if gpu.tensor_tflops is not None or not gpu.similar:
        return gpu
    return load("gpus").get(gpu.similar, gpu)
