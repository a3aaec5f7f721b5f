"""Tunes a sentence encoder so that texts of one class lie together and classes apart.

As SetFit does (Tunstall et al. 2022, arXiv 2209.11055), with two changes: the supervised
contrastive loss (Khosla et al. 2020, arXiv 2004.11362) looks at all pairs of a batch at once
instead of two texts at a time, and beside it each class has a point of its own that its texts are
drawn to (cosine softmax), begun at the mean of its texts.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from executors.encoder.checkpoint import Checkpoint

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CLASSES_A_BATCH = 32
TEXTS_A_CLASS = 2
SHARPNESS = 0.05
"""Cosines are divided by it: SimCSE's and sentence-transformers' common choice."""
POINT_RATE = 10.0
"""The classes' points move this many times as fast as the encoder, which is far from untrained."""
WARMUP = 0.1
LONGEST_NORM = 1.0
CHUNK_TEXTS = 16
"""Texts of about one length computed together: padding to the longest of a batch cost twice the
time on banking questions."""
CHECKPOINT_EVERY_S = 30.0


@dataclass(frozen=True, slots=True)
class Course:
    """How a tuning is done; the same course on the same texts gives the same weights on a CPU."""

    steps: int
    learning_rate: float
    seed: int


def tune(
    model: Any,
    texts: Sequence[str],
    classes: NDArray[np.int64],
    course: Course,
    *,
    until: int,
    checkpoint: Path,
    on_step: Callable[[int], None],
) -> None:
    """Tune `model` in place; begins again at the last checkpoint where there is one.

    Args:
        model: a SentenceTransformer. Its table of words stays as it is: a few hundred texts
            would move the words they hold and leave their neighbours behind.
        texts: with the encoder's own prefix before them.
        classes: the label's number for each text.
        until: the step to stop at, before the course's end where less was found to be better.
        checkpoint: folder for the state of this tuning, written every half minute.
        on_step: called with the number of each finished step, and first with the step that a
            checkpoint stands at; what it raises ends the tuning with its state saved. It may
            embed with the model, which is in training mode again afterwards.
    """
    import torch

    tuned = _tuned_parameters(model)
    points = torch.nn.Parameter(_class_means(model, texts, classes))
    rate = course.learning_rate
    optimiser = torch.optim.AdamW(
        [
            {"params": list(tuned.values()), "lr": rate, "weight_decay": 0.01},
            {"params": [points], "lr": rate * POINT_RATE, "weight_decay": 0.0},
        ]
    )
    state = Checkpoint(checkpoint, {**tuned, "class_points": points}, optimiser)
    done = state.restore()
    saved = time.perf_counter()
    try:
        if done:
            on_step(done)
        for step in range(done + 1, until + 1):
            model.train()
            # Of this step alone, so that a tuning that goes on draws what it would have drawn.
            torch.manual_seed(course.seed * 1_000_003 + step)
            rows = batch(classes, course.seed, step)
            share = _rate_share(step, course.steps)
            for group, full in zip(optimiser.param_groups, (rate, rate * POINT_RATE), strict=True):
                group["lr"] = full * share
            vectors = _vectors(model, [texts[row] for row in rows])
            loss = contrastive_loss(vectors, torch.from_numpy(classes[rows]), points)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(tuned.values(), LONGEST_NORM)
            optimiser.step()
            optimiser.zero_grad()
            done = step
            model.eval()
            on_step(step)
            if time.perf_counter() - saved > CHECKPOINT_EVERY_S:
                state.save(step)
                saved = time.perf_counter()
    finally:
        state.save(done)
        model.eval()


def contrastive_loss(vectors: Any, classes: Any, points: Any) -> Any:
    """Supervised contrastive loss within the batch, plus cross-entropy to the classes' points.

    Args:
        vectors: shape (texts, dimension), of length 1.
        classes: shape (texts,), numbers of rows of `points`.
        points: shape (all classes, dimension), of any length.
    """
    import torch
    from torch.nn.functional import cross_entropy, normalize

    itself = torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)
    alike = (vectors @ vectors.T / SHARPNESS).masked_fill(itself, -math.inf)
    same = (classes[:, None] == classes[None, :]) & ~itself
    chances = torch.log_softmax(alike, dim=1).masked_fill(~same, 0.0)
    friends = same.sum(dim=1)
    # A text that is alone of its class in the batch has nothing to be drawn to.
    pulled = friends > 0
    pairs = -(chances.sum(dim=1)[pulled] / friends[pulled]).sum() / max(1, int(pulled.sum()))
    return pairs + cross_entropy(vectors @ normalize(points, dim=1).T / SHARPNESS, classes)


def batch(classes: NDArray[np.int64], seed: int, step: int) -> list[int]:
    """Rows of one step: some classes, each with a few of its texts; decided by seed and step."""
    import numpy as np

    random = np.random.default_rng((seed, step))
    present = np.unique(classes)
    drawn = random.choice(present, min(CLASSES_A_BATCH, len(present)), replace=False)
    # Few classes: more texts of each, so that a batch keeps its size.
    each = max(TEXTS_A_CLASS, CLASSES_A_BATCH * TEXTS_A_CLASS // len(drawn))
    rows: list[int] = []
    for number in drawn:
        own = np.flatnonzero(classes == number)
        rows += random.choice(own, min(each, len(own)), replace=False).tolist()
    return rows


def _tuned_parameters(model: Any) -> dict[str, Any]:
    tuned = {}
    for name, parameter in model.named_parameters():
        parameter.requires_grad = ".embeddings." not in name
        if parameter.requires_grad:
            tuned[name] = parameter
    return tuned


def _class_means(model: Any, texts: Sequence[str], classes: NDArray[np.int64]) -> Any:
    """Where each class's texts lie before the tuning, shape (classes, dimension)."""
    import torch

    model.eval()
    with torch.no_grad():
        vectors = torch.cat([_vectors(model, part) for part in _parts(texts)])
    means = torch.zeros(int(classes.max()) + 1, vectors.shape[1], device=vectors.device)
    numbers = torch.from_numpy(classes).to(vectors.device)
    means.index_add_(0, numbers, vectors)
    return torch.nn.functional.normalize(means, dim=1)


def _parts(texts: Sequence[str], size: int = 256) -> Iterator[Sequence[str]]:
    for at in range(0, len(texts), size):
        yield texts[at : at + size]


def _vectors(model: Any, texts: Sequence[str]) -> Any:
    """Vectors of length 1, shape (texts, dimension), in the texts' order, with gradients."""
    import torch

    prepare = getattr(model, "preprocess", None) or model.tokenize
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    found = []
    for at in range(0, len(order), CHUNK_TEXTS):
        features = prepare([texts[row] for row in order[at : at + CHUNK_TEXTS]])
        features = {
            name: value.to(model.device) if hasattr(value, "to") else value
            for name, value in features.items()
        }
        found.append(model(features)["sentence_embedding"].float())
    back = torch.tensor(sorted(range(len(order)), key=order.__getitem__), device=found[0].device)
    return torch.nn.functional.normalize(torch.cat(found)[back], dim=1)


def _rate_share(step: int, steps: int) -> float:
    """Up in a straight line, down along a cosine."""
    warm = max(1.0, WARMUP * steps)
    if step <= warm:
        return step / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1.0, steps - warm)))
