"""The shapes a model is built from: read from the catalog or a config.json, parameters counted."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from advisor.errors import Fault, UsageError
from advisor.estimate.config_values import config_of, value_faults
from advisor.estimate.families import FAMILIES, SAME_AS, Family, family_of
from knowledge.catalog.loader import did_you_mean, find_embedder, find_model, load
from knowledge.catalog.records import Embedder, Model

# A config's name for a shape, by the spelling of GPT-2 and of everybody else.
CONFIG_KEYS: Mapping[str, tuple[str, ...]] = {
    "layers": ("num_hidden_layers", "n_layer"),
    "hidden": ("hidden_size", "n_embd"),
    "heads": ("num_attention_heads", "n_head"),
    "vocab": ("vocab_size",),
    "context": ("max_position_embeddings", "n_positions"),
}


@dataclass(frozen=True, slots=True)
class Linear:
    """One linear layer of a decoder block."""

    name: str
    d_in: int
    d_out: int
    bias: bool = False

    @property
    def weights(self) -> int:
        return self.d_in * self.d_out


@dataclass(frozen=True, slots=True)
class Shapes:
    """Everything the closed forms need to know about a model."""

    id: str
    model_type: str
    family: Family
    counted: bool
    """False for an architecture whose layers nobody counted: sizes are then those of a plain
    decoder of the same dimensions, scaled to the published number of parameters."""
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    inner: int
    vocab: int
    context: int
    tied: bool
    params: int
    qkv_bias: bool
    out_bias: bool
    mlp_bias: bool

    @property
    def traced(self) -> bool:
        """Whether the closed forms were checked against traces of this architecture."""
        return self.counted and self.family.traced

    @property
    def family_name(self) -> str:
        return SAME_AS.get(self.model_type, self.model_type)

    @property
    def q_width(self) -> int:
        return self.heads * self.head_dim

    @property
    def kv_width(self) -> int:
        return self.kv_heads * self.head_dim

    @property
    def attention_linears(self) -> tuple[Linear, ...]:
        """The projections into attention and, last, the one out of it."""
        return _linears(self)[0]

    @property
    def mlp_linears(self) -> tuple[Linear, ...]:
        """The projections into the MLP and, last, the one out of it."""
        return _linears(self)[1]

    @property
    def linears(self) -> tuple[Linear, ...]:
        attention, mlp = _linears(self)
        return attention + mlp

    @property
    def linear_weights(self) -> int:
        """Weights of all decoder linear layers: what NF4 quantises."""
        if self.counted:
            return self.layers * sum(linear.weights for linear in self.linears)
        # Whatever is no embedding of an uncounted model is taken to lie in linear layers.
        return max(0, self.params - self.embedding_params)

    @property
    def embedding_params(self) -> int:
        """Input embeddings, learned positions and, where it is not tied, the head."""
        family = self.family
        rows = self.vocab * (1 if self.tied or family.encoder else 2) + family.token_types
        if family.learned_positions:
            rows += self.context + family.positions_offset
        return rows * self.hidden + (self.vocab if family.head_bias else 0)

    @property
    def pooler_params(self) -> int:
        """An encoder's layer behind its first token: loaded, but idle where a mean is taken."""
        return self.hidden * (self.hidden + 1) if self.family.encoder else 0

    def targets(self, wanted: str) -> tuple[Linear, ...]:
        """The linear layers a LoRA adapter sits on; raises UsageError naming unknown ones."""
        if wanted == "all-linear":
            return self.linears
        names = [name.strip() for name in wanted.split(",") if name.strip()]
        known = {linear.name for linear in self.linears}
        faults = tuple(
            Fault("target-unknown", name, (("known", ", ".join(sorted(known))),))
            for name in names
            if name not in known
        )
        if faults or not names:
            raise UsageError("targets-wrong", faults=faults, known=", ".join(sorted(known)))
        return tuple(linear for linear in self.linears if linear.name in names)


