"""What every embedder does, and what all of them do to texts and vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LONGEST_INPUT = 4000
"""Characters of a query or sentence that are embedded; nobody asks longer questions on purpose."""


class Embedder(Protocol):
    """Text to L2-normalised float32 vectors: a text's vector does not depend on its neighbours."""

    id: str
    dimension: int
    max_tokens: int

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of shape (len(texts), dimension) for what is searched.

        The more texts at once, the better: they are batched here by their real token counts.
        """
        ...

    def queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of shape (len(texts), dimension) for what is asked."""
        ...

    def count_tokens(self, text: str) -> int:
        """Tokens of the text alone, without the embedder's own marks."""
        ...


def unit(vectors: NDArray[Any]) -> NDArray[np.float32]:
    """The rows at length 1, as float32."""
    import numpy as np

    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    scaled: NDArray[np.float32] = rows / np.maximum(
        np.linalg.norm(rows, axis=1, keepdims=True), 1e-12
    )
    return scaled


def clipped(texts: Sequence[str]) -> list[str]:
    """Texts that every embedder can take."""
    # A NUL ends a C string, and an empty text has no direction.
    return [text[:LONGEST_INPUT].replace("\0", " ").strip() or " " for text in texts]
