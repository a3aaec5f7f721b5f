"""Embeds chunks on several processes or machines with Ray Data.

Each worker is an actor that loads the embedder once. Batches hold chunks of like length; vectors
come back as they are made and go into the journal, so that an interrupted run embeds nothing
twice. Ray's usage report and dashboard are off: nothing leaves the cluster.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from advisor.errors import MachineError
from advisor.hosts import is_this_machine
from executors.rag.embedding import Embedder
from executors.rag.index.build import Cut, Known, OnBatch, OnProgress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from advisor.session import Session

OpenEmbedder = Callable[[], Embedder]
BATCH = 64
_IN_FLIGHT = 4
"""Batches a worker may have before it, so that it never waits for the next."""


def wants_ray(workers: int, address: str) -> bool:
    return workers > 1 or bool(address)


def permit_cluster(address: str, session: Session) -> None:
    """Ask before documents go to another machine; `auto` is a cluster somebody started here.

    Raises:
        Forbidden: the documents may not leave this machine, or nobody agreed.
    """
    if address and address != "local" and not is_this_machine(address):
        session.permit("upload", f"Ray ({address})")


@contextmanager
def cluster(workers: int, address: str) -> Iterator[None]:
    """A Ray cluster: the one at `address`, or one of this machine that ends with the block.

    Raises:
        MachineError: Ray is not installed, or there is no cluster at the address.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_DATA_DISABLE_PROGRESS_BARS", "1")
    try:
        import ray
    except ModuleNotFoundError:
        raise MachineError("package-missing", package="ray") from None
    started = not ray.is_initialized()
    if started:
        here = {} if address else {"num_cpus": workers, "include_dashboard": False}
        try:
            ray.init(
                address=address or "local", logging_level=logging.ERROR, log_to_driver=False, **here
            )
        except (ConnectionError, RuntimeError) as error:
            why = str(error).strip().splitlines()[0][:200]
            raise MachineError("ray-unreachable", where=address, path=address, why=why) from None
    try:
        yield
    finally:
        if started:
            ray.shutdown()


def embed_spread(
    cut: Cut,
    dimension: int,
    open_embedder: OpenEmbedder,
    known: Known,
    *,
    workers: int,
    on_progress: OnProgress | None = None,
    on_batch: OnBatch | None = None,
    batch: int = BATCH,
) -> tuple[NDArray[np.float32], int]:
    """Vectors of chunks, of shape (chunks, dimension), and how many had to be embedded.

    The same as `embed_chunks` gives, up to the last bits of a float; inside `cluster`.

    Args:
        cut: the chunks.
        dimension: of the embedder.
        open_embedder: sent to each worker and called there once; loads nothing before.
        known: vectors that need not be made.
        workers: actors, of one processor each.
        on_progress: called with chunks done and chunks in all.
        on_batch: called with keys and vectors as they come, in any order.
        batch: chunks embedded at once.
    """
    import numpy as np
    import ray

    found = dict(known(cut.keys))
    texts = {
        key: chunk.embedded_text
        for chunk, key in zip(cut.chunks, cut.keys, strict=True)
        if key not in found
    }
    waiting = sorted(texts, key=lambda key: (len(texts[key]), key))
    if waiting:
        ray.data.DataContext.get_current().enable_progress_bars = False
        # Sorted by length and cut into one block a batch: a batch pays for its longest text.
        rows = ray.data.from_items(
            [{"key": key, "text": texts[key]} for key in waiting],
            override_num_blocks=-(-len(waiting) // batch),
        )
        made = rows.map_batches(
            _Embeds,
            fn_constructor_args=(open_embedder,),
            batch_size=None,
            compute=ray.data.ActorPoolStrategy(
                size=workers, max_tasks_in_flight_per_actor=_IN_FLIGHT
            ),
            num_cpus=1,
        )
        for table in made.iter_batches(batch_size=None, batch_format="numpy"):
            keys = [int(key) for key in table["key"]]
            vectors = np.stack(list(table["vector"])).astype(np.float32)
            found |= dict(zip(keys, vectors, strict=True))
            if on_batch:
                on_batch(keys, vectors)
            if on_progress:
                on_progress(len(found), len(set(cut.keys)))
    matrix = np.zeros((len(cut.keys), dimension), dtype=np.float32)
    for row, key in enumerate(cut.keys):
        matrix[row] = found[key]
    return matrix, len(waiting)


class _Embeds:
    """One worker: the embedder, loaded once."""

    def __init__(self, open_embedder: OpenEmbedder) -> None:
        self._embedder = open_embedder()

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        texts: Sequence[str] = [str(text) for text in batch["text"]]
        return {"key": batch["key"], "vector": self._embedder.passages(texts)}
