"""Makes a bug inside one part of a comparison that part's failure, not the end of all parts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from advisor.errors import OkakaeError, RunError
from executors.tracebacks import in_short, keep_traceback


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
        path = keep_traceback(error, folder)
        raise RunError("broke", where=str(path), why=in_short(error), path=str(path)) from error
