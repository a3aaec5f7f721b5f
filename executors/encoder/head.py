"""A multinomial logistic regression on an embedder's vectors: fitted, calibrated, stored.

Own code and no scikit-learn: the whole is one convex function, and what is stored is two matrices
of numbers instead of a pickle.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advisor.errors import RunError
from advisor.files import write_json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NUMBERS = "head.safetensors"
ABOUT = "head.json"
STRENGTHS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
"""Tried for `C`, the inverse of the penalty as scikit-learn defines it: strongest penalty first."""
MOST_STEPS = 200
_TEMPERATURES = tuple(2.0 ** (k / 4) for k in range(-16, 17))


@dataclass(frozen=True, slots=True)
class Head:
    """Vectors to probabilities of the labels."""

    labels: tuple[str, ...]
    weight: NDArray[np.float32]
    """Shape (labels, dimension)."""
    bias: NDArray[np.float32]
    mean: NDArray[np.float32]
    """Of the vectors it was fitted on; what all texts share tells no classes apart."""
    scale: float
    """Length of a vector without the mean, root mean square: makes `C` mean the same everywhere."""
    temperature: float = 1.0

    def scores(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Unnormalised log-probabilities of shape (texts, labels), before the temperature."""
        found: NDArray[np.float32] = (
            (vectors - self.mean) / self.scale
        ) @ self.weight.T + self.bias
        return found

    def probabilities(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """Calibrated, shape (texts, labels)."""
        return softmax(self.scores(vectors) / self.temperature)

    def save(self, folder: Path, about: dict[str, Any]) -> None:
        """Write the numbers, and beside them in JSON what people and programs ask of them."""
        import numpy as np
        from safetensors.numpy import save_file

        folder.mkdir(parents=True, exist_ok=True)
        numbers = {"weight": self.weight, "bias": self.bias, "mean": self.mean}
        save_file({k: np.ascontiguousarray(v) for k, v in numbers.items()}, folder / NUMBERS)
        told = {"labels": self.labels, "scale": self.scale, "temperature": self.temperature}
        write_json(folder / ABOUT, {"schema_version": 1, **told, **about})


def load_head(folder: Path) -> tuple[Head, dict[str, Any]]:
    """The stored head, and what stands beside it.

    Raises:
        RunError: a file is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        numbers = load_file(folder / NUMBERS)
        labels = tuple(about["labels"])
        head = Head(labels, scale=about["scale"], temperature=about["temperature"], **numbers)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError):
        raise RunError("artifact-changed", where=str(folder), path=ABOUT) from None
    return head, about


def fit_path(
    vectors: NDArray[np.float32],
    classes: NDArray[np.int64],
    labels: Sequence[str],
    *,
    weighting: str = "root",
    strengths: Sequence[float] = STRENGTHS,
) -> Iterator[Head]:
    """Heads from the strongest penalty to the weakest, each begun where the last one ended.

    Minimises  sum_i w_i · cross_entropy_i + |W|² / (2C)  by L-BFGS in float64; the bias is free.

    Args:
        vectors: shape (texts, dimension).
        classes: the label's number for each text; labels without a text are allowed.
        weighting: see `class_weights`.
    """
    import numpy as np
    import torch
    from torch.nn.functional import cross_entropy

    mean = vectors.mean(axis=0)
    centred = vectors - mean
    scale = max(float(np.sqrt((centred**2).sum(axis=1).mean())), 1e-6)
    x = torch.from_numpy((centred / scale).astype(np.float64))
    y = torch.from_numpy(classes)
    each = torch.from_numpy(class_weights(classes, len(labels), weighting))[y]
    weight = torch.zeros(len(labels), x.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(len(labels), dtype=torch.float64, requires_grad=True)
    for strength in strengths:
        optimiser = torch.optim.LBFGS(
            [weight, bias],
            max_iter=MOST_STEPS,
            tolerance_grad=1e-5,
            tolerance_change=1e-9,
            line_search_fn="strong_wolfe",
        )

        def loss(strength: float = strength, optimiser: Any = optimiser) -> Any:
            optimiser.zero_grad()
            fit = (each * cross_entropy(x @ weight.T + bias, y, reduction="none")).sum()
            value = (fit + weight.square().sum() / (2 * strength)) / len(y)
            value.backward()
            return value

        optimiser.step(loss)
        yield Head(
            tuple(labels),
            weight.detach().numpy().astype(np.float32),
            bias.detach().numpy().astype(np.float32),
            mean.astype(np.float32),
            scale,
        )


def fit(
    vectors: NDArray[np.float32],
    classes: NDArray[np.int64],
    labels: Sequence[str],
    strength: float,
    *,
    weighting: str = "root",
) -> Head:
    """The head at one strength of the penalty."""
    (head,) = fit_path(vectors, classes, labels, weighting=weighting, strengths=(strength,))
    return head


def class_weights(classes: NDArray[np.int64], labels: int, weighting: str) -> NDArray[np.float64]:
    """A weight for each class, 1 on average over the texts.

    `balanced` makes every class count alike and gives up accuracy on the frequent ones; `root`
    goes half the way; where all classes are of one size every weighting is the same.
    """
    import numpy as np

    counts = np.bincount(classes, minlength=labels).astype(np.float64)
    power = {"none": 0.0, "root": 0.5, "balanced": 1.0}[weighting]
    weights = np.where(counts > 0, np.maximum(counts, 1.0) ** -power, 0.0)
    found: NDArray[np.float64] = weights * counts.sum() / (weights * counts).sum()
    return found


def with_temperature(head: Head, temperature: float) -> Head:
    return replace(head, temperature=temperature)


def calibrate(scores: NDArray[np.float32], classes: NDArray[np.int64]) -> tuple[float, float]:
    """The temperature at which held-out scores are most probable, and their mean log-loss there.

    One number that every score is divided by (Guo et al. 2017, arXiv 1706.04599): which label
    comes first stays as it is.
    """
    tried = [(log_loss(scores / t, classes), t) for t in _TEMPERATURES]
    loss, temperature = min(tried)
    return temperature, loss


def log_loss(scores: NDArray[Any], classes: NDArray[np.int64]) -> float:
    import numpy as np

    chances = softmax(scores)[np.arange(len(classes)), classes]
    return float(-np.log(np.maximum(chances, 1e-12)).mean())


def softmax(scores: NDArray[Any]) -> NDArray[np.float64]:
    import numpy as np

    shifted = np.exp(scores.astype(np.float64) - scores.max(axis=1, keepdims=True))
    found: NDArray[np.float64] = shifted / shifted.sum(axis=1, keepdims=True)
    return found
