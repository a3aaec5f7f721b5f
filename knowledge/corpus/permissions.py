"""Who may see which document: `permissions.toml` in the data folder, and groups in records.

    schema_version = 1
    [groups]
    "personnel/**" = ["hr"]
    "board/*.pdf" = ["board", "audit"]

Every pattern that fits a document must be met, so a wider pattern never opens what a narrower one
closes. A file that cannot be read closes everything: nobody is shown what they may not see because
of a slip.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from knowledge.corpus.kinds import PERMISSIONS
from knowledge.corpus.source import Reading, SourceFile
from knowledge.corpus.types import Document, KnownDocument, Problem

# A document, or what is remembered of one: only its names and groups matter here.
D = TypeVar("D", Document, KnownDocument)
SCHEMA_VERSION = 1
NOBODY = frozenset({""})
"""Groups of a document that is closed to all but the owner: no group has an empty name."""


@dataclass(frozen=True, slots=True)
class Permissions:
    """Patterns of document paths, each with the groups that may see what it fits."""

    groups: Mapping[str, frozenset[str]]
    broken: str = ""
    """Why the file could not be read; everything is closed then."""

    def of(self, document: Document | KnownDocument) -> frozenset[str]:
        """The groups that may see a document; empty means everybody."""
        if self.broken:
            return NOBODY
        fitting = [g for pattern, g in self.groups.items() if fits(pattern, document)]
        return both(document.groups, *fitting)

    def of_file(self, path: str) -> frozenset[str]:
        """The groups that may see what stands in a file, given by its path."""
        if self.broken:
            return NOBODY
        fitting = [g for pattern, g in self.groups.items() if _expression(pattern).fullmatch(path)]
        return both(*fitting)

    def unused(self, documents: Iterable[Document]) -> list[str]:
        """Patterns that fit no document, in order: most likely a slip that leaves one open."""
        left = dict.fromkeys(self.groups)
        for document in documents:
            for pattern in [p for p in left if fits(p, document)]:
                del left[pattern]
        return list(left)


def both(*restrictions: frozenset[str]) -> frozenset[str]:
    """The groups that every restriction lets in; empty restrictions let everybody in."""
    closed = [groups for groups in restrictions if groups]
    return frozenset.intersection(*closed) or NOBODY if closed else frozenset()


def groups_of_record(value: Any) -> frozenset[str]:
    """`groups` of a corpus.jsonl record; what is not a name or names closes it to all."""
    if isinstance(value, str):
        value = [value]
    if isinstance(value, list) and all(isinstance(v, str) for v in value):
        return frozenset(v.strip() for v in value if v.strip()) or NOBODY
    return NOBODY


def fits(pattern: str, document: Document | KnownDocument) -> bool:
    """Whether a pattern names the document by its path or, for a record, its `_id` or source."""
    expression = _expression(pattern)
    return bool(expression.fullmatch(document.id) or expression.fullmatch(document.source))


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    """`**` crosses folders, `*` and `?` do not; a folder's name alone means all that is in it."""
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern.removeprefix("./"))
    meaning = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    body = "".join(meaning.get(part, re.escape(part)) for part in parts)
    return re.compile(f"{body}.*" if pattern.endswith("/") else f"{body}(?:/.*)?", re.DOTALL)


def load(root: Path) -> Permissions:
    """The permissions of a data folder; none when it has no such file."""
    path = (root if root.is_dir() else root.parent) / PERMISSIONS
    try:
        return parse(path.read_bytes())
    except FileNotFoundError:
        return Permissions({})
    except OSError as error:
        return Permissions({}, error.strerror or type(error).__name__)


def parse(data: bytes) -> Permissions:
    """What the bytes of a permissions file say."""
    try:
        stored = tomllib.loads(data.decode("utf-8-sig"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return Permissions({}, str(error).splitlines()[0])
    version, groups = stored.get("schema_version", SCHEMA_VERSION), stored.get("groups")
    if version != SCHEMA_VERSION:
        return Permissions({}, f"schema_version {version}")
    if not isinstance(groups, dict) or set(stored) - {"schema_version", "groups"}:
        return Permissions({}, "[groups]")
    return Permissions({pattern: groups_of_record(value) for pattern, value in groups.items()})


def permitted(documents: Sequence[D], root: Path) -> tuple[D, ...]:
    """The documents with the groups that may see each."""
    permissions = load(root)
    if not permissions.groups and not permissions.broken:
        return tuple(documents)
    return tuple(replace(document, groups=permissions.of(document)) for document in documents)


def read_permissions(file: SourceFile) -> Reading:
    """The permissions file as a file of the folder: no material, but told when it is broken."""
    permissions = parse(file.data)
    problems = []
    if permissions.broken:
        why = {"why": permissions.broken}
        problems.append(Problem("permissions-broken", "error", "", why))
    return Reading("permissions", "utf-8", problems=problems)
