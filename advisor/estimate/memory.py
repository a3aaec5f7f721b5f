"""How much memory a set-up needs: every term with its phase, the peak over phases, three counters.

allocated ≤ reserved ≤ device: what tensors occupy, what the caching allocator holds, and what
the card (or, on a CPU, the machine) must have. GiB = 2**30 bytes throughout. The peak is the
largest phase, never the sum of all terms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from advisor.estimate.activations import has_mask, layer_bytes, recompute_transient
from advisor.estimate.settings import EstimateSettings
from advisor.estimate.shapes import Shapes
from advisor.types import Estimate, Term

GIB = 2**30
PHASES = ("forward", "backward", "optimizer", "evaluation")

# NF4 keeps half a byte a weight and one fp32 scale per 64; double quantisation keeps that scale
# in 8 bits with one fp32 per 256 of them (bitsandbytes; huggingface/peft#476).
NF4_BYTES = 0.5 + 4 / 64
NF4_DOUBLE_BYTES = 0.5 + (1 + 4 / 256) / 64
# Logits and loss of a plain Hugging Face step at its peak, per vocabulary entry and token:
# 2 logits + 4 fp32 copy + 4 log-softmax + 4 its gradient (traced).
PLAIN_LOSS_BYTES = 14
# trl/kernels/chunked_logprob.py 1.16: tiles of at most this many tokens x vocabulary entries.
TILE_TOKENS, TILE_VOCABULARY = 4096, 32768
# executors/finetune/answer_head.py: fp32 scores, their softmax and the half-precision gradient.
CPU_CHUNK_TOKENS, CPU_LOSS_BYTES = 128, 14

# Bytes of optimiser state per trained parameter, in units of its own precision or absolute.
STATES_IN_PARAM_DTYPE: Mapping[str, float] = {"adamw_torch": 2.0, "sgd": 0.0, "adafactor": 0.01}
STATES_IN_BYTES: Mapping[str, float] = {"adamw_8bit": 2.03, "paged_adamw_8bit": 2.03}
FOREACH = ("adamw_torch", "adafactor")


@dataclass(frozen=True, slots=True)
class Spread:
    """How far measured peaks lie from the formula, as factors, and what lies outside the model."""

    low: float
    reserved: float
    high: float
    basis: str


# Reserved over allocated, fitted on PEFT's published rows (Llama-3.2-3B, 4 x 768, L40S, reserved):
# the formula's allocated peak lies −2.1…+0.5 % from the six LoRA rows and −7.0 % from the one full
# row, whose gradients of every shape fragment the cache more. With these factors: median 0.6 %,
# worst 2.3 %. `low` and `high` hold all seven rows and LitGPT's LoRA rows of Llama 2 (7B, 13B),
# Mistral, Gemma and Llama 3.2, which took no part in the fit. No QLoRA run has been published with
# its settings for this stack, hence the wider band.
COUNTED = {
    "full": Spread(0.93, 1.05, 1.06, "formula:ledger+peft-benchmark-2026-07"),
    "lora": Spread(0.93, 1.015, 1.06, "formula:ledger+peft-benchmark-2026-07"),
    "qlora": Spread(0.90, 1.03, 1.10, "formula:ledger"),
}
UNCOUNTED = Spread(0.75, 1.10, 1.30, "formula:uncounted-architecture")
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
    """Peak memory of one training process (one of `gpus`, each holding the whole model)."""
    terms = _terms(shapes, settings)
    phases = {phase: sum(t.value for t in terms if t.phase in ("all", phase)) for phase in PHASES}
    if settings.loss == "full":
        del phases["evaluation"]
    phase = max(phases, key=lambda name: phases[name])
    allocated = phases[phase]
    return _counted(shapes, settings, terms, phases, phase, _mask_room(shapes, settings, allocated))


def _mask_room(shapes: Shapes, settings: EstimateSettings, allocated: float) -> tuple[float, float]:
    """GiB to take off `low` and to add to `high` while nobody knows whether rows are padded."""
    if settings.padded is not None or settings.batch_size == 1:
        return 0.0, 0.0
    other = _terms(shapes, replace(settings, padded=not settings.masked))
    peak = max(
        sum(t.value for t in other if t.phase in ("all", phase))
        for phase in PHASES
        if phase != "evaluation" or settings.loss != "full"
    )
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
    spread = COUNTED[settings.method] if shapes.counted else UNCOUNTED
    if settings.device == "cpu":
        # The C allocator gives freed blocks back late; there is no cache to reserve.
        reserved, outside = allocated * 1.02, PROCESS_GIB
        low, high = (allocated - room[0]) * 0.85, (allocated + room[1]) * 1.25
    else:
        reserved, outside = allocated * spread.reserved, CONTEXT_GIB
        low = (allocated - room[0]) * spread.low
        high = (allocated + room[1]) * spread.reserved * spread.high
    nccl = NCCL_GIB if settings.gpus > 1 and settings.device == "cuda" else 0.0
    device = reserved + outside[1] + nccl
    estimate = Estimate(
        low=low + outside[0] + nccl,
        likely=device,
        high=max(device, high + outside[2] + nccl),
        unit="GiB",
        basis=spread.basis,
        terms=(*terms, Term("outside", outside[1] + nccl)),
    )
    return Memory(allocated, reserved, device, estimate, phase, phases)


def weight_bytes(shapes: Shapes, *, nf4: bool, double_quant: bool = True) -> float:
    """Bytes of the loaded weights: 16-bit, or NF4 in the linear layers and 16-bit elsewhere."""
    if not nf4:
        return 2.0 * shapes.params
    per_weight = NF4_DOUBLE_BYTES if double_quant else NF4_BYTES
    return per_weight * shapes.linear_weights + 2.0 * (shapes.params - shapes.linear_weights)


def trainable_params(shapes: Shapes, settings: EstimateSettings) -> int:
    """How many parameters are trained: all, or the adapters' r(d_in + d_out) per target."""
    if settings.method == "full":
        return shapes.params
    targets = shapes.targets(settings.targets)
    return shapes.layers * settings.lora_rank * sum(t.d_in + t.d_out for t in targets)


