"""An embedder that keeps its vectors between runs: measuring again does not embed again."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from advisor.session import Session
from executors.rag.embedding import open_embedder

_BATCH = 32


class Kept:
    """Any embedder of the product; vectors lie in one SQLite file by SHA-256 of kind and text."""

    def __init__(self, id_: str, session: Session, folder: Path | None) -> None:
        self._own = open_embedder(id_, session)
        self.id, self.dimension = self._own.id, self._own.dimension
        self.max_tokens = self._own.max_tokens
        self.count_tokens: Callable[[str], int] = self._own.count_tokens
        place = ":memory:" if folder is None else str(folder / f"{Path(id_).name}.db")
        self._kept = sqlite3.connect(place, timeout=60)
        self._kept.execute("create table if not exists v(k text primary key, v blob)")

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._vectors("passages", texts)

    def queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._vectors("queries", texts)

    def _vectors(self, kind: str, texts: Sequence[str]) -> NDArray[np.float32]:
        keys = [hashlib.sha256((kind + text).encode()).hexdigest() for text in texts]
        out = np.zeros((len(texts), self.dimension), np.float32)
        missing = []
        for row, key in enumerate(keys):
            found = self._kept.execute("select v from v where k = ?", (key,)).fetchone()
            if found is None:
                missing.append(row)
            else:
                out[row] = np.frombuffer(found[0], np.float32)
        missing.sort(key=lambda row: len(texts[row]))
        for at in range(0, len(missing), _BATCH):
            rows = missing[at : at + _BATCH]
            out[rows] = getattr(self._own, kind)([texts[row] for row in rows])
            new = [(keys[row], out[row].tobytes()) for row in rows]
            self._kept.executemany("insert or replace into v values (?, ?)", new)
            self._kept.commit()
        return out
