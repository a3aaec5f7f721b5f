"""How much memory a set-up needs: every term with its phase, the peak over phases, three counters.

allocated ≤ reserved ≤ device: what tensors occupy, what the caching allocator holds, and what
the card (or, on a CPU, the machine) must have. GiB = 2**30 bytes throughout. The peak is the
largest phase, never the sum of all terms.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from advisor.estimate.replay.peaks import Peak, phase_peaks
from advisor.estimate.settings import EstimateSettings
from advisor.estimate.shapes import Shapes
from advisor.types import Estimate, Term

GIB = 2**30
PHASES = ("forward", "backward", "optimizer", "evaluation")

# NF4 keeps half a byte a weight and one fp32 scale per 64; double quantisation keeps that scale
# in 8 bits with one fp32 per 256 of them (bitsandbytes; huggingface/peft#476).
NF4_BYTES = 0.5 + 4 / 64
NF4_DOUBLE_BYTES = 0.5 + (1 + 4 / 256) / 64

# Bytes of optimiser state per trained parameter, in units of its own precision or absolute.
STATES_IN_PARAM_DTYPE: Mapping[str, float] = {"adamw_torch": 2.0, "sgd": 0.0}
# bitsandbytes: two states of one byte, one fp32 scale for 256 values of each. transformers'
# Adafactor keeps a row and a column of every matrix.
STATES_IN_BYTES: Mapping[str, float] = {
    "adamw_8bit": 2 + 8 / 256,
    "paged_adamw_8bit": 2 + 8 / 256,
    "adafactor": 0.01,
}
# The card it is for and how long it trains change nothing: the same set-up on other cards, or for
# other data of the same length, is counted once.
IRRELEVANT: Mapping[str, Any] = {
    "model": "",
    "gpu": None,
    "grad_accum": 1,
    "examples": 1,
    "epochs": 1.0,
    "tokens_per_example": None,
}
TRACED_WITH = "torch-2.13+transformers-5.23+peft-0.21+trl-1.16"


@dataclass(frozen=True, slots=True)
class Spread:
    """How far measured peaks lie from the formula, as factors, and what lies outside the model."""

    low: float
    reserved: float
    high: float


# Reserved over allocated, from PEFT's published rows (Llama-3.2-3B, 4 x 768, L40S, reserved): the
# formula's allocated peak lies −2.1…+0.5 % from the six LoRA rows and −7.0 % from the one full
# row, whose gradients of every shape fragment the cache more. `low` and `high` hold all seven rows
# and LitGPT's LoRA rows of Llama 2 (7B, 13B), Mistral, Gemma and Llama 3.2, which took no part in
# it. No QLoRA run has been published with its settings for this stack.
TRACED = {
    "full": Spread(0.93, 1.05, 1.06),
    "encoder": Spread(0.93, 1.05, 1.06),  # fp32 gradients of every shape too; none published
    "lora": Spread(0.93, 1.015, 1.06),
    "qlora": Spread(0.92, 1.03, 1.09),
}
UNTRACED = Spread(0.75, 1.10, 1.30)
# A traced figure on a GPU is held to this. What would be wider are jobs so small that the context
# or an unknown padding rule them; a figure that answers "about that much" is worth more there.
WIDEST = 0.12
# CUDA context and workspaces: 0.3–0.8 GB (V100), 551 MB (NVIDIA aiconfigurator 0.12).
CONTEXT_GIB = (0.30, 0.51, 0.80)
# NCCL's own buffers (aiconfigurator: 342 MB for 2 GPUs, 392 MB for 4 and 8).
NCCL_GIB = 0.37
# Python with torch, transformers, TRL and PEFT loaded, before any weight (RSS, 2-core machine).
PROCESS_GIB = (0.6, 0.8, 1.1)


@dataclass(frozen=True, slots=True)
class Memory:
    """The peak of one set-up in GiB; `estimate` is of `device`, its terms explain `allocated`."""

    allocated: float
    reserved: float
    device: float
    estimate: Estimate
    phase: str
    """The phase in which the peak stands."""
    phases: Mapping[str, float]
    """Peak allocated of every phase, in GiB."""


def training_memory(shapes: Shapes, settings: EstimateSettings) -> Memory:
    """Peak memory of one training process (one of `gpus`; see `EstimateSettings.sharding`)."""
    return _training_memory(shapes, replace(settings, **IRRELEVANT))


@functools.lru_cache(maxsize=1024)
def _training_memory(shapes: Shapes, settings: EstimateSettings) -> Memory:
    terms = _terms(shapes, settings)
    phases = _phases(terms, settings)
    phase = max(phases, key=lambda name: phases[name])
    return _counted(
        shapes, settings, terms, phases, phase, _mask_room(shapes, settings, phases[phase])
    )


def _phases(terms: tuple[Term, ...], settings: EstimateSettings) -> dict[str, float]:
    # An encoder reads texts without gradients in evaluation: less than its own forward pass.
    counts = settings.loss == "tiled" and settings.method != "encoder"
    counted = PHASES if counts else PHASES[:-1]
    return {name: sum(t.value for t in terms if t.phase in ("all", name)) for name in counted}


def _mask_room(shapes: Shapes, settings: EstimateSettings, allocated: float) -> tuple[float, float]:
    """GiB to take off `low` and to add to `high` while nobody knows whether rows are padded."""
    if settings.padded is not None or settings.batch_size == 1:
        return 0.0, 0.0
    other = replace(settings, padded=not settings.masked)
    peak = max(_phases(_terms(shapes, other), other).values())
    return max(0.0, allocated - peak), max(0.0, peak - allocated)


def _counted(
    shapes: Shapes,
    settings: EstimateSettings,
    terms: tuple[Term, ...],
    phases: Mapping[str, float],
    phase: str,
    room: tuple[float, float],
) -> Memory:
    allocated = phases[phase]
    spread = TRACED[settings.method] if shapes.traced else UNTRACED
    if settings.device == "cpu":
        # The C allocator gives freed blocks back late; there is no cache to reserve.
        reserved, outside = allocated * 1.02, PROCESS_GIB
        low, high = (allocated - room[0]) * 0.92, (allocated + room[1]) * 1.10
        if not shapes.traced:
            low, high = low * spread.low, high * spread.high
    else:
        reserved, outside = allocated * spread.reserved, CONTEXT_GIB
        low = (allocated - room[0]) * spread.low
        high = (allocated + room[1]) * spread.reserved * spread.high
    nccl = NCCL_GIB if settings.gpus > 1 and settings.device == "cuda" else 0.0
    device = reserved + outside[1] + nccl
    low, high = low + outside[0] + nccl, max(device, high + outside[2] + nccl)
    if shapes.traced and settings.device == "cuda":
        low, high = max(low, device * (1 - WIDEST)), min(high, device * (1 + WIDEST))
    estimate = Estimate(
        low=low,
        likely=device,
        high=high,
        unit="GiB",
        basis=basis(shapes, settings),
        terms=(*terms, Term("outside", outside[1] + nccl)),
    )
    return Memory(allocated, reserved, device, estimate, phase, phases)


def basis(shapes: Shapes, settings: EstimateSettings) -> str:
    """Where the figure comes from: traces of this family, or none of its architecture."""
    if not shapes.traced:
        return "formula:not-traced"
    sharded = "+sharding-formula" if settings.gpus > 1 and settings.sharding == "full" else ""
    return f"traced:{shapes.family_name}:{TRACED_WITH}{sharded}"


def weight_bytes(shapes: Shapes, *, nf4: bool, double_quant: bool = True) -> float:
    """Bytes of the loaded weights: 16-bit, or NF4 in the linear layers and 16-bit elsewhere."""
    if not nf4:
        return 2.0 * shapes.params
    per_weight = NF4_DOUBLE_BYTES if double_quant else NF4_BYTES
    return per_weight * shapes.linear_weights + 2.0 * (shapes.params - shapes.linear_weights)


def trainable_params(shapes: Shapes, settings: EstimateSettings) -> int:
    """How many parameters are trained: all, or the adapters' r(d_in + d_out) per target."""
    if settings.trains_all:
        return shapes.params - shapes.pooler_params
    targets = shapes.targets(settings.targets)
    return shapes.layers * settings.lora_rank * sum(t.d_in + t.d_out for t in targets)


