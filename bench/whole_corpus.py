"""What reading a small corpus once saves, and if answers stay: `python -m bench whole_corpus`.

The starter model gets the first documents of the sample company in its prompt, and answers
questions behind them: with the beginning read once and shared, and read again for every question.
`--dtype float32` shows that the two are the same but for rounding.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import time
from pathlib import Path
from typing import Any

from advisor.session import Session
from bench.machine import save
from executors.base import Context, Passage
from executors.generate import generate, inference, token_ids
from executors.generator import LocalGenerator, load_for
from executors.models import LoadedModel
from executors.prefix import SharedPrefix
from executors.rag.answer.prompt import grounded
from executors.template import render_chat
from knowledge.corpus.reading import read

SAMPLES = Path(__file__).parents[1] / "knowledge" / "samples"
TOKENS = 1500
QUESTIONS = 4
NEW_TOKENS = 16
_PLACE = "\ue000"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=TOKENS)
    parser.add_argument("--questions", type=int, default=QUESTIONS)
    parser.add_argument("--dtype", default="auto")
    options = parser.parse_args()
    context = Context(Session(plain=True, offline=True))
    generator = LocalGenerator(load_for({"model": "starter"}, context, dtype=options.dtype))
    name = "whole_corpus" if options.dtype == "auto" else f"whole_corpus_{options.dtype}"
    print(save(name, measure(generator, options.tokens, options.questions)))


def measure(generator: LocalGenerator, tokens: int, n: int) -> dict[str, Any]:
    """Seconds per answer both ways, paired by question, and how many answers are equal."""
    loaded = generator.loaded
    beginning, ending, documents = _prompt(loaded.tokenizer, tokens)
    asked = _questions(n)
    prefix = SharedPrefix(loaded, beginning)
    prefix.complete([asked[0] + ending], max_new_tokens=2)  # warm
    pairs, off = [], []
    equal = 0
    for question in asked:
        started = time.perf_counter()
        (shared,) = prefix.complete([question + ending], max_new_tokens=NEW_TOKENS)
        middle = time.perf_counter()
        (alone,) = generate(loaded, [beginning + question + ending], max_new_tokens=NEW_TOKENS)
        pairs.append((middle - started, time.perf_counter() - middle))
        equal += shared.text == alone.text
        off.append(_logit_difference(loaded, prefix, beginning + question + ending))
        print(f"{pairs[-1][0]:.2f} s shared, {pairs[-1][1]:.2f} s alone", flush=True)
    ratios = sorted(alone / shared for shared, alone in pairs)
    return {
        "model": loaded.source,
        "documents": documents,
        "beginning_tokens": len(token_ids(loaded, beginning)),
        "new_tokens": NEW_TOKENS,
        "n": n,
        "read_once_seconds": round(prefix.seconds, 2),
        "shared_seconds": [round(shared, 2) for shared, _ in pairs],
        "alone_seconds": [round(alone, 2) for _, alone in pairs],
        "times_faster": {
            "median": round(statistics.median(ratios), 2),
            "least": round(ratios[0], 2),
            "most": round(ratios[-1], 2),
        },
        "dtype": str(loaded.dtype).removeprefix("torch."),
        "answers_equal": equal,
        "largest_logit_difference": [round(one, 6) for one, _ in off],
        "lead_of_the_first_token": [round(lead, 6) for _, lead in off],
        "note": "Both read the same tokens. What is left is rounding: sums taken in another order.",
    }


def _logit_difference(loaded: LoadedModel, prefix: SharedPrefix, text: str) -> tuple[float, float]:
    """How far the first new token's logits are apart, and how far the best is ahead alone."""
    import torch

    ids = torch.tensor([token_ids(loaded, text)], device=loaded.device)
    read = len(prefix.ids)
    with inference(loaded.model):
        cache = copy.deepcopy(prefix._cache)
        shared = loaded.model(input_ids=ids[:, read:], past_key_values=cache, logits_to_keep=1)
        alone = loaded.model(input_ids=ids, logits_to_keep=1)
    one, other = (made.logits[0, -1].float() for made in (shared, alone))
    best, second = other.topk(2).values.tolist()
    return float((one - other).abs().max()), best - second


def _prompt(tokenizer: Any, tokens: int) -> tuple[str, str, int]:
    """Everything before and after the question, with documents up to `tokens`."""
    found: list[Passage] = []
    for document in read(SAMPLES / "ja" / "company" / "documents").documents:
        found.append(Passage(document.id, document.source, document.title, document.text, 1.0))
        text = render_chat(tokenizer, grounded(_PLACE, found, "ja"))
        if len(tokenizer(text, add_special_tokens=False)["input_ids"]) >= tokens:
            break
    beginning, ending = text.rsplit(_PLACE, 1)
    return beginning, ending, len(found)


def _questions(n: int) -> list[str]:
    lines = (SAMPLES / "ja" / "company" / "qa.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["question"] for line in lines[:n]]


if __name__ == "__main__":
    main()
