"""An error that no one foresaw: one line for people, and a whole file for whoever mends it."""

from __future__ import annotations

import traceback
from pathlib import Path

from advisor.files import write_text

FILE = "traceback.txt"


def keep_traceback(error: BaseException, folder: Path) -> Path:
    """Write where it came from; the file."""
    path = folder / FILE
    write_text(path, "".join(traceback.format_exception(error)))
    return path


def in_short(error: BaseException) -> str:
    """Its kind and its first line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300] if lines else ''}"
