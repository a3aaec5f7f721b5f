"""What a test set can show: the smallest difference of two roads, and the questions it takes.

Two-sided at 5 % with 80 % power, on paired answers, for all pairs of roads together. The closed
form follows the tests that `compare` applies (Student's t on the paired differences; on answers
that are right or wrong McNemar's exact test as well, which its continuity term stands for).
`python -m bench statistics` holds it against simulated power.
"""

from __future__ import annotations

import math
from statistics import NormalDist

LEVEL = 0.05
POWER = 0.8
PRIOR_PAIRED_SD = 0.42
"""Spread of the difference of two roads on one question before anything was measured (retrieval
figures of a public Japanese FAQ, 749 questions); replaced by the run's own as soon as there is one.
"""


def detectable_difference(
    n: int,
    paired_sd: float = PRIOR_PAIRED_SD,
    *,
    roads: int = 2,
    groups: int | None = None,
    binary: bool = True,
) -> float:
    """The smallest true difference of two roads that n paired questions show, at most 1.

    Args:
        n: paired questions.
        paired_sd: spread of the difference on one question.
        roads: how many are compared; all their pairs share the 5 %.
        groups: independent groups (documents) the questions fall into; None: each its own.
            `paired_sd` must then hold what the questions of one document share.
        binary: whether an answer is right or wrong, or has degrees between.
    """
    free = (groups or n) - 1
    if n < 2 or free < 1:
        return 1.0
    pairs = max(1, roads * (roads - 1) // 2)
    sure = quantile(1 - LEVEL / pairs / 2, free)
    # How far noncentral t must lie from zero (Johnson and Welch 1940): its spread grows with it.
    wanted = (sure + NormalDist().inv_cdf(POWER) * math.sqrt(1 + sure**2 / (2 * free))) * paired_sd
    if not binary:
        return min(1.0, wanted / math.sqrt(n))
    # wanted / sqrt(n - 1 / difference), solved for the difference: an exact test on discordant
    # answers works like one with 1 / difference fewer questions (Fleiss, Levin and Paik 2003).
    return min(1.0, (1 + math.sqrt(1 + 4 * n * wanted**2)) / (2 * n))


def questions_for(difference: float, paired_sd: float = PRIOR_PAIRED_SD, *, roads: int = 2) -> int:
    """How many paired questions, each its own group, show a true `difference` in (0, 1)."""
    low, high = 1, 2
    while detectable_difference(high, paired_sd, roads=roads) > difference:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if detectable_difference(middle, paired_sd, roads=roads) > difference:
            low = middle
        else:
            high = middle
    return high


def quantile(share: float, free: int) -> float:
    """Student's quantile for `free` degrees of freedom and a share above a half.

    By halving intervals on the exact distribution; Cornish and Fisher's expansion where it is as
    good (its error at 30 degrees of freedom is below 0.001).
    """
    z = NormalDist().inv_cdf(share)
    if free >= 30:
        return z + (z**3 + z) / (4 * free) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * free**2)
    low, high = 0.0, 2 * z
    while (1 + central(high, free)) / 2 < share:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if (1 + central(middle, free)) / 2 < share else (low, middle)
    return (low + high) / 2


def central(t: float, free: int) -> float:
    """The share of Student's distribution between -t and t (Abramowitz and Stegun 26.7.3-4)."""
    sin, cos2 = t / math.sqrt(free + t * t), free / (free + t * t)
    term = total = 1.0 if free > 1 else 0.0
    for k in range(2 + free % 2, free - 1, 2):
        term *= cos2 * (k - 1) / k
        total += term
    if free % 2 == 0:
        return sin * total
    return 2 / math.pi * (math.asin(sin) + sin * math.sqrt(cos2) * total)
