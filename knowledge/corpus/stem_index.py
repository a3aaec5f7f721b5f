"""Which questions share rare stems, and how much each stem tells."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from knowledge.corpus.content import Content

COMMONEST = 40
"""Rows: a stem in more of them makes no candidates."""
RAREST = 6
"""Stems of a row by which candidates are found."""
MOST = 12
"""Candidates of a row that are weighed: those that share most."""
WORTH = 0.35
"""Share of its weight that a candidate must have in common with the row."""


class Weights:
    """How much each stem of the questions tells: less, the more rows have it."""

    def __init__(self, contents: Iterable[Content] = ()) -> None:
        self._rows = 0
        self.count: Counter[str] = Counter()
        for one in contents:
            self.add(one)

    def add(self, one: Content) -> None:
        """Count one more row."""
        self._rows += 1
        self.count.update(one.stems | one.numbers)

    def of(self, stems: Iterable[str]) -> float:
        return sum(map(self.one, stems))

    def one(self, stem: str) -> float:
        return math.log(2 + self._rows / max(1, self.count[stem]))


def candidates(
    contents: Sequence[Content], weights: Weights, *, growing: bool = False
) -> Iterator[tuple[int, list[int]]]:
    """For each row the earlier rows that are worth weighing, best first.

    `growing` counts each row as it comes, so that later rows change nothing for earlier ones.
    """
    holding: dict[str, list[int]] = defaultdict(list)
    heavy: list[float] = []
    for index, one in enumerate(contents):
        if growing:
            weights.add(one)
        heavy.append(weights.of(one.stems))
        stems = sorted((weights.count[stem], stem) for stem in one.stems | one.pairs)
        shared: dict[int, float] = defaultdict(float)
        least = 0 if growing else 1  # a stem of one row makes no pair, unless more rows come
        for _, stem in [s for s in stems if least < s[0] <= COMMONEST][:RAREST]:
            for other in holding[stem]:
                shared[other] += weights.one(stem)
            if len(holding[stem]) < COMMONEST:
                holding[stem].append(index)
        worth = [
            (-weight, other)
            for other, weight in shared.items()
            if weight >= WORTH * min(heavy[index], heavy[other])
        ]
        yield index, [other for _, other in sorted(worth)[:MOST]]
