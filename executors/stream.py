"""Shows an answer while it is being written, for a person who waits for one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from executors.generate import fitted, inference, stop_text_seen, stops_for, token_ids
from executors.models import LoadedModel


def stream(loaded: LoadedModel, prompt: str, *, max_new_tokens: int) -> Iterator[str]:
    """The continuation of one prompt, greedy, piece by piece; joined it is what `generate` gives.

    The model works in a thread of its own and stops when nobody reads on.

    Raises:
        UsageError: the prompt does not fit the model.
    """
    import torch
    from transformers import TextIteratorStreamer

    (row,) = fitted(loaded, [token_ids(loaded, prompt)], max_new_tokens, None)
    stops = stops_for(loaded.tokenizer)
    pieces: Any = TextIteratorStreamer(
        loaded.tokenizer,
        skip_prompt=True,
        skip_special_tokens=True,  # type: ignore[arg-type]
    )
    left = threading.Event()
    failed: list[BaseException] = []

    def nobody_reads(input_ids: torch.Tensor, _scores: Any, **_kwargs: Any) -> torch.Tensor:
        return torch.full((len(input_ids),), left.is_set(), device=input_ids.device)

    def write() -> None:
        ids = torch.tensor([row], device=loaded.device)
        criteria = [nobody_reads]
        if stops:
            criteria.append(stop_text_seen(loaded.tokenizer, stops, len(row)))
        try:
            with inference(loaded.model):
                loaded.model.generate(
                    input_ids=ids,
                    attention_mask=torch.ones_like(ids),
                    max_new_tokens=max_new_tokens,
                    stopping_criteria=criteria,
                    streamer=pieces,
                )
        except BaseException as error:
            failed.append(error)
            pieces.end()

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    try:
        yield from without_stops(pieces, stops)
    finally:
        left.set()
        writer.join()
    if failed:
        raise failed[0]


def without_stops(pieces: Iterator[str], stops: tuple[str, ...]) -> Iterator[str]:
    """The pieces up to the first stop text; what may be the beginning of one is held back."""
    held, begun = "", False
    for piece in pieces:
        held += piece if begun else piece.lstrip()
        begun = begun or bool(held)
        cut = min((at for stop in stops if (at := held.find(stop)) >= 0), default=None)
        if cut is not None:
            yield held[:cut].rstrip()
            return
        safe = len(held) - _begun(held, stops)
        # Space at the end belongs to what follows, if anything does.
        safe = len(held[:safe].rstrip())
        if safe:
            yield held[:safe]
            held = held[safe:]
    if held.strip():
        yield held.rstrip()


def _begun(text: str, stops: tuple[str, ...]) -> int:
    """Characters at the end of the text that begin a stop text."""
    return max(
        (n for stop in stops for n in range(1, len(stop)) if text.endswith(stop[:n])), default=0
    )
