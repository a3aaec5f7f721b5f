"""Which files below a folder are material: hidden files, lock files and okakae's own are not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from knowledge.corpus.own_work import beside_clean, written_file, written_folder

_SKIPPED = {"thumbs.db", "desktop.ini", "__macosx"}


def walk(path: Path) -> Iterator[Path]:
    """The files to read, in the order of their paths; what okakae wrote is passed over."""
    if path.is_file():
        yield path
        return
    found = []
    for folder, folders, names in os.walk(path):
        if Path(folder) != path and written_folder(Path(folder), folders, names):
            folders.clear()
            continue
        folders[:] = [name for name in folders if not passed_over(name)]
        told = beside_clean(Path(folder), names)
        found += [Path(folder, n) for n in names if n not in told and not passed_over(n)]
    files = (p for p in found if p.is_file() and not written_file(p))
    yield from sorted(files, key=lambda p: p.as_posix())


def passed_over(name: str) -> bool:
    """Hidden files, Office's and LibreOffice's lock files, and what systems leave behind."""
    lock = name.startswith("~$") or (name.startswith(".~lock.") and name.endswith("#"))
    return lock or name.startswith(".") or name.lower() in _SKIPPED