def _terms(shapes: Shapes, settings: EstimateSettings) -> tuple[Term, ...]:
    """Every term in GiB with the phase it belongs to; `all` is alive throughout."""
    full = settings.method == "full"
    trained = trainable_params(shapes, settings)
    width = 2 if full else settings.adapter_bytes
    optimizer = settings.resolved_optimizer
    states = trained * STATES_IN_BYTES.get(
        optimizer, STATES_IN_PARAM_DTYPE.get(optimizer, 2.0) * width
    )
    gradients = float(trained * width)
    buckets = gradients if settings.gpus > 1 else 0.0  # DistributedDataParallel's flat copies
    weights = weight_bytes(
        shapes, nf4=settings.method == "qlora", double_quant=settings.double_quant
    )
    kept, recomputed, loss_forward, loss_backward = _step(shapes, settings)
    found = [
        ("weights", weights, "all"),
        ("adapters", 0.0 if full else float(trained * width), "all"),
        ("optimizer_states", states, "all"),
        ("gradient_buckets", buckets, "all"),
        ("activations", kept, "forward"),
        ("loss", loss_forward, "forward"),
        *_backward(shapes, settings, kept, recomputed, loss_backward, gradients),
        ("gradients", gradients, "optimizer"),
        ("optimizer_buffer", gradients if optimizer in FOREACH else 0.0, "optimizer"),
        ("evaluation", _evaluation(shapes, settings), "evaluation"),
    ]
    return tuple(Term(name, value / GIB, phase) for name, value, phase in found if value > 0)


