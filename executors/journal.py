"""Keeps each answer as soon as a model has finished it, while others of its batch are written.

A batch ends with its longest answer and costs as much as that one; a kill in between would lose
the shorter ones too. Within `keeping` each row's tokens are on disk in the step that ends it, and
a prompt whose tokens stand there is not put to the model again. What a kill can lose are answers
without their end: those in flight.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    import torch

FILE = "unfinished.jsonl"
_current: ContextVar[GenerationJournal | None] = ContextVar("generation_journal", default=None)


class GenerationJournal:
    """One file of finished rows, by what was asked; a damaged line counts for nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, tuple[list[int], float]] = {}
        self._stream: TextIO | None = None
        if path.is_file():
            with path.open("r+b") as stream:
                content = stream.read()
                stream.truncate(content.rfind(b"\n") + 1)
            for line in content.split(b"\n")[:-1]:
                with suppress(ValueError, KeyError, TypeError):
                    record = json.loads(line)
                    self._known[record["of"]] = (record["tokens"], float(record["seconds"]))

    def written(self, key: str) -> tuple[list[int], float] | None:
        """The tokens of a finished answer and the seconds it took; None where there is none."""
        return self._known.get(key)

    def write(self, key: str, tokens: Sequence[int], seconds: float) -> None:
        self._known[key] = (list(tokens), seconds)
        self._stream = self._stream or self._path.open("a", encoding="utf-8")
        record = {"of": key, "tokens": list(tokens), "seconds": round(seconds, 4)}
        self._stream.write(json.dumps(record) + "\n")
        self._stream.flush()

    def clear(self) -> None:
        """Forget what it holds: the whole batch is where its answers are kept."""
        self._known.clear()
        self.close()
        self._path.unlink(missing_ok=True)

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None


@contextmanager
def keeping(folder: Path) -> Iterator[GenerationJournal]:
    """Within it finished rows are kept in `folder`; read again when it is entered again."""
    journal = GenerationJournal(folder / FILE)
    token = _current.set(journal)
    try:
        yield journal
    finally:
        _current.reset(token)
        journal.close()


def current() -> GenerationJournal | None:
    return _current.get()


def key_of(model: str, row: Sequence[int], max_new_tokens: int, stops: Sequence[str]) -> str:
    """What decides a greedy answer: the model's digest, the prompt, and where it must end."""
    told = json.dumps([model, list(row), max_new_tokens, list(stops)])
    return hashlib.sha256(told.encode()).hexdigest()


def as_they_end(
    journal: GenerationJournal,
    keys: Sequence[str],
    width: int,
    ends: set[int],
    stopped: Callable[..., torch.Tensor] | None,
    max_new_tokens: int,
) -> Callable[..., Any]:
    """A stopping criterion that stops what `stopped` does and keeps each row in its last step.

    Args:
        keys: by row of the batch.
        width: tokens of the padded prompts.
        ends: tokens that end an answer.
        stopped: which rows have just written a stop text; None where there are no such texts.
        max_new_tokens: an answer this long is over too.
    """
    import torch

    waiting = set(range(len(keys)))
    started = time.perf_counter()

    def seen(input_ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
        if stopped is None:
            over = torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)
        else:
            over = stopped(input_ids, scores, **kwargs)
        last = input_ids[:, -1].tolist()
        full = input_ids.shape[1] - width >= max_new_tokens
        for row in sorted(waiting):
            if full or last[row] in ends or bool(over[row]):
                waiting.discard(row)
                seconds = (time.perf_counter() - started) / len(keys)
                journal.write(keys[row], input_ids[row, width:].tolist(), seconds)
        return over

    return seen
