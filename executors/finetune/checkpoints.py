"""Which checkpoint may be gone on from: only one whose every file is there to its last byte."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from advisor.errors import MachineError, OkakaeError, UsageError
from advisor.files import write_json

WHOLE = "whole.json"
"""Written last: the size of every other file of the checkpoint."""
STATE = "trainer_state.json"
KEPT = 3
"""Checkpoints that lie on the disk at once: the best, the last and the one being written."""
BYTES_PER_TRAINED = {4: 12, 2: 6}
"""Weight and AdamW's two states, by the bytes of one trained number."""


UNWRITTEN = (
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO,
)  # fmt: skip
TORCH_WRITER = ("pytorchstreamwriter", "enforce fail at inline_container", "iostream error")


class MarkWhole(TrainerCallback):
    """Marks a checkpoint once everything in it is on the disk.

    The libraries write file after file and delete older checkpoints directly afterwards; a
    process killed in between leaves folders that look finished.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        # A run folder may have been moved, or be named from another working directory.
        if state.best_model_checkpoint:
            state.best_model_checkpoint = str(self._folder / Path(state.best_model_checkpoint).name)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        mark_whole(self._folder / f"checkpoint-{state.global_step}")


def mark_whole(checkpoint: Path) -> None:
    """Flush every file of `checkpoint` and note its size."""
    sizes = {}
    for file in sorted(checkpoint.rglob("*")):
        if file.is_file() and file.name != WHOLE:
            with file.open("rb+") as stream:
                os.fsync(stream.fileno())
            sizes[file.relative_to(checkpoint).as_posix()] = file.stat().st_size
    write_json(checkpoint / WHOLE, {"schema_version": 1, "bytes": sizes})


def is_whole(checkpoint: Path) -> bool:
    """Whether every file that was marked is there with its size."""
    try:
        sizes = json.loads((checkpoint / WHOLE).read_text(encoding="utf-8"))["bytes"]
        return STATE in sizes and all(
            (checkpoint / name).stat().st_size == size for name, size in sizes.items()
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def last_whole(folder: Path) -> Path | None:
    """The newest checkpoint to go on from; those cut while written or deleted are removed."""
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    whole = [path for path in found if is_whole(path)]
    for path in set(found) - set(whole):
        shutil.rmtree(path, ignore_errors=True)
    return whole[-1] if whole else None


def forget_all(folder: Path) -> None:
    """Remove every checkpoint: they belong to another model than the one trained next."""
    for path in folder.glob("checkpoint-*"):
        shutil.rmtree(path, ignore_errors=True)


def check_room(folder: Path, trained: Sequence[Any]) -> None:
    """Refuse before a training what would fail at its first checkpoints.

    Those that a resumed run finds have their room already; one more is written before any goes.

    Args:
        trained: the tensors that will be trained and saved.

    Raises:
        MachineError: `checkpoints-no-room`, with what is needed and what is free in GB.
    """
    each = sum(p.numel() * BYTES_PER_TRAINED.get(p.element_size(), 12) for p in trained)
    held = sum(min(each, _bytes(path)) for path in folder.glob("checkpoint-*"))
    needed = max(each, KEPT * each - held)
    free = shutil.disk_usage(folder).free
    if free < needed:
        values = {"needed": f"{needed / 1e9:.1f}", "free": f"{free / 1e9:.1f}"}
        raise MachineError("checkpoints-no-room", where=str(folder), path=str(folder), **values)


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def unwritten(error: BaseException, folder: Path) -> OkakaeError | None:
    """The error to tell when a checkpoint could not be written; None for any other error.

    safetensors and torch wrap the system's error in their own, each in its own words.
    """
    why = _why_unwritten(error, folder)
    if not why:
        return None
    kept = last_whole(folder)
    step = int(kept.name.split("-")[1]) if kept else 0
    return MachineError(
        "checkpoint-unwritten", where=str(folder), path=str(folder), why=why[:200], step=step
    )


def _why_unwritten(error: BaseException, folder: Path) -> str:
    words = str(error).lower()
    if isinstance(error, OSError) and error.errno in UNWRITTEN:
        return error.strerror or words
    if isinstance(error, UsageError | MachineError) and error.ref in (
        "path-unwritable",
        "disk-full",
    ):
        return str(error.values.get("why", error.ref))
    if type(error).__name__ == "SafetensorError" and "os error" in words:
        return str(error)
    if isinstance(error, RuntimeError) and any(word in words for word in TORCH_WRITER):
        # torch says where its archive broke off, not what the system said.
        return os.strerror(errno.ENOSPC if _is_full(folder) else errno.EIO)
    return ""


def _is_full(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free < 2**20
    except OSError:
        return False
