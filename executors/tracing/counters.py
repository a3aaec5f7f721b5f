"""Reads peaks of memory as they are counted: allocated, reserved and device on CUDA, RSS on a CPU.

allocated: what tensors occupy; reserved: what torch's cache holds for them; device: what the
card must have, which is reserved and the context. On a CPU the device is the process.
"""

from __future__ import annotations

import gc
import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from executors.hardware import peak_ram_gib

GIB = 2**30


def used_by_card() -> dict[str, float]:
    """GiB in use on every card by its UUID, before this process has opened one."""
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception:  # no package, no driver: then there is nothing to subtract
        return {}
    try:
        used = {}
        for index in range(pynvml.nvmlDeviceGetCount()):
            handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            name = pynvml.nvmlDeviceGetUUID(handle)
            uuid = name.decode() if isinstance(name, bytes) else str(name)
            memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
            used[uuid.removeprefix("GPU-")] = float(memory.used) / GIB
        return used
    except pynvml.NVMLError:
        return {}
    finally:
        pynvml.nvmlShutdown()


def start_cuda_peaks(device: Any) -> None:
    """Count peaks from now on."""
    import torch

    torch.cuda.reset_peak_memory_stats(device)


def cuda_peaks(device: Any, before: Mapping[str, float] | None = None) -> dict[str, float]:
    """Peaks in GiB by counter since `start_cuda_peaks`.

    Args:
        before: what other programs held (`used_by_card`). Without it the context is what the
            driver shows beyond torch's cache, other programs included.
    """
    import torch

    reserved = torch.cuda.max_memory_reserved(device) / GIB
    free, total = torch.cuda.mem_get_info(device)
    uuid = str(getattr(torch.cuda.get_device_properties(device), "uuid", ""))
    others = (before or {}).get(uuid, 0.0)
    context = (total - free) / GIB - torch.cuda.memory_reserved(device) / GIB - others
    return {
        "allocated": torch.cuda.max_memory_allocated(device) / GIB,
        "reserved": reserved,
        "device": reserved + max(0.0, context),
    }


class CpuPeak:
    """The peak of torch's CPU allocator while `recorded`; GiB, what was alive before included."""

    def __init__(self) -> None:
        self.allocated = 0.0
        self.process = 0.0
        """Peak resident memory of this process, read before the record itself is read."""

    @contextmanager
    def recorded(self) -> Iterator[None]:
        from torch.profiler import ProfilerActivity, profile

        alive = _alive_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the profiler's advice is not the user's business
            profiler = profile(activities=[ProfilerActivity.CPU], profile_memory=True)
            profiler.start()
            try:
                yield
            finally:
                self.process = max(self.process, peak_ram_gib())
                profiler.stop()
        tree = profiler.profiler.kineto_results.experimental_event_tree()
        self.allocated = max(self.allocated, (alive + _highest(tree)) / GIB)


def _highest(events: list[Any]) -> int:
    """How far the allocator's total rose above where it stood at the first event.

    The total itself is no measure: it keeps what an earlier record left alive, freed or not.
    """
    from torch._C._profiler import _EventType

    first, before, highest = math.inf, 0, 0
    waiting = list(events)
    while waiting:
        event = waiting.pop()
        waiting.extend(event.children)
        kind, details = event.typed
        if kind == _EventType.Allocation and str(details.device) == "cpu":
            total = int(details.total_allocated)
            highest = max(highest, total)
            if event.start_time_ns < first:
                first, before = event.start_time_ns, total - int(details.alloc_size)
    return highest - before if highest else 0


def _alive_bytes() -> int:
    """Bytes of every tensor on the CPU that exists now, shared storage counted once."""
    import torch

    gc.collect()
    sizes: dict[int, int] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old lazy attributes warn when a type is asked of them
        for thing in gc.get_objects():
            if issubclass(type(thing), torch.Tensor) and thing.device.type == "cpu":
                storage = thing.untyped_storage()
                sizes[storage.data_ptr()] = storage.nbytes()
    return sum(sizes.values())
