"""Continues prompts with a loaded model: batched, greedy, and stopping where the answer ends."""

from __future__ import annotations

import copy
import inspect
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from advisor.errors import UsageError
from executors import constrained
from executors.base import Generation
from executors.journal import as_they_end, current, key_of
from executors.models import LoadedModel
from executors.template import adds_begin_token, render_chat, stops_for

if TYPE_CHECKING:
    import torch

    from advisor.session import Progress

__all__ = [
    "choice_logprobs",
    "continue_rows",
    "ending",
    "finished",
    "fitted",
    "generate",
    "inference",
    "kept_rows",
    "mean_token_loss",
    "render_chat",
    "stop_text_seen",
    "stops_for",
    "token_ids",
]

BATCH = 8
# A stop text is looked for in this many tokens before the end: no stop text of ours is longer.
STOP_WINDOW_TOKENS = 16
LOSS_WINDOW_TOKENS = 512
LOGIT_ROWS = 64


def generate(
    loaded: LoadedModel,
    prompts: Sequence[str],
    *,
    max_new_tokens: int,
    stop: Sequence[str] | None = None,
    batch_size: int = BATCH,
    progress: Progress | None = None,
    seed: int = 0,
    temperature: float = 0.0,
    on_truncated: Callable[[int], None] | None = None,
    json_only: bool = False,
) -> list[Generation]:
    """Continue every prompt; results in the order of the prompts.

    Prompts are texts as `render_chat` gives them, special tokens included. The same call gives
    the same answers; another `batch_size` may differ in the last bits of bf16.

    Args:
        loaded: the model, with an adapter around it or not.
        prompts: any number; none may be empty.
        max_new_tokens: an answer this long is cut off, with finish reason `length`.
        stop: texts that end an answer and are cut off; None takes the template's own.
        batch_size: prompts computed together.
        progress: advanced by the number of prompts answered.
        seed: only matters with a `temperature` above 0.
        temperature: 0 for the most likely token at every step.
        on_truncated: permits cutting prompts that do not fit from the left, keeping the begin
            token; called with their number. Without it they are an error.
        json_only: keep every answer inside one JSON object or list (see executors.constrained).

    Returns:
        One `Generation` per prompt; `seconds` is its share of the batch's wall time.

    Raises:
        UsageError: prompts too long for the model, with their number.
    """
    stops = stops_for(loaded.tokenizer) if stop is None else tuple(stop)
    rows = fitted(loaded, [token_ids(loaded, p) for p in prompts], max_new_tokens, on_truncated)
    found = {} if temperature > 0 else kept_rows(loaded, rows, max_new_tokens, stops)
    # Neighbours in length share a batch, longest first: little padding, and the peak comes first.
    waiting = [i for i in range(len(rows)) if i not in found]
    order = sorted(waiting, key=lambda i: (-len(rows[i]), i))
    with inference(loaded.model, seed if temperature > 0 else None):
        for at in range(0, len(order), batch_size):
            batch = order[at : at + batch_size]
            answers = _one_batch(
                *(loaded, [rows[i] for i in batch], max_new_tokens, stops, temperature),
                json_only=json_only,
            )
            found.update(zip(batch, answers, strict=True))
            if progress is not None:
                progress.advance(len(batch))
    return [found[i] for i in range(len(rows))]


def continue_rows(
    loaded: LoadedModel, rows: Sequence[list[int]], *, max_new_tokens: int
) -> list[Generation]:
    """Continue prompts that are token ids already, as training rows are, in one batch."""
    with inference(loaded.model):
        stops = stops_for(loaded.tokenizer)
        return _one_batch(loaded, rows, max_new_tokens, stops, temperature=0.0)


def choice_logprobs(
    loaded: LoadedModel, prompt: str, choices: Sequence[str], *, per_token: bool = False
) -> list[float]:
    """Log-probability (nats) of each choice after the prompt, summed or per token.

    Prompt and choice are tokenised apart, as in training rows. The prompt is read once.
    """
    import torch

    start = token_ids(loaded, prompt)
    tails = [token_ids(loaded, choice) for choice in choices]
    if not all(tails):
        raise ValueError("an empty choice has no probability")
    fitted(loaded, [start + tail for tail in tails], 0, None)
    *read, last = start
    scores: list[float] = []
    with inference(loaded.model):
        cache = _read_once(loaded, read)
        for at in range(0, len(tails), BATCH):
            part = tails[at : at + BATCH]
            width = max(map(len, part))
            # Padded on the right: what stands behind a choice never reaches back into it.
            pad = loaded.tokenizer.pad_token_id
            rows = [[last, *tail[:-1], *[pad] * (width - len(tail))] for tail in part]
            ids = torch.tensor(rows, device=loaded.device)
            again = copy.deepcopy(cache)
            if again is not None:
                again.batch_repeat_interleave(len(part))
            logits = loaded.model(input_ids=ids, past_key_values=again, use_cache=True).logits
            for row, tail in enumerate(part):
                log_probs = logits[row, : len(tail)].float().log_softmax(-1)
                picked = log_probs.gather(1, torch.tensor(tail, device=ids.device)[:, None])
                scores.append(float(picked.sum()) / (len(tail) if per_token else 1))
    return scores


