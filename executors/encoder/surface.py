"""What a text looks like, beside what it means: its runs of one to four characters.

An embedder is made to give a polite and a casual sentence of one meaning the same vector; where
the classes are tones, forms or product codes, what it leaves out is what tells them apart. Counts
are weighted by rarity and brought down to their main directions (latent semantic analysis,
Deerwester et al. 1990), so that one head can look at both.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advisor.errors import RunError
from advisor.files import write_json
from executors.evaluate.normalise import fold

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LONGEST = 4
MOST_RUNS = 20_000
"""The runs that most texts have are kept; one that a single text has tells nothing."""
DIRECTIONS = 512
NUMBERS, ABOUT = "surface.safetensors", "surface.json"


@dataclass(frozen=True, slots=True)
class Surface:
    """Texts to vectors of `directions.shape[1]` numbers, of length 1 on average once centred."""

    runs: dict[str, int]
    """Each run's row of `directions`."""
    rarity: NDArray[np.float32]
    directions: NDArray[np.float32]
    """Shape (runs, dimension), divided by the vectors' root mean square length."""

    def vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Shape (texts, dimension)."""
        import numpy as np

        found = np.zeros((len(texts), self.directions.shape[1]), dtype=np.float32)
        for row, text in enumerate(texts):
            places, weights = _weighted(text, self.runs, self.rarity)
            if places:
                found[row] = weights @ self.directions[places]
        return found

    def save(self, folder: Path) -> None:
        import numpy as np
        from safetensors.numpy import save_file

        folder.mkdir(parents=True, exist_ok=True)
        numbers = {"rarity": self.rarity, "directions": np.ascontiguousarray(self.directions)}
        save_file(numbers, folder / NUMBERS)
        write_json(folder / ABOUT, {"schema_version": 1, "runs": list(self.runs)})


def load_surface(folder: Path) -> Surface:
    """The stored one.

    Raises:
        RunError: a file is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        runs = json.loads((folder / ABOUT).read_text(encoding="utf-8"))["runs"]
        numbers = load_file(folder / NUMBERS)
        surface = Surface({run: row for row, run in enumerate(runs)}, **numbers)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError):
        raise RunError("artifact-changed", where=str(folder), path=ABOUT) from None
    if len(surface.directions) != len(runs) or len(surface.rarity) != len(runs):
        raise RunError("artifact-changed", where=str(folder), path=ABOUT)
    return surface


def fit_surface(texts: Sequence[str]) -> Surface | None:
    """The main directions of these texts; None where no two of them have anything in common."""
    import numpy as np
    import torch

    found: Counter[str] = Counter()
    for text in texts:
        found.update(set(_runs(text)))
    # By frequency, and then by the run itself: the same texts give the same numbers.
    kept = sorted((-n, run) for run, n in found.items() if n > 1)[:MOST_RUNS]
    if not kept:
        return None
    runs = {run: row for row, (_, run) in enumerate(kept)}
    having = np.array([-n for n, _ in kept])
    rarity = (np.log((1 + len(texts)) / (1 + having)) + 1).astype(np.float32)
    rows: list[int] = []
    columns: list[int] = []
    values: list[float] = []
    for row, text in enumerate(texts):
        known, weights = _weighted(text, runs, rarity)
        rows += [row] * len(known)
        columns += known
        values += weights.tolist()
    places, shape = torch.tensor([rows, columns]), (len(texts), len(runs))
    matrix = torch.sparse_coo_tensor(
        places, torch.tensor(values), shape, check_invariants=True
    ).coalesce()
    dimension = min(DIRECTIONS, *matrix.shape)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        _, _, directions = torch.svd_lowrank(matrix, q=dimension, niter=2)
    vectors = matrix @ directions
    length = (vectors - vectors.mean(0)).square().sum(1).mean().sqrt()
    scaled: NDArray[np.float32] = (directions / length.clamp_min(1e-6)).numpy()
    return Surface(runs, rarity, scaled)


def _runs(text: str) -> list[str]:
    """Runs of characters within words, a word's ends marked; Japanese has one long word."""
    return [
        word[at : at + n]
        for word in (f" {part} " for part in fold(text).split())
        for n in range(1, LONGEST + 1)
        for at in range(len(word) - n + 1)
    ]


def _weighted(
    text: str, runs: dict[str, int], rarity: NDArray[Any]
) -> tuple[list[int], NDArray[np.float32]]:
    """The known runs of a text and their weights, 1 + ln(count) by rarity, of length 1 together."""
    import numpy as np

    counts = Counter(run for run in _runs(text) if run in runs)
    places = [runs[run] for run in counts]
    weights = (1 + np.log(np.array(list(counts.values()), dtype=np.float32))) * rarity[places]
    length = float(np.sqrt((weights**2).sum()))
    found: NDArray[np.float32] = (weights / length if length else weights).astype(np.float32)
    return places, found
