"""Tunes the embedder on every fold, and keeps the tuned one only where held-out texts show a gain.

Three folds are three trainings beside the final one; what is gained is that all examples serve
as held-out texts, and with a few hundred of them a gain of three points can be shown at all.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from executors.encoder.contrast import Course, tune
from executors.encoder.crossval import Judged, judge
from executors.encoder.labelled import Labelled
from executors.encoder.vectors import read_vectors, write_vectors
from executors.encoder.views import VectorsOf
from executors.evaluate.statistics import Interval, mcnemar, paired_difference

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from executors.rag.embedding import SentenceTransformerEmbedder

FEW_PER_CLASS = 64
"""Above so many examples of a class the gain of contrastive tuning goes (Tunstall et al. 2022,
figure 1) and its cost grows."""
LOOKS = 3
"""At so many places along a tuning its vectors are judged, to stop where they were best."""
SURE = 0.05


@dataclass(frozen=True, slots=True)
class Verdict:
    """The tuned embedder against the frozen one on the same held-out texts."""

    judged: Judged
    steps: int
    """Where along the tuning the held-out texts were told apart best."""
    gain: Interval
    """Of accuracy, tuned minus frozen."""
    p: float
    """McNemar's, times the places that were looked at."""

    @property
    def better(self) -> bool:
        return self.gain.value > 0 and self.p < SURE


class Tuning:
    """The tunings of one run, each with its state below `folder`."""

    def __init__(
        self,
        embedder: SentenceTransformerEmbedder,
        data: Labelled,
        course: Course,
        folder: Path,
        on_step: Callable[[int], None],
    ) -> None:
        """Remember the embedder as it is, to begin every tuning from.

        Args:
            on_step: called after every step of any of the tunings, with the steps so far; what
                it raises ends the tuning with its state saved.
        """
        self._embedder, self._data, self._course = embedder, data, course
        self._folder, self._on_step = folder, on_step
        self._before = {k: v.clone() for k, v in embedder.model.state_dict().items()}
        self._texts = embedder.as_passages(data.texts)
        self._finished = 0

    @property
    def looks(self) -> tuple[int, ...]:
        """The steps at which a fold's vectors are kept."""
        steps = self._course.steps
        return tuple(sorted({max(1, steps * k // LOOKS) for k in range(1, LOOKS + 1)}))

    def verdict(
        self,
        folds: NDArray[np.int64],
        frozen: Judged,
        *,
        weighting: str,
        beside: Callable[[VectorsOf], VectorsOf] = lambda vectors_of: vectors_of,
    ) -> Verdict:
        """Tune without each fold in turn and judge the vectors of the fold left out.

        Args:
            beside: puts at the vectors' side what stood there when the frozen ones were judged.
        """
        for fold in sorted(set(folds.tolist())):
            self._without(fold, folds)
        classes, own = self._data.classes, self._data.own
        tried = []
        for step in self.looks:
            of = beside(partial(self._kept, step))
            judged = judge(of, classes, folds, self._data.labels, weighting=weighting)
            tried.append((judged.log_loss, step, judged))
        _, steps, best = min(tried, key=lambda one: one[:2])
        pairs = best.right(own), frozen.right(own)
        gain = paired_difference(*pairs, self._data.groups)
        return Verdict(best, steps, gain, min(1.0, mcnemar(*pairs) * len(tried)))

    def finish(self, steps: int) -> None:
        """Leave the embedder tuned on all texts, up to where the folds were best."""
        self._run("all", range(len(self._data.texts)), steps, {})

    def give_up(self) -> None:
        """Leave the embedder as it was."""
        self._embedder.model.load_state_dict(self._before)

    def _without(self, fold: int, folds: NDArray[np.int64]) -> None:
        if all(self._kept_or_none(step, fold) is not None for step in self.looks):
            self._advance(self._course.steps)
            return
        rows = [row for row, own in enumerate(folds.tolist()) if own != fold]
        rows += range(self._data.examples, len(self._data.texts))
        keep = {step: partial(self._keep, step, fold) for step in self.looks}
        self._run(f"fold{fold}", rows, self._course.steps, keep)
        shutil.rmtree(self._folder / f"fold{fold}", ignore_errors=True)

    def _run(
        self,
        name: str,
        rows: Sequence[int],
        steps: int,
        keep: Mapping[int, Callable[[], None]],
    ) -> None:
        self.give_up()
        before = self._finished

        def on_step(step: int) -> None:
            if step in keep:
                keep[step]()
            self._on_step(before + step)

        tune(
            self._embedder.model,
            [self._texts[row] for row in rows],
            self._data.classes[list(rows)],
            self._course,
            until=steps,
            checkpoint=self._folder / name,
            on_step=on_step,
        )
        self._advance(self._course.steps)

    def _advance(self, steps: int) -> None:
        self._finished += steps
        self._on_step(self._finished)

    def _file(self, step: int, fold: int) -> Path:
        return self._folder / f"fold{fold}-at-{step}.safetensors"

    def _keep(self, step: int, fold: int) -> None:
        write_vectors(self._file(step, fold), self._embedder.passages(self._data.texts))

    def _kept_or_none(self, step: int, fold: int) -> NDArray[np.float32] | None:
        shape = (len(self._data.texts), self._embedder.dimension)
        return read_vectors(self._file(step, fold), shape)

    def _kept(self, step: int, fold: int) -> NDArray[np.float32]:
        vectors = self._kept_or_none(step, fold)
        assert vectors is not None, (step, fold)  # written by _without
        return vectors


def worth_trying(data: Labelled) -> bool:
    """Few examples per class, and no class that a fold would leave without any."""
    return data.per_class <= FEW_PER_CLASS and data.smallest_class > 1
