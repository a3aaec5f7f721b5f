"""Which files in a data folder okakae wrote itself: plans, answers, runs. They are no material.

A plan, an answers file and `./runs` often land beside the company's files. Read as material they
would be quoted as the company's own words, and each would make the sealed plan stale at once.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

LARGEST_BYTES = 1_000_000
"""A plan takes some kilobytes; larger JSON is data, and is not parsed for this question."""

CLEAN_MARK = "<!-- okakae inspect --fix -->"
"""First line of the README.md in a clean copy."""
BESIDE_CLEAN = frozenset({"README.md", "changes.json", "set-aside.jsonl", "to-decide.csv"})
"""What stands beside a clean copy for people, and is no material."""
_PLAN_KEYS = {"seal", "executor", "config_why", "inputs"}
_ANSWERS_MARK = b"# okakae"


def written_file(path: Path) -> bool:
    """Whether a file is a sealed plan or an answers file, by its content and not its name."""
    suffix = path.suffix.lower()
    if suffix == ".json":
        return _PLAN_KEYS <= _keys(path)
    if suffix == ".toml":
        try:
            with path.open("rb") as stream:
                return stream.read(len(_ANSWERS_MARK)) == _ANSWERS_MARK
        except OSError:
            return False
    return False


def written_folder(path: Path, folders: Collection[str], names: Collection[str]) -> bool:
    """Whether a folder is one run, or holds several as a comparison or the demo does."""
    if "manifest.json" in names and "plan_seal" in _keys(path / "manifest.json"):
        return True
    if "plans" not in folders:
        return False
    return any(_PLAN_KEYS <= _keys(plan) for plan in sorted((path / "plans").glob("*.json")))


def beside_clean(folder: Path, names: Collection[str]) -> frozenset[str]:
    """Which files of a folder only tell how okakae cleaned it."""
    if "README.md" not in names:
        return frozenset()
    try:
        with (folder / "README.md").open("rb") as stream:
            marked = stream.read(len(CLEAN_MARK)) == CLEAN_MARK.encode()
    except OSError:
        return frozenset()
    return BESIDE_CLEAN if marked else frozenset()


def _keys(path: Path) -> set[str]:
    try:
        if path.stat().st_size > LARGEST_BYTES:
            return set()
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return set()
    return set(content) if isinstance(content, dict) else set()