@functools.cache
def _linears(shapes: Shapes) -> tuple[tuple[Linear, ...], tuple[Linear, ...]]:
    """The linear layers of attention and of the MLP, the one leading out last in each."""
    family, d, q, kv = shapes.family, shapes.hidden, shapes.q_width, shapes.kv_width
    if len(family.attention) == 4:
        widths: tuple[int, ...] = (q, kv, kv)
    else:
        widths = (q + 2 * kv,)
    attention = [
        Linear(name, d, width, shapes.qkv_bias)
        for name, width in zip(family.attention[:-1], widths, strict=True)
    ]
    attention.append(Linear(family.attention[-1], q, d, shapes.out_bias))
    fused = family.gated and len(family.mlp) == 2
    width = 2 * shapes.inner if fused else shapes.inner
    mlp = [Linear(name, d, width, shapes.mlp_bias) for name in family.mlp[:-1]]
    mlp.append(Linear(family.mlp[-1], shapes.inner, d, shapes.mlp_bias))
    return tuple(attention), tuple(mlp)


def count_params(shapes: Shapes) -> int:
    """Trainable parameters of the architecture, a tied head counted once."""
    family, d = shapes.family, shapes.hidden
    per_layer = sum(
        linear.weights + (linear.d_out if linear.bias else 0) for linear in shapes.linears
    )
    norm = 2 * d if family.norm == "layer" else d
    per_layer += family.norms_per_layer * norm + (2 * shapes.head_dim if family.qk_norm else 0)
    outside = norm + shapes.embedding_params + shapes.pooler_params
    return shapes.layers * per_layer + outside


def find_shapes(ref: str) -> Shapes:
    """The shapes of a catalog id, of a `config.json`, or of the folder that holds one.

    Raises:
        UsageError: nobody knows such a model (with the nearest ids), or the config lacks keys.
    """
    model = find_model(ref)
    if model is not None:
        return of_model(model)
    embedder = find_embedder(ref)
    if embedder is not None:
        return of_embedder(embedder)
    path = Path(ref)
    if path.is_dir():
        path = path / "config.json"
    if path.suffix == ".json" or path.is_file():
        return of_config(path)
    near = did_you_mean(ref, [*load("models"), *load("embedders")])
    raise UsageError(
        "estimate-model-unknown", where="--model", model=ref, near=", ".join(near) or "-"
    )


@functools.lru_cache(maxsize=256)
def of_model(model: Model) -> Shapes:
    """The shapes of a catalog record; its own parameter count wins for uncounted families."""
    family = family_of(model.architecture)
    counted = family is not None and model.plain_transformer and not model.num_local_experts
    tied = model.tied_embeddings
    return _finished(
        id=model.id,
        model_type=model.architecture,
        counted=counted,
        layers=model.num_hidden_layers,
        hidden=model.hidden_size,
        heads=model.num_attention_heads,
        kv_heads=model.num_key_value_heads,
        head_dim=model.head_dim,
        inner=model.intermediate_size,
        vocab=model.vocab_size,
        context=model.max_context,
        # Nobody says whether newer small models tie their head; all sizes below 6B of these
        # makers do so far, and untied is the larger estimate: choose the larger.
        tied=bool(tied) if tied is not None else False,
        params=model.params,
    )


def of_embedder(embedder: Embedder) -> Shapes:
    """The shapes of a sentence encoder of the catalog.

    Raises:
        UsageError: the catalog does not hold its shapes; those it holds are named.
    """
    family = family_of(embedder.architecture)
    found = {
        "layers": embedder.num_hidden_layers,
        "heads": embedder.num_attention_heads,
        "inner": embedder.intermediate_size,
        "vocab": embedder.vocab_size,
        "context": embedder.max_position_embeddings,
    }
    numbers: dict[str, Any] = {name: value for name, value in found.items() if value}
    if family is None or len(numbers) < len(found):
        known = ", ".join(id_ for id_, one in load("embedders").items() if one.architecture)
        raise UsageError("embedder-without-shapes", where="--model", model=embedder.id, known=known)
    numbers["context"] -= family.positions_offset
    return _finished(
        id=embedder.id,
        model_type=embedder.architecture,
        counted=True,
        hidden=embedder.dimension,
        kv_heads=numbers["heads"],
        head_dim=embedder.dimension // numbers["heads"],
        tied=True,
        params=0,
        **numbers,
    )


