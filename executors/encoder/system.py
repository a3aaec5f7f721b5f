"""The finished classifier: names the most probable label of a text, or says that none fits."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from executors.base import Question, Reply
from executors.encoder.head import Head
from executors.encoder.views import Views
from executors.rag.embedding import Embedder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAME = 0.999
"""Cosine to the stored vector from which on an embedder is the one that the head was trained on."""
_PROBED_LABELS = 20


class EncoderSystem:
    """Names the most probable label of each text; nothing but a label can be answered."""

    def __init__(self, head: Head, views: Views, unknown_below: float, unknown: str) -> None:
        """Args: unknown: what is answered where the best label's probability is too small."""
        self._head, self._views = head, views
        self._unknown_below, self._unknown = unknown_below, unknown

    def answer(self, questions: Sequence[Question], *, passages: int = 5) -> list[Reply]:
        if not questions:
            return []
        started = time.perf_counter()
        texts = [question.text for question in questions]
        chances = self._head.probabilities(self._views.of(texts))
        seconds = (time.perf_counter() - started) / len(questions)
        found = []
        for question, row in zip(questions, chances, strict=True):
            best = int(row.argmax())
            known = float(row[best]) >= self._unknown_below
            label = self._head.labels[best] if known else self._unknown
            reason = "stop" if known else "abstained"
            found.append(
                Reply(
                    question.id,
                    question.text,
                    label,
                    abstained=not known,
                    seconds=seconds,
                    finish_reason=reason,  # type: ignore[arg-type]
                )
            )
        return found

    def close(self) -> None:
        """Nothing to close: the memory goes with the last reference."""


def same_embedder(embedder: Embedder, labels: Sequence[str], then: Sequence[float]) -> bool:
    """Whether `embedder` still makes the vector that `probe` made when the head was trained."""
    now = probe(embedder, labels)
    return now.shape == (len(then),) and float(now @ then) >= SAME


def probe(embedder: Embedder, labels: Sequence[str]) -> NDArray[np.float32]:
    """A vector that tells whether the embedder is the one of the training; of no one's text."""
    found: NDArray[np.float32] = embedder.passages([" / ".join(labels[:_PROBED_LABELS])])[0]
    return found