def _backward(
    shapes: Shapes,
    settings: EstimateSettings,
    kept: float,
    recomputed: float,
    loss: float,
    gradients: float,
) -> list[tuple[str, float, str]]:
    """The largest moment of the backward pass: its start, its last layer, or its end."""
    head = 2.0 * shapes.vocab * shapes.hidden
    full = settings.method == "full"
    dequantised = 0.0
    if settings.method == "qlora":
        dequantised = 2.0 * max(linear.weights for linear in shapes.linears)
    start = [("activations", kept, "backward"), ("loss", loss, "backward")]
    layer = [
        ("activations", kept, "backward"),
        ("recomputation", recomputed, "backward"),
        ("dequantised_weight", dequantised, "backward"),
        ("gradients", head if full else 0.0, "backward"),
    ]
    # A tied head's gradient, the embedding's and their sum live together at the very end.
    end = [("gradients", gradients + (2 * head if full and shapes.tied else 0.0), "backward")]
    return max((start, layer, end), key=lambda moment: sum(value for _, value, _ in moment))


def _step(shapes: Shapes, settings: EstimateSettings) -> tuple[float, float, float, float]:
    """Bytes kept after the forward pass, of one recomputed layer, and of the loss both ways."""
    tokens, d, vocab = settings.tokens, shapes.hidden, shapes.vocab
    full = settings.method == "full"
    layer = layer_bytes(shapes, settings)
    mask = settings.seq_len if has_mask(shapes, settings) else 0.0
    rotary = 0.0 if shapes.family.learned_positions else 4.0 * shapes.head_dim
    outside = tokens * (8.0 + mask) + settings.seq_len * rotary
    # The final norm, and for a trained head its input; frozen input embeddings spare the first
    # layer's norm the copy that the final norm needs.
    outside += tokens * (4.0 * d if full else 0.0) + tokens * (4.0 * d if full else 0.0)
    if settings.gradient_checkpointing:
        kept = tokens * (2.0 * d * shapes.layers + 4.0 * d) + outside
        recomputed = tokens * (layer.total + recompute_transient(shapes, settings))
    else:
        kept = tokens * layer.total * shapes.layers + outside
        recomputed = tokens * (2.0 * d + 4.0 * shapes.inner)
    if settings.autocast and settings.method == "lora":
        # Autocast keeps a half-precision copy of every fp32 adapter weight while it is used.
        kept += 2.0 * trainable_params(shapes, settings)
    if settings.loss == "full":
        return kept, recomputed, 10.0 * vocab * tokens, PLAIN_LOSS_BYTES * vocab * tokens
    head = 6.0 * vocab * d if full else 0.0  # fp32 accumulator and its half-precision copy
    if settings.device == "cpu":
        chunk = min(tokens, CPU_CHUNK_TOKENS) * vocab * CPU_LOSS_BYTES
        return kept, recomputed, chunk + 4.0 * d * tokens, chunk + 6.0 * d * tokens + head
    tile = 2.0 * min(tokens, TILE_TOKENS) * min(vocab, TILE_VOCABULARY)
    return kept, recomputed, tile + 2.0 * d * tokens, tile + 8.0 * d * tokens + head


def _evaluation(shapes: Shapes, settings: EstimateSettings) -> float:
    """One evaluation batch as okakae does it: no gradients, the fused head, loss only."""
    tokens = settings.tokens
    widest = max(
        4.0 * shapes.hidden + 6.0 * shapes.inner,
        4.0 * shapes.hidden + 2.0 * (shapes.q_width + 2 * shapes.kv_width) + 2.0 * shapes.q_width,
    )
    if settings.attention == "eager" or shapes.family.eager_only:
        widest += 6.0 * shapes.heads * settings.seq_len
    rows = min(tokens, TILE_TOKENS if settings.device == "cuda" else CPU_CHUNK_TOKENS)
    tile = 2.0 * rows * min(shapes.vocab, TILE_VOCABULARY)
    return tokens * (2.0 * shapes.hidden + widest) + tile