def of_config(path: Path) -> Shapes:
    """The shapes a Hugging Face `config.json` describes.

    Raises:
        UsageError: no such file, not JSON, or keys are missing (all of them named).
    """
    try:
        raw: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError("file-missing", where=str(path), path=str(path)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError("file-unreadable", where=str(path), path=str(path), why=error) from None
    except json.JSONDecodeError as error:
        where = f"{path}:{error.lineno}"
        raise UsageError("file-not-json", where=where, path=str(path), why=error.msg) from None
    if not isinstance(raw, dict):
        raise UsageError("config-wrong", where=str(path), path=str(path), keys="model_type")
    config: Mapping[str, Any] = config_of(raw)
    wrong = value_faults(config)
    found = {name: _first(config, keys) for name, keys in CONFIG_KEYS.items()}
    told = {fault.where for fault in wrong}
    missing = [
        " | ".join(keys)
        for name, keys in CONFIG_KEYS.items()
        if found[name] is None and not told & set(keys)
    ]
    model_type = str(config.get("model_type") or "")
    inner = _first(config, ("intermediate_size", "n_inner"))
    if inner is None and model_type == "gpt2" and found["hidden"]:
        inner = 4 * found["hidden"]
    if inner is None and not told & {"intermediate_size", "n_inner"}:
        missing.append("intermediate_size | n_inner")
    if not model_type:
        missing.append("model_type")
    if missing or wrong:
        faults = (*(Fault("config-key-missing", key) for key in missing), *wrong)
        keys = ", ".join(fault.where for fault in faults)
        raise UsageError("config-wrong", where=str(path), faults=faults, path=str(path), keys=keys)
    numbers = {name: int(value) for name, value in found.items() if value is not None}
    family = family_of(model_type)
    if family is not None:
        numbers["context"] = max(1, numbers["context"] - family.positions_offset)
    kv = numbers["heads"] if family is not None and family.heads_equal else None
    return _finished(
        id=str(path),
        model_type=model_type,
        counted=family is not None and not config.get("num_local_experts"),
        **numbers,
        kv_heads=int(kv or config.get("num_key_value_heads") or numbers["heads"]),
        head_dim=int(config.get("head_dim") or numbers["hidden"] // numbers["heads"]),
        inner=int(inner or 0),
        tied=bool(_tie(config, family)),
        params=0,
        attention_bias=config.get("attention_bias"),
        mlp_bias=config.get("mlp_bias"),
    )


def _tie(config: Mapping[str, Any], family: Family | None) -> bool:
    value = config.get("tie_word_embeddings")
    return bool(value) if value is not None else bool(family and family.tied_by_default)


def _first(config: Mapping[str, Any], keys: tuple[str, ...]) -> int | None:
    for key in keys:
        value = config.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return None


def _finished(
    *,
    model_type: str,
    counted: bool,
    params: int,
    attention_bias: bool | None = None,
    mlp_bias: bool | None = None,
    **given: Any,
) -> Shapes:
    family = family_of(model_type) or FAMILIES["llama"]
    biased = attention_bias is True and model_type in ("llama", "mistral", "qwen3")
    shapes = Shapes(
        model_type=model_type,
        family=family,
        counted=counted,
        params=params,
        qkv_bias=family.qkv_bias or biased,
        out_bias=family.out_bias or biased,
        mlp_bias=family.mlp_bias or (mlp_bias is True and model_type == "llama"),
        **given,
    )
    if counted or not params:
        return replace(shapes, params=count_params(shapes))
    return shapes
