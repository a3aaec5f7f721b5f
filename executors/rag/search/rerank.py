"""A second, closer look at the first passages: a cross-encoder reads question and passage together.

It is the slow part of a search, so only a bounded number of passages is read, and it is used by
default only where the company's own questions show that it ranks better.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.errors import MachineError
from advisor.plan_config import in_hub_cache
from executors.rag.search.retrieve import Found, Reranker, rerank
from knowledge.catalog.loader import load

if TYPE_CHECKING:
    from advisor.session import Session

_BATCH = 16
_LONGEST_QUESTION = 1000
"""Characters of a question that are read; the passage must have room beside it."""


@dataclass(frozen=True, slots=True)
class RerankerChoice:
    """Which reranker, or none, and why; the reason's text stands under `rag.why.<reason>`."""

    id: str | None
    reason: str

    @property
    def asked(self) -> bool:
        return self.reason == "reranker-asked"


def choose_reranker(wanted: str, languages: Mapping[str, float]) -> RerankerChoice:
    """What `rag.reranker` means on this machine.

    Args:
        wanted: none, auto, a hub id or a folder.
        languages: shares of the corpus by language; `auto` wants one that reads the main one.
    """
    if wanted == "none":
        return RerankerChoice(None, "reranker-off")
    if wanted not in ("auto", ""):
        return RerankerChoice(wanted, "reranker-asked")
    main = max(languages, key=lambda language: languages[language], default="en")
    for record in load("rerankers").values():
        reads = {main, "multilingual"} & set(record.languages)
        if reads and in_hub_cache(record.id) and find_spec("sentence_transformers"):
            return RerankerChoice(record.id, "reranker-in-cache")
    return RerankerChoice(None, "reranker-not-at-hand")


def open_reranker(id_: str, session: Session) -> Reranker:
    """Load the cross-encoder called `id_`.

    Raises:
        MachineError: its package or folder is not here, or it cannot be read.
        Forbidden: it would have to be downloaded and that is not allowed.
    """
    if find_spec("sentence_transformers") is None:
        raise MachineError("package-missing", package="sentence-transformers")
    here = Path(id_).expanduser().is_dir() or in_hub_cache(id_)
    if not here:
        session.permit("download", id_)
    try:
        return CrossEncoderReranker(id_, local=here)
    except (OSError, ValueError, RuntimeError) as error:
        why = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise MachineError("reranker-unreadable", reranker=id_, why=why) from None


class CrossEncoderReranker:
    """Any sentence-transformers cross-encoder with one output."""

    def __init__(self, id_: str, *, local: bool) -> None:
        import torch
        from sentence_transformers import CrossEncoder

        self.id = id_
        path = Path(id_).expanduser()
        self._model = CrossEncoder(
            str(path) if path.is_dir() else id_,
            device="cuda" if torch.cuda.is_available() else "cpu",
            local_files_only=local,
            activation_fn=torch.nn.Sigmoid(),
        )
        if int(self._model.num_labels) != 1:
            raise ValueError(f"{self._model.num_labels} outputs instead of one score")

    def scores(self, question: str, passages: Sequence[str]) -> list[float]:
        pairs = [(question[:_LONGEST_QUESTION], passage) for passage in passages]
        found = self._model.predict(pairs, batch_size=_BATCH, show_progress_bar=False)
        return [float(score) for score in found]


def milliseconds(reranker: Reranker, question: str, found: Found) -> float:
    """What reading the first passages of one question takes here, once warm."""
    rerank(reranker, question, found)
    started = time.perf_counter()
    rerank(reranker, question, found)
    return 1000 * (time.perf_counter() - started)
