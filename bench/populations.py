"""Made-up roads with known true scores: what the statistics of `compare` are held against.

An answer's latent quality adds a question's difficulty and its document's (shared by all roads),
how well this road copes with this document (what makes questions go together) and chance. The true
mean score has a closed form.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Metric = Literal["right or wrong", "graded", "mixed"]

OF_A_DOCUMENT = 3
"""Mean questions to a document; sizes are geometric, so that a few documents hold many."""
DOCUMENT_SD = 0.7
ROAD_BY_DOCUMENT_SD = math.sqrt(0.2)
SLOPE = 1.2
"""How sharply a graded score follows quality: many answers near 0 and 1, some between."""
REFUSED = 0.15
"""Share of graded answers that are worth nothing whatever their quality."""


@dataclass(frozen=True, slots=True)
class Population:
    """What kind of figure, and whether questions share documents.

    `mixed` is graded but for the first road, whose answers are right or wrong: equal means do
    not make roads alike.
    """

    metric: Metric
    clustered: bool

    def documents(self, n: int, random: np.random.Generator) -> list[str]:
        """The document of each of n questions."""
        if not self.clustered:
            return [f"q{i}" for i in range(n)]
        sizes: list[int] = []
        while sum(sizes) < n:
            sizes.append(min(int(random.geometric(1 / OF_A_DOCUMENT)), n - sum(sizes)))
        return [f"d{d}" for d, size in enumerate(sizes) for _ in range(size)]

    def answers(
        self,
        scores: Floats,
        documents: list[str],
        random: np.random.Generator,
        difficulty_sd: Floats | None = None,
    ) -> Floats:
        """Draw the figures of every answer.

        Args:
            scores: (experiments, roads) true mean scores; at most 0.84 where graded.
            difficulty_sd: (experiments,) spread of the questions; drawn where missing.

        Returns:
            (experiments, roads, questions), each 0 to 1.
        """
        experiments, roads = scores.shape
        _, of = np.unique(np.asarray(documents), return_inverse=True)
        n, count = len(of), int(of.max()) + 1
        if difficulty_sd is None:
            difficulty_sd = random.uniform(0.5, 1.5, experiments)
        spread = difficulty_sd[:, None, None]
        shared = DOCUMENT_SD if self.clustered else 0.0
        own = ROAD_BY_DOCUMENT_SD if self.clustered else 0.0
        quality = (
            random.standard_normal((experiments, 1, n)) * spread
            + random.standard_normal((experiments, 1, count))[..., of] * shared
            + random.standard_normal((experiments, roads, count))[..., of] * own
            + random.standard_normal((experiments, roads, n)) * math.sqrt(1 - own**2)
        )
        total = np.sqrt(spread**2 + shared**2 + 1)
        right = (quality > -_probit(scores)[..., None] * total).astype(float)
        if self.metric == "right or wrong":
            return right
        # E Φ(a + bZ) = Φ(a / √(1 + b²))
        at = _probit(scores / (1 - REFUSED))[..., None] * np.sqrt(1 + (SLOPE * total) ** 2)
        refused = random.random((experiments, roads, n)) < REFUSED
        graded = _normal_cdf(at + SLOPE * quality) * ~refused
        if self.metric == "mixed":
            graded[:, 0] = right[:, 0]
        return graded


def _probit(shares: Floats) -> Floats:
    inverse = NormalDist().inv_cdf
    flat = [inverse(min(max(share, 1e-6), 1 - 1e-6)) for share in shares.ravel().tolist()]
    return np.asarray(flat).reshape(shares.shape)


def _normal_cdf(x: Floats) -> Floats:
    """Φ to 1e-7 (Abramowitz and Stegun 26.2.17), without a loop over millions of answers."""
    t = 1 / (1 + 0.2316419 * np.abs(x))
    series = (-0.356563782, 1.781477937, -1.821255978, 1.330274429)
    tail = 0.319381530 * t
    power = t
    for factor in series:
        power = power * t
        tail = tail + factor * power
    tail = tail * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    below: Floats = np.where(x >= 0, 1 - tail, tail)
    return below
