"""How the examples would fall into train, validation and test, and what the test could show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from advisor.pilot import DIFFERENCE
from advisor.power import detectable_difference, questions_for
from advisor.session import Session
from knowledge.corpus.splits import PARTS, group_key, split
from knowledge.corpus.types import Example

BASIS = "formula:paired-sd-0.42-localgovfaq-hit1"


@dataclass(frozen=True, slots=True)
class PartSize:
    """One part of the split."""

    examples: int
    groups: int
    unanswerable: int


@dataclass(frozen=True, slots=True)
class SplitAdvice:
    """The split that a plan with default shares makes, and the gap between roads it could show."""

    parts: tuple[PartSize, ...]
    left_out: int

    @property
    def test(self) -> int:
        return self.parts[PARTS.index("test")].examples

    @property
    def detectable(self) -> float | None:
        """Smallest true gap shown with 80 % power, as a share; None for an empty test."""
        return detectable_difference(self.test) if self.test else None

    @property
    def missing(self) -> int:
        """Test questions to add until a gap of `DIFFERENCE` would show."""
        return max(0, questions_for(DIFFERENCE) - self.test)

    def lacking_unanswerable(self) -> list[str]:
        """Parts without a question that nobody can answer, where there are some elsewhere."""
        if not any(part.unanswerable for part in self.parts):
            return []
        named = zip(PARTS, self.parts, strict=True)
        return [name for name, part in named if not part.unanswerable]

    def record(self) -> dict[str, Any]:
        """As JSON."""
        named = zip(PARTS, self.parts, strict=True)
        return {
            **{
                name: {
                    "examples": part.examples,
                    "groups": part.groups,
                    "unanswerable": part.unanswerable,
                }
                for name, part in named
            },
            "left_out": self.left_out,
            "detectable_difference": None if not self.detectable else round(self.detectable, 3),
            "wanted_difference": DIFFERENCE,
            "test_questions_wanted": questions_for(DIFFERENCE),
            "test_questions_missing": self.missing,
            "basis": BASIS,
        }


def split_advice(examples: Sequence[Example]) -> SplitAdvice:
    """Split as a plan would and count."""
    made = split(examples)
    return SplitAdvice(tuple(_size(getattr(made, part)) for part in PARTS), len(made.left_out))


def _size(part: Sequence[Example]) -> PartSize:
    groups = {group_key(example) for example in part}
    return PartSize(len(part), len(groups), sum(not example.answerable for example in part))


def show(path: Path, advice: SplitAdvice, session: Session) -> None:
    """The three parts and what the test part can show."""
    click.echo(f"\n{session.t('splits.title', path=path.name or path)}")
    for name, part in zip(PARTS, advice.parts, strict=True):
        values = {"examples": part.examples, "groups": part.groups, "none": part.unanswerable}
        click.echo(session.t("splits.part", part=session.t(f"splits.{name}"), **values))
    if advice.left_out:
        click.echo(session.t("splits.left-out", n=advice.left_out))
    if advice.detectable is None:
        click.echo(session.t("splits.no-test"))
        return
    click.echo(session.t("splits.shows", n=advice.test, gap=round(100 * advice.detectable)))
    if advice.missing:
        gap = round(100 * DIFFERENCE)
        click.echo(session.t("splits.more", n=advice.missing, gap=gap))
    if lacking := advice.lacking_unanswerable():
        parts = ", ".join(session.t(f"splits.{name}") for name in lacking)
        click.echo(session.t("splits.no-unanswerable", parts=parts))
