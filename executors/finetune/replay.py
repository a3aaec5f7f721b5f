"""Mixes general rows into a training, so that what the base could do is practised as well.

The rows carry no instruction of the task: what is kept is how the model answers without it.
None of them stands in the general probe, or the probe would measure what was learned by heart.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import chain
from pathlib import Path

from advisor.errors import UsageError
from advisor.types import Scalar
from executors.evaluate.general import LANGUAGES, SAMPLE
from executors.finetune.rows import Row, Rows, make_rows
from executors.models import Tokenizer
from knowledge.corpus.near_duplicates import near_keys, normalised
from knowledge.corpus.types import Example

FILE = "general_rows.jsonl"
OWN = "own"
PREFIX = "general/"
"""Before the ids of general rows; no example of a company's begins so by itself."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many general rows were mixed in, and their share of all rows trained on."""

    rows: int = 0
    share: float = 0.0
    source: str = ""
    """`sample` or `own`."""


def mix(
    rows: Rows, config: Mapping[str, Scalar], tokenizer: Tokenizer, general: Sequence[Example]
) -> tuple[Rows, Replayed]:
    """The task's rows with general ones behind them; the same seed draws the same ones.

    No general row is taken twice: a small set repeated would be learned by heart. So the share
    reached can be smaller than the one planned.

    Args:
        general: see `general_examples`.
    """
    share = replay_share(config)
    wanted = round(len(rows.rows) * share / (1 - share))
    if not wanted:
        return rows, Replayed()
    seq_len = int(config["finetune.seq_len"])
    made = make_rows(general, tokenizer, "en", seq_len, instructed=False).rows
    chosen = draw(made, wanted, int(config["seed"]))
    both = [*rows.rows, *chosen]
    lengths = (*rows.lengths, *(len(row.input_ids) for row in chosen))
    source = str(config.get("finetune.replay", SAMPLE))
    return Rows(both, rows.left_out, lengths), Replayed(
        len(chosen), round(len(chosen) / len(both), 4), source if source == SAMPLE else OWN
    )


def replay_share(config: Mapping[str, Scalar]) -> float:
    """The planned share of general rows; none in plans of earlier versions."""
    return float(config.get("finetune.replay_share", 0.0))


def draw(rows: Sequence[Row], n: int, seed: int) -> list[Row]:
    """At most `n` rows, in an order that only the seed decides."""
    return random.Random(seed).sample(list(rows), min(n, len(rows)))


def general_examples(given: Path | None = None) -> list[Example]:
    """General questions and answers: `id`, `prompt` and `completion`, a line each.

    Args:
        given: the user's file, or a folder with `general_rows.jsonl` in it or in `ja/` and `en/`;
            None takes the rows that come with okakae.

    Raises:
        UsageError: `replay-unreadable`, with the file and the line, or `replay-empty`.
    """
    root = Path(str(files("knowledge") / "samples")) if given is None else given
    paths = [root] if root.is_file() else [root / FILE, *(root / x / FILE for x in LANGUAGES)]
    found: list[Example] = []
    for path in filter(Path.is_file, paths):
        for number, line in enumerate(path.read_bytes().split(b"\n"), 1):
            if not line.strip():
                continue
            where = f"{path.name}:{number}"
            try:
                record = json.loads(line)
                prompt, completion = str(record["prompt"]), str(record["completion"])
            except (ValueError, KeyError, TypeError):
                raise UsageError("replay-unreadable", where=where, place=where) from None
            id_ = f"{PREFIX}{path.parent.name}/{record.get('id', number)}"
            found.append(Example(id_, "qa", prompt, completion, path.name, where))
    if not found:
        raise UsageError("replay-empty", where=str(root), path=str(root))
    return found


def apart(
    general: Sequence[Example], questions: Sequence[str], texts: Sequence[str] = ()
) -> list[Example]:
    """The general rows that repeat nothing of what a tuned model will be asked, nearly or whole.

    Learned by heart it would raise the figures, or the green light, of a model that is no better.

    Args:
        questions: held-out questions and those of the probe; no prompt may repeat one.
        texts: the probe's; neither prompt nor completion may repeat one.
    """
    prose = {normalised(text) for text in texts}
    held_out = {normalised(question) for question in questions} | prose
    pairs = [(normalised(e.prompt), normalised(e.completion) if prose else "") for e in general]
    keys = list(dict.fromkeys(key for key in (*held_out, *chain(*pairs)) if key))
    near = dict(zip(keys, near_keys(keys), strict=True))

    def repeats(key: str, told: set[str]) -> bool:
        return key in told or any(keys[other] in told for other in near.get(key, ()))

    return [
        example
        for example, (prompt, completion) in zip(general, pairs, strict=True)
        if not repeats(prompt, held_out) and not repeats(completion, prose)
    ]
