"""Files read on all cores, in processes of their own: none can hang, crash or bloat the rest.

A reader process has a limit on memory and, for each file, one on processor time, so that a file
made to take for ever ends the process and not the pass. Results come back in the order asked for,
and only a few are held at a time.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from knowledge.corpus.cache import ReadCache
from knowledge.corpus.readers import Asked, FileRead, read_file, refused
from knowledge.corpus.source import LARGEST_BYTES
from knowledge.corpus.types import Problem

MOST_MEMORY_BYTES = 1 << 30
"""Private memory of one reader process."""
CPU_SECONDS, CPU_SECONDS_PER_MB = 8.0, 6.0
"""Processor time of one file. The slowest honest ones here are Excel sheets, about 3 s a MB."""
IDLE_SECONDS = 300.0
"""Wall-clock time after which a file on a dead network drive is given up."""
AHEAD = 3
"""Files read or held for each process while an earlier one is still being read, whatever their
size; `MOST_AHEAD` of them as long as all together are below `AHEAD_BYTES`. With few of them one
slow PDF leaves the other processes idle."""
MOST_AHEAD, AHEAD_BYTES = 64, 16 << 20


@dataclass(frozen=True, slots=True)
class Job:
    """One file to read."""

    path: Path
    id: str
    asked: Asked = ()
    checked: bool = True
    """As in `readers.read_file`."""


@dataclass(slots=True)
class _Reader:
    process: BaseProcess
    pipe: Connection
    job: int | None = None
    started: float = 0.0


def read_all(
    jobs: Iterable[Job], *, workers: int, cache: Path | None = None, texts: bool = True
) -> Iterator[list[FileRead]]:
    """What came out of each job, in order.

    Args:
        jobs: the files.
        workers: processes; 1 still reads in a process of its own.
        cache: folder of what was read before; None reads everything.
        texts: False leaves the documents' texts in the reader processes (their facts come back).
    """
    pool = _Pool(workers, cache, texts)
    try:
        yield from pool.run(jobs)
    finally:
        pool.close()
        if cache is not None:
            ReadCache(cache).prune()


def read_here(job: Job, cache: Path | None = None, *, texts: bool = True) -> list[FileRead]:
    """The same for one file in this process."""
    kept = None if cache is None else ReadCache(cache)
    name = f"{job.id}\0{job.asked}" if job.asked else job.id
    found = None if kept is None else kept.get(job.path, name)
    if found is None and not job.checked:
        name = f"{name}\0unchecked"
        found = None if kept is None else kept.get(job.path, name)
    if found is None:
        found = read_file(job.path, job.id, job.asked, checked=job.checked)
        if kept is not None and not any(_passing(read) for read in found):
            kept.put(job.path, name, found)
    return found if texts else [replace(read, documents=()) for read in found]


def _passing(read: FileRead) -> bool:
    """Whether what is wrong may be gone next time though the file has not changed."""
    ids = {problem.id for problem in read.report.problems}
    return bool(ids & {"reader-missing", "unreadable-file", "too-much-memory"})


class _Pool:
    def __init__(self, workers: int, cache: Path | None, texts: bool) -> None:
        # A forked server starts readers in milliseconds and shares no thread or lock with us.
        method = "forkserver" if sys.platform == "linux" else "spawn"
        self._context: Any = multiprocessing.get_context(method)
        if method == "forkserver":
            self._context.set_forkserver_preload(["knowledge.corpus.workers"])
        self._settings = (cache, texts)
        self._readers = [self._started() for _ in range(max(1, workers))]

    def run(self, jobs: Iterable[Job]) -> Iterator[list[FileRead]]:
        waiting = enumerate(jobs)
        names: dict[int, Job] = {}
        done: dict[int, list[FileRead]] = {}
        todo: deque[tuple[int, Job]] = deque()
        sizes: deque[int] = deque()
        following, asked = 0, True
        while True:
            while asked and self._has_room(sizes):
                item = next(waiting, None)
                asked = item is not None
                if item is not None:
                    names[item[0]] = item[1]
                    sizes.append(_size(item[1].path))
                    todo.append(item)
            self._hand_out(todo)
            while following in done:
                sizes.popleft()
                yield done.pop(following)
                following += 1
            if following == len(names) and not asked:
                return
            if following in names:
                self._gather(done, names)

    def _has_room(self, sizes: Collection[int]) -> bool:
        """Whether one more file may be read, `sizes` being those of the files ahead."""
        if len(sizes) < AHEAD * len(self._readers):
            return True
        return len(sizes) < MOST_AHEAD * len(self._readers) and sum(sizes) < AHEAD_BYTES

    def _hand_out(self, todo: deque[tuple[int, Job]]) -> None:
        for index, reader in enumerate(self._readers):
            if reader.job is None and todo:
                if not reader.process.is_alive():
                    reader = self._readers[index] = self._started()
                number, job = todo.popleft()
                reader.job, reader.started = number, time.monotonic()
                reader.pipe.send(job)

    def _gather(self, done: dict[int, list[FileRead]], names: dict[int, Job]) -> None:
        busy = {reader.pipe: reader for reader in self._readers if reader.job is not None}
        for pipe in wait(list(busy), timeout=1.0):
            reader = busy.pop(pipe)  # type: ignore[call-overload]
            number = reader.job
            assert number is not None
            reader.job = None
            try:
                done[number] = reader.pipe.recv()
            except (EOFError, OSError):
                done[number] = [self._lost(reader, names[number])]
        for reader in busy.values():
            if time.monotonic() - reader.started > IDLE_SECONDS and reader.job is not None:
                reader.process.kill()
                done[reader.job] = [self._lost(reader, names[reader.job], stopped=True)]
                reader.job = None

    def _lost(self, reader: _Reader, job: Job, *, stopped: bool = False) -> FileRead:
        """The report of a file that took its reader with it."""
        reader.process.join(10)
        code = reader.process.exitcode
        if stopped or code == -getattr(signal, "SIGXCPU", 0):
            return refused(job.id, Problem("reading-takes-too-long", "error"))
        return refused(job.id, Problem("reader-crashed", "error", "", {"code": code}))

    def _started(self) -> _Reader:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(theirs, *self._settings), daemon=True)
        process.start()
        theirs.close()
        return _Reader(process, ours)

    def close(self) -> None:
        for reader in self._readers:
            if reader.job is not None:
                reader.process.kill()
            reader.pipe.close()
        for reader in self._readers:
            reader.process.join(5)
            if reader.process.is_alive():
                reader.process.kill()


def _serve(pipe: Connection, cache: Path | None, texts: bool) -> None:
    """The life of a reader process: jobs in, what came out of them back, until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    _limit_memory()
    while True:
        try:
            job: Job = pipe.recv()
        except (EOFError, OSError):
            return
        _limit_cpu(job.path)
        found = read_here(job, cache, texts=texts)
        try:
            pipe.send(found)
        except (BrokenPipeError, OSError):
            return


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = MOST_MEMORY_BYTES if most == resource.RLIM_INFINITY else min(MOST_MEMORY_BYTES, most)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted, most))


def _limit_cpu(path: Path) -> None:
    """Give this file its share of processor time; past it the system ends the process."""
    try:
        import resource
    except ImportError:  # Windows: the wall clock alone decides
        return
    size = min(_size(path), LARGEST_BYTES)
    spent = time.process_time()
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    wanted = int(spent + CPU_SECONDS + CPU_SECONDS_PER_MB * size / 1e6) + 1
    if most != resource.RLIM_INFINITY:
        wanted = min(wanted, most)
    resource.setrlimit(resource.RLIMIT_CPU, (wanted, most))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def cores() -> int:
    """Processors that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1
