"""One road's answers to the held-out questions: kept one by one, scored, never asked twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from advisor.errors import RunError
from executors.base import Question, Reply, System
from executors.evaluate.metrics import score
from executors.evaluate.statistics import Interval, mean_interval
from executors.journal import keeping
from knowledge.corpus.types import Example

BATCH = 8
"""Questions that a model in this process answers together."""
ANSWERS = "answers.jsonl"


@dataclass(frozen=True, slots=True)
class Scored:
    """One held-out question with its answer and figures."""

    example: Example
    answer: str
    abstained: bool
    passages: tuple[dict[str, Any], ...]
    seconds: float
    tokens_in: int
    tokens_out: int
    figures: dict[str, float]


def ask(
    system: System,
    examples: Sequence[Example],
    folder: Path,
    on_done: Any = None,
    *,
    batch: int = BATCH,
    before: Callable[[], None] = lambda: None,
) -> None:
    """Answer every example not answered yet; each batch is on disk before the next is asked.

    Of a batch that a model in this process writes, each answer is kept from the step that ends it
    (executors.journal), so that an interruption loses none but those still being written.

    Args:
        on_done: called with the number of examples answered so far.
        batch: examples asked together.
        before: called before each batch; raises LimitError where a limit of the caller is reached.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / ANSWERS
    drop_cut_line(path)
    known = {record["id"] for record in read_answers(path)}
    waiting = [example for example in examples if example.id not in known]
    if on_done:
        on_done(len(examples) - len(waiting))
    # Equal lengths together: padding is what a batch on a CPU pays for.
    waiting.sort(key=lambda example: (example.kind, len(example.prompt)))
    with path.open("a", encoding="utf-8") as stream, keeping(folder) as journal:
        for at in range(0, len(waiting), batch):
            before()
            together = waiting[at : at + batch]
            questions = [Question(e.id, e.prompt, e.kind) for e in together]
            for reply in system.answer(questions):
                stream.write(json.dumps(answer_record(reply), ensure_ascii=False) + "\n")
            stream.flush()
            journal.clear()
            if on_done:
                on_done(len(examples) - len(waiting) + at + len(together))


def answer_record(reply: Reply) -> dict[str, Any]:
    """A reply in the contract's form for `use --questions`."""
    return {
        "id": reply.id,
        "question": reply.question,
        "answer": reply.answer,
        "abstained": reply.abstained,
        "passages": [asdict(passage) for passage in reply.passages],
        "seconds": round(reply.seconds, 4),
        "tokens_in": reply.tokens_in,
        "tokens_out": reply.tokens_out,
        "finish_reason": reply.finish_reason,
        "citations": [asdict(citation) for citation in reply.citations],
        "dropped": list(reply.dropped),
    }


def read_answers(path: Path) -> list[dict[str, Any]]:
    """The answers on disk; a last line cut by an interruption is left out.

    Raises:
        RunError: a line that was written whole is damaged.
    """
    if not path.is_file():
        return []
    # Bytes and "\n" only: a cut may split a character, and answers may hold U+2028.
    whole, _, _cut = path.read_bytes().rpartition(b"\n")
    try:
        return [json.loads(line) for line in whole.split(b"\n") if line.strip()]
    except ValueError:
        raise RunError("artifact-changed", where=str(path), path=path.name) from None


def drop_cut_line(path: Path) -> None:
    """Take away a last line without its end, so that the next one starts on its own."""
    if not path.is_file():
        return
    with path.open("r+b") as stream:
        stream.truncate(stream.read().rfind(b"\n") + 1)


def scored(examples: Sequence[Example], folder: Path) -> list[Scored]:
    """The answers on disk with their figures, in the examples' order."""
    answers = {record["id"]: record for record in read_answers(folder / ANSWERS)}
    results = []
    for example in examples:
        record = answers.get(example.id)
        if record is None:
            continue
        results.append(
            Scored(
                example,
                record["answer"],
                record["abstained"],
                tuple(record["passages"]),
                record["seconds"],
                record["tokens_in"],
                record["tokens_out"],
                score(example, record["answer"], record["abstained"])
                | retrieval_figures(example, record["passages"]),
            )
        )
    return results


def retrieval_figures(example: Example, passages: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Whether the gold document stands among the passages; nothing where either is missing."""
    if not passages or not example.doc_ids:
        return {}
    ranks = [i for i, p in enumerate(passages, 1) if p["doc_id"] in example.doc_ids]
    first = min(ranks, default=0)
    return {
        "hit_at_1": float(first == 1),
        "hit_at_3": float(0 < first <= 3),
        "reciprocal_rank": 1 / first if first else 0.0,
    }


def summarise(results: Sequence[Scored]) -> dict[str, Interval]:
    """Every figure's mean with its 95 % interval, clustered by document."""
    names = sorted({name for result in results for name in result.figures})
    summary = {}
    for name in names:
        having = [result for result in results if name in result.figures]
        summary[name] = mean_interval(
            [result.figures[name] for result in having],
            [cluster(result.example) for result in having],
        )
    return summary


def cluster(example: Example) -> str:
    """What an example shares with others: its document, its scene, or nothing."""
    return next(iter(example.doc_ids), "") or example.group or example.id
