"""Which short texts say the same in other clothes: Jaccard over character 3-grams.

A set-similarity join with prefix filter: two sets with Jaccard of at least t must share one of
their rarest grams (Chaudhuri et al. 2006; Bayardo et al. 2007). Nothing is missed, but its time
grows with the 1.5th power of the rows, so that large sets go by MinHash instead.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain

from knowledge.corpus.min_hash import near_pairs

THRESHOLD = 0.8
MOST_JOINED = 20_000
"""Texts from which MinHash is faster than the exact join."""
_NOT_SAID = re.compile(r"[\W_]+")
# Long texts are compared by their beginning: what follows hardly changes whether they are copies.
_LONGEST = 2000


def normalised(text: str) -> str:
    """`text` as compared for equality: NFKC, lower case, without spaces and punctuation.

    Text of punctuation alone is kept, spaces apart.
    """
    plain = unicodedata.normalize("NFKC", text).lower()
    return _NOT_SAID.sub("", plain) or "".join(plain.split())


def grams(key: str) -> frozenset[str]:
    """Character 3-grams of a normalised text; a text shorter than that is one gram."""
    key = key[:_LONGEST]
    return frozenset(key[i : i + 3] for i in range(max(1, len(key) - 2)))


def jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    return len(a & b) / len(a | b) if a or b else 1.0


def near_keys(keys: Sequence[str], threshold: float = THRESHOLD) -> list[list[int]]:
    """For each of some distinct normalised texts the numbers of its near duplicates."""
    if len(keys) < MOST_JOINED:
        return _join([grams(key) for key in keys], threshold)
    known = lru_cache(maxsize=1 << 14)(lambda number: grams(keys[number]))
    cut = [key[:_LONGEST] for key in keys]
    return near_pairs(cut, threshold, lambda a, b: jaccard(known(a), known(b)))


def _join(sets: Sequence[frozenset[str]], threshold: float) -> list[list[int]]:
    """Neighbours of each set among all others.

    Prefixes are one gram longer than needed, so that two shared ones can be asked for (Wang et
    al. 2012): far fewer candidates than one shared gram gives.
    """
    frequency = Counter(gram for one in sets for gram in one)
    rank = {gram: i for i, gram in enumerate(sorted(frequency, key=lambda g: (frequency[g], g)))}
    index: dict[int, list[int]] = defaultdict(list)
    near: list[list[int]] = [[] for _ in sets]
    coded = [frozenset(rank[gram] for gram in one) for one in sets]
    sizes = [len(one) for one in sets]
    for number in sorted(range(len(sets)), key=lambda i: (sizes[i], i)):
        one, size = coded[number], sizes[number]
        prefix = sorted(one)[: size - math.ceil(threshold * size) + 2]
        shared = Counter(chain.from_iterable(index[gram] for gram in prefix if gram in index))
        least = threshold * size
        for other, count in shared.items():
            # The smaller set came first; it must hold at least t of the larger. A set of one or
            # two grams may share no more than it has.
            if sizes[other] < least or count < min(2, sizes[other]):
                continue
            common = len(one & coded[other])
            if common >= threshold * (size + sizes[other] - common):
                near[number].append(other)
                near[other].append(number)
        for gram in prefix:
            index[gram].append(number)
    return near
