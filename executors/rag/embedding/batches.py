"""Puts texts of equal token count into batches and runs one batch per core, without padding.

Equal lengths need neither padding nor an attention mask, so a text's vector does not depend on
what stands beside it. One thread per batch needs no barriers between threads: on a machine that
does other work at the same time, threads that share one matrix product wait for the slowest.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BATCH_TOKENS = 1024
"""Above some hundred tokens a batch gains no speed, and 1,024 keep the activations in the cache."""
_WAITING_PER_CORE = 4

Prepared = TypeVar("Prepared")


def equal_length_batches(lengths: Sequence[int], most_tokens: int) -> Iterator[list[int]]:
    """Row numbers, longest first; a batch holds one length and at most `most_tokens` tokens.

    A text longer than that is a batch of its own.
    """
    order = sorted(range(len(lengths)), key=lambda row: (-lengths[row], row))
    batch: list[int] = []
    for row in order:
        full = len(batch) + 1 > max(1, most_tokens // max(1, lengths[row]))
        if batch and (full or lengths[batch[0]] != lengths[row]):
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def cores_here() -> int:
    """Physical cores this process may use: a container or `taskset` may allow fewer than exist."""
    import psutil

    allowed = getattr(os, "sched_getaffinity", None)
    all_of_them = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    return min(all_of_them, len(allowed(0))) if allowed else all_of_them


def run_batches(
    lengths: Sequence[int],
    prepare: Callable[[list[int]], Prepared],
    forward: Callable[[Prepared], NDArray[np.float32]],
    dimension: int,
    *,
    cores: int | None = None,
) -> NDArray[np.float32]:
    """Rows of shape (len(lengths), dimension).

    Args:
        lengths: tokens of every text.
        prepare: row numbers of one batch to the input of `forward`; called in this thread, since
            tokenizers are not made for several.
        forward: input to rows, called in several threads with one torch thread each.
        dimension: of a row.
        cores: threads; None for all of this machine.
    """
    import numpy as np
    import torch

    out = np.zeros((len(lengths), dimension), dtype=np.float32)
    batches = list(equal_length_batches(lengths, BATCH_TOKENS))
    workers = min(cores or cores_here(), len(batches))
    before = torch.get_num_threads()

    def one(rows: list[int], given: Prepared) -> None:
        with torch.inference_mode():
            out[rows] = forward(given)

    try:
        torch.set_num_threads(1)
        if workers <= 1:
            for rows in batches:
                one(rows, prepare(rows))
            return out
        with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            waiting: deque[Future[None]] = deque()
            for rows in batches:
                waiting.append(pool.submit(one, rows, prepare(rows)))
                if len(waiting) > workers * _WAITING_PER_CORE:
                    waiting.popleft().result()
            for done in waiting:
                done.result()
    finally:
        torch.set_num_threads(before)
    return out
