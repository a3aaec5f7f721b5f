"""Sets the knobs of a search on validation questions, and says how much of the gain is luck.

The best of several settings on some questions looks better on them than it is. What it is really
worth is estimated on questions that did not choose it (out-of-bag bootstrap, Efron 1983). The
default stays unless the winner is shown to be better by an interval wide enough for all that were
tried (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import TYPE_CHECKING

from executors.evaluate.statistics import paired_difference
from executors.rag.embedding import Embedder
from executors.rag.search.faiss_store import FaissStore
from executors.rag.search.fusion import answerable_here, reciprocal_ranks
from executors.rag.search.retrieve import SPARSE_WEIGHT, Mode, Retriever
from knowledge.corpus.types import Example

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEAST_QUESTIONS = 40
"""With fewer nothing between settings this close can be shown: paired deviation .25, ±.08."""
WEIGHTS = (0.2, SPARSE_WEIGHT, 0.6, 1.0)
"""Of keywords beside meaning; the default among them."""
PASSAGES = (5, 10)
"""How many passages an answer is read from; the default first."""
RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Setting:
    """One point of the grid."""

    chunk_tokens: int
    sparse_weight: float


@dataclass(frozen=True, slots=True)
class Tuning:
    """What was chosen and what it is worth, in mean reciprocal rank."""

    default: Setting
    best: Setting
    chosen: Setting
    reason: str
    """Text under `rag.why.<reason>`."""
    top_k: int = PASSAGES[0]
    questions: int = 0
    tried: int = 1
    apparent_gain: float = 0.0
    """Of the best over the default, on the questions that chose it."""
    held_out_gain: float = 0.0
    """The same on questions that did not choose it: what to expect of others."""
    optimism: float = 0.0
    """Apparent minus held-out gain."""
    difference: Mapping[str, float] = field(default_factory=dict)
    """Best minus default: value, low, high; low is lowered for the number tried."""


def tune(
    stores: Mapping[int, FaissStore],
    embedder: Embedder,
    mode: Mode,
    questions: Sequence[Example],
) -> Tuning:
    """The setting to use for these stores of the same documents.

    Args:
        stores: by chunk size in tokens; the default size first.
        embedder: of all of them.
        mode: of searching; weights are tried for hybrid search only.
        questions: not held out.
    """
    sizes = list(stores)
    weights = WEIGHTS if mode == "hybrid" else (SPARSE_WEIGHT,)
    default = Setting(sizes[0], SPARSE_WEIGHT)
    asked = answerable_here(stores[sizes[0]], questions)
    if len(asked) < LEAST_QUESTIONS:
        return Tuning(default, default, default, "tune-too-few", questions=len(asked))
    ranks = {
        Setting(size, weight): reciprocal_ranks(
            Retriever(stores[size], embedder, mode, sparse_weight=weight), asked
        )
        for size in sizes
        for weight in weights
    }
    return chosen_from(ranks, default)


def chosen_from(ranks: Mapping[Setting, Sequence[float]], default: Setting) -> Tuning:
    """The default, unless the best setting is shown to be better on the same questions.

    Args:
        ranks: reciprocal ranks of the same questions under every setting.
        default: one of the settings; the simple one that stays when no difference is shown.
    """
    best = max(ranks, key=lambda setting: (_mean(ranks[setting]), setting == default))
    gain = paired_difference(ranks[best], ranks[default])
    held_out = _held_out_gain(ranks, default)
    optimism = max(0.0, gain.value - held_out)
    low = gain.value - (gain.value - gain.low) * _widening(len(ranks) - 1)
    shown = best != default and low > 0
    return Tuning(
        default=default,
        best=best,
        chosen=best if shown else default,
        reason="tune-better" if shown else "tune-no-difference",
        top_k=_passages(ranks[best if shown else default]),
        questions=len(ranks[default]),
        tried=len(ranks),
        apparent_gain=round(gain.value, 4),
        held_out_gain=round(held_out, 4),
        optimism=round(optimism, 4),
        difference={
            "value": round(gain.value, 4),
            "low": round(low, 4),
            "high": round(gain.high, 4),
        },
    )


def _held_out_gain(ranks: Mapping[Setting, Sequence[float]], default: Setting) -> float:
    """Gain of choosing the best setting over the default, on questions that did not choose it."""
    import numpy as np

    settings = list(ranks)
    table = np.array([ranks[setting] for setting in settings], dtype=float)
    base = settings.index(default)
    n = table.shape[1]
    random = np.random.default_rng(0)
    outside = []
    for _ in range(RESAMPLES):
        drawn = random.integers(0, n, n)
        left = np.setdiff1d(np.arange(n), drawn)
        if len(left):
            best = _first_best(table[:, drawn].mean(axis=1), base)
            outside.append(float((table[best, left] - table[base, left]).mean()))
    return float(np.mean(outside))


def _widening(tries: int) -> float:
    """How much wider an interval must be to hold for the best of `tries` comparisons."""
    normal = NormalDist()
    return normal.inv_cdf(1 - 0.025 / max(1, tries)) / normal.inv_cdf(0.975)


def _first_best(means: NDArray[np.float64], base: int) -> int:
    """The best setting; the default where it is as good."""
    top = int(means.argmax())
    return base if means[base] >= means[top] else top


def _passages(ranks: Sequence[float]) -> int:
    """The default number of passages, unless more are shown to hold the right one more often."""
    few, many = PASSAGES
    gain = paired_difference(
        [float(rank >= 1 / many) for rank in ranks], [float(rank >= 1 / few) for rank in ranks]
    )
    return many if gain.low > 0 and gain.value >= _LEAST_MORE else few


_LEAST_MORE = 0.02
"""Twice the reading must find the right document for two more questions in a hundred."""


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
