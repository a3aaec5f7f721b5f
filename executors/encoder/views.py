"""The two views of a text that a head looks at: its meaning, and beside it its surface."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from executors.encoder.surface import Surface, fit_surface
from executors.rag.embedding import Embedder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WEIGHTS = (0.5, 1.0, 2.0)
"""Lengths of the surface's vectors, in those of the embedder's, that are tried beside none."""

VectorsOf = Callable[[int], "NDArray[np.float32]"]
"""All texts' vectors as they are where one fold is held out."""


@dataclass(frozen=True, slots=True)
class Views:
    """Texts to the vectors that a head was fitted on."""

    embedder: Embedder
    surface: Surface | None = None
    factor: float = 0.0
    """What the surface's vectors are multiplied by."""

    def of(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Shape (texts, dimension of the embedder and of the surface)."""
        vectors = self.embedder.passages(list(texts))
        if self.surface is None:
            return vectors
        return side_by_side(vectors, self.surface.vectors(texts), self.factor)


class FoldSurfaces:
    """The surfaces of all texts, fitted for each fold without the texts that are held out."""

    def __init__(self, texts: Sequence[str], folds: NDArray[np.int64]) -> None:
        """Texts behind the folded ones, such as the labels' names, are always seen."""
        self._of: dict[int, NDArray[np.float32] | None] = {}
        for fold in sorted(set(folds.tolist())):
            held = {row for row, own in enumerate(folds.tolist()) if own == fold}
            seen = [text for row, text in enumerate(texts) if row not in held]
            surface = fit_surface(seen)
            self._of[fold] = None if surface is None else surface.vectors(texts)

    def beside(self, vectors_of: VectorsOf, weight: float) -> VectorsOf:
        """The embedder's vectors with these at their side; as they are where the weight is 0."""
        if not weight:
            return vectors_of

        def both(fold: int) -> NDArray[np.float32]:
            vectors, surface = vectors_of(fold), self._of[fold]
            if surface is None:
                return vectors
            return side_by_side(vectors, surface, weight * length(vectors))

        return both


def side_by_side(
    vectors: NDArray[np.float32], surface: NDArray[np.float32], factor: float
) -> NDArray[np.float32]:
    import numpy as np

    return np.concatenate([vectors, np.float32(factor) * surface], axis=1)


def length(vectors: NDArray[np.float32]) -> float:
    """Root mean square length without the mean."""
    import numpy as np

    return float(np.sqrt(((vectors - vectors.mean(axis=0)) ** 2).sum(axis=1).mean()))
