"""Which training set-ups are measured, and what the estimator is asked about each of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from advisor.estimate import EstimateSettings
from advisor.estimate.families import SAME_AS
from knowledge.catalog.loader import load
from knowledge.catalog.records import Model


@dataclass(frozen=True, slots=True)
class Setup:
    """One training run of okakae's recipe: a model's shape and the settings that cost memory."""

    name: str
    shape: str
    """A key of SHAPES, or the catalog id of a real model; its weights are random here."""
    method: str
    gradient_checkpointing: bool
    batch_size: int
    seq_len: int
    attention: str = "sdpa"
    padded: bool = False
    """Rows of a batch differ in length by one token each, the longest has `seq_len`."""
    lora_rank: int = 16
    targets: str = "all-linear"
    optimizer: str = "auto"
    device: str = "cpu"
    part: str = ""
    """`fit` or `held out` where constants may be fitted on the rows."""
    cap_gib: float | None = None
    """CUDA: the card is made this small."""

    @property
    def config(self) -> dict[str, Any]:
        """What `AutoConfig.for_model` takes, `model_type` included."""
        made = SHAPES | SMOKE
        return made[self.shape] if self.shape in made else config_of(load("models")[self.shape])

    @property
    def family(self) -> str:
        kind = str(self.config["model_type"])
        return SAME_AS.get(kind, kind)


def setup_of(document: Mapping[str, Any]) -> Setup:
    """The set-up of a stored row; fields that are results are passed over."""
    known = {field.name for field in fields(Setup)}
    return Setup(**{name: value for name, value in document.items() if name in known})


def as_document(setup: Setup) -> dict[str, Any]:
    return {name: value for name, value in asdict(setup).items() if value not in ("", None)}


def settings_of(setup: Setup, model: str) -> EstimateSettings:
    """What `okakae estimate` is asked: exactly the measured set-up, nothing learned from it.

    Args:
        model: a catalog id or the path of the `config.json` that the model was built from.
    """
    return EstimateSettings(
        model=model,
        method=setup.method,  # type: ignore[arg-type]
        seq_len=setup.seq_len,
        batch_size=setup.batch_size,
        grad_accum=1,
        lora_rank=setup.lora_rank,
        targets=setup.targets,
        gradient_checkpointing=setup.gradient_checkpointing,
        optimizer=setup.optimizer,
        attention=setup.attention,
        device=setup.device,
        padded=setup.padded,
    )


def write_config(config: Mapping[str, Any], folder: Path) -> Path:
    """The `config.json` a stored row describes, as a user would hand it to `--model`."""
    path = folder / "config.json"
    path.write_text(json.dumps(dict(config), indent=1), encoding="utf-8")
    return path


# Scaled-down shapes (4 to 8 layers, 256 to 768 wide), one of each way of building a decoder:
# grouped and full attention heads, tied and untied heads, gated and plain MLPs, vocabularies of
# 32k to 262k.
SHAPES: dict[str, dict[str, Any]] = {
    "llama-32k": {
        "model_type": "llama",
        "vocab_size": 32000,
        "hidden_size": 512,
        "intermediate_size": 1376,
        "num_hidden_layers": 8,
        "num_attention_heads": 8,
        "num_key_value_heads": 8,
        "tie_word_embeddings": False,
    },
    "llama-128k": {
        "model_type": "llama",
        "vocab_size": 128256,
        "hidden_size": 384,
        "intermediate_size": 1536,
        "num_hidden_layers": 6,
        "num_attention_heads": 6,
        "num_key_value_heads": 2,
        "tie_word_embeddings": True,
    },
    "mistral-32k": {
        "model_type": "mistral",
        "vocab_size": 32768,
        "hidden_size": 512,
        "intermediate_size": 1792,
        "num_hidden_layers": 6,
        "num_attention_heads": 8,
        "num_key_value_heads": 2,
        "head_dim": 64,
        "tie_word_embeddings": False,
    },
    "qwen2-152k": {
        "model_type": "qwen2",
        "vocab_size": 151936,
        "hidden_size": 384,
        "intermediate_size": 1920,
        "num_hidden_layers": 5,
        "num_attention_heads": 6,
        "num_key_value_heads": 1,
        "tie_word_embeddings": True,
    },
    "qwen3-152k": {
        "model_type": "qwen3",
        "vocab_size": 151936,
        "hidden_size": 320,
        "intermediate_size": 960,
        "num_hidden_layers": 6,
        "num_attention_heads": 6,
        "num_key_value_heads": 2,
        "head_dim": 128,
        "tie_word_embeddings": True,
    },
    "gemma3-262k": {
        "model_type": "gemma3_text",
        "vocab_size": 262144,
        "hidden_size": 256,
        "intermediate_size": 1024,
        "num_hidden_layers": 6,
        "num_attention_heads": 4,
        "num_key_value_heads": 1,
        "head_dim": 128,
        "sliding_window": 512,
        "tie_word_embeddings": True,
    },
    "phi-51k": {
        "model_type": "phi",
        "vocab_size": 51200,
        "hidden_size": 512,
        "intermediate_size": 2048,
        "num_hidden_layers": 6,
        "num_attention_heads": 8,
        "num_key_value_heads": 8,
        "partial_rotary_factor": 0.5,
        "tie_word_embeddings": False,
    },
    "phi3-100k": {
        "model_type": "phi3",
        "vocab_size": 100352,
        "hidden_size": 384,
        "intermediate_size": 1344,
        "num_hidden_layers": 6,
        "num_attention_heads": 6,
        "num_key_value_heads": 2,
        "pad_token_id": 0,
        "eos_token_id": 2,
        "tie_word_embeddings": False,
    },
    "gpt2-50k": {
        "model_type": "gpt2",
        "vocab_size": 50257,
        "n_embd": 768,
        "n_layer": 4,
        "n_head": 12,
        "n_positions": 2048,
        "bos_token_id": 1,
        "eos_token_id": 2,
    },
    "gpt-neox-50k": {
        "model_type": "gpt_neox",
        "vocab_size": 50432,
        "hidden_size": 512,
        "intermediate_size": 2048,
        "num_hidden_layers": 6,
        "num_attention_heads": 8,
        "max_position_embeddings": 2048,
        "tie_word_embeddings": False,
    },
}
# Small enough to see in half a minute that everything works before a GPU is hired.
SMOKE: dict[str, dict[str, Any]] = {
    "smoke": {
        "model_type": "llama",
        "vocab_size": 1024,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "tie_word_embeddings": True,
    },
}
# Six set-ups a shape: every method with and without checkpointing, each with its own batch and
# length, so that tokens, rows and length all vary within a method.
GRID: tuple[dict[str, Any], ...] = (
    {"method": "full", "gradient_checkpointing": True, "batch_size": 2, "seq_len": 384},
    {"method": "full", "gradient_checkpointing": False, "batch_size": 1, "seq_len": 512},
    {"method": "lora", "gradient_checkpointing": True, "batch_size": 4, "seq_len": 256},
    {"method": "lora", "gradient_checkpointing": False, "batch_size": 3, "seq_len": 192},
    {"method": "qlora", "gradient_checkpointing": True, "batch_size": 1, "seq_len": 1024},
    {"method": "qlora", "gradient_checkpointing": False, "batch_size": 2, "seq_len": 320},
)
# What the grid leaves out, each once: eager scores, equal rows, few targets, other ranks and
# optimisers.
SINGLES: tuple[dict[str, Any], ...] = (
    {
        "shape": "llama-32k",
        "method": "lora",
        "gradient_checkpointing": False,
        "batch_size": 2,
        "seq_len": 512,
        "attention": "eager",
    },
    {
        "shape": "qwen3-152k",
        "method": "full",
        "gradient_checkpointing": True,
        "batch_size": 1,
        "seq_len": 768,
        "attention": "eager",
    },
    {
        "shape": "mistral-32k",
        "method": "qlora",
        "gradient_checkpointing": False,
        "batch_size": 1,
        "seq_len": 512,
        "attention": "eager",
    },
    {
        "shape": "mistral-32k",
        "method": "lora",
        "gradient_checkpointing": False,
        "batch_size": 4,
        "seq_len": 256,
        "padded": False,
    },
    {
        "shape": "llama-128k",
        "method": "full",
        "gradient_checkpointing": False,
        "batch_size": 4,
        "seq_len": 192,
        "padded": False,
    },
    {
        "shape": "llama-32k",
        "method": "lora",
        "gradient_checkpointing": False,
        "batch_size": 4,
        "seq_len": 256,
        "targets": "q_proj,v_proj",
        "lora_rank": 64,
    },
    {
        "shape": "gemma3-262k",
        "method": "qlora",
        "gradient_checkpointing": True,
        "batch_size": 2,
        "seq_len": 512,
        "lora_rank": 64,
    },
    {
        "shape": "qwen2-152k",
        "method": "full",
        "gradient_checkpointing": True,
        "batch_size": 1,
        "seq_len": 256,
        "optimizer": "sgd",
    },
)


def cpu_setups() -> list[Setup]:
    """The sweep that runs on any machine: ten shapes of nine families, three methods."""
    given = [(shape, settings) for shape in SHAPES for settings in GRID]
    given += [
        (single["shape"], {name: value for name, value in single.items() if name != "shape"})
        for single in SINGLES
    ]
    return [named(shape, settings) for shape, settings in given]


def named(shape: str, settings: Mapping[str, Any]) -> Setup:
    """A set-up under the name that tells it from every other; its rows differ in length."""
    rows = {"padded": settings["batch_size"] > 1, **settings}
    setup = Setup(name="", shape=shape, **rows)
    return replace(setup, name=name_of(setup))


def name_of(setup: Setup) -> str:
    """By this a finished row is known."""
    parts = [
        setup.shape,
        setup.method,
        "checkpointed" if setup.gradient_checkpointing else "plain",
        f"{setup.batch_size}x{setup.seq_len}",
        "eager" if setup.attention == "eager" else "",
        "equal-rows" if setup.batch_size > 1 and not setup.padded else "",
        f"r{setup.lora_rank}" if setup.method != "full" and setup.lora_rank != 16 else "",
        setup.targets if setup.targets != "all-linear" else "",
        setup.optimizer if setup.optimizer != "auto" else "",
        "" if setup.cap_gib is None else f"cap-{setup.cap_gib:g}",
    ]
    return " ".join(part for part in parts if part)


# How a configuration spells a catalog record's shape; GPT-2 has its own names.
SPELLED = {
    "num_hidden_layers": "num_hidden_layers",
    "hidden_size": "hidden_size",
    "num_attention_heads": "num_attention_heads",
    "num_key_value_heads": "num_key_value_heads",
    "head_dim": "head_dim",
    "intermediate_size": "intermediate_size",
    "vocab_size": "vocab_size",
    "max_context": "max_position_embeddings",
}
GPT2_SPELLED = {
    "num_hidden_layers": "n_layer",
    "hidden_size": "n_embd",
    "num_attention_heads": "n_head",
    "intermediate_size": "n_inner",
    "vocab_size": "vocab_size",
    "max_context": "n_positions",
}


def config_of(model: Model) -> dict[str, Any]:
    """The configuration of a catalog model: its real shape, to be filled with random weights."""
    kind = "gemma3_text" if model.architecture == "gemma3" else model.architecture
    spelled = GPT2_SPELLED if kind == "gpt2" else SPELLED
    config = {theirs: getattr(model, ours) for ours, theirs in spelled.items()}
    config["model_type"] = kind
    if model.tied_embeddings is not None:
        config["tie_word_embeddings"] = model.tied_embeddings
    if model.sliding_window:
        config["sliding_window"] = model.sliding_window
    # The worker's tokenizer begins and ends texts with these, whatever the vocabulary's size.
    return {**config, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
