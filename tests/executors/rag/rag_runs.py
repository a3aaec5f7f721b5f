"""A plan for the RAG road and the material of a run, as tests need them."""

from __future__ import annotations

from pathlib import Path

from advisor.types import KnowledgeStamp, Plan
from executors.base import RunData
from knowledge.corpus.splits import Split
from knowledge.corpus.types import Corpus, Example

QUESTIONS = (
    ("祖父母が死亡したときの休暇は何日？", "leave.md"),
    ("東京23区の宿泊費の上限はいくら？", "travel.md"),
    ("1日の標準労働時間は何時間？", "hours.md"),
    ("駐車場の利用料はいくら？", "parking.md"),
    ("補助で購入した書籍は誰の所有？", "books.md"),
)


def plan(**config) -> Plan:
    settings = {
        "rag.answer": "extractive",
        "rag.embedder": "starter",
        "model": "starter",
        "seed": 0,
    }
    return Plan(
        executor="rag",
        approach="rag",
        method=None,
        variant=None,
        place="here",
        language="ja",
        goal="new_facts",
        config=settings | config,
        config_why={},
        inputs=(),
        steps=(),
        estimates={},
        limits={},
        expected_machine={},
        answers={},
        recommended="rag",
        knowledge=KnowledgeStamp("t", "0"),
        okakae_version="0",
        created="2026-11-23",
    )


def data(documents, root: Path) -> RunData:
    examples = tuple(
        Example(f"q{i}-{n}", "qa", text, "", "qa.jsonl", "", doc_ids=(doc,))
        for n in range(5)
        for i, (text, doc) in enumerate(QUESTIONS)
    ) + tuple(
        Example(
            f"u{n}", "qa", f"ストックオプション第{n}回の行使価格は？", "", "qa.jsonl", "", False
        )
        for n in range(6)
    )
    corpus = Corpus(root, tuple(documents), examples, (), "0")
    return RunData(corpus, Split(train=examples, validation=(), test=()))
