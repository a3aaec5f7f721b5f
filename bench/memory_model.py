"""Writes a model folder with random weights in bf16, as a user would have one, shard by shard."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

SHARD_BYTES = 2 * 2**30
SPECIAL = {"<pad>": 0, "<bos>": 1, "<eos>": 2, "<unk>": 3}
FIRST_WORD = len(SPECIAL)


def write_model(config: Mapping[str, Any], folder: Path, device: str = "cpu") -> dict[str, Any]:
    """Fill `folder`; never more than one shard of weights is in memory.

    Args:
        device: where the numbers are drawn; a GPU is faster for billions of them.

    Returns:
        The `config.json` as it was saved.
    """
    import torch
    from safetensors.torch import save_file
    from transformers import AutoConfig, AutoModelForCausalLM

    folder.mkdir(parents=True, exist_ok=True)
    made = AutoConfig.for_model(**config)
    made.dtype = "bfloat16"
    made.save_pretrained(str(folder))
    _tokenizer().save_pretrained(str(folder))
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(made, dtype=torch.bfloat16)
    torch.manual_seed(0)
    shards = list(_shards(model))
    weight_map = {}
    for at, names in enumerate(shards, 1):
        file = f"model-{at:05}-of-{len(shards):05}.safetensors"
        save_file(
            {name: _random(name, model.get_parameter(name).shape, device) for name in names},
            str(folder / file),
            metadata={"format": "pt"},
        )
        weight_map |= dict.fromkeys(names, file)
    if device == "cuda":
        torch.cuda.empty_cache()  # what is measured next in this process starts from nothing
    index = {"metadata": {}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    return dict(json.loads((folder / "config.json").read_text(encoding="utf-8")))


def _shards(model: Any) -> Iterator[list[str]]:
    """Parameter names in shards of at most 2 GiB; a tied head is stored once."""
    names: list[str] = []
    size = 0
    for name, parameter in model.named_parameters():
        nbytes = parameter.numel() * 2
        if names and size + nbytes > SHARD_BYTES:
            yield names
            names, size = [], 0
        names.append(name)
        size += nbytes
    yield names


def _random(name: str, shape: Any, device: str) -> Any:
    """Norms start at one as everywhere, all else small: losses and gradients stay finite."""
    import torch

    if len(shape) == 1 and not name.endswith("bias"):
        return torch.ones(shape, dtype=torch.bfloat16)
    drawn = torch.empty(shape, dtype=torch.bfloat16, device=device).normal_(0.0, 0.02)
    return drawn.cpu()


def _tokenizer() -> Any:
    """Four special tokens: rows are drawn as ids, no text is ever tokenised."""
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel(vocab=dict(SPECIAL), unk_token="<unk>")),
        pad_token="<pad>",
        bos_token="<bos>",
        eos_token="<eos>",
        unk_token="<unk>",
    )
