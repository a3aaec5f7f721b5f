"""Nothing closed to some is shown in a prompt or learned into weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from advisor.session import Session
from executors.base import RunData
from executors.permitted import learnable, open_to_all
from knowledge.corpus.permissions import Permissions, parse
from knowledge.corpus.reading import read
from knowledge.corpus.splits import Split
from knowledge.corpus.types import Document, Example


def test_an_example_that_rests_on_a_closed_document_is_for_nobody() -> None:
    def example(id_: str, source: str = "qa.jsonl", *doc_ids: str, **more) -> Example:
        return Example(id_, more.pop("kind", "qa"), "p", "c", source, "", doc_ids=doc_ids, **more)

    papers = [
        Document("open.md", "", "open.md", (), ""),
        Document("pay.md", "", "pay.md", (), "", groups=frozenset({"board"})),
    ]
    examples = [
        example("open", "qa.jsonl", "open.md"),
        example("closed", "qa.jsonl", "open.md", "pay.md"),
        example("unknown"),
        example("unanswerable", answerable=False),
        example("tone", kind="rewrite"),
        example("closed-tone", "board/tone.jsonl", kind="rewrite"),
    ]
    permissions = parse(b'[groups]\n"board/**" = ["board"]\n"pay.md" = ["board"]\n')
    shown = [e.id for e in open_to_all(examples, papers, permissions)]
    assert shown == ["open", "unanswerable", "tone"]
    everything = open_to_all(examples, papers[:1], Permissions({}))
    assert everything == examples
    assert open_to_all(examples, papers, parse(b"[groups")) == []


def test_a_training_never_learns_what_rests_on_a_closed_document(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "leave.md").write_text("# Leave\n\nTwenty days a year.\n", encoding="utf-8")
    (tmp_path / "pay.md").write_text("# Pay\n\nDirectors get 90,000.\n", encoding="utf-8")
    (tmp_path / "permissions.toml").write_text(
        'schema_version = 1\n[groups]\n"pay.md" = ["board"]\n', encoding="utf-8"
    )
    rows = [
        {"question": "How many days?", "answer": "Twenty.", "doc_ids": ["leave.md"]},
        {"question": "What do directors get?", "answer": "90,000.", "doc_ids": ["pay.md"]},
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "qa.jsonl").write_text(lines, encoding="utf-8")
    corpus = read(tmp_path, workers=0)
    open_one, closed_one = sorted(corpus.examples, key=lambda e: e.completion, reverse=True)
    assert closed_one.completion == "90,000."
    for parts in (
        Split((open_one, closed_one), (), ()),
        Split((open_one,), (closed_one,), (closed_one,)),
    ):
        left = learnable(RunData(corpus, parts), Session(lang="en", no_input=True)).split
        assert (left.train, left.validation, left.test) == ((open_one,), (), parts.test)
        assert "1 example" in capsys.readouterr().err
