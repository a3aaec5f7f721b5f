"""Few-shot examples nearest to each question: from training data only, embedded once.

Examples that nearly are a held-out question are taken out when the run is built: they would show
its answer. In use nothing is taken out, and who asks what is known gets the known answer.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.errors import RunError
from advisor.files import write_bytes
from executors.rag.embedding import Embedder
from knowledge.corpus.near_duplicates import near_keys, normalised
from knowledge.corpus.types import Example, ExampleKind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

VECTORS_FILE = "examples.npy"


def apart_from(train: Sequence[Example], held_out: Sequence[Example]) -> list[Example]:
    """The training examples that ask nothing that is nearly asked of the finished system.

    Near means four fifths of the character 3-grams, as in the split.
    """
    asked = {normalised(example.prompt) for example in held_out}
    keys = list(dict.fromkeys([*asked, *(normalised(example.prompt) for example in train)]))
    near = near_keys(keys)
    number = {key: position for position, key in enumerate(keys)}

    def repeats(example: Example) -> bool:
        key = normalised(example.prompt)
        return key in asked or any(keys[other] in asked for other in near[number[key]])

    return [example for example in train if not repeats(example)]


class NearestExamples:
    """The pool of examples with their vectors, asked for the nearest few."""

    def __init__(
        self,
        pool: Mapping[ExampleKind, Sequence[Example]],
        vectors: NDArray[np.float32],
        embedder: Embedder,
        shots: int,
    ) -> None:
        """Take the pool's vectors, shape (examples of all kinds in order, dimension)."""
        self._embedder, self._shots = embedder, shots
        self._of: dict[ExampleKind, tuple[Sequence[Example], NDArray[np.float32]]] = {}
        at = 0
        for kind, examples in pool.items():
            self._of[kind] = (examples, vectors[at : at + len(examples)])
            at += len(examples)

    def choose(self, question: str, kind: ExampleKind) -> list[Example]:
        """At most `shots` examples of the kind, the nearest last, where it weighs most.

        With several shots the nearest unanswerable question comes first, so that the model sees
        what not knowing looks like.
        """
        examples, vectors = self._of.get(kind, ((), None))
        if not examples or vectors is None or self._shots <= 0:
            return []
        cosines = vectors @ self._embedder.queries([question])[0]
        nearest = [examples[i] for i in sorted(range(len(examples)), key=lambda i: -cosines[i])]
        refusals = [example for example in nearest if not example.answerable][:1]
        shown = refusals if self._shots > 1 else []
        answered = [example for example in nearest if example.answerable]
        return [*shown, *reversed(answered[: self._shots - len(shown)])]


def embed(pool: Mapping[ExampleKind, Sequence[Example]], embedder: Embedder) -> NDArray[np.float32]:
    """Vectors of every example's prompt, shape (examples of all kinds in order, dimension)."""
    prompts = [example.prompt for examples in pool.values() for example in examples]
    # Questions beside questions: both are embedded as what is asked.
    return embedder.queries(prompts)


def save_vectors(vectors: NDArray[np.float32], path: Path) -> None:
    """Keep the vectors beside the run's prompt."""
    import numpy as np

    buffer = io.BytesIO()
    np.save(buffer, vectors, allow_pickle=False)
    write_bytes(path, buffer.getvalue())


def load_vectors(path: Path, n: int) -> NDArray[np.float32]:
    """Vectors of shape (n, dimension).

    Raises:
        RunError: the file is missing, damaged, or of other examples.
    """
    import numpy as np

    try:
        vectors: NDArray[np.float32] = np.load(path, allow_pickle=False)
    except (OSError, ValueError):
        raise RunError("artifact-changed", where=str(path), path=path.name) from None
    if vectors.ndim != 2 or len(vectors) != n:
        raise RunError("artifact-changed", where=str(path), path=path.name)
    return vectors
