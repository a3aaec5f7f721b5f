"""How many bytes one decoder layer keeps for its backward pass, tensor by tensor.

Each term is one tensor autograd saves in the family's transformers 5 code, in bytes per token.
They were read off fake-tensor traces of the real modules with 2 and 3 layers (torch 2.13, peft
0.21, transformers 5.23) and reproduce those traces to the byte for Llama, Qwen2, Qwen3, Mistral,
Gemma 3 and Phi-2, and within 3 % for GPT-2, GPT-NeoX and Phi-3.
"""

from __future__ import annotations

from dataclasses import dataclass

from advisor.estimate.settings import EstimateSettings
from advisor.estimate.shapes import Linear, Shapes

HALF, SINGLE = 2, 4


@dataclass(frozen=True, slots=True)
class LayerBytes:
    """Bytes per token that one layer keeps, by what they are kept for."""

    norms: float
    attention: float
    scores: float
    mlp: float
    linear_inputs: float
    adapter_inputs: float
    mask: float

    @property
    def total(self) -> float:
        return (
            self.norms
            + self.attention
            + self.scores
            + self.mlp
            + self.linear_inputs
            + self.adapter_inputs
            + self.mask
        )


def has_mask(shapes: Shapes, settings: EstimateSettings) -> bool:
    """Whether attention gets a mask: padded rows, or a window shorter than the sequence."""
    window = shapes.family.masked_from
    return settings.masked or 0 < window <= settings.seq_len


def layer_bytes(shapes: Shapes, settings: EstimateSettings) -> LayerBytes:
    """What one layer keeps per token for this method, attention kernel and precision."""
    masked = has_mask(shapes, settings)
    eager = settings.attention == "eager" or shapes.family.eager_only
    full = settings.method == "full"
    attention, scores = _attention(shapes, settings, eager, masked)
    return LayerBytes(
        norms=_norms(shapes, full),
        attention=attention,
        scores=scores,
        mlp=float(shapes.family.mlp_saved_widths * HALF * shapes.inner),
        linear_inputs=_inputs_of_trained_linears(shapes, eager) if full else 0.0,
        adapter_inputs=0.0 if full else _adapter_inputs(shapes, settings, eager),
        # A padded batch turns its boolean mask into a half-precision bias in every layer.
        mask=HALF * settings.seq_len if masked and not eager else 0.0,
    )


def _norms(shapes: Shapes, full: bool) -> float:
    family, d = shapes.family, shapes.hidden
    count = family.norms_per_layer
    if family.norm == "layer":
        # Input in its own precision, mean and inverse deviation; a parallel block's two norms
        # read the same input.
        inputs = 1 if family.mlp[0] == "dense_h_to_4h" else count
        return inputs * HALF * d + count * 2 * HALF
    # RMS norms work in fp32 on a copy; training the weight keeps the normalised value as well,
    # which Gemma leaves in fp32.
    kept = SINGLE + (0 if not full else SINGLE if family.norm == "rms_fp32" else HALF)
    total = count * (kept * d + SINGLE)
    if family.qk_norm:
        total += kept * (shapes.q_width + shapes.kv_width)
        total += SINGLE * (shapes.heads + shapes.kv_heads)
    return float(total)


def _attention(
    shapes: Shapes, settings: EstimateSettings, eager: bool, masked: bool
) -> tuple[float, float]:
    q, kv, family = shapes.q_width, shapes.kv_width, shapes.family
    repeated = (eager or masked) and kv < q
    keys_values = 2 * HALF * (q if repeated else kv)
    if repeated and settings.loss == "full" and not settings.gradient_checkpointing:
        # A plain loop leaves the KV cache on: the unrepeated keys and values live in it.
        keys_values += 2 * HALF * kv
    dropped = HALF * shapes.hidden if family.residual_dropout else 0
    # Dropout masks are one byte on a GPU and as wide as the values on a CPU.
    widths = HALF * q + keys_values + 2 * (dropped / (HALF if settings.device == "cuda" else 1))
    if family.attention[0] == "query_key_value" and settings.autocast and settings.method != "full":
        widths += 2 * HALF * q  # the value view keeps the whole fused projection alive
    if eager:
        # Softmax in fp32 and its half-precision copy; GPT-2 keeps it in half precision and drops.
        per_score = 3 * HALF if family.residual_dropout else SINGLE + HALF
        return float(widths), float(per_score * shapes.heads * settings.seq_len)
    if family.residual_dropout and settings.device == "cpu":
        # With dropout the CPU has only the kernel that writes the scores out, in fp32.
        return widths + 10.0 * q, float(3 * SINGLE * shapes.heads * settings.seq_len)
    return widths + HALF * q + SINGLE * shapes.heads, 0.0


def _inputs_of_trained_linears(shapes: Shapes, eager: bool) -> float:
    """Inputs a trained linear layer needs for its weight gradient; shared ones counted once."""
    family = shapes.family
    into = 1 if family.norm_shared else 2
    copied = HALF * shapes.q_width if family.attention_output_copied or eager else 0
    return float(into * HALF * shapes.hidden + HALF * shapes.inner + copied)


def _adapter_inputs(shapes: Shapes, settings: EstimateSettings, eager: bool) -> float:
    """What LoRA keeps: its input in the adapter's precision, and its rank-wide middle.

    fp32 adapters cast their input, every target for itself (autocast casts the copy back to half
    precision and keeps that); bf16 adapters on a half-precision stream share what is there.
    """
    targets = shapes.targets(settings.targets)
    own_copy = settings.adapter_bytes == SINGLE or settings.dropout > 0
    width = HALF if settings.autocast or settings.adapter_bytes == HALF else SINGLE
    middle = width * settings.lora_rank * len(targets)
    dropout = 0.0
    if settings.dropout > 0:
        mask = 1 if settings.device == "cuda" else settings.adapter_bytes
        dropout = float(mask * sum(target.d_in for target in targets))
    if own_copy:
        return float(width * sum(target.d_in for target in targets) + middle) + dropout
    return float(_shared_inputs(shapes, targets, eager) + middle) + dropout


def _shared_inputs(shapes: Shapes, targets: tuple[Linear, ...], eager: bool) -> int:
    attention, mlp = shapes.attention_linears, shapes.mlp_linears
    family = shapes.family
    into_attention = any(t in attention[:-1] for t in targets)
    into_mlp = any(t in mlp[:-1] for t in targets)
    if family.norm_shared:
        kept = HALF * shapes.hidden if into_attention or into_mlp else 0
    else:
        kept = HALF * shapes.hidden * (int(into_attention) + int(into_mlp))
    if attention[-1] in targets and (family.attention_output_copied or eager):
        kept += HALF * shapes.q_width
    if mlp[-1] in targets:
        kept += HALF * shapes.inner
    return kept


def recompute_transient(shapes: Shapes, settings: EstimateSettings) -> float:
    """Bytes per token alive on top of one recomputed layer when its backward begins.

    The incoming gradient and the gradients inside the MLP: 4 bytes per inner unit, 6 where its
    activation is frozen, 9 where an fp32 adapter's cast is undone (traced).
    """
    inner = 6
    if settings.method != "full":
        last = shapes.mlp_linears[-1]
        if last in shapes.targets(settings.targets):
            inner = 4 if settings.adapter_bytes == HALF else 9
    return float(HALF * shapes.hidden + inner * shapes.inner)
