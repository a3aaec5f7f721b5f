"""Word counts of chunks as kept on disk: joined and cut without cutting texts into words again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from executors.rag.index.sparse import COUNTS_FILE, VOCABULARY_FILE, SparseIndex

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class WordCounts:
    """Row r holds `counts` of the words numbered `columns`, from starts[r] to starts[r + 1].

    The vocabulary is sorted and holds no word that no row has; words of a row stand in its order.
    Equal rows therefore give equal arrays, however they came together.
    """

    vocabulary: list[str]
    starts: NDArray[np.int64]
    columns: NDArray[np.int32]
    counts: NDArray[np.int32]

    @classmethod
    def build(cls, rows: Sequence[Mapping[str, int]]) -> WordCounts:
        import numpy as np

        vocabulary = sorted({word for words in rows for word in words})
        number = {word: i for i, word in enumerate(vocabulary)}
        starts = np.cumsum([0, *(len(words) for words in rows)], dtype=np.int64)
        columns = np.fromiter((number[w] for ws in rows for w in sorted(ws)), np.int32)
        counts = np.fromiter((ws[w] for ws in rows for w in sorted(ws)), np.int32)
        return cls(vocabulary, starts, columns, counts)

    def index(self) -> SparseIndex:
        """The searchable form."""
        return SparseIndex(self.vocabulary, self.starts, self.columns, self.counts)

    def save(self, folder: Path) -> None:
        import numpy as np

        np.savez(folder / COUNTS_FILE, starts=self.starts, columns=self.columns, counts=self.counts)
        text = json.dumps(self.vocabulary, ensure_ascii=False)
        (folder / VOCABULARY_FILE).write_text(text, encoding="utf-8", errors="surrogatepass")

    @classmethod
    def load(cls, folder: Path) -> WordCounts:
        import numpy as np

        text = (folder / VOCABULARY_FILE).read_text(encoding="utf-8", errors="surrogatepass")
        with np.load(folder / COUNTS_FILE, allow_pickle=False) as stored:
            return cls(json.loads(text), stored["starts"], stored["columns"], stored["counts"])


def joined(parts: Sequence[WordCounts], order: NDArray[np.int64]) -> WordCounts:
    """Some rows of several parts, in a new order, as if they had been built together.

    Args:
        parts: their rows are numbered through.
        order: numbers of the rows to keep, first the one that becomes row 0.
    """
    import numpy as np

    if len(parts) == 1 and len(order) == len(parts[0].starts) - 1 and _in_place(order):
        return parts[0]
    words = sorted({word for part in parts for word in part.vocabulary})
    number = {word: i for i, word in enumerate(words)}
    starts, columns, at = [], [], 0
    for part in parts:
        renamed = np.fromiter((number[word] for word in part.vocabulary), np.int32)
        columns.append(renamed[part.columns] if len(part.columns) else part.columns)
        starts.append(part.starts[:-1] + at)
        at += len(part.columns)
    begins = np.concatenate([*starts, [at]]).astype(np.int64)
    lengths = np.diff(begins)[order]
    new_starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    # Where every kept entry stands now: its row's start, plus its place within the row.
    places = np.repeat(begins[:-1][order] - new_starts[:-1], lengths) + np.arange(new_starts[-1])
    kept = np.concatenate(columns)[places]
    counts = np.concatenate([part.counts for part in parts])[places]
    used = np.zeros(len(words), dtype=bool)
    used[kept] = True
    closer = (np.cumsum(used) - 1).astype(np.int32)
    vocabulary = [word for word, there in zip(words, used.tolist(), strict=True) if there]
    return WordCounts(vocabulary, new_starts, closer[kept], counts.astype(np.int32))


def _in_place(order: NDArray[np.int64]) -> bool:
    return bool((order == range(len(order))).all())
