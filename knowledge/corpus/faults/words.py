"""The lists of words that the expressions of this room name, read once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

_NAMED = re.compile(r"⟨(\w+)⟩")


@cache
def records(name: str) -> Mapping[str, Any]:
    """One TOML file of this room."""
    return tomllib.loads(files("knowledge.corpus.faults").joinpath(name).read_text("utf-8"))


@cache
def word_lists(name: str) -> Mapping[str, str]:
    """Its `[words]`: alternations by their names, lists named in lists put in."""
    found: dict[str, str] = {}
    for word, listed in records(name).get("words", {}).items():
        found[word] = with_words(listed, found)
    return found


def with_words(regex: str, lists: Mapping[str, str]) -> str:
    """`regex` with `⟨word⟩` replaced by the list of that name."""
    return _NAMED.sub(lambda match: lists[match[1]], regex)
