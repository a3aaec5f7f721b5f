"""How sure a figure is: intervals, paired differences, and what a test set can show at all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RESAMPLES = 2000
Z_95 = 1.959964
Z_POWER_80 = 0.841621
PRIOR_PAIRED_SD = 0.42
"""Paired SD of a 0/1 answer metric before anything was measured (retrieval figures of a public
Japanese FAQ, 749 questions); replaced by the run's own as soon as there is one."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its 95 % interval over `n` questions."""

    value: float
    low: float
    high: float
    n: int


def mean_interval(
    values: Sequence[float], clusters: Sequence[str] | None = None, *, seed: int = 0
) -> Interval:
    """Mean and 95 % interval; whole clusters (documents) are drawn together.

    A share of 0 or 1 gets Wilson's interval: resampling identical values would claim certainty.
    """
    import numpy as np

    data = np.asarray(values, dtype=float)
    n = len(data)
    if n == 0:
        return Interval(math.nan, math.nan, math.nan, 0)
    value = float(data.mean())
    if float(np.ptp(data)) == 0.0:
        low, high = wilson(value, n) if value in (0.0, 1.0) else (value, value)
        return Interval(value, low, high, n)
    draws = _draw_means(data, clusters, seed)
    low, high = np.percentile(draws, [2.5, 97.5])
    return Interval(value, float(low), float(high), n)


def paired_difference(
    a: Sequence[float], b: Sequence[float], clusters: Sequence[str] | None = None, *, seed: int = 0
) -> Interval:
    """Mean of a - b on the same questions, with its clustered bootstrap interval."""
    if len(a) != len(b):
        raise ValueError(f"not paired: {len(a)} and {len(b)} questions")
    gaps = [x - y for x, y in zip(a, b, strict=True)]
    if gaps and len(set(gaps)) == 1 and gaps[0] in (-1.0, 0.0, 1.0):
        # Always the same: the true difference may lie on the other side of zero as well.
        low, high = wilson(abs(gaps[0]), len(gaps))
        low, high = (-high, high) if gaps[0] == 0 else sorted((gaps[0] * low, gaps[0] * high))
        return Interval(gaps[0], low, high, len(gaps))
    return mean_interval(gaps, clusters, seed=seed)


def wilson(share: float, n: float, z: float = Z_95) -> tuple[float, float]:
    """Wilson's score interval of a share, 95 % by default; `n` may be an effective number."""
    z2 = z * z
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = z / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    # Rounded, so that the end at a share of 0 or 1 is 0 or 1 itself.
    return max(0.0, round(centre - half, 12)), min(1.0, round(centre + half, 12))


def detectable_difference(n: int, paired_sd: float = PRIOR_PAIRED_SD) -> float:
    """The smallest true difference that n paired questions show (80 % power, 95 % sure)."""
    if n < 2:
        return 1.0
    return min(1.0, (Z_95 + Z_POWER_80) * paired_sd / math.sqrt(n))


def questions_for(difference: float, paired_sd: float = PRIOR_PAIRED_SD) -> int:
    """How many paired questions show a true `difference` with 80 % power."""
    return math.ceil(((Z_95 + Z_POWER_80) * paired_sd / difference) ** 2)


def paired_sd(a: Sequence[float], b: Sequence[float]) -> float:
    """SD of the differences; the prior where there are none to measure it on."""
    import numpy as np

    gaps = np.subtract(np.asarray(a, float), np.asarray(b, float))
    measured = float(gaps.std(ddof=1)) if len(gaps) > 1 else 0.0
    # Roads that agreed on every question have not shown that nothing could differ.
    return measured or PRIOR_PAIRED_SD


def mcnemar(a: Sequence[float], b: Sequence[float]) -> float:
    """Exact two-sided McNemar p-value for paired 0/1 outcomes."""
    wins = sum(x > y for x, y in zip(a, b, strict=True))
    losses = sum(x < y for x, y in zip(a, b, strict=True))
    n = wins + losses
    if n == 0:
        return 1.0
    tail = sum(math.comb(n, k) for k in range(min(wins, losses) + 1)) / 2**n
    return min(1.0, 2 * tail)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm's adjusted p-values: several comparisons, one error rate."""
    ordered = sorted(p_values.items(), key=lambda item: item[1])
    adjusted: dict[str, float] = {}
    worst = 0.0
    for position, (name, p) in enumerate(ordered):
        worst = max(worst, min(1.0, (len(ordered) - position) * p))
        adjusted[name] = worst
    return adjusted


def _draw_means(
    data: NDArray[np.float64], clusters: Sequence[str] | None, seed: int
) -> NDArray[np.float64]:
    import numpy as np

    random = np.random.default_rng(seed)
    if clusters is None or len(set(clusters)) < 2:
        picks = random.integers(0, len(data), size=(RESAMPLES, len(data)))
        means: NDArray[np.float64] = data[picks].mean(axis=1)
        return means
    _, index = np.unique(np.asarray(clusters), return_inverse=True)
    sums = np.bincount(index, weights=data)
    sizes = np.bincount(index).astype(float)
    picks = random.integers(0, len(sums), size=(RESAMPLES, len(sums)))
    ratio: NDArray[np.float64] = sums[picks].sum(axis=1) / sizes[picks].sum(axis=1)
    return ratio
