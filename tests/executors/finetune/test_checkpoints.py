"""Where checkpoints cannot be written it is said before training or at once; nothing is lost."""

from __future__ import annotations

import resource
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from advisor.errors import MachineError, OkakaeError, UsageError
from bench.tuning import SETTINGS, Bar, rows
from executors.finetune import checkpoints
from executors.finetune.checkpoints import check_room, last_whole, unwritten
from executors.finetune.recipe import Trained, train
from executors.models import load


def go(base: Path, folder: Path, *, resume: bool = True) -> Trained:
    torch.set_num_threads(1)
    loaded = load(str(base), purpose="train", dtype="float32", device="cpu")
    return train(
        loaded,
        "lora",
        SETTINGS | {"finetune.eval_per_epoch": 2},
        rows(0, 16),
        rows(16, 20),
        checkpoints=folder,
        limit_hours=None,
        progress=Bar(),
        resume=resume,
    )


@pytest.mark.parametrize("file", ["optimizer.pt", "rng_state.pth"])
def test_a_full_disk_is_said_and_the_last_checkpoint_stays(
    tiny_folder: Path, tmp_path: Path, file: str
) -> None:
    """The device that is always full stands where the second checkpoint's file would."""
    second = tmp_path / "checkpoint-4"
    second.mkdir()
    (second / file).symlink_to("/dev/full")
    with pytest.raises(OkakaeError) as caught:
        go(tiny_folder, tmp_path, resume=False)
    assert (caught.value.ref, caught.value.exit_code) == ("checkpoint-unwritten", 4)
    assert (last := last_whole(tmp_path)) is not None and last.name == "checkpoint-2"
    assert not second.exists()
    assert go(tiny_folder, tmp_path).steps == 8


def test_a_file_size_limit_is_told_as_a_place_that_takes_no_file(
    tiny_folder: Path, tmp_path: Path
) -> None:
    """RLIMIT_FSIZE is the kernel's refusal to write on, as a quota is."""
    kept = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, kept[1]))
    try:
        with pytest.raises(MachineError) as caught:
            go(tiny_folder, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, kept)
        signal.signal(signal.SIGXFSZ, handler)
    assert caught.value.ref == "checkpoint-unwritten"
    assert caught.value.values["step"] == 0


def test_a_place_that_is_no_folder_is_refused_before_training(
    tiny_folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(UsageError) as caught:
        go(tiny_folder, file / "checkpoints")
    assert caught.value.ref == "path-unwritable"


def test_too_little_room_is_refused_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from collections import namedtuple

    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(checkpoints.shutil, "disk_usage", lambda _: usage(10**9, 10**9, 10**6))
    check_room(tmp_path, [torch.zeros(1000)])
    with pytest.raises(MachineError) as caught:
        check_room(tmp_path, [torch.zeros(10**6)])
    assert caught.value.ref == "checkpoints-no-room"
    assert caught.value.values["free"] == "0.0"


@pytest.mark.parametrize(("on_disk", "room"), [(0, 3), (1, 2), (2, 1), (3, 1)])
def test_checkpoints_that_are_on_the_disk_need_no_room_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_disk: int, room: int
) -> None:
    """A resumed run writes one more before one goes, and never fewer than one."""
    from collections import namedtuple

    usage = namedtuple("usage", "total used free")
    trained = [torch.zeros(1000)]
    each = 12 * 1000
    for n in range(on_disk):
        (tmp_path / f"checkpoint-{n}").mkdir()
        # Of any size: a tokenizer lies beside the weights and their moments.
        (tmp_path / f"checkpoint-{n}" / "optimizer.pt").write_bytes(bytes(each + 500 * n))
    free = room * each
    monkeypatch.setattr(checkpoints.shutil, "disk_usage", lambda _: usage(10**9, 0, free))
    check_room(tmp_path, trained)
    free -= 1
    with pytest.raises(MachineError):
        check_room(tmp_path, trained)


@pytest.mark.parametrize(
    ("error", "known"),
    [
        (OSError(28, "No space left on device"), True),
        (PermissionError(13, "Permission denied"), True),
        (OSError(2, "No such file or directory"), False),
        (RuntimeError("shape mismatch"), False),
        (ValueError("disk"), False),
    ],
)
def test_only_errors_of_writing_are_taken_for_them(
    tmp_path: Path, error: Exception, known: bool
) -> None:
    found: Any = unwritten(error, tmp_path)
    assert (found is not None) is known
