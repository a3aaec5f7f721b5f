"""Plants every fault kind in clean sets below shared/data and writes folders and truth files."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from . import formatkind, rowkinds, textkinds
from .base import Base, load
from .model import Planted, summary

__all__ = ["KINDS", "Planted", "plant", "summary"]

KINDS: dict[str, Callable[[Base, Path, random.Random], list[Planted]]] = {
    "exact_duplicate": rowkinds.exact_duplicate,
    "near_duplicate": rowkinds.near_duplicate,
    "contradiction": rowkinds.contradiction,
    "leakage": rowkinds.leakage,
    "placeholder": textkinds.placeholder,
    "personal_data": textkinds.personal_data,
    "secrets": textkinds.secrets,
    "injection": textkinds.injection,
    "garbled": textkinds.garbled,
    "format": formatkind.format_set,
    "clean": rowkinds.clean,
}


def plant(shared_data: Path, out: Path, seed: int) -> list[Planted]:
    """Write out/KIND/, out/KIND.truth.json and out/clean/; out must be empty or new."""
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    if any(out.iterdir()):
        raise FileExistsError(f"{out} is not empty; files of another run would stay in it")
    base = load(Path(shared_data), random.Random(f"base {seed}"))
    truth: list[Planted] = []
    for kind, build in KINDS.items():
        truth += build(base, out, random.Random(f"{kind} {seed}"))
    return truth
