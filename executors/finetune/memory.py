"""Tells from an error, or from how a process ended, that there was not enough memory."""

from __future__ import annotations

import errno
import signal

from executors.hardware import peak_addressed_gib

WORDS = (
    "can't allocate memory",
    "cannot allocate memory",
    "not enough memory",
    "out of memory",
    "alloc_failed",
    "bad_alloc",
    "can't start new thread",
    "failed to map segment",
    "could not create a primitive",  # oneDNN, whose scratch memory was refused
    "could not create a memory",
)
"""CUDA has an error of its own; torch's CPU allocator and the libraries raise bare ones."""
NEAR = 0.95
KILLED = (-int(getattr(signal, "SIGKILL", 9)), 128 + 9)
"""How a process ends that the system killed because no memory was left."""
ABORTED = (-int(signal.SIGABRT), 128 + 6, -int(signal.SIGSEGV), 128 + 11)
"""How native code ends that is refused memory under a limit (ulimit -v): `std::bad_alloc`."""


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether this error, or one that it was raised from, is a want of memory."""
    while error is not None:
        if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
            return True
        if isinstance(error, OSError) and error.errno == errno.ENOMEM:
            return True
        words = str(error).lower()
        if not isinstance(error, KeyboardInterrupt) and any(word in words for word in WORDS):
            return True
        error = error.__cause__ or error.__context__
    return False


def near_the_limit() -> bool:
    """Whether this process has addressed nearly all that a limit lets it (`ulimit -v`).

    Native libraries word a refused request in their own ways; close to the limit an error of
    theirs is one of memory.
    """
    limit = limit_gib()
    return limit is not None and peak_addressed_gib() > NEAR * limit


def died_of_memory(code: int) -> bool:
    """Whether a process that left no answer ended as one does that is refused memory.

    A kill by hand looks the same as one by the system; going on with a smaller micro-batch is
    the same training then, too. A crash of native code counts only under a limit.
    """
    return code in KILLED or (code in ABORTED and limit_gib() is not None)


def limit_gib() -> float | None:
    """The memory that this process may address (ulimit -v or -d), None without a limit."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    limits = [resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA)]
    known = [limit for limit in limits if limit != resource.RLIM_INFINITY]
    return min(known) / 2**30 if known else None
