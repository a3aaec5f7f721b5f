"""How sure a figure is: intervals, paired differences, and what a test set can show at all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from advisor.power import PRIOR_PAIRED_SD
from executors.evaluate.clustered import (
    bootstrap_intervals,
    groups_of,
    mean_p_values,
    sign_flip_p_values,
    standard_errors,
)

Z_95 = 1.959964
UNBOUNDED = (-math.inf, math.inf)
Key = TypeVar("Key")


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
    Of values that all lie in 0–1 the interval does as well; differences have their own bounds
    (see `paired_difference`).
    """
    n = len(values)
    if n and len(set(values)) == 1 and values[0] in (0.0, 1.0):
        return Interval(float(values[0]), *wilson(values[0], n), n)
    return _bootstrap(values, clusters, seed, (0.0, 1.0) if _within_0_1(values) else UNBOUNDED)


def paired_difference(
    a: Sequence[float], b: Sequence[float], clusters: Sequence[str] | None = None, *, seed: int = 0
) -> Interval:
    """Mean of a - b on the same questions, with its clustered bootstrap interval.

    Where both lie in 0–1 it stays within -1 and 1. The interval of b - a is its mirror image.
    """
    if len(a) != len(b):
        raise ValueError(f"not paired: {len(a)} and {len(b)} questions")
    gaps = [x - y for x, y in zip(a, b, strict=True)]
    if gaps and len(set(gaps)) == 1 and gaps[0] in (-1.0, 0.0, 1.0):
        # Always the same: the true difference may lie on the other side of zero as well.
        low, high = wilson(abs(gaps[0]), len(gaps))
        low, high = (-high, high) if gaps[0] == 0 else sorted((gaps[0] * low, gaps[0] * high))
        return Interval(gaps[0], low, high, len(gaps))
    return _bootstrap(gaps, clusters, seed, (-1.0, 1.0) if _within_0_1(a, b) else UNBOUNDED)


def _bootstrap(
    values: Sequence[float],
    clusters: Sequence[str] | None,
    seed: int,
    bounds: tuple[float, float],
) -> Interval:
    """The mean with its bootstrap interval, cut where no mean could lie."""
    import numpy as np

    data = np.asarray(values, dtype=float)
    n = len(data)
    if n == 0:
        return Interval(math.nan, math.nan, math.nan, 0)
    value = float(data.mean())
    if float(np.ptp(data)) == 0.0:
        return Interval(value, value, value, n)
    lows, highs = bootstrap_intervals(data[None], groups_of(n, clusters), seed=seed)
    low, high = max(bounds[0], float(lows[0])), min(bounds[1], float(highs[0]))
    return Interval(value, min(low, value), max(high, value), n)


def _within_0_1(*answers: Sequence[float]) -> bool:
    return all(0 <= value <= 1 for values in answers for value in values)


def wilson(share: float, n: float, z: float = Z_95) -> tuple[float, float]:
    """Wilson's score interval of a share, 95 % by default; `n` may be an effective number."""
    z2 = z * z
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = z / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    # Rounded, so that the end at a share of 0 or 1 is 0 or 1 itself.
    return max(0.0, round(centre - half, 12)), min(1.0, round(centre + half, 12))


def paired_sd(
    a: Sequence[float], b: Sequence[float], clusters: Sequence[str] | None = None
) -> float:
    """Spread of the difference on one question; the prior where there is none to measure it on.

    With clusters it is the spread that independent questions would need to be as unsure.
    """
    import numpy as np

    n = len(a)
    gaps = np.subtract(np.asarray(a, float), np.asarray(b, float))[None]
    spread = standard_errors(gaps, groups_of(n, clusters))[0] * math.sqrt(n) if n > 1 else 0.0
    # Roads that agreed on every question have not shown that nothing could differ.
    return float(spread) if spread > 1e-12 else PRIOR_PAIRED_SD


def difference_p(
    a: Sequence[float], b: Sequence[float], clusters: Sequence[str] | None = None
) -> float:
    """Two-sided p-value of «a and b are equally good» on the same questions.

    The larger of two: Student's t on the paired differences, which knows that questions about one
    document go together; and a test that is exact for few and skewed differences, McNemar's where
    every answer is right or wrong, else its counterpart on graded ones. By itself t sees a
    difference in 4 lost of 15 and none won, where chance alone gives p = 0.125.
    """
    import numpy as np

    gaps = np.subtract(np.asarray(a, float), np.asarray(b, float))[None]
    exact = mcnemar(a, b) if is_binary(a, b) else sign_flip_p_values(gaps)[0]
    return max(exact, mean_p_values(gaps, groups_of(gaps.shape[1], clusters))[0])


def is_binary(*answers: Sequence[float]) -> bool:
    """Whether every answer is right or wrong, without degrees between."""
    return all(value in (0.0, 1.0) for values in answers for value in values)


def mcnemar(a: Sequence[float], b: Sequence[float]) -> float:
    """Exact two-sided McNemar p-value for paired 0/1 outcomes."""
    wins = sum(x > y for x, y in zip(a, b, strict=True))
    losses = sum(x < y for x, y in zip(a, b, strict=True))
    n = wins + losses
    if n == 0:
        return 1.0
    tail = sum(math.comb(n, k) for k in range(min(wins, losses) + 1)) / 2**n
    return min(1.0, 2 * tail)


def holm(p_values: Mapping[Key, float]) -> dict[Key, float]:
    """Holm's adjusted p-values: several comparisons, one error rate."""
    ordered = sorted(p_values.items(), key=lambda item: item[1])
    adjusted: dict[Key, float] = {}
    worst = 0.0
    for position, (name, p) in enumerate(ordered):
        worst = max(worst, min(1.0, (len(ordered) - position) * p))
        adjusted[name] = worst
    return adjusted