def state_bytes(shapes: Shapes, settings: EstimateSettings) -> float:
    """Bytes of the optimiser's states once its first step is done."""
    trained, optimizer = trainable_params(shapes, settings), settings.resolved_optimizer
    each = STATES_IN_BYTES.get(optimizer)
    if each is None:
        each = STATES_IN_PARAM_DTYPE[optimizer] * trained_bytes(settings)
    return trained * each


def trained_bytes(settings: EstimateSettings) -> int:
    """Bytes of one trained weight, and of its gradient."""
    return settings.weight_bytes if settings.trains_all else settings.adapter_bytes


def _terms(shapes: Shapes, settings: EstimateSettings) -> tuple[Term, ...]:
    """Every term in GiB with the phase it belongs to; `all` is alive throughout."""
    full = settings.trains_all
    trained = float(trainable_params(shapes, settings) * trained_bytes(settings))
    if full:
        weights = float(shapes.params * settings.weight_bytes)
    else:
        nf4 = settings.method == "qlora"
        weights = weight_bytes(shapes, nf4=nf4, double_quant=settings.double_quant)
    parts = settings.gpus if settings.sharding == "full" else 1
    # DistributedDataParallel keeps every gradient a second time, in flat buckets.
    buckets = trained if settings.gpus > 1 and parts == 1 else 0.0
    found = [
        ("weights", weights / parts, "all"),
        ("adapters", 0.0 if full else trained / parts, "all"),
        ("optimizer_states", state_bytes(shapes, settings) / parts, "all"),
        ("gradient_buckets", buckets, "all"),
        ("gathered_weights", _gathered(shapes, settings, weights) if parts > 1 else 0.0, "all"),
        ("gradients", trained / parts, "optimizer"),
        ("optimizer_buffer", _optimizer_buffer(shapes, settings) / parts, "optimizer"),
    ]
    for phase, peak in phase_peaks(shapes, settings).items():
        found += _phase_terms(phase, peak, parts)
    return tuple(Term(name, value / GIB, phase) for name, value, phase in found if value > 0)


