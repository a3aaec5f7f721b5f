"""Keeps what a model writes inside JSON: of its likeliest tokens the first that JSON goes on with.

The most probable tokens are tried in turn by reading on (PICARD, Scholak et al. 2021, arXiv
2109.05093): no grammar has to be laid over the vocabulary, and where the model writes JSON by
itself nothing changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from executors.json_form import Json

if TYPE_CHECKING:
    import torch

TRIED = 256
"""Likeliest tokens that are tried; where none of them fits, the model goes on as it would."""
MOST_SPACE = 24
"""White space in a row: more than the indentation of any record."""
_HALF = "\ufffd"
"""What decoding shows of a character of which a byte is still to come …"""
MOST_HALVES = 3
"""… and of how many bytes: a tokenizer of bytes shows one for each, and four make a character."""


def json_only(tokenizer: Any, ends: set[int], width: int) -> Callable[..., Any]:
    """A logits processor for transformers: each row one JSON record, then its end.

    Args:
        ends: tokens that end an answer.
        width: tokens of the prompts, padding included.
    """
    import torch

    special = ends | set(tokenizer.all_special_ids)

    def fits(written: Sequence[int], token: int) -> bool:
        if token in special:
            return False
        text = _text(tokenizer, [*written, token])
        # A model kept to JSON may go on with spaces for ever.
        if text.isspace() or len(text) - len(text.rstrip()) > MOST_SPACE:
            return False
        told = text.rstrip(_HALF)
        state, missing = Json().read(told), len(text) - len(told)
        return state is not None and (not missing or (state.quoted and missing <= MOST_HALVES))

    def keep(input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        likely = scores.topk(min(TRIED, scores.shape[-1])).indices.tolist()
        for row, tokens in enumerate(likely):
            written = input_ids[row, width:].tolist()
            if any(token in ends for token in written):
                continue  # finished, and only padded from here on
            state = Json().read(_text(tokenizer, written).rstrip(_HALF))
            if state is None:
                continue  # it left JSON where nothing likely fitted
            chosen: int | None = min(ends)
            if not state.whole:
                chosen = next((token for token in tokens if fits(written, token)), None)
            if chosen is not None:
                scores[row] = -torch.inf
                scores[row, chosen] = 0.0
        return scores

    return keep


def _text(tokenizer: Any, written: Sequence[int]) -> str:
    text: str = tokenizer.decode(written, skip_special_tokens=True)
    return text