def _read_once(loaded: LoadedModel, ids: Sequence[int]) -> Any:
    """Keys and values of a beginning that several rows share; None for an empty one."""
    import torch
    from transformers import DynamicCache

    if not ids:
        return None
    cache = DynamicCache(config=loaded.model.config)
    tokens = torch.tensor([list(ids)], device=loaded.device)
    loaded.model(input_ids=tokens, past_key_values=cache, use_cache=True, logits_to_keep=1)
    return cache


def mean_token_loss(
    loaded: LoadedModel, texts: Sequence[str], *, progress: Progress | None = None
) -> float:
    """Mean negative log-likelihood (nats) per token over plain texts; exp() is the perplexity.

    Each text is read from its begin token in windows of 512 tokens that share no context.
    """
    import torch

    total, n = 0.0, 0
    begin = [loaded.tokenizer.bos_token_id] if adds_begin_token(loaded.tokenizer) else []
    with inference(loaded.model):
        for text in texts:
            body = token_ids(loaded, text)
            for at in range(0, len(body), LOSS_WINDOW_TOKENS):
                window = begin + body[at : at + LOSS_WINDOW_TOKENS]
                if len(window) < 2:
                    continue
                ids = torch.tensor([window], device=loaded.device)
                logits = _logits(loaded.model, ids, torch.ones_like(ids))[0, :-1]
                # In slices: with a vocabulary of 262k, fp32 scores of a whole window are 0.5 GB.
                for rows in range(0, len(window) - 1, LOGIT_ROWS):
                    part = logits[rows : rows + LOGIT_ROWS].float()
                    targets = ids[0, 1 + rows : 1 + rows + len(part)]
                    loss = torch.nn.functional.cross_entropy(part, targets, reduction="sum")
                    total += float(loss)
                n += len(window) - 1
            if progress is not None:
                progress.advance()
    if n == 0:
        raise ValueError("no tokens to score")
    return total / n


def token_ids(loaded: LoadedModel, text: str) -> list[int]:
    """The tokens of a rendered prompt, special tokens as written."""
    return list(loaded.tokenizer(text, add_special_tokens=False)["input_ids"])


def fitted(
    loaded: LoadedModel,
    rows: list[list[int]],
    new_tokens: int,
    on_truncated: Callable[[int], None] | None,
) -> list[list[int]]:
    """The rows, each with room for `new_tokens` in the model's context."""
    if empty := sum(not row for row in rows):
        raise ValueError(f"{empty} empty prompts")
    if loaded.context_tokens is None:
        return rows
    room = loaded.context_tokens - new_tokens
    long = [row for row in rows if len(row) > room]
    if not long:
        return rows
    if on_truncated is None or room < 2:
        raise UsageError(
            "prompts-too-long",
            n=len(long),
            total=len(rows),
            longest=max(map(len, long)),
            room=max(room, 0),
            model=loaded.source,
        )
    on_truncated(len(long))
    begin = loaded.tokenizer.bos_token_id
    return [row if len(row) <= room else _cut_left(row, room, begin) for row in rows]


def _cut_left(row: list[int], room: int, begin: int | None) -> list[int]:
    if begin is not None and row[0] == begin:
        return [begin, *row[len(row) - room + 1 :]]
    return row[-room:]


def _one_batch(
    loaded: LoadedModel,
    rows: Sequence[list[int]],
    max_new_tokens: int,
    stops: Sequence[str],
    temperature: float,
    *,
    json_only: bool = False,
) -> list[Generation]:
    started = time.perf_counter()
    ids, mask = _left_padded(loaded, rows)
    width = ids.shape[1]
    ends: set[int] = set(loaded.model.generation_config.eos_token_id)
    keep = [constrained.json_only(loaded.tokenizer, ends, width)] if json_only else None
    sampling = {"do_sample": True, "temperature": temperature} if temperature > 0 else {}
    output = loaded.model.generate(
        input_ids=ids,
        attention_mask=mask,
        max_new_tokens=max_new_tokens,
        stopping_criteria=ending(loaded, rows, width, max_new_tokens, stops, kept=temperature == 0),
        logits_processor=keep,
        **sampling,
    )
    seconds = (time.perf_counter() - started) / len(rows)
    return [
        finished(loaded.tokenizer, row, new, ends, stops, seconds)
        for row, new in zip(rows, output[:, width:].tolist(), strict=True)
    ]


