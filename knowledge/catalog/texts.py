"""The text people read for an id, in Japanese or English.

Texts lie in texts/*.toml, a table per id with `ja` and `en` side by side; placeholders are those
of `str.format`. A file is indexed by its table headers and a table is parsed when it is first
asked for, so that a prompt on the screen does not wait for texts of other rooms.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "texts"
LANGUAGES = ("ja", "en")

_HEADER = re.compile(r'^\[(?:"([^"\n]+)"|([A-Za-z0-9_-]+))\][ \t]*(?:#.*)?$', re.MULTILINE)


@functools.cache
def _slices() -> Mapping[str, str]:
    """Every id with the still unparsed text of its table; an id defined twice is a bug."""
    found: dict[str, str] = {}
    for path in sorted(FOLDER.glob("*.toml")):
        content = path.read_text(encoding="utf-8")
        headers = list(_HEADER.finditer(content))
        ends = [header.start() for header in headers[1:]] + [len(content)]
        for header, end in zip(headers, ends, strict=True):
            id_ = header[1] or header[2]
            if id_ in found:
                raise ValueError(f"text {id_} is defined twice, the second time in {path.name}")
            found[id_] = content[header.end() : end]
    return found


@functools.cache
def languages_of(id_: str) -> Mapping[str, str]:
    """A text in every language it has; KeyError for an id nobody wrote."""
    return tomllib.loads(_slices()[id_])


def all_texts() -> Mapping[str, Mapping[str, str]]:
    """Every text by id, for those who check or list them."""
    return {id_: languages_of(id_) for id_ in ids()}


def ids() -> Iterator[str]:
    """Every id, file by file."""
    return iter(_slices())


def has(id_: str) -> bool:
    """Whether a text with this id exists."""
    return id_ in _slices()


def text(id_: str, lang: str, **values: Any) -> str:
    """The text with its placeholders filled; KeyError for an id or value that is missing."""
    return languages_of(id_)[lang].format(**values)


def forget() -> None:
    """Read the files again at the next call, for those who changed one."""
    _slices.cache_clear()
    languages_of.cache_clear()
