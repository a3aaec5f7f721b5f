"""Any sentence-transformers model, with the prefixes the catalog or the model itself names."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from executors.rag.embedding.batches import run_batches
from executors.rag.embedding.known import record
from executors.rag.embedding.protocol import clipped, unit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_GPU_BATCH = 128
_MARKS = 2
"""Tokens the model sets before and behind a text."""


class SentenceTransformerEmbedder:
    """A model of a folder or a hub; on a processor its passages fill all cores without padding."""

    def __init__(self, id_: str, *, local: bool) -> None:
        import torch
        from sentence_transformers import SentenceTransformer

        self.id = id_
        path = Path(id_).expanduser()
        name = str(path) if path.is_dir() else id_
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model = SentenceTransformer(name, device=self._device, local_files_only=local)
        self._model.eval()
        self.dimension = int(self._model.get_embedding_dimension() or 0)
        self.max_tokens = int(self._model.max_seq_length or 512) - _MARKS
        self._counter = _counter(self._model.tokenizer)
        known = record(id_)
        own = _own_prompts(path)
        self._query = known.query_prefix if known else own.get("query", "")
        self._passage = (
            known.passage_prefix if known else own.get("passage", own.get("document", ""))
        )

    @property
    def model(self) -> Any:
        """The sentence-transformers model itself, for those who train it."""
        return self._model

    def as_passages(self, texts: Sequence[str]) -> list[str]:
        """What the model reads for these passages: clipped, with the prefix."""
        return [self._passage + text for text in clipped(texts)]

    def save(self, folder: Path) -> None:
        """Write the model with its prefixes, so that the folder embeds as this one does."""
        self._model.prompts = {
            **(self._model.prompts or {}),
            "query": self._query,
            "passage": self._passage,
        }
        self._model.save(str(folder), create_model_card=False, safe_serialization=True)

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._encode(self._passage, texts)

    def queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._encode(self._query, texts)

    def count_tokens(self, text: str) -> int:
        return len(self._ids(text))

    def unknown_share(self, text: str) -> float:
        """Share of the text's pieces that the vocabulary does not have."""
        ids = self._ids(text)
        unknown = self._model.tokenizer.unk_token_id
        return 0.0 if not ids or unknown is None else ids.count(unknown) / len(ids)

    def _encode(self, prefix: str, texts: Sequence[str]) -> NDArray[np.float32]:
        given = [prefix + text for text in clipped(texts)]
        if self._device != "cpu":
            # Here one large padded batch beats many exact ones; `encode` sorts by length.
            found = self._model.encode(
                given, batch_size=_GPU_BATCH, convert_to_numpy=True, show_progress_bar=False
            )
            return unit(found.reshape(len(texts), -1))
        most = self.max_tokens + _MARKS
        # Cut texts are of one length; a text's own length decides only what it is batched with.
        lengths = [min(len(ids) + _MARKS, most) for ids in self._many(given)]
        return unit(
            run_batches(
                lengths,
                lambda rows: self._features([given[row] for row in rows]),
                self._forward,
                self.dimension,
            )
        )

    def _features(self, texts: list[str]) -> Any:
        # `tokenize` of version 5 is `preprocess` in version 6.
        prepare = getattr(self._model, "preprocess", None) or self._model.tokenize
        return prepare(texts)

    def _forward(self, features: Any) -> NDArray[np.float32]:
        found: NDArray[np.float32] = self._model(features)["sentence_embedding"].float().numpy()
        return found

    def _ids(self, text: str) -> list[int]:
        return self._many([text])[0]

    def _many(self, texts: Sequence[str]) -> list[list[int]]:
        if self._counter is not None:
            found = self._counter.encode_batch(list(texts), add_special_tokens=False)
            return [one.ids for one in found]
        slow = self._model.tokenizer(
            list(texts), add_special_tokens=False, truncation=False, verbose=False
        )
        return [list(ids) for ids in slow["input_ids"]]


def _counter(tokenizer: Any) -> Any:
    """A copy of a fast tokenizer that never cuts or pads; None where there is no fast one.

    The model's own remembers how the last text was cut.
    """
    own = getattr(tokenizer, "backend_tokenizer", None)
    if own is None:
        return None
    from tokenizers import Tokenizer

    copy = Tokenizer.from_str(own.to_str())
    copy.no_truncation()
    copy.no_padding()
    return copy


def _own_prompts(folder: Path) -> dict[str, str]:
    """The prompts a sentence-transformers folder names for itself."""
    config = folder / "config_sentence_transformers.json"
    if not config.is_file():
        return {}
    prompts = json.loads(config.read_text(encoding="utf-8")).get("prompts") or {}
    return {str(key): str(value) for key, value in prompts.items()}
