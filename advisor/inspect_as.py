"""Asks for the rows as a model will see them (`inspect --as`): exactly, or estimated without it.

What tokenises is heavy and enters by name, as every command of that kind does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from advisor.errors import Fault, MachineError, UsageError
from knowledge.corpus.facts import example_tokens
from knowledge.corpus.languages import TOKEN_RATES_SOURCE
from knowledge.corpus.types import Example, Problem

if TYPE_CHECKING:
    from advisor.session import Session
    from advisor.types import Language, Scalar

NAME = "inspect-as"
SEQ_LEN = "finetune.seq_len"
PICKLED = "weights.allow_pickled"
# Reasons for which lengths are estimated instead: the model is not at hand, and was not asked for.
_NOT_AT_HAND = {"model-not-here", "model-gated", "model-download-failed", "package-missing"}

Piece = tuple[str, bool]
"""A stretch of a row as text, and whether its tokens are trained."""


@dataclass(frozen=True, slots=True)
class RowsSeen:
    """The rows of one path; lengths in tokens, `faults` by name with the ids of the rows."""

    model: str
    basis: str
    rows: int
    lengths: tuple[int, ...]
    seq_len: int
    context: int | None
    faults: Mapping[str, Sequence[str]] = field(default_factory=dict)
    shown: tuple[tuple[str, tuple[Piece, ...]], ...] = ()
    missing: MachineError | None = None
    """Why nothing but lengths is known: the model is not on this machine."""

    @property
    def cut(self) -> int:
        """Answers that end after the planned length; they are left out, never cut in silence."""
        return sum(length > self.seq_len for length in self.lengths)

    def percentile(self, share: float) -> int:
        """The length that `share` of the rows do not exceed (nearest rank)."""
        ordered = sorted(self.lengths)
        return ordered[max(0, -(-int(share * 100) * len(ordered) // 100) - 1)] if ordered else 0

    def problems(self) -> list[Problem]:
        """One problem a fault; every one but `too-long` and `no-answer` stops a tuning plan."""
        if self.missing is not None:
            values = {"model": self.model, "basis": self.basis}
            return [Problem("as-model-not-here", "error", "--as", values)]
        tolerated = ("too-long", "no-answer")
        return [
            Problem(
                f"as-{fault}",
                "warn" if fault in tolerated else "error",
                ", ".join(ids[:3]),
                {"n": len(ids), "model": self.model, "seq_len": self.seq_len},
                places=tuple(ids),
            )
            for fault, ids in self.faults.items()
        ]


def rows_seen(
    session: Session, examples: Sequence[Example], model: str, sets: Sequence[str]
) -> RowsSeen:
    """The examples as `model` will be trained on them.

    Raises:
        UsageError: no such model, or a setting of which nothing here depends.
        MachineError, Forbidden: the model is here and cannot be used.
    """
    seq_len, allow_pickled = _planned(sets)
    try:
        made: RowsSeen = _heavy()(
            *(session, examples, model, seq_len, _language(examples)), allow_pickled=allow_pickled
        )
    except MachineError as error:
        if error.ref not in _NOT_AT_HAND:
            raise
        lengths = tuple(example_tokens(example) for example in examples)
        basis = f"calibrated:{TOKEN_RATES_SOURCE}"
        return RowsSeen(model, basis, len(examples), lengths, seq_len, None, missing=error)
    return made


def _planned(sets: Sequence[str]) -> tuple[int, bool]:
    """The longest row in tokens and whether pickled weights are accepted, as a plan has them."""
    from advisor.plan_config import read_settings
    from knowledge.catalog.loader import load

    known = {id_: load("settings")[id_] for id_ in (SEQ_LEN, PICKLED)}
    values: dict[str, Scalar] = {id_: setting.default for id_, setting in known.items()}
    for item in sets:
        id_, _, value = (part.strip() for part in item.partition("="))
        read, faults = read_settings({id_: value}, known)
        if faults:
            said = {"seq_len": SEQ_LEN, "pickled": PICKLED}
            fault = Fault("inspect-set", item, tuple(said.items()))
            raise UsageError("inspect-set", where=item, faults=(fault,), **said)
        values |= read
    return int(values[SEQ_LEN]), bool(values[PICKLED])


def as_record(seen: RowsSeen) -> dict[str, Any]:
    """The `as` object of the JSON document; null where only the model could tell."""
    known = seen.missing is None
    counts = {name: len(seen.faults.get(name, ())) for name in seen.faults}
    return {
        "model": seen.model,
        "at_hand": known,
        "tokenizer_basis": seen.basis,
        "rows": seen.rows,
        "tokens": sum(seen.lengths),
        "longest": max(seen.lengths, default=0),
        "p50": seen.percentile(0.5),
        "p95": seen.percentile(0.95),
        "seq_len": seen.seq_len,
        "context": seen.context,
        "cut": seen.cut,
        "masked_rows": counts.get("fully-masked", 0) if known else None,
        "missing_end": counts.get("end-not-trained", 0) if known else None,
        "doubled_bos": counts.get("begin-doubled", 0) if known else None,
        "faults": (
            [{"id": name, "rows": list(ids)} for name, ids in seen.faults.items()]
            if known
            else None
        ),
    }


def _language(examples: Sequence[Example]) -> Language:
    """The language of the instruction: that of most questions."""
    from knowledge.corpus.languages import language

    japanese = sum(language(example.prompt) == "ja" for example in examples)
    return "ja" if 2 * japanese >= len(examples) else "en"


def _heavy() -> Any:
    from advisor.cli import entry_points

    target = dict(entry_points()).get(NAME)
    if target is None:
        raise MachineError("package-missing", package="okakae[train]")
    module, _, attribute = target.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        package = (error.name or module).split(".")[0]
        raise MachineError("package-missing", package=package) from error
