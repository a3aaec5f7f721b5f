"""Near duplicates among tens of thousands of texts: MinHash signatures in bands.

Two sets agree in a min-wise hash as often as their Jaccard similarity says (Broder 1997). Texts
that agree in all hashes of one of many bands are candidates (Indyk & Motwani 1998); those whose
signatures agree too seldom fall out, and the rest is compared exactly. So nothing found is wrong,
and a pair just at the threshold is missed in at most 3 of 1,000 cases. Whether two texts become
candidates depends on them alone, so that adding others changes nothing between them.

Time grows with the rows and with the pairs alike; memory with the rows: 0.6 kB each.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

HASHES = 256
MOST_MISSED = 0.003
"""Share of the pairs at the threshold that no band brings together."""
MOST_IN_BAND = 256
"""Texts of one band value with which a text is compared; rows of one template share many bands,
and a row is then still compared with its nearest in reading order."""
GRAM = 3
# Standard errors of an estimated similarity below the threshold from which a pair falls out.
_MARGIN = 4.0
_BLOCK = 1 << 16
_FACTOR, _MIX = 0x9E3779B1, 0x85EBCA6B


def rows_per_band(threshold: float) -> int:
    """As many hashes a band as leave no more than `MOST_MISSED` of the pairs at the threshold."""
    fitting = [
        rows for rows in range(1, 17) if (1 - threshold**rows) ** (HASHES // rows) <= MOST_MISSED
    ]
    return max(fitting, default=1)


def near_pairs(
    keys: Sequence[str], threshold: float, similarity: Callable[[int, int], float]
) -> list[list[int]]:
    """For each text the others with at least `threshold` of their 3-grams in common.

    Args:
        keys: distinct normalised texts.
        threshold: Jaccard similarity of their sets of character 3-grams.
        similarity: the exact one, of two texts by their numbers.
    """
    import numpy as np

    near: list[list[int]] = [[] for _ in keys]
    signatures, bands = _signed(keys, rows_per_band(threshold))
    margin = _MARGIN * math.sqrt(threshold * (1 - threshold) / HASHES)
    least = math.floor(HASHES * (threshold - margin))
    found = np.zeros(0, dtype=np.int64)
    for band in bands:
        order = np.argsort(band, kind="stable")
        value = band[order]
        at = np.arange(len(keys) - 1)
        fresh = [found]
        for step in range(1, MOST_IN_BAND + 1):
            at = at[at + step < len(keys)]
            at = at[value[at] == value[at + step]]
            if not len(at):
                break
            fresh.append(_alike(order[at], order[at + step], signatures, least))
        found = np.unique(np.concatenate(fresh))
    for pair in found.tolist():
        one, other = divmod(pair, len(keys))
        if similarity(one, other) >= threshold:
            near[one].append(other)
            near[other].append(one)
    return near


def _alike(one: Any, other: Any, signatures: Any, least: int) -> Any:
    """Pairs whose signatures agree in `least` hashes, each as one number."""
    import numpy as np

    kept = []
    for at in range(0, len(one), _BLOCK):
        a, b = one[at : at + _BLOCK], other[at : at + _BLOCK]
        agree = np.count_nonzero(signatures[a] == signatures[b], axis=1) >= least
        kept.append(np.minimum(a, b)[agree] * len(signatures) + np.maximum(a, b)[agree])
    return np.concatenate(kept)


def _signed(keys: Sequence[str], rows: int) -> tuple[Any, Any]:
    """Signatures, shortened to 8 bits a hash (texts x hashes), and band values (bands x texts)."""
    import numpy as np

    drawn = np.random.default_rng(20261125).integers(0, 1 << 32, (2, HASHES), dtype=np.uint32)
    masks, factors = drawn[0], drawn[1] | np.uint32(1)
    signatures = np.empty((len(keys), HASHES), dtype=np.uint8)
    bands = np.zeros((HASHES // rows, len(keys)), dtype=np.uint32)
    at = 0
    while at < len(keys):
        size, end = 0, at
        while end < len(keys) and size < _BLOCK:
            size += max(1, len(keys[end]))
            end += 1
        grams, starts = _grams(keys[at:end])
        for number in range(HASHES):
            smallest = np.minimum.reduceat((grams ^ masks[number]) * factors[number], starts)
            signatures[at:end, number] = smallest >> np.uint32(7)
            if number // rows < len(bands):
                band = bands[number // rows, at:end]
                band ^= smallest
                band *= np.uint32(_FACTOR)
                band ^= band >> np.uint32(15)
        at = end
    return signatures, bands


def _grams(keys: Sequence[str]) -> tuple[Any, Any]:
    """Hashes of the 3-grams of several texts one after the other, and where each text begins."""
    import numpy as np

    # A text shorter than a gram is one gram.
    padded = [key.ljust(GRAM, "\0") for key in keys]
    codes = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    lengths = np.array([len(key) for key in padded])
    ends = np.cumsum(lengths)
    value = codes[: len(codes) - GRAM + 1].copy()
    for offset in range(1, GRAM):
        value *= np.uint32(_FACTOR)
        value += codes[offset : len(codes) - GRAM + 1 + offset]
    value ^= value >> np.uint32(16)
    value *= np.uint32(_MIX)
    value ^= value >> np.uint32(13)
    # Runs that reach into the next text are no grams of either.
    inside = np.ones(len(codes), dtype=bool)
    for back in range(1, GRAM):
        inside[ends - back] = False
    starts = np.cumsum(lengths - (GRAM - 1)) - (lengths - (GRAM - 1))
    return value[inside[: len(value)]], starts
