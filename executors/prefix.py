"""Reads a long beginning once and answers many questions behind it: a shared key-value cache.

With the whole corpus in the prompt nearly all of the work is reading it. The keys and values of
that beginning are the same for every question, so they are computed once and copied per batch.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from executors.base import Generation
from executors.generate import (
    BATCH,
    ending,
    finished,
    fitted,
    generate,
    inference,
    kept_rows,
    stops_for,
    token_ids,
)
from executors.models import LoadedModel

if TYPE_CHECKING:
    import torch

SEAM_TOKENS = 8
"""Tokens at the end of the beginning that are not read ahead: a tokenizer may join the last of
them to what follows («: » and «うち» together are «:» and « うち»); cut apart, the model would read
another text than without a cache."""
READ_TOKENS = 1024
"""Tokens of the beginning read at once: bounds the memory of attention and scores."""


class SharedPrefix:
    """A beginning that a model has read, ready to be continued any number of times."""

    def __init__(self, loaded: LoadedModel, text: str) -> None:
        """Read `text`, a rendered prompt up to where the questions differ.

        Raises:
            UsageError: it does not fit the model.
        """
        from transformers import DynamicCache

        self._loaded = loaded
        self._text = text
        ids = token_ids(loaded, text)
        fitted(loaded, [ids], 1, None)
        self.ids = ids[: max(1, len(ids) - SEAM_TOKENS)]
        started = time.perf_counter()
        self._cache: Any = DynamicCache(config=loaded.model.config)
        with inference(loaded.model):
            for at in range(0, len(self.ids), READ_TOKENS):
                self._read(self.ids[at : at + READ_TOKENS])
        self.seconds = time.perf_counter() - started

    def complete(self, endings: Sequence[str], *, max_new_tokens: int) -> list[Generation]:
        """Continue the beginning with each ending; the same answers as without a cache.

        Endings of equal length share a batch: padding between beginning and ending would shift
        what a sliding attention window sees.

        Raises:
            UsageError: an ending leaves no room for an answer.
        """
        whole = [token_ids(self._loaded, self._text + ending) for ending in endings]
        fitted(self._loaded, whole, max_new_tokens, None)
        read = len(self.ids)
        if any(ids[:read] != self.ids for ids in whole):
            # A tokenizer that reaches further back: slower, but never another text.
            prompts = [self._text + ending for ending in endings]
            return generate(self._loaded, prompts, max_new_tokens=max_new_tokens)
        rows = [ids[read:] for ids in whole]
        found = kept_rows(self._loaded, whole, max_new_tokens, stops_for(self._loaded.tokenizer))
        waiting = [i for i in range(len(rows)) if i not in found]
        order = sorted(waiting, key=lambda i: (-len(rows[i]), i))
        with inference(self._loaded.model):
            for _, group in groupby(order, key=lambda i: len(rows[i])):
                alike = list(group)
                for at in range(0, len(alike), BATCH):
                    batch = alike[at : at + BATCH]
                    made = self._batch([rows[i] for i in batch], max_new_tokens)
                    found.update(zip(batch, made, strict=True))
        return [found[i] for i in range(len(rows))]

    def _read(self, ids: Sequence[int]) -> None:
        import torch

        model = self._loaded.model
        tokens = torch.tensor([ids], device=self._loaded.device)
        model(input_ids=tokens, past_key_values=self._cache, use_cache=True, logits_to_keep=1)

    def _batch(self, rows: Sequence[list[int]], max_new_tokens: int) -> list[Generation]:
        import torch

        loaded = self._loaded
        started = time.perf_counter()
        cache = copy.deepcopy(self._cache)
        if len(rows) > 1:
            cache.batch_repeat_interleave(len(rows))
        whole = [self.ids + row for row in rows]
        ids: torch.Tensor = torch.tensor(whole, device=loaded.device)
        width = ids.shape[1]
        stops = stops_for(loaded.tokenizer)
        output = loaded.model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            past_key_values=cache,
            max_new_tokens=max_new_tokens,
            stopping_criteria=ending(loaded, whole, width, max_new_tokens, stops),
        )
        seconds = (time.perf_counter() - started) / len(rows)
        ends: set[int] = set(loaded.model.generation_config.eos_token_id)
        return [
            finished(loaded.tokenizer, self.ids + row, new, ends, stops, seconds)
            for row, new in zip(rows, output[:, width:].tolist(), strict=True)
        ]
