"""Picks from a closed list what a model would most probably answer: nothing else can come out."""

from __future__ import annotations

import time
from collections.abc import Sequence

from executors.base import Generation
from executors.generate import choice_logprobs, token_ids
from executors.models import LoadedModel


def choose(
    loaded: LoadedModel, prompt: str, choices: Sequence[str], *, end: str = ""
) -> Generation:
    """The choice with the highest probability as the whole answer.

    Scored is log p(choice, then `end` | prompt): the probability that the model writes exactly
    this and stops, so that «card» is not preferred to «card lost» for being its beginning. Not
    divided by length: labels compete as whole answers, as in constrained decoding.

    Args:
        prompt: as `render_chat` gives it.
        choices: one or more, none empty; the first of equals is taken.
        end: the template's end of an answer.
    """
    started = time.perf_counter()
    scores = choice_logprobs(loaded, prompt, [choice + end for choice in choices])
    best = max(range(len(choices)), key=lambda position: scores[position])
    return Generation(
        text=choices[best],
        tokens_in=len(token_ids(loaded, prompt)),
        tokens_out=len(token_ids(loaded, choices[best] + end)),
        seconds=time.perf_counter() - started,
        finish_reason="stop",
    )
