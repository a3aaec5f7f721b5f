"""Records the peak memory of every phase of a training, by the allocator's own account.

On a CPU that is torch.profiler's record of every allocation; on a GPU the three counters of the
card. Neither knows the closed forms, nor the fake-tensor traces behind them.
"""

from __future__ import annotations

import bisect
import gc
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

GIB = 2**30
# What the phases of a step are called in the estimate; `between` is everything else.
PHASES = ("forward", "backward", "optimizer", "evaluation", "between")


class CpuRecord:
    """Every allocation and release of torch's CPU allocator, on top of what was alive before.

    Weights read from safetensors are memory maps that the allocator never saw, so what is alive
    at the start is counted storage by storage.
    """

    def __init__(self) -> None:
        self._marks: list[tuple[int, str]] = []
        self._before = _live()
        self._start = 0
        self._profiler: Any = None
        self._rss_before = _status_kib("VmRSS")
        self._peak_rss = 0

    def start(self) -> None:
        """Begin just before the first step: model, adapters and optimiser-to-be are in place."""
        from torch.profiler import ProfilerActivity, profile

        gc.collect()
        self._start = sum(
            size for where, size in _live().items() if self._before.get(where) != size
        )
        _reset_peak_rss()
        self._profiler = profile(activities=[ProfilerActivity.CPU], profile_memory=True)
        self._profiler.__enter__()
        self.enter("between")

    def enter(self, phase: str) -> None:
        self._marks.append((time.time_ns(), phase))

    def stop(self) -> None:
        self._peak_rss = _status_kib("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self._profiler.__exit__(None, None, None)

    def result(self) -> dict[str, Any]:
        """Bytes: the peak, the peak of every phase, and the level each last began with."""
        times = [at for at, _ in self._marks]
        level = self._start
        peaks = dict.fromkeys(PHASES, 0)
        begins: dict[str, int] = {}
        last = -1
        for at, size in self._allocations():
            now = max(0, bisect.bisect_right(times, at) - 1)
            for passed in range(last + 1, now + 1):
                phase = self._marks[passed][1]
                begins[phase] = level
                peaks[phase] = max(peaks[phase], level)
            last = now
            level += size
            phase = self._marks[now][1]
            peaks[phase] = max(peaks[phase], level)
        return {
            "peak_allocated": max(peaks.values()),
            "phase_peaks": peaks,
            "phase_begins": begins,
            "alive_before_training": self._start,
            "peak_rss": self._peak_rss * 1024,
            "rss_before_loading": self._rss_before * 1024,
        }

    def _allocations(self) -> list[tuple[int, int]]:
        from torch._C._profiler import _EventType

        events = self._profiler.profiler.kineto_results.experimental_event_tree()
        found = [
            (event.start_time_ns, event.extra_fields.alloc_size)
            for event in _walk(events)
            if event.tag == _EventType.Allocation and event.extra_fields.device.type == "cpu"
        ]
        return sorted(found, key=lambda pair: pair[0])


class CudaRecord:
    """The caching allocator's two counters for every phase, and what the driver says is taken."""

    def __init__(self) -> None:
        import torch

        torch.cuda.init()
        torch.cuda.synchronize()
        self._phase = "load"
        self._allocated: dict[str, int] = {}
        self._reserved = self._device = 0
        self._begins: dict[str, int] = {}
        self.context = context_bytes()

    def start(self) -> None:
        self.enter("between")

    def enter(self, phase: str) -> None:
        """Close the phase that ends here; allocation is in program order, so nothing waits."""
        import torch

        self._close()
        self._phase = phase
        torch.cuda.reset_peak_memory_stats()
        self._begins[phase] = torch.cuda.memory_allocated()

    def _close(self) -> None:
        import torch

        peak = torch.cuda.max_memory_allocated()
        self._allocated[self._phase] = max(self._allocated.get(self._phase, 0), peak)
        self._reserved = max(self._reserved, torch.cuda.max_memory_reserved())
        free, total = torch.cuda.mem_get_info()
        self._device = max(self._device, process_bytes() or total - free)

    def stop(self) -> None:
        self._close()

    def result(self) -> dict[str, Any]:
        """Bytes by the three counters; the loading phase is beside the peak, not in it."""
        import torch

        trained = {name: peak for name, peak in self._allocated.items() if name != "load"}
        return {
            "peak_allocated": max(trained.values(), default=0),
            "peak_reserved": self._reserved,
            "peak_device": self._device,
            "context": self.context,
            "phase_peaks": trained,
            "phase_begins": self._begins,
            "load_peak": self._allocated.get("load", 0),
            "stopped_in": self._phase,
            "card": torch.cuda.get_device_name(),
            "card_bytes": torch.cuda.mem_get_info()[1],
            "cuda": torch.version.cuda,
        }


def context_bytes() -> int:
    """What the driver holds for this process before any tensor: context and loaded kernels."""
    import torch

    torch.zeros(1, device="cuda")
    torch.cuda.synchronize()
    taken = process_bytes()
    if taken is None:
        free, total = torch.cuda.mem_get_info()
        taken = total - free
    return max(0, taken - torch.cuda.memory_reserved())


def process_bytes() -> int | None:
    """NVML's figure for this process on the first visible card; None where it hides processes."""
    import os

    import pynvml
    import torch

    try:
        pynvml.nvmlInit()
        uuid = f"GPU-{torch.cuda.get_device_properties(0).uuid}"
        handle = pynvml.nvmlDeviceGetHandleByUUID(uuid)
        for process in pynvml.nvmlDeviceGetComputeRunningProcesses(handle):
            if process.pid == os.getpid():
                return int(process.usedGpuMemory)
    except (pynvml.NVMLError, TypeError):
        # In a container NVML shows the host's process numbers, or none.
        return None
    return None


def _walk(events: Any) -> Iterator[Any]:
    waiting = list(events)
    while waiting:
        event = waiting.pop()
        yield event
        waiting.extend(event.children)


def _live() -> dict[int, int]:
    """Address → bytes of every storage on the CPU that a tensor holds, each counted once."""
    import torch

    found: dict[int, int] = {}
    for thing in gc.get_objects():
        # Some libraries' lazy modules warn or fail when asked for their class by isinstance.
        if issubclass(type(thing), torch.Tensor) and thing.device.type == "cpu":
            storage = thing.untyped_storage()
            found[storage.data_ptr()] = storage.nbytes()
    return found


def _status_kib(field: str) -> int:
    """A line of Linux's account of this process in KiB; 0 elsewhere."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return 0
    lines = status.read_text(encoding="utf-8").splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{field}:")), 0)


def _reset_peak_rss() -> None:
    """Forget the peak of loading, where the kernel can (proc(5), clear_refs)."""
    clear = Path("/proc/self/clear_refs")
    if clear.exists():
        try:
            clear.write_text("5", encoding="utf-8")
        except OSError:
            return
