"""Where okakae keeps what it can make again: the cache folder, and what was read of files."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """`OKAKAE_CACHE_DIR`, else the system's place for caches."""
    from platformdirs import user_cache_dir

    named = os.environ.get("OKAKAE_CACHE_DIR")
    return Path(named or user_cache_dir("okakae", appauthor=False))


def reading_cache() -> Path | None:
    """Folder of the files read before, for `knowledge.corpus.cache`; the user's alone.

    `OKAKAE_READ_CACHE=off` keeps nothing: every pass reads every file.
    """
    off = os.environ.get("OKAKAE_READ_CACHE", "").strip().lower() in ("off", "0", "no")
    return None if off else cache_folder() / "read"
