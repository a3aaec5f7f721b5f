"""Which way of searching to use: the measured default, unless own questions show better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from executors.evaluate.statistics import paired_difference
from executors.rag.embed import Embedder
from executors.rag.index import RagIndex
from executors.rag.retrieve import Mode, Retriever, distinct
from knowledge.corpus.types import Example

DEFAULT_MODE: Mode = "hybrid"
"""Better than both legs, pooled over the sets of bench/results/retrieval.json."""
SIMPLER: tuple[Mode, ...] = ("dense", "sparse")
LEAST_QUESTIONS = 20
RANKED = 10


@dataclass(frozen=True, slots=True)
class ModeChoice:
    """The mode, the reason (text under `rag.why.<reason>`), and each mode's figures."""

    mode: Mode
    reason: str
    questions: int = 0
    reciprocal_rank: Mapping[str, float] = field(default_factory=dict)
    found_in_five: float | None = None
    """Share of the questions whose document is among the first five, in the chosen mode."""


def choose_mode(
    wanted: str, index: RagIndex, embedder: Embedder, questions: Sequence[Example]
) -> ModeChoice:
    """What `rag.retrieval` means for this index.

    Args:
        wanted: auto, dense, sparse or hybrid.
        index: of the company's documents.
        embedder: of that index.
        questions: not held out; those whose documents are known decide.
    """
    known = {chunk.doc_id for chunk in index.chunks}
    asked = [q for q in questions if q.answerable and known & set(q.doc_ids)]
    modes: tuple[Mode, ...] = (DEFAULT_MODE, *SIMPLER)
    chosen = next((mode for mode in modes if mode == wanted), None)
    measured = modes if chosen is None else (chosen,)
    ranks = {mode: reciprocal_ranks(Retriever(index, embedder, mode), asked) for mode in measured}
    reason = "asked"
    if chosen is None:
        chosen, reason = DEFAULT_MODE, "measured-default"
        if len(asked) >= LEAST_QUESTIONS:
            for mode in SIMPLER:
                gain = paired_difference(ranks[mode], ranks[chosen])
                if gain.low > 0:
                    chosen, reason = mode, "measured-here"
    means: dict[str, float] = {mode: round(sum(r) / len(r), 4) for mode, r in ranks.items() if r}
    within = [rank >= 1 / 5 for rank in ranks[chosen]]
    share = sum(within) / len(within) if within else None
    return ModeChoice(chosen, reason, len(asked), means, share)


def reciprocal_ranks(retriever: Retriever, questions: Sequence[Example]) -> list[float]:
    """1 / rank of the first right document for every question, 0 past the tenth."""
    out = []
    found = retriever.find([q.prompt for q in questions])
    for question, one in zip(questions, found, strict=True):
        documents = [hit.chunk.doc_id for hit in distinct(one.hits, RANKED)]
        first = next((i for i, d in enumerate(documents, 1) if d in question.doc_ids), 0)
        out.append(1 / first if first else 0.0)
    return out
