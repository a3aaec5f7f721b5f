"""Which chunks a question may be answered from: decided before anything is searched or ranked.

A filtered search gives what an index of the allowed chunks alone would give: passages, scores,
rarities of words and signals of abstention. What is forbidden cannot be told from its absence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from advisor.errors import UsageError


class Restricted(Protocol):
    """A chunk or a document, as far as a filter looks at it."""

    @property
    def groups(self) -> frozenset[str]: ...

    @property
    def metadata(self) -> Mapping[str, str]: ...


@dataclass(frozen=True)
class Filter:
    """What one who asks may see and wants to see.

    `groups` are those the asker belongs to; None asks as the owner, who sees everything, and an
    empty set sees what is open to everybody. `metadata` names the values that a chunk's metadata
    must have, any one of each name's.
    """

    groups: frozenset[str] | None = None
    metadata: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def allows(self, paper: Restricted) -> bool:
        """Whether it may be shown; what has no groups is open to everybody."""
        if self.groups is not None and paper.groups and not (paper.groups & self.groups):
            return False
        return all(paper.metadata.get(name) in values for name, values in self.metadata.items())

    def __hash__(self) -> int:
        return hash((self.groups, frozenset(self.metadata.items())))


def metadata_wanted(conditions: Iterable[str]) -> dict[str, frozenset[str]]:
    """`key=value` conditions as a filter takes them; the same key twice means either value.

    Raises:
        UsageError: a condition without a key or an equals sign.
    """
    found: dict[str, frozenset[str]] = {}
    for condition in conditions:
        key, sign, value = (part.strip() for part in condition.partition("="))
        if not key or not sign:
            raise UsageError("where-form", condition=condition)
        found[key] = found.get(key, frozenset()) | {value}
    return found


def group_names(written: str) -> frozenset[str]:
    """`a, b` as the names of groups; nothing written means no group."""
    return frozenset(name for part in written.split(",") if (name := part.strip()))
