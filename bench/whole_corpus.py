"""What reading a small corpus once saves, and if answers stay: `python -m bench whole_corpus`.

The starter model gets the first documents of the sample company in its prompt, and answers
questions behind them: with the beginning read once and shared, and read again for every question.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

from advisor.session import Session
from bench.machine import save
from executors.base import Context, Passage
from executors.generate import generate, token_ids
from executors.generator import LocalGenerator, open_generator
from executors.prefix import SharedPrefix
from executors.rag.prompt import grounded
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
    options = parser.parse_args()
    generator = open_generator({"model": "starter"}, Context(Session(plain=True, offline=True)))
    assert isinstance(generator, LocalGenerator)
    print(save("whole_corpus", measure(generator, options.tokens, options.questions)))


def measure(generator: LocalGenerator, tokens: int, n: int) -> dict[str, Any]:
    """Seconds per answer both ways, paired by question, and how many answers are equal."""
    loaded = generator.loaded
    beginning, ending, documents = _prompt(loaded.tokenizer, tokens)
    asked = _questions(n)
    prefix = SharedPrefix(loaded, beginning)
    prefix.complete([asked[0] + ending], max_new_tokens=2)  # warm
    pairs = []
    equal = 0
    for question in asked:
        started = time.perf_counter()
        (shared,) = prefix.complete([question + ending], max_new_tokens=NEW_TOKENS)
        middle = time.perf_counter()
        (alone,) = generate(loaded, [beginning + question + ending], max_new_tokens=NEW_TOKENS)
        pairs.append((middle - started, time.perf_counter() - middle))
        equal += shared.text == alone.text
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
        "answers_equal": equal,
        "note": "bf16: sums taken in another order may tip a token; fp32 answers are equal by test",
    }


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
