"""Checks a model folder before anything heavy touches it: what is missing, damaged or unsafe."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from advisor.errors import Forbidden, MachineError, OkakaeError, UsageError

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")
TOKENIZER_FILES = (
    "tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model",
    "tekken.json", "tokenizer_config.json",
)  # fmt: skip
DIGEST_BLOCKS = 64
DIGEST_BLOCK_BYTES = 65536
MAX_HEADER_BYTES = 100_000_000  # the safetensors format's own limit


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A folder that has passed the checks."""

    path: Path
    config: dict[str, Any]
    shards: tuple[Path, ...]
    pickled: bool
    licence: Path | None


def check_model_folder(path: Path, source: str, *, allow_pickled: bool = False) -> ModelFolder:
    """Look at a model folder without loading it.

    Args:
        path: the folder.
        source: the reference the user gave, for messages.
        allow_pickled: accept PyTorch pickles, which can run code when they are read.

    Raises:
        UsageError: no model, an adapter, or no causal language model.
        Forbidden: pickled weights, or code of its own that would have to run.
        MachineError: missing or damaged files, each by name.
    """
    config = _config(path, source)
    _refuse_own_code(config, source)
    shards = _shards(path, source)
    pickled = not shards
    if pickled:
        if not any(next(path.glob(pattern), None) for pattern in PICKLED):
            raise MachineError("model-weights-missing", where=str(path), model=source)
        if not allow_pickled:
            raise Forbidden("model-pickled", where=str(path), model=source)
    named = {} if (path / SINGLE).is_file() else _indexed(path, source)
    damaged = [shard.name for shard in shards if not _whole(shard, named.get(shard.name, ()))]
    if damaged:
        raise damaged_error(path, source, ", ".join(damaged))
    if not any((path / name).is_file() for name in TOKENIZER_FILES):
        raise MachineError("model-tokenizer-missing", where=str(path), model=source)
    return ModelFolder(path, config, shards, pickled, _licence(path))


def digest(folder: ModelFolder) -> str:
    """SHA-256 that tells two models apart without reading all their bytes.

    Over config and tokenizer files whole, and of each weight file its name, size, header (names,
    shapes, offsets) and 64 evenly spaced blocks of 64 KiB (small files whole). A model tuned from
    another differs in every block, so 4 MiB per shard are enough; it is no defence against
    someone who changes bytes between the blocks on purpose.
    """
    sha = hashlib.sha256()
    small = ("config.json", *TOKENIZER_FILES, "chat_template.jinja")
    for path in sorted(folder.path / name for name in small):
        if path.is_file():
            sha.update(f"{path.name}\0".encode() + path.read_bytes())
    weights = folder.shards or sorted(p for pattern in PICKLED for p in folder.path.glob(pattern))
    for path in weights:
        size = path.stat().st_size
        sha.update(f"{path.name}\0{size}\0".encode())
        with path.open("rb") as file:
            if size <= DIGEST_BLOCKS * DIGEST_BLOCK_BYTES:
                sha.update(file.read())
                continue
            if path.suffix == ".safetensors":
                sha.update(file.read(8 + struct.unpack("<Q", file.read(8))[0]))
            for block in range(DIGEST_BLOCKS):
                file.seek((size - DIGEST_BLOCK_BYTES) * block // (DIGEST_BLOCKS - 1))
                sha.update(file.read(DIGEST_BLOCK_BYTES))
    return sha.hexdigest()


def _config(path: Path, source: str) -> dict[str, Any]:
    file = path / "config.json"
    if not file.is_file():
        if (path / "adapter_config.json").is_file():
            raise UsageError("model-is-adapter", where=str(path), model=source)
        raise UsageError("model-no-config", where=str(path), model=source)
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError):
        config = None
    if not isinstance(config, dict):
        raise damaged_error(path, source, file.name)
    return config


def _refuse_own_code(config: dict[str, Any], source: str) -> None:
    if "auto_map" not in config:
        return
    from transformers import CONFIG_MAPPING

    # Some models name code of their own although transformers knows them; that one is then used.
    if config.get("model_type") not in CONFIG_MAPPING:
        raise Forbidden("model-own-code", model=source)


def _shards(path: Path, source: str) -> tuple[Path, ...]:
    """The safetensors files that transformers reads: a single one before those of an index."""
    single = path / SINGLE
    if single.is_file():
        return (single,)
    names = sorted(_indexed(path, source))
    missing = [name for name in names if not (path / name).is_file()]
    if missing:
        raise MachineError(
            "model-shards-missing",
            where=str(path),
            model=source,
            n=len(missing),
            total=len(names),
            files=", ".join(missing),
        )
    return tuple(path / name for name in names)


def _indexed(path: Path, source: str) -> dict[str, list[str]]:
    """Shard name → names of the tensors that the index says it holds; empty without an index."""
    index = path / INDEX
    if not index.is_file():
        return {}
    found: dict[str, list[str]] = {}
    try:
        weight_map = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        for tensor, shard in weight_map.items():
            found.setdefault(shard, []).append(tensor)
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, AttributeError, TypeError):
        raise damaged_error(path, source, index.name) from None
    return found


def damaged_error(path: Path, source: str, files: str) -> OkakaeError:
    """The error that names what in a model's folder is damaged: files, or tensors in them."""
    return MachineError("model-damaged", where=str(path), model=source, files=files)


def _whole(shard: Path, tensors: Iterable[str]) -> bool:
    """Whether a safetensors file has these tensors and is as long as its header says."""
    size = shard.stat().st_size
    with shard.open("rb") as file:
        start = file.read(8)
        if len(start) < 8:
            return False
        header_bytes = struct.unpack("<Q", start)[0]
        if header_bytes > min(size, MAX_HEADER_BYTES):
            return False
        try:
            header = json.loads(file.read(header_bytes))
            ends = [t["data_offsets"][1] for name, t in header.items() if name != "__metadata__"]
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            return False
    return header.keys() >= set(tensors) and bool(size == 8 + header_bytes + max(ends, default=0))


def _licence(path: Path) -> Path | None:
    names = ("LICENSE", "LICENCE", "COPYING", "USE_POLICY")
    found = [p for p in path.iterdir() if p.is_file() and p.name.upper().startswith(names)]
    return min(found, default=None)
