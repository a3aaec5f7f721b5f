"""Vectors kept while they are made, so that an interrupted build or refresh embeds nothing twice.

One record per vector: its content key, its numbers, and a checksum over both; a torn record at
the end is passed over. The file is the embedder's own and goes once the index is written.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from executors.rag.embedding import Embedder

_PREFIX = "embedded-"


class Journal:
    """The vectors of one embedder that no index holds yet."""

    def __init__(self, folder: Path, embedder: Embedder) -> None:
        import numpy as np

        from executors.rag.index.rag_index import probe as probe_of

        probe = np.array(probe_of(embedder), dtype=np.float32).round(3)
        named = f"{embedder.id}\0{embedder.dimension}".encode() + (probe + 0.0).tobytes()
        self.path = folder / f"{_PREFIX}{hashlib.sha256(named).hexdigest()[:16]}.bin"
        self._type = np.dtype(
            [("key", "<i8"), ("vector", "<f4", embedder.dimension), ("sum", "<u4")]
        )
        self._rows: dict[int, NDArray[np.float32]] | None = None

    def add(self, keys: Sequence[int], vectors: NDArray[np.float32]) -> None:
        """Keep vectors of shape (len(keys), dimension).

        Raises:
            OSError: it could not be written.
        """
        import numpy as np

        records = np.zeros(len(keys), dtype=self._type)
        records["key"], records["vector"] = keys, vectors
        records["sum"] = [_checksum(record) for record in records]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        size = self.path.stat().st_size if self.path.exists() else 0
        with self.path.open("r+b" if size else "wb") as stream:
            # After a torn record nothing could be found again: it is written over.
            stream.seek(size - size % self._type.itemsize)
            stream.truncate()
            stream.write(records.tobytes())

    def known(self, keys: Sequence[int]) -> Mapping[int, NDArray[np.float32]]:
        """The vectors of those keys that were kept."""
        if self._rows is None:
            self._rows = self._read()
        return {key: self._rows[key] for key in keys if key in self._rows}

    def _read(self) -> dict[int, NDArray[np.float32]]:
        import numpy as np

        if not self.path.is_file():
            return {}
        count = self.path.stat().st_size // self._type.itemsize
        records = np.fromfile(self.path, dtype=self._type, count=count)
        return {
            int(record["key"]): record["vector"]
            for record in records
            if int(record["sum"]) == _checksum(record)
        }


def clear_journals(folder: Path) -> None:
    """Forget what was kept: the index holds it now, or another embedder came."""
    for path in folder.glob(f"{_PREFIX}*.bin"):
        path.unlink(missing_ok=True)


def _checksum(record: Any) -> int:
    return zlib.crc32(record["key"].tobytes() + record["vector"].tobytes())
