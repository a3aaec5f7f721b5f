"""`okakae inspect --as MODEL`: training rows by the model's own tokenizer; no weights loaded."""

from __future__ import annotations

from collections.abc import Sequence

from advisor.inspect_as import Piece, RowsSeen
from advisor.session import Session
from advisor.types import Language
from executors.finetune.rows import IGNORED, Row, make_rows
from executors.models import STARTER, Tokenizer, load_tokenizer
from executors.starter import prepare_starter
from knowledge.corpus.types import Example

SHOWN = 2


def inspect_as(
    session: Session,
    examples: Sequence[Example],
    model: str,
    seq_len: int,
    language: Language,
    *,
    allow_pickled: bool = False,
) -> RowsSeen:
    """Make the rows that a tuning of `model` would be fed, and look at each.

    Args:
        seq_len: tokens of the longest row that is trained.
        allow_pickled: see `executors.models.resolve`.

    Raises:
        UsageError, MachineError, Forbidden: see `executors.models.resolve`.
    """
    if model == STARTER:
        prepare_starter(session)
    tokenizer, context = load_tokenizer(
        model, allow=session.allow, offline=session.offline, allow_pickled=allow_pickled
    )
    length = min(seq_len, context or seq_len)
    labels = sorted({e.label for e in examples if e.label})
    made = make_rows(examples, tokenizer, language, length, labels=labels)
    return RowsSeen(
        model,
        f"tokenizer:{model}",
        len(examples),
        made.lengths,
        length,
        context,
        made.left_out,
        tuple((row.id, pieces(row, tokenizer)) for row in made.rows[:SHOWN]),
    )


def pieces(row: Row, tokenizer: Tokenizer) -> tuple[Piece, ...]:
    """The row as text again, special tokens written out, parted where training begins or ends."""
    parts: list[tuple[list[int], bool]] = []
    for token, label in zip(row.input_ids, row.labels, strict=True):
        trained = label != IGNORED
        if not parts or parts[-1][1] != trained:
            parts.append(([], trained))
        parts[-1][0].append(token)
    return tuple((tokenizer.decode(ids, skip_special_tokens=False), on) for ids, on in parts)
