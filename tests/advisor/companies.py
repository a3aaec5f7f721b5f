"""Made-up companies for the tests of the advice: their answers, their data, their machine."""

from __future__ import annotations

from typing import Any

from advisor.types import Answer, Answers, GpuFact, MachineFacts, Needs
from knowledge.corpus.types import DataFacts


def data(
    *,
    documents: int = 0,
    qa: int = 0,
    rewrites: int = 0,
    labelled: int = 0,
    classes: int = 0,
    tokens: int = 0,
) -> DataFacts:
    return DataFacts(
        path="data",
        n_documents=documents,
        n_examples=qa + rewrites + labelled,
        n_qa_pairs=qa,
        n_rewrites=rewrites,
        n_labelled=labelled,
        n_classes=classes,
        n_unanswerable=0,
        n_refused=0,
        corpus_characters=tokens * 2,
        corpus_tokens=tokens,
        example_tokens_mean=120.0,
        example_tokens_max=400,
        languages={"ja": 1.0},
        newest=None,
        digest="0" * 64,
    )


def machine(vram_gib: float = 0.0, ram_gib: float = 16.0) -> MachineFacts:
    gpus = (GpuFact("NVIDIA Test Card", vram_gib),) if vram_gib else ()
    return MachineFacts(gpus, ram_gib, 100.0, 4, "Linux", "3.11")


def answers(**values: Any) -> Answers:
    """Answers as a file gives them; `data__path` stands for `data.path`."""
    found = Answers()
    for name, value in values.items():
        found = found.with_answer(Answer(name.replace("__", "."), value, "file"))
    return found


def company(
    facts: DataFacts | None = None, vram_gib: float = 0.0, ram_gib: float = 16.0, **values: Any
) -> Needs:
    from advisor.needs import needs

    if facts is not None:
        values.setdefault("data__path", "data")
    return needs(answers(**values), machine(vram_gib, ram_gib), facts)
