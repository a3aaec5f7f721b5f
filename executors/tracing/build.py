"""Builds a model for a trace: real transformers and PEFT modules at a catalog model's shapes.

The modules are made on the meta device from a config written in code – nothing is read or
fetched – and their weights then replaced by fake ones.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from advisor.estimate.settings import EstimateSettings
from advisor.estimate.shapes import Shapes
from executors.tracing.ledger import Ledger

# How families spell the shapes that every other spells like Llama.
_SPELLED: Mapping[str, Mapping[str, str]] = {
    "gpt2": {
        "num_hidden_layers": "n_layer",
        "hidden_size": "n_embd",
        "num_attention_heads": "n_head",
        "intermediate_size": "n_inner",
        "max_position_embeddings": "n_positions",
    },
}
_NO_GROUPS = ("gpt2", "gpt_neox")
_NO_HEAD_DIM = (*_NO_GROUPS, "phi", "phi3")


def text_config(shapes: Shapes, layers: int) -> Any:
    """The transformers config of `shapes` with `layers` layers."""
    from transformers import AutoConfig

    kind = {"gemma3": "gemma3_text"}.get(shapes.model_type, shapes.model_type)
    values: dict[str, Any] = {
        "num_hidden_layers": layers,
        "hidden_size": shapes.hidden,
        "num_attention_heads": shapes.heads,
        "num_key_value_heads": shapes.kv_heads,
        "head_dim": shapes.head_dim,
        "intermediate_size": shapes.inner,
        "vocab_size": shapes.vocab,
        "max_position_embeddings": shapes.context,
        "tie_word_embeddings": shapes.tied,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
    }
    if kind in _NO_HEAD_DIM:
        del values["head_dim"]
    if kind in _NO_GROUPS:
        del values["num_key_value_heads"]
    if kind == "llama":
        values |= {"attention_bias": shapes.qkv_bias, "mlp_bias": shapes.mlp_bias}
    if kind == "qwen3":
        values["attention_bias"] = shapes.qkv_bias
    if kind == "gemma3_text":
        values["sliding_window"] = shapes.family.masked_from
    for name, own in _SPELLED.get(kind, {}).items():
        values[own] = values.pop(name)
    return AutoConfig.for_model(kind, **values)


def build(shapes: Shapes, settings: EstimateSettings, layers: int) -> nn.Module:
    """The model as okakae's recipe (or a plain PEFT loop) would train it, on the meta device.

    PEFT swaps modules in a way that fake tensors do not survive, so this comes first and
    `materialise` after it. Raises ValueError where transformers does not know the architecture
    as a causal language model.
    """
    from transformers import AutoModelForCausalLM

    dtype = torch.float32 if settings.weight_bytes == 4 else torch.bfloat16
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(
            text_config(shapes, layers), dtype=dtype, attn_implementation=settings.attention
        )
        if settings.method == "qlora":
            _quantise(model, settings.double_quant)
        if settings.method != "full":
            model = _adapt(model, shapes, settings)
    return model


def _adapt(model: Any, shapes: Shapes, settings: EstimateSettings) -> Any:
    from peft import LoraConfig, get_peft_model

    names = settings.targets
    model = get_peft_model(
        model,
        LoraConfig(
            r=settings.lora_rank,
            lora_dropout=settings.dropout,
            target_modules=names if names == "all-linear" else names.split(","),
            task_type="CAUSAL_LM",
        ),
    )
    for parameter in model.parameters():
        if parameter.requires_grad and settings.adapter_bytes == 2:
            # trl/trainer/sft_trainer.py: adapters of a quantised base are trained in bf16.
            parameter.data = parameter.data.to(torch.bfloat16)
    return model


def materialise(model: nn.Module, ledger: Ledger) -> None:
    """Replace every meta parameter and buffer by a fake tensor, keeping ties.

    Call it inside a FakeTensorMode.
    """
    made: dict[int, Any] = {}
    for module in model.modules():
        for name, parameter in list(module._parameters.items()):
            if parameter is None:
                continue
            if id(parameter) not in made:
                fresh = torch.empty(parameter.shape, dtype=parameter.dtype, device="cpu")
                ledger.hold(fresh, "weight")
                made[id(parameter)] = nn.Parameter(fresh, requires_grad=parameter.requires_grad)
                made[id(parameter)].__dict__.update(parameter.__dict__)
            module._parameters[name] = made[id(parameter)]
        for name, buffer in list(module._buffers.items()):
            if buffer is not None:
                module._buffers[name] = torch.empty(buffer.shape, dtype=buffer.dtype, device="cpu")
                ledger.hold(module._buffers[name], "buffer")


def _quantise(model: nn.Module, double_quant: bool) -> None:
    """Put stand-ins for bitsandbytes' layers where transformers would put these."""
    head = model.get_output_embeddings()  # type: ignore[operator]
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if child is not head and _is_linear(child):
                parent.add_module(name, _four_bit(child, double_quant))
    model.is_loaded_in_4bit = True  # type: ignore[assignment]
    model.is_quantized = True  # type: ignore[assignment]


def _is_linear(module: nn.Module) -> bool:
    from transformers.pytorch_utils import Conv1D

    return isinstance(module, nn.Linear | Conv1D)


def _four_bit(linear: Any, double_quant: bool) -> nn.Module:
    import bitsandbytes
    from transformers.pytorch_utils import Conv1D

    from executors.tracing.four_bit import matmul

    weight = linear.weight
    d_in, d_out = weight.shape if isinstance(linear, Conv1D) else reversed(weight.shape)

    class FourBit(bitsandbytes.nn.Linear4bit):  # type: ignore[misc]
        """A Linear4bit whose packed weight and constants are one block of bytes."""

        def __init__(self) -> None:
            nn.Module.__init__(self)
            self.in_features, self.out_features = d_in, d_out
            nbytes = d_in * d_out // 2 + _constants(d_in * d_out, double_quant)
            packed = nn.Parameter(torch.empty(nbytes, dtype=torch.uint8), requires_grad=False)
            packed.compress_statistics = double_quant  # type: ignore[attr-defined]
            packed.quant_type = "nf4"  # type: ignore[attr-defined]
            self.weight, self.bias = packed, copy.copy(linear.bias)
            if self.bias is not None:
                self.bias.requires_grad_(False)
            self.compute_dtype = torch.bfloat16

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            bias = self.bias
            if bias is not None:
                bias = bias.to(self.compute_dtype)
            wide = matmul(x.to(self.compute_dtype), self.weight, d_out, bias, double_quant)
            return wide.to(x.dtype)

    return FourBit()


def _constants(weights: int, double_quant: bool) -> int:
    blocks = -(-weights // 64)
    return blocks + 4 * -(-blocks // 256) if double_quant else 4 * blocks