def kept_rows(
    loaded: LoadedModel, rows: Sequence[list[int]], max_new_tokens: int, stops: Sequence[str]
) -> dict[int, Generation]:
    """Answers that an interrupted batch had finished, by row; nothing outside `keeping`."""
    journal = current()
    if journal is None:
        return {}
    ends: set[int] = set(loaded.model.generation_config.eos_token_id)
    found = {}
    for i, row in enumerate(rows):
        if kept := journal.written(key_of(loaded.digest, row, max_new_tokens, stops)):
            found[i] = finished(loaded.tokenizer, row, kept[0], ends, stops, kept[1])
    return found


def ending(
    loaded: LoadedModel,
    rows: Sequence[list[int]],
    width: int,
    max_new_tokens: int,
    stops: Sequence[str],
    *,
    kept: bool = True,
) -> list[Callable[..., Any]] | None:
    """Stopping criteria of a batch: stop texts, and within `keeping` each row's own end.

    Args:
        rows: whole prompts, as `kept_rows` is asked for them.
        width: tokens of the padded prompts.
        kept: whether the same prompt gives the same answer again.
    """
    stopped = stop_text_seen(loaded.tokenizer, stops, width) if stops else None
    journal = current() if kept else None
    if journal is None:
        return [stopped] if stopped else None
    keys = [key_of(loaded.digest, row, max_new_tokens, stops) for row in rows]
    ends: set[int] = set(loaded.model.generation_config.eos_token_id)
    return [as_they_end(journal, keys, width, ends, stopped, max_new_tokens)]


def finished(
    tokenizer: Any,
    row: list[int],
    new: list[int],
    ends: set[int],
    stops: Sequence[str],
    seconds: float,
) -> Generation:
    """The answer in `new`, which may run on behind its end token with padding."""
    end = next((i for i, token in enumerate(new) if token in ends), None)
    kept = new if end is None else new[:end]
    text = tokenizer.decode(kept, skip_special_tokens=True)
    cut = min((at for stop in stops if (at := text.find(stop)) >= 0), default=None)
    if cut is not None:
        kept = _shortest_with(tokenizer, kept, stops)
        text = text[:cut]
    return Generation(
        text=text.strip(),
        tokens_in=len(row),
        tokens_out=len(kept) + (end is not None and cut is None),
        seconds=seconds,
        finish_reason="length" if end is None and cut is None else "stop",
    )


def _shortest_with(tokenizer: Any, kept: list[int], stops: Sequence[str]) -> list[int]:
    """The tokens up to the one that completed a stop text; rows that stopped early are padded."""
    for n in range(1, len(kept) + 1):
        text = tokenizer.decode(kept[:n], skip_special_tokens=True)
        if any(stop in text for stop in stops):
            return kept[:n]
    return kept


def stop_text_seen(tokenizer: Any, stops: Sequence[str], width: int) -> Callable[..., Any]:
    """A stopping criterion for transformers: which rows have just written a stop text."""
    import torch

    def seen(input_ids: torch.Tensor, _scores: Any, **_kwargs: Any) -> torch.Tensor:
        tails = input_ids[:, max(width, input_ids.shape[1] - STOP_WINDOW_TOKENS) :].tolist()
        texts = [tokenizer.decode(tail, skip_special_tokens=True) for tail in tails]
        return torch.tensor(
            [any(stop in text for stop in stops) for text in texts], device=input_ids.device
        )

    return seen


def _left_padded(
    loaded: LoadedModel, rows: Sequence[list[int]]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and mask, both (rows, longest), every row ending in the last column."""
    import torch

    width = max(map(len, rows))
    pad = loaded.tokenizer.pad_token_id
    ids = torch.tensor([[pad] * (width - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    return ids.to(loaded.device), mask.to(loaded.device)


def _logits(model: Any, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Scores of every position."""
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    options = {"input_ids": ids, "attention_mask": mask, "use_cache": False}
    if "position_ids" in inspect.signature(base.forward).parameters:
        # Left padding must not shift positions.
        options["position_ids"] = (mask.cumsum(-1) - 1).clamp(min=0)
    logits: torch.Tensor = model(**options).logits
    return logits


@contextmanager
def inference(model: Any, seed: int | None = None) -> Iterator[None]:
    """Eval mode without gradients, the generator of random numbers left as it was found."""
    import torch

    was_training = model.training
    # A frozen head applied to one position of many would be copied once per row (torch's matmul
    # expands it): 2.7 GB for eight prompts and 262k tokens. Contiguous inputs are folded instead.
    head = model.get_output_embeddings()
    folded = head.register_forward_pre_hook(lambda _, given: (given[0].contiguous(), *given[1:]))
    use_cache = model.config.use_cache
    model.eval()
    # Training switches the key-value cache off; without it every token reads the whole prompt.
    model.config.use_cache = True
    try:
        with torch.no_grad(), torch.random.fork_rng(enabled=seed is not None):
            if seed is not None:
                torch.manual_seed(seed)
            yield
    finally:
        folded.remove()
        model.config.use_cache = use_cache
        model.train(was_training)
