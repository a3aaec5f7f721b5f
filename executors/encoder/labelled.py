"""What a classifier learns from: texts with the number of their label, and what shares a group."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from advisor.errors import RunError
from knowledge.corpus.splits import group_key
from knowledge.corpus.types import Example

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MIN_EXAMPLES = 16
_JOINTS = re.compile(r"[_\-/.]+")


@dataclass(frozen=True, slots=True)
class Labelled:
    """Texts that belong to a class, and texts that are known to belong to none."""

    texts: tuple[str, ...]
    """The examples, and behind them the labels' own names where these say something."""
    classes: NDArray[np.int64]
    """The number of each text's label."""
    labels: tuple[str, ...]
    groups: tuple[str, ...]
    """One per example; examples of one group are held out together."""
    outside: tuple[str, ...] = ()
    """Texts without an answer: they teach when to say that no class fits."""

    @property
    def examples(self) -> int:
        """How many of the texts are examples; labels' names are learned from and never judged."""
        return len(self.groups)

    @property
    def own(self) -> NDArray[np.int64]:
        """The classes of the examples alone."""
        return self.classes[: self.examples]

    def without_names(self) -> Labelled:
        return replace(self, texts=self.texts[: self.examples], classes=self.own)

    @property
    def smallest_class(self) -> int:
        import numpy as np

        return int(np.bincount(self.own, minlength=len(self.labels)).min())

    @property
    def per_class(self) -> float:
        """Texts in a class of middle size."""
        import numpy as np

        return float(np.median(np.bincount(self.own, minlength=len(self.labels))))


def labelled(examples: Sequence[Example], *, least: int = MIN_EXAMPLES) -> Labelled:
    """The labelled ones of the examples; labels in alphabetical order.

    Args:
        examples: those that may be learned from, never the held-out test.
        least: fewer are refused.

    Raises:
        RunError: `no-labels`, `too-few-examples`, or `one-label` where nothing is to be told apart.
    """
    import numpy as np

    known = [e for e in examples if e.kind == "labelled" and e.answerable and e.label]
    if not known:
        raise RunError("no-labels", n=len(examples))
    if len(known) < least:
        raise RunError("too-few-examples", n=len(known), least=least)
    labels = sorted({str(e.label) for e in known})
    if len(labels) < 2:
        raise RunError("one-label", label=labels[0], n=len(known))
    number = {label: at for at, label in enumerate(labels)}
    named = [(name, number[label]) for label in labels if (name := readable(label))]
    return Labelled(
        (*(e.prompt for e in known), *(name for name, _ in named)),
        np.array([*(number[str(e.label)] for e in known), *(at for _, at in named)], np.int64),
        tuple(labels),
        tuple(group_key(e) for e in known),
        tuple(e.prompt for e in examples if e.kind == "labelled" and not e.answerable),
    )


def readable(label: str) -> str:
    """A label as words, `card_arrival` as «card arrival»; empty where it is a number or a code."""
    words = _JOINTS.sub(" ", label).strip()
    letters = sum(character.isalpha() for character in words)
    return words if letters >= 2 and letters > len(words) / 2 else ""