def _phase_terms(phase: str, peak: Peak, parts: int) -> list[tuple[str, float, str]]:
    if phase == "evaluation":
        return [("evaluation", peak.total, phase)]
    return [
        ("activations", peak.kept, phase),
        ("recomputation", peak.working, phase),
        ("gradients" if phase == "backward" else "weight_copies", peak.weights / parts, phase),
        ("dequantised_weight", peak.dequantised, phase),
        ("loss", peak.loss, phase),
    ]


def _gathered(shapes: Shapes, settings: EstimateSettings, weights: float) -> float:
    """Whole weights that FSDP2 has together at once: two layers, and what is outside layers.

    `fully_shard` of every layer and of the rest: the next layer is gathered while one works, and
    embeddings, head and last norm stay together from the forward to the backward pass.
    """
    outside = min(weights, float(shapes.embedding_params * settings.weight_bytes))
    return outside + 2.0 * (weights - outside) / shapes.layers


def _optimizer_buffer(shapes: Shapes, settings: EstimateSettings) -> float:
    """What the optimiser's step allocates for itself.

    AdamW on a GPU works on all tensors at once (`foreach`) and needs the square roots of all its
    second moments; on a CPU it goes tensor by tensor: a root and its quotient. bitsandbytes' and
    SGD's kernels work in place; Adafactor needs the gradient squared and its factored estimate.
    """
    width, optimizer = trained_bytes(settings), settings.resolved_optimizer
    if optimizer == "adamw_torch" and settings.device == "cuda":
        return float(trainable_params(shapes, settings) * width)
    largest = _largest_trained(shapes, settings)
    return {"adamw_torch": 2.0 * width, "adafactor": 16.0}.get(optimizer, 0.0) * largest


def _largest_trained(shapes: Shapes, settings: EstimateSettings) -> int:
    if settings.trains_all:
        table = shapes.vocab * shapes.hidden
        return max(table, *(linear.weights for linear in shapes.linears))
    targets = shapes.targets(settings.targets)
    return settings.lora_rank * max(max(t.d_in, t.d_out) for t in targets)
