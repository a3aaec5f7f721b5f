"""Decides on which device and in which number format a model is computed, and says why.

And reads the memory this process has taken at its peak.
"""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from advisor.errors import MachineError, UsageError

if TYPE_CHECKING:
    import torch

    from advisor.session import Session
    from executors.models import LoadedModel

Purpose = Literal["use", "train"]


def pick_device(wish: str = "auto") -> torch.device:
    """The device to compute on; `auto` takes CUDA, then Apple's MPS, then the CPU."""
    import torch

    if wish == "auto":
        cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
        return torch.device("cuda" if cuda else "mps" if mps else "cpu")
    try:
        device = torch.device(wish)
    except RuntimeError:
        raise UsageError("device-unknown", device=wish) from None
    present = {
        "cpu": True,
        "cuda": torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not present.get(device.type, False):
        raise MachineError("device-missing", device=wish)
    return device


def pick_dtype(
    device: torch.device, purpose: Purpose = "use", wish: str = "auto"
) -> tuple[torch.dtype, str]:
    """The number format and, beside it, why (machine-readable English for records).

    bf16 where the hardware multiplies it; fp16 only to use a model on an older GPU, since its
    narrow range breaks training; fp32 otherwise.
    """
    import torch

    if wish != "auto":
        chosen = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}
        if wish not in chosen:
            raise UsageError("dtype-unknown", dtype=wish, known=", ".join(chosen))
        return chosen[wish], "set by hand"
    narrow = torch.float16 if purpose == "use" else torch.float32
    if device.type == "cuda":
        major, minor = torch.cuda.get_device_capability(device)
        has_bf16 = major >= 8 or torch.version.hip is not None
        dtype = torch.bfloat16 if has_bf16 else narrow
        return dtype, f"cuda compute capability {major}.{minor} ({purpose})"
    if device.type == "mps":
        return narrow, f"mps ({purpose})"
    feature = cpu_bf16_feature()
    if feature:
        return torch.bfloat16, f"cpu with {feature}"
    return torch.float32, "cpu without bf16 instructions"


def number_format(loaded: LoadedModel, session: Session) -> dict[str, str]:
    """Number format and why, as words for a person: `dtype` and `why`."""
    reason = loaded.dtype_reason
    if reason == "set by hand":
        id_ = "by-hand"
    elif loaded.device.type == "cuda":
        id_ = "card-bf16" if str(loaded.dtype) == "torch.bfloat16" else "card-without-bf16"
    elif loaded.device.type == "mps":
        id_ = "mps"
    else:
        id_ = "cpu-bf16" if "with " in reason and "without" not in reason else "cpu-without-bf16"
    feature = reason.split(" (")[0].rsplit(" ", 1)[-1]
    why = session.t(f"number-format.{id_}", feature=feature)
    return {"dtype": str(loaded.dtype).removeprefix("torch."), "why": why}


def cpu_bf16_feature() -> str | None:
    """The instruction set with which this CPU multiplies bf16, if it has one.

    Flags and not a timing, so that the same machine always computes the same numbers. On a CPU
    that only emulates bf16 it is slower than fp32.
    """
    import torch

    # Public since torch 2.11; before, and on other systems, the kernel's list of flags.
    read = getattr(torch.cpu, "get_capabilities", None)
    flags: dict[str, Any] = read() if read else {}
    for feature in ("amx_bf16", "avx512_bf16", "bf16", "sve_bf16", "arm_bf16"):
        if flags.get(feature):
            return feature
    info = Path("/proc/cpuinfo")
    if not flags and platform.system() == "Linux" and info.is_file():
        words = set(info.read_text(encoding="utf-8", errors="replace").split())
        return next((f for f in ("amx_bf16", "avx512_bf16", "bf16") if f in words), None)
    return None


def peak_ram_gib() -> float:
    """Peak resident memory in GiB of this process, since its start or `forget_peak_ram`."""
    import psutil

    memory = psutil.Process().memory_info()
    if hasattr(memory, "peak_wset"):  # Windows
        return float(memory.peak_wset) / 2**30
    status = Path("/proc/self/status")
    if status.is_file():
        # Not getrusage: a child inherits there what its parent had when it was started.
        for line in status.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return float(line.split()[1]) / 2**20
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**30 if platform.system() == "Darwin" else 2**20)


def peak_addressed_gib() -> float:
    """Peak of the addresses this process reserved, in GiB: what `ulimit -v` limits; 0 elsewhere."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return 0.0
    lines = status.read_text(encoding="ascii", errors="replace").splitlines()
    peak = next((line for line in lines if line.startswith("VmPeak:")), "VmPeak: 0 kB")
    return float(peak.split()[1]) / 2**20


def forget_peak_ram() -> None:
    """Count the peak from now on, where the system can (Linux); elsewhere it stays the old one."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return
