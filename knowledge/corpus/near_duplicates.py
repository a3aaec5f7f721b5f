"""Which short texts say the same in other clothes: exact Jaccard over character 3-grams.

A set-similarity join with prefix filter: two sets with Jaccard of at least t must share one of
their rarest grams (Chaudhuri et al. 2006; Bayardo et al. 2007). No sampling, so nothing is missed
and the result never depends on a seed.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain

THRESHOLD = 0.8
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


def earlier_neighbours(
    texts: Sequence[str], threshold: float = THRESHOLD
) -> tuple[tuple[int, ...], ...]:
    """For each text the indices of the earlier ones that are near duplicates of it, ascending."""
    return _earlier(tuple(texts), threshold)


# The parts of a run ask the same of the same rows, one after the other.
@lru_cache(maxsize=2)
def _earlier(texts: tuple[str, ...], threshold: float) -> tuple[tuple[int, ...], ...]:
    return neighbours_of_keys([normalised(text) for text in texts], threshold)


def neighbours_of_keys(keys: Sequence[str], threshold: float) -> tuple[tuple[int, ...], ...]:
    """The same for texts that are normalised already."""
    distinct = list(dict.fromkeys(keys))
    near = _join([grams(key) for key in distinct], threshold)
    places: dict[str, list[int]] = defaultdict(list)
    found: list[tuple[int, ...]] = []
    number = {key: i for i, key in enumerate(distinct)}
    for index, key in enumerate(keys):
        others = [*near[number[key]], number[key]]
        found.append(tuple(sorted(i for other in others for i in places[distinct[other]])))
        places[key].append(index)
    return tuple(found)


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
