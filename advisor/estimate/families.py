"""How each model family is built: its linear layers, norms, biases and ties, one record a family.

Read from the family's modelling code in transformers 5; the parameter counts of every catalog
model of these families come out exactly (tests), which is the proof.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

ATTENTION_SPLIT = ("q_proj", "k_proj", "v_proj", "o_proj")
MLP_GATED = ("gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True, slots=True)
class Family:
    """One way of building a decoder layer.

    `attention` and `mlp` name the linear layers in order: projections into attention, the one
    out of it; those into the MLP, the one out of it. A fused projection is one name.
    """

    attention: tuple[str, ...] = ATTENTION_SPLIT
    mlp: tuple[str, ...] = MLP_GATED
    gated: bool = True
    norm: Literal["rms", "rms_fp32", "layer"] = "rms"
    """`rms_fp32` (Gemma) multiplies by its weight in fp32, `rms` after the cast back."""
    norms_per_layer: int = 2
    parallel_norms: bool = False
    """Attention and MLP read the layer's input through norms of their own (GPT-NeoX)."""
    norm_shared: bool = False
    """Attention and MLP read the same norm's output (parallel residual, Phi-1/2)."""
    qk_norm: bool = False
    qkv_bias: bool = False
    out_bias: bool = False
    mlp_bias: bool = False
    head_bias: bool = False
    learned_positions: bool = False
    tied_by_default: bool = False
    heads_equal: bool = False
    """No grouped-query attention in this family: k and v are as wide as q."""
    fused: Literal["", "split", "slice"] = ""
    """How fused projections are taken apart; slicing costs a whole gradient for each part."""
    softmax_in_half: bool = False
    """Eager attention leaves the precision of its softmax to autocast (GPT-2)."""
    heads_first: bool = False
    """Rotated queries and keys are put together anew, each head's rows side by side."""
    gelu_in_python: bool = False
    """The activation is written out operator by operator (`gelu_new`)."""
    attention_output_copied: bool = False
    """The input of the projection out of attention is a copy, not the kernel's own output."""
    eager_only: bool = False
    """Has no SDPA path (soft-capped attention scores)."""
    softcap: bool = False
    """Attention scores and logits pass through a scaled tanh."""
    masked_from: int = 0
    """Sequences of this length have a mask even without padding (sliding windows); 0: never."""
    traced: bool = True
    """Traces of the real modules agree with the closed forms (tests/executors/tracing)."""
    partial_rotary: float = 0.0
    """Share of each head's columns that are rotated; 0: all of them."""
    window: int = 0
    """Tokens that layers with a window look back at, at most (the family's largest); 0: all."""
    unmasked_every: int = 0
    """Every so many layers look at the whole sequence and need no mask for the window."""
    encoder: bool = False
    """Reads a whole text at once and turns it into a vector: norms behind the sums, no head."""
    token_types: int = 0
    """Rows of the table of segments that encoders add to the words."""
    positions_offset: int = 0
    """Rows of the table of positions that no token takes (RoBERTa starts counting at 2)."""
    residual_dropout: bool = False
    """Dropout inside the layers is on by default (GPT-2's published configurations)."""


_BERT = Family(
    attention=("query", "key", "value", "attention.output"),
    mlp=("intermediate", "output"),
    gated=False,
    norm="layer",
    qkv_bias=True,
    out_bias=True,
    mlp_bias=True,
    learned_positions=True,
    tied_by_default=True,
    heads_equal=True,
    residual_dropout=True,
    softmax_in_half=True,
    encoder=True,
    token_types=2,
)

FAMILIES: Mapping[str, Family] = {
    "llama": Family(),
    "mistral": Family(),
    "qwen2": Family(qkv_bias=True),
    "qwen3": Family(qk_norm=True),
    "phi3": Family(
        attention=("qkv_proj", "o_proj"),
        mlp=("gate_up_proj", "down_proj"),
        fused="slice",
        heads_first=True,
        partial_rotary=1.0,
        attention_output_copied=True,
    ),
    "gemma": Family(norm="rms_fp32", tied_by_default=True),
    "gemma2": Family(
        norm="rms_fp32", norms_per_layer=4, tied_by_default=True, eager_only=True, softcap=True
    ),
    "gemma3": Family(
        norm="rms_fp32",
        norms_per_layer=4,
        qk_norm=True,
        tied_by_default=True,
        masked_from=512,
        window=1024,
        unmasked_every=6,
    ),
    "phi": Family(
        attention=("q_proj", "k_proj", "v_proj", "dense"),
        mlp=("fc1", "fc2"),
        gated=False,
        norm="layer",
        norms_per_layer=1,
        norm_shared=True,
        qkv_bias=True,
        out_bias=True,
        mlp_bias=True,
        head_bias=True,
        attention_output_copied=True,
        heads_first=True,
        partial_rotary=0.5,
        gelu_in_python=True,
    ),
    "gpt2": Family(
        attention=("c_attn", "c_proj"),
        mlp=("c_fc", "c_proj"),
        gated=False,
        norm="layer",
        qkv_bias=True,
        out_bias=True,
        mlp_bias=True,
        learned_positions=True,
        tied_by_default=True,
        heads_equal=True,
        residual_dropout=True,
        softmax_in_half=True,
        fused="split",
        gelu_in_python=True,
    ),
    "gpt_neox": Family(
        attention=("query_key_value", "dense"),
        mlp=("dense_h_to_4h", "dense_4h_to_h"),
        gated=False,
        norm="layer",
        qkv_bias=True,
        out_bias=True,
        mlp_bias=True,
        heads_equal=True,
        attention_output_copied=True,
        fused="split",
        heads_first=True,
        partial_rotary=0.25,
        parallel_norms=True,
    ),
    "bert": _BERT,
    "xlm-roberta": replace(_BERT, token_types=1, positions_offset=2),
}

# The same layer under another name (text towers, and models that only changed their defaults).
SAME_AS: Mapping[str, str] = {
    "gemma3_text": "gemma3",
    "ministral": "mistral",
    "roberta": "xlm-roberta",
}


def family_of(model_type: str) -> Family | None:
    """The family of a `model_type`; None for an architecture nobody has counted."""
    return FAMILIES.get(SAME_AS.get(model_type, model_type))
