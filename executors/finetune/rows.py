"""Examples as the model will see them: token ids, which of them are trained, and what is wrong."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from executors.base import Message
from executors.finetune.asking import asked, lists_labels
from executors.models import Tokenizer
from executors.template import end_token_ids, render_chat
from knowledge.corpus.types import Example

IGNORED = -100
ANSWER_BEGIN = 8
"""Characters at its beginning by which an answer is found in what a template made of it."""
ANSWER_END = 8
"""Characters at the end of an answer by which one that was cut is recognised."""
STOPPING = frozenset(
    (
        "template-mismatch",
        "fully-masked",
        "answer-cut",
        "end-not-trained",
        "begin-doubled",
        "labels-shifted",
    )
)
"""Faults of the template or the tokenizer: they say that the whole set is wrong, so one stops."""


@dataclass(frozen=True, slots=True)
class Row:
    """One training row: `labels` equals `input_ids` where the loss counts, else -100."""

    id: str
    input_ids: list[int]
    labels: list[int]

    @property
    def trained_tokens(self) -> int:
        return sum(label != IGNORED for label in self.labels)


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows that fit, and the ids of those that do not, by reason."""

    rows: list[Row]
    left_out: dict[str, list[str]]
    lengths: tuple[int, ...] = ()
    """Tokens of every well-formed row in reading order, those that are too long included."""

    @property
    def stopping(self) -> dict[str, list[str]]:
        """The faults of which a single row stops a plan, with the ids of the rows."""
        return {fault: ids for fault, ids in self.left_out.items() if fault in STOPPING}

    @property
    def n_left_out(self) -> int:
        return sum(map(len, self.left_out.values()))

    @property
    def longest(self) -> int:
        return max((len(row.input_ids) for row in self.rows), default=0)


def make_rows(
    examples: Sequence[Example],
    tokenizer: Tokenizer,
    lang: str,
    seq_len: int,
    *,
    labels: Sequence[str] = (),
    instructed: bool = True,
) -> Rows:
    """Tokenise prompt and completion exactly as generation will see the prompt.

    The completion ends with the token that ends an answer, and that token is trained. A row
    longer than `seq_len` tokens is left out and named: cutting it would teach the model to stop
    in the middle of an answer.

    Args:
        labels: all labels that are learned; see `lists_labels`.
        instructed: the task's instruction stands before the prompt; general rows have none.
    """
    rows: list[Row] = []
    left_out: dict[str, list[str]] = {}
    lengths: list[int] = []
    for example in examples:
        turns = asked(example.prompt, example.kind, lang, labels, listed=lists_labels(labels))
        told = [turn for turn in turns if instructed or turn["role"] != "system"]
        prompt, completion = _texts(told, example.completion, tokenizer)
        prompt_ids = _ids(tokenizer, prompt)
        completion_ids = _ids(tokenizer, completion or "")
        row = Row(
            example.id, prompt_ids + completion_ids, [IGNORED] * len(prompt_ids) + completion_ids
        )
        fault = _text_fault(example, completion) or row_fault(row, tokenizer, example.completion)
        if fault is None and len(row.input_ids) > seq_len:
            fault = "too-long"
        if fault is not None:
            left_out.setdefault(fault, []).append(example.id)
        if fault in (None, "too-long"):
            lengths.append(len(row.input_ids))
        if fault is None:
            rows.append(row)
    return Rows(rows, left_out, tuple(lengths))


def _texts(turns: Sequence[Message], answer: str, tokenizer: Tokenizer) -> tuple[str, str | None]:
    prompt = render_chat(tokenizer, turns)
    whole = render_chat(
        tokenizer,
        [*turns, {"role": "assistant", "content": answer}],
        add_generation_prompt=False,
    )
    if not whole.startswith(prompt):
        # Some templates drop earlier thinking or add a date: then the rows would not be what
        # generation sees, and training would teach another format than the one that is served.
        return prompt, None
    return prompt, whole[len(prompt) :]


def _ids(tokenizer: Tokenizer, text: str) -> list[int]:
    ids: Any = tokenizer(text, add_special_tokens=False)["input_ids"]
    return list(ids)


def _text_fault(example: Example, completion: str | None) -> str | None:
    if not example.completion.strip():
        return "no-answer"
    if completion is None:
        return "template-mismatch"
    # A template that drops or empties an answer would train its frame alone.
    begin = comparable(example.completion)[:ANSWER_BEGIN]
    return None if begin in comparable(completion) else "fully-masked"


def row_fault(row: Row, tokenizer: Tokenizer, answer: str | None = None) -> str | None:
    """What is wrong with one finished row, however it was made; None when it may be trained on.

    The loss shifts the labels itself, so a label must stand at the position of its own token.

    Args:
        answer: what the row is to teach, where that is known; its end must be trained.
    """
    trained = [label for label in row.labels if label != IGNORED]
    ends = end_token_ids(tokenizer)
    if not set(trained) - ends:
        return "fully-masked"
    pairs = zip(row.input_ids, row.labels, strict=False)
    if len(row.labels) != len(row.input_ids) or any(b not in (IGNORED, a) for a, b in pairs):
        return "labels-shifted"
    if answer is not None and _is_cut(trained, answer, tokenizer):
        return "answer-cut"
    if not ends & set(trained[-3:]):
        return "end-not-trained"
    begin = tokenizer.bos_token_id
    # Where one token begins and ends a text (GPT-2), it may stand once at each side.
    allowed = 2 if begin in ends else 1
    if begin is not None and (
        row.input_ids[:2] == [begin, begin] or Counter(row.input_ids)[begin] > allowed
    ):
        return "begin-doubled"
    return None


def _is_cut(trained: list[int], answer: str, tokenizer: Tokenizer) -> bool:
    """Whether the last characters of the answer are missing from what is trained."""
    if tokenizer.unk_token_id in trained:  # not every character can be read back
        return False
    written = comparable(str(tokenizer.decode(trained, skip_special_tokens=True)))
    return comparable(answer)[-ANSWER_END:] not in written


def comparable(text: str) -> str:
    """`text` as it is whatever a tokenizer normalises: NFC, NFKC, case, spaces and controls."""
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(one for one in plain if unicodedata.category(one)[0] not in "CZ")
