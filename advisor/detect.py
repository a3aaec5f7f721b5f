"""Finds out what this machine has, without torch and without a network."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from advisor.texts import t
from advisor.types import Answer, GpuFact, MachineFacts
from knowledge.corpus.types import DataFacts

GIB = 1024**3
# Days of change a year from which on one calls it daily, weekly, monthly.
_OFTEN = (("daily", 150), ("weekly", 26), ("monthly", 6), ("yearly", 0))
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def machine(folder: Path | None = None) -> MachineFacts:
    """Graphics cards, memory, free disk (of `folder`, else the current one) and cores."""
    import psutil

    return MachineFacts(
        gpus=gpus(),
        ram_gib=round(min(psutil.virtual_memory().total, _memory_limit()) / GIB, 1),
        disk_free_gib=round(shutil.disk_usage(folder or Path.cwd()).free / GIB, 1),
        cpu_cores=cores(),
        system=f"{platform.system()} {platform.machine()}",
        python=".".join(map(str, sys.version_info[:3])),
    )


def gpus() -> tuple[GpuFact, ...]:
    """The NVIDIA cards the driver reports; none where there is no driver, which is normal."""
    try:
        import pynvml
    except ImportError:
        return ()
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return ()
    try:
        return tuple(_gpu(pynvml, index) for index in range(pynvml.nvmlDeviceGetCount()))
    except pynvml.NVMLError:
        return ()
    finally:
        pynvml.nvmlShutdown()


def _gpu(pynvml: object, index: int) -> GpuFact:
    nvml = pynvml
    handle = nvml.nvmlDeviceGetHandleByIndex(index)  # type: ignore[attr-defined]
    name = nvml.nvmlDeviceGetName(handle)  # type: ignore[attr-defined]
    major, minor = nvml.nvmlDeviceGetCudaComputeCapability(handle)  # type: ignore[attr-defined]
    total = nvml.nvmlDeviceGetMemoryInfo(handle).total  # type: ignore[attr-defined]
    return GpuFact(
        name=name.decode() if isinstance(name, bytes) else str(name),
        vram_gib=round(total / GIB, 2),
        compute_capability=f"{major}.{minor}",
    )


def driver() -> str | None:
    """The version of the NVIDIA driver; None without one."""
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception as error:  # pynvml has its own tree, importable only with it
        if type(error).__name__.startswith("NVMLError") or isinstance(error, ImportError):
            return None
        raise
    try:
        version = pynvml.nvmlSystemGetDriverVersion()
        return version.decode() if isinstance(version, bytes) else str(version)
    finally:
        pynvml.nvmlShutdown()


def cores() -> int:
    """Cores this process may use: a container often has fewer than the machine."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _memory_limit() -> float:
    """A container's memory limit in bytes; infinite without one (cgroup v2, then v1)."""
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            content = Path(path).read_text(encoding="ascii").strip()
        except OSError:
            continue
        if content.isdigit():
            return float(content)
    return float("inf")


def detected_answers(
    machine_facts: MachineFacts | None, data: DataFacts | None, goal: str, lang: str
) -> Mapping[str, Answer]:
    """What the machine and the data answer by themselves, each with how it was found out."""
    found = {"language": Answer("language", lang, "detected", t("detect.locale"))}
    if machine_facts is not None:
        found["gpu"] = _gpu_answer(machine_facts)
    if data is not None:
        found |= _data_answers(data, goal)
    return found


def _gpu_answer(facts: MachineFacts) -> Answer:
    if not facts.gpus:
        return Answer("gpu", "none", "detected", t("detect.no-card"))
    from knowledge.catalog.loader import find_gpu

    best = max(facts.gpus, key=lambda gpu: gpu.vram_gib)
    record = find_gpu(best.name)
    # A card is known by name and by size: an A100 of 40 and one of 80 GB share a name.
    fits = record is not None and abs(record.memory_gib - best.vram_gib) < 0.15 * best.vram_gib
    value = record.id if record is not None and fits else best.name
    return Answer("gpu", value, "detected", f"NVML: {best.name}, {best.vram_gib:.1f} GiB")


def _data_answers(data: DataFacts, goal: str) -> dict[str, Answer]:
    from advisor.needs import data_kind

    why = t("detect.data", name=Path(data.path).name)
    found = {}
    kind = data_kind(goal, {}, data, explicit=False)
    if kind is not None:
        found["data.kind"] = Answer("data.kind", kind, "detected", why)
    if changes := how_often(data.days):
        told = t("detect.changes", n=len(data.days), first=data.days[0], last=data.days[-1])
        found["data.changes"] = Answer("data.changes", changes, "detected", told)
    if data.languages:
        most = max(data.languages, key=lambda code: data.languages[code])
        if most in ("ja", "en"):
            found["language"] = Answer("language", most, "detected", why)
    return found


def how_often(days: Sequence[str]) -> str:
    """How often documents with these days of change change; empty where the days do not tell.

    A judgement: a folder copied in one go tells nothing, so it takes three days over two months.
    Each file shows only its last change, so the truth is at least this often.
    """
    dates = [date.fromisoformat(day) for day in days if _DAY.fullmatch(day)]
    if len(dates) < 3 or (dates[-1] - dates[0]).days < 60:
        return ""
    recent = [day for day in dates if (dates[-1] - day).days < 365]
    per_year = len(recent) * 365 / max(60, min(365, (dates[-1] - dates[0]).days))
    return next(often for often, least in _OFTEN if per_year >= least)
