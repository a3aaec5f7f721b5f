"""A contrastive step of a sentence encoder, fake or real: as sentence-transformers takes it.

Two texts an example, a pass for each, the mean over tokens, the pairs' cosines against labels.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import torch

from advisor.estimate.settings import EstimateSettings
from advisor.estimate.shapes import Shapes
from executors.tracing.ledger import Ledger

STEPS = 2
_SPELLED = {"hidden": "hidden_size", "heads": "num_attention_heads", "inner": "intermediate_size"}


def encoder_config(shapes: Shapes, layers: int) -> Any:
    """The transformers config of a sentence encoder's `shapes` with `layers` layers."""
    from transformers import AutoConfig

    values = {spelled: getattr(shapes, name) for name, spelled in _SPELLED.items()}
    return AutoConfig.for_model(
        shapes.model_type,
        **values,
        num_hidden_layers=layers,
        vocab_size=shapes.vocab,
        max_position_embeddings=shapes.context + shapes.family.positions_offset,
        type_vocab_size=shapes.family.token_types,
        pad_token_id=1 if shapes.family.positions_offset else 0,
    )


def build_encoder(shapes: Shapes, settings: EstimateSettings, layers: int) -> Any:
    """The encoder on the meta device, in fp32, as it is loaded: pooler included."""
    from transformers import AutoModel

    with torch.device("meta"):
        return AutoModel.from_config(
            encoder_config(shapes, layers),
            dtype=torch.float32,
            attn_implementation=settings.attention,
        )


def pairs_of(settings: EstimateSettings) -> list[dict[str, torch.Tensor]]:
    """One batch: token ids and masks of the first texts and of the second."""
    size = (settings.batch_size, settings.seq_len)
    names = ("input_ids", "attention_mask")
    return [{name: torch.ones(size, dtype=torch.long) for name in names} for _ in range(2)]


def contrastive_loss(model: Any, pairs: list[dict[str, torch.Tensor]]) -> torch.Tensor:
    """CosineSimilarityLoss over means; states stay in the batch, where later modules read them."""
    vectors = []
    for features in pairs:
        texts = {name: features[name] for name in ("input_ids", "attention_mask")}
        features["token_embeddings"] = model(**texts).last_hidden_state
        vectors.append(_mean(features["token_embeddings"], features["attention_mask"]))
    cosines = torch.cosine_similarity(*vectors)
    return torch.nn.functional.mse_loss(cosines, torch.ones_like(cosines))


def _mean(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    # sentence_transformers/sentence_transformer/modules/pooling.py, 6.2: mean
    wide = mask.unsqueeze(-1).expand(states.size()).to(states.dtype)
    total = torch.sum(states * wide, 1)
    return total / torch.clamp(wide.sum(1), min=1e-9)


def optimizer_of(model: Any, settings: EstimateSettings) -> torch.optim.Optimizer:
    """AdamW over all weights; the pooler has no gradient and so no states."""
    return torch.optim.AdamW(model.parameters(), lr=2e-5, foreach=settings.device == "cuda")


def trace_steps(model: Any, settings: EstimateSettings, ledger: Ledger) -> None:
    """Two steps, the second counted in `ledger`: the first makes the optimiser's states."""
    model.train()
    if settings.gradient_checkpointing:
        model.activation_checkpointing_enable({"use_reentrant": False})
    optimizer = optimizer_of(model, settings)
    for step in range(STEPS):
        last = step == STEPS - 1
        pairs = pairs_of(settings)
        with ledger.phase("forward") if last else nullcontext():
            loss = contrastive_loss(model, pairs)
        with ledger.phase("backward") if last else nullcontext():
            loss.backward()
        del loss, pairs
        with ledger.phase("optimizer") if last else nullcontext():
            optimizer.step()
        optimizer.zero_grad(set_to_none=True)
