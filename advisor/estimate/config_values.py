"""What is wrong with the numbers of a `config.json`: no count, too large, or at odds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from advisor.errors import Fault

# Key, in the spelling of GPT-2 too → more than any model has: beyond it the file is damaged.
MOST: Mapping[str, int] = {
    **dict.fromkeys(("num_hidden_layers", "n_layer"), 10_000),
    **dict.fromkeys(("hidden_size", "n_embd"), 1_000_000),
    **dict.fromkeys(("num_attention_heads", "n_head", "num_key_value_heads"), 10_000),
    **dict.fromkeys(("intermediate_size", "n_inner"), 10_000_000),
    **dict.fromkeys(("max_position_embeddings", "n_positions"), 1_000_000_000),
    "head_dim": 100_000,
    "vocab_size": 100_000_000,
    "num_local_experts": 100_000,
}


def config_of(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The values that describe the text model: those of `text_config` over the file's own."""
    text = raw.get("text_config")
    return {**raw, **(text if isinstance(text, dict) else {})}


def value_faults(config: Mapping[str, Any]) -> list[Fault]:
    """Every value that is there and cannot be; a missing one is no fault of this kind."""
    return [*_counts(config), *_heads(config)]


def _counts(config: Mapping[str, Any]) -> Iterator[Fault]:
    for key, most in MOST.items():
        value = config.get(key)
        if value is not None and not _count(value, most):
            shown = f"{value!r}"[:40]
            yield Fault("config-value-wrong", key, (("value", shown), ("most", f"{most:,}")))


def _count(value: Any, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= most


def _heads(config: Mapping[str, Any]) -> Iterator[Fault]:
    width = config.get("hidden_size", config.get("n_embd"))
    heads = config.get("num_attention_heads", config.get("n_head"))
    shared = config.get("num_key_value_heads")
    if not (_count(width, MOST["hidden_size"]) and _count(heads, MOST["n_head"])):
        return
    if config.get("head_dim") is None and width % heads:
        values = (("what", width), ("by", heads))
        yield Fault("config-not-divisible", "num_attention_heads", values)
    if _count(shared, MOST["n_head"]) and heads % shared:
        values = (("what", heads), ("by", shared))
        yield Fault("config-not-divisible", "num_key_value_heads", values)
