"""Makes a bug inside one part of a comparison that part's failure, not the end of all parts."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from advisor.errors import OkakaeError, RunError
from advisor.files import write_text

TRACEBACK = "traceback.txt"


@contextmanager
def told_as_failure(folder: Path) -> Iterator[None]:
    """What no one foresaw, out of memory included, becomes an error with its traceback in `folder`.

    Raises:
        RunError: `broke`, for whatever else than an OkakaeError is raised inside.
    """
    try:
        yield
    except OkakaeError:
        raise
    except Exception as error:
        path = folder / TRACEBACK
        write_text(path, "".join(traceback.format_exception(error)))
        lines = str(error).strip().splitlines()
        why = ": ".join([type(error).__name__, *lines[:1]])[:300]
        raise RunError("broke", where=str(path), why=why, path=str(path)) from error
