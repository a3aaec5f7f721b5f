"""Judges heads on texts they have not seen: folds, the penalty, the temperature."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from executors.encoder.head import STRENGTHS, Head, calibrate, fit, fit_path, with_temperature

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FOLDS = 3
"""Each fold of a tuned embedder is a training of its own; three leave two thirds to learn from."""


@dataclass(frozen=True, slots=True)
class Judged:
    """How one embedder does on held-out texts, at the best strength of the penalty."""

    scores: NDArray[np.float32]
    """Shape (examples, labels): every example's by the head that had not seen it."""
    strength: float
    temperature: float
    log_loss: float

    def right(self, classes: NDArray[np.int64]) -> list[float]:
        """1 for each text whose label comes first, else 0."""
        return [float(hit) for hit in self.scores.argmax(axis=1) == classes]

    def accuracy(self, classes: NDArray[np.int64]) -> float:
        return sum(self.right(classes)) / len(classes)


def folds_of(
    classes: Sequence[int], groups: Sequence[str], *, folds: int = FOLDS, seed: int = 0
) -> NDArray[np.int64]:
    """A fold for each text: classes spread evenly, a group never in two folds.

    Args:
        classes: the label's number for each text.
        groups: what a text shares with others (its scene or document), or a name of its own.
    """
    import numpy as np

    of_group: dict[str, int] = {}
    of_class: dict[int, list[str]] = defaultdict(list)
    for number, group in zip(classes, groups, strict=True):
        if group not in of_class[number]:
            of_class[number].append(group)
    sizes = [0] * folds
    counts = Counter(groups)
    for number in sorted(of_class):
        taken = [0] * folds
        for group in sorted(of_class[number], key=lambda name: _rank(seed, name)):
            if group not in of_group:
                # The fold with the fewest of this class, and among those the smallest.
                of_group[group] = min(range(folds), key=lambda k: (taken[k], sizes[k]))
                sizes[of_group[group]] += counts[group]
            taken[of_group[group]] += 1
    return np.array([of_group[group] for group in groups], dtype=np.int64)


def judge(
    vectors_of: Callable[[int], NDArray[np.float32]],
    classes: NDArray[np.int64],
    folds: NDArray[np.int64],
    labels: Sequence[str],
    *,
    weighting: str,
) -> Judged:
    """Fit on all folds but one, score that one; the penalty with the smallest calibrated log-loss.

    Log-loss and not accuracy: on a few hundred texts neighbouring penalties differ by one or two
    right answers, which is chance.

    Args:
        vectors_of: all texts' vectors as the embedder for this fold makes them; the same for
            every fold where the embedder is not tuned.
        classes: the label's number for each text; examples first, then what is always seen.
        folds: one for each example.
    """
    import numpy as np

    scores = np.zeros((len(STRENGTHS), len(folds), len(labels)), dtype=np.float32)
    always = np.full(len(classes) - len(folds), -1)
    for fold in np.unique(folds):
        vectors, seen = vectors_of(int(fold)), np.concatenate([folds, always]) != fold
        for row, head in enumerate(
            fit_path(vectors[seen], classes[seen], labels, weighting=weighting)
        ):
            scores[row, folds == fold] = head.scores(vectors[~seen])
    calibrated = [calibrate(one, classes[: len(folds)]) for one in scores]
    best = min(range(len(STRENGTHS)), key=lambda row: calibrated[row][1])
    temperature, loss = calibrated[best]
    return Judged(scores[best], STRENGTHS[best], temperature, loss)


def final_head(
    vectors: NDArray[np.float32],
    classes: NDArray[np.int64],
    labels: Sequence[str],
    judged: Judged,
    *,
    weighting: str,
) -> Head:
    """The head on all texts, with the penalty and temperature that held-out texts chose."""
    head = fit(vectors, classes, labels, judged.strength, weighting=weighting)
    return with_temperature(head, judged.temperature)


def _rank(seed: int, name: str) -> str:
    return hashlib.sha256(f"{seed}|{name}".encode()).hexdigest()
