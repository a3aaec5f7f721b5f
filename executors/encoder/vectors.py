"""Texts to vectors in blocks that stay on disk: a run that was stopped embeds only the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.files import canonical, replacing, sha256_bytes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from executors.rag.embedding import Embedder

BLOCK_TEXTS = 512


def embedded(
    texts: Sequence[str],
    embedder: Embedder,
    folder: Path,
    on_done: Callable[[int], None] = lambda done: None,
) -> NDArray[np.float32]:
    """Vectors of shape (texts, dimension), each block of texts embedded once.

    Args:
        folder: where blocks are kept, named by what is in them and who embedded it.
        on_done: called with the number of texts embedded so far.
    """
    import numpy as np

    found = [np.zeros((0, embedder.dimension), dtype=np.float32)]
    for at in range(0, len(texts), BLOCK_TEXTS):
        block = list(texts[at : at + BLOCK_TEXTS])
        file = folder / f"{sha256_bytes(canonical([embedder.id, block]))[:32]}.safetensors"
        vectors = read_vectors(file, (len(block), embedder.dimension))
        if vectors is None:
            vectors = embedder.passages(block)
            write_vectors(file, vectors)
        found.append(vectors)
        on_done(at + len(block))
    return np.concatenate(found)


def write_vectors(file: Path, vectors: NDArray[np.float32]) -> None:
    import numpy as np
    from safetensors.numpy import save

    with replacing(file) as stream:
        stream.write(save({"vectors": np.ascontiguousarray(vectors)}))


def read_vectors(file: Path, shape: tuple[int, int]) -> NDArray[np.float32] | None:
    """The vectors in a file; None where it is missing, damaged or of another shape."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    if not file.is_file():
        return None
    try:
        vectors: NDArray[np.float32] = load_file(file)["vectors"]
    except (OSError, KeyError, SafetensorError):
        return None
    return vectors if vectors.shape == shape else None
