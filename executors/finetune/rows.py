"""Examples as the model will see them: token ids, which of them are trained, and what is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from executors.models import Tokenizer
from executors.prompting.prompts import conversation
from executors.template import render_chat
from knowledge.corpus.types import Example

IGNORED = -100


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
) -> Rows:
    """Tokenise prompt and completion exactly as generation will see the prompt.

    The completion ends with the token that ends an answer, and that token is trained. A row
    longer than `seq_len` tokens is left out and named: cutting it would teach the model to stop
    in the middle of an answer.

    Args:
        labels: the labels that the instruction names, the same in training, validation and use.
    """
    rows: list[Row] = []
    left_out: dict[str, list[str]] = {}
    for example in examples:
        prompt, completion = _texts(example, tokenizer, lang, labels)
        prompt_ids = _ids(tokenizer, prompt)
        completion_ids = _ids(tokenizer, completion)
        fault = _fault(prompt_ids, completion_ids, tokenizer, seq_len, completion)
        if fault is not None:
            left_out.setdefault(fault, []).append(example.id)
            continue
        rows.append(
            Row(
                example.id,
                prompt_ids + completion_ids,
                [IGNORED] * len(prompt_ids) + completion_ids,
            )
        )
    return Rows(rows, left_out)


def _texts(
    example: Example, tokenizer: Tokenizer, lang: str, labels: Sequence[str]
) -> tuple[str, str]:
    turns = conversation(example.prompt, example.kind, lang, labels=labels)
    prompt = render_chat(tokenizer, turns)
    whole = render_chat(
        tokenizer,
        [*turns, {"role": "assistant", "content": example.completion}],
        add_generation_prompt=False,
    )
    if not whole.startswith(prompt):
        # Some templates drop earlier thinking or add a date: then the rows would not be what
        # generation sees, and training would teach another format than the one that is served.
        return prompt, ""
    return prompt, whole[len(prompt) :]


def _ids(tokenizer: Tokenizer, text: str) -> list[int]:
    ids: Any = tokenizer(text, add_special_tokens=False)["input_ids"]
    return list(ids)


def _fault(
    prompt: list[int], completion: list[int], tokenizer: Tokenizer, seq_len: int, text: str
) -> str | None:
    if not text:
        return "template-mismatch"
    if len(completion) <= 1:
        return "no-answer"
    if len(prompt) + len(completion) > seq_len:
        return "too-long"
    ends = end_token_ids(tokenizer)
    if not ends & set(completion[-3:]):
        return "end-not-trained"
    begin = tokenizer.bos_token_id
    # Where one token begins and ends a text (GPT-2), it may stand once at each side.
    allowed = 2 if begin in ends else 1
    if begin is not None and (
        prompt[:2] == [begin, begin] or Counter(prompt + completion)[begin] > allowed
    ):
        return "begin-doubled"
    return None


def end_token_ids(tokenizer: Tokenizer) -> set[int]:
    """The ids that end an answer: the tokenizer's end token and its template's end of turn."""
    ends = {tokenizer.eos_token_id}
    for name in ("<end_of_turn>", "<|im_end|>", "<|eot_id|>", "<|end|>"):
        ids = tokenizer.convert_tokens_to_ids([name])
        if ids and ids[0] not in (None, tokenizer.unk_token_id):
            ends.add(ids[0])
    return {end for end in ends if end is not None}
