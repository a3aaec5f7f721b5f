"""Locks on open files that end with the process: shared by readers, whole for one writer.

POSIX: `flock`, which belongs to the open file, so that two holders in one process count too.
Windows has no shared lock: a reader takes one byte far past the end, a writer the whole range.
"""

from __future__ import annotations

import errno
import os
import random
import sys

_FAR, _RANGE = 1 << 29, 1 << 29


def lock_shared(handle: int) -> None:
    """Hold `handle` beside other readers; waits while a writer holds it."""
    if sys.platform == "win32":
        import msvcrt

        os.lseek(handle, _FAR + random.randrange(_RANGE), os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_LOCK, 1)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_SH)


def lock_alone(handle: int) -> bool:
    """Hold `handle` against everybody if nobody holds it now; never waits."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(handle, _FAR, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, _RANGE)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK):
            return False
        raise
    return True
