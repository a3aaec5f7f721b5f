"""The embedder as it is, judged on held-out texts with what may stand beside it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from executors.encoder.crossval import Judged, judge
from executors.encoder.labelled import Labelled
from executors.encoder.views import WEIGHTS, FoldSurfaces, VectorsOf

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Frozen:
    """The embedder as it is, judged with what stood at its side."""

    judged: Judged
    weight: float = 0.0
    """Of the surface; 0 where it does not help."""
    surfaces: FoldSurfaces | None = None

    def beside(self, vectors_of: VectorsOf) -> VectorsOf:
        return self.surfaces.beside(vectors_of, self.weight) if self.surfaces else vectors_of


def judged_frozen(
    vectors: NDArray[np.float32],
    learned: Labelled,
    folds: NDArray[np.int64],
    *,
    weighting: str,
    surface: bool,
) -> tuple[Frozen, Labelled]:
    """The embedder as it is, with the labels' names among the texts only where that is better.

    So with the surface: the weight is the one whose held-out log-loss is smallest, none before
    any.
    """
    tried = []
    for data in (learned.without_names(), learned):
        judged = judge(
            partial(_same, vectors[: len(data.texts)]),
            data.classes,
            folds,
            data.labels,
            weighting=weighting,
        )
        tried.append((judged.log_loss, len(tried), judged, data))
    _, _, judged, data = min(tried, key=lambda one: one[:2])
    if not surface:
        return Frozen(judged), data
    surfaces = FoldSurfaces(data.texts, folds)
    weighed = [(judged.log_loss, 0.0, judged)]
    for weight in WEIGHTS:
        both = judge(
            surfaces.beside(partial(_same, vectors[: len(data.texts)]), weight),
            data.classes,
            folds,
            data.labels,
            weighting=weighting,
        )
        weighed.append((both.log_loss, weight, both))
    _, weight, judged = min(weighed, key=lambda one: one[:2])
    return Frozen(judged, weight, surfaces), data


def _same(vectors: NDArray[np.float32], _fold: int) -> NDArray[np.float32]:
    return vectors
