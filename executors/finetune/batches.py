"""Looks at the batches a trainer will really see: padding must hide nothing that is trained."""

from __future__ import annotations

from typing import Any

from advisor.errors import RunError
from executors.finetune.rows import IGNORED, Row
from executors.models import Tokenizer
from executors.template import end_token_ids


def check_batches(trainer: Any, rows: list[Row], tokenizer: Tokenizer) -> None:
    """Collate the first rows as the trainer does and compare with what they say.

    Rows can be right and batches wrong: a collator that masks every padding token masks the end
    token as well where the two are one (huggingface/trl#3083), and the model never stops.

    Raises:
        RunError: `end-hidden-by-padding`, `labels-shifted` or `batch-untrue`, with the row's id.
    """
    # Of different lengths, so that there is padding.
    by_length = sorted(rows, key=lambda row: len(row.input_ids))
    chosen = [by_length[0], by_length[-1]]
    batch = trainer.data_collator(
        [{"input_ids": row.input_ids, "labels": row.labels} for row in chosen]
    )
    ends = end_token_ids(tokenizer)
    for row, ids, labels, mask in zip(
        chosen, batch["input_ids"], batch["labels"], batch["attention_mask"], strict=True
    ):
        kept = mask.bool()
        seen, trained = ids[kept].tolist(), labels[kept].tolist()
        if seen == row.input_ids and trained == row.labels and not _any_trained(labels[~kept]):
            continue
        raise RunError(_fault(row, seen, labels.tolist(), ends), ids=row.id)


def _any_trained(labels: Any) -> bool:
    return bool((labels != IGNORED).any())


def _fault(row: Row, seen: list[int], labels: list[int], ends: set[int]) -> str:
    wanted = [label for label in row.labels if label != IGNORED]
    found = [label for label in labels if label != IGNORED]
    without_ends = [label for label in wanted if label not in ends]
    if found == without_ends and found != wanted:
        return "end-hidden-by-padding"
    # The same labels at other places than their tokens': the loss shifts them a second time.
    return "labels-shifted" if found in (wanted, wanted[1:], wanted[:-1]) else "batch-untrue"
