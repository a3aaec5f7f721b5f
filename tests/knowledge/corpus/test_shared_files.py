"""The readers on real files: every line of the loader manifest, and real company sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.torture import DATA, MANIFEST, manifest, unmet
from knowledge.corpus.facts import facts
from knowledge.corpus.reading import read
from knowledge.corpus.splits import split

needs_shared = pytest.mark.skipif(not MANIFEST.exists(), reason="../shared is not here")


@needs_shared
@pytest.mark.parametrize("line", manifest(), ids=lambda line: Path(line["file"]).name)
def test_every_file_meets_its_line(line: dict[str, Any]) -> None:
    assert unmet(line, read(MANIFEST.parent / line["file"])) == []


@needs_shared
def test_every_readable_page_of_a_garbled_pdf_is_named() -> None:
    corpus = read(MANIFEST.parent / "files" / "manual_ja_mojibake.pdf")
    found = [p.where for p in corpus.files[0].problems if p.id == "garbled-text"]
    assert found == ["page 1", "page 3", "page 4", "page 5"]


@needs_shared
def test_the_handbook_is_122_articles_with_50_questions() -> None:
    corpus = read(DATA / "handbook_ja")
    known = {d.id for d in corpus.documents}
    assert len([id_ for id_ in known if id_[:2].isdigit()]) == 122
    assert all(set(e.doc_ids) <= known for e in corpus.examples)
    counted = facts(corpus)
    assert (counted.n_qa_pairs, counted.n_unanswerable, counted.n_refused) == (50, 10, 0)
    assert counted.languages["ja"] > 0.85
    made = split(corpus.examples)
    assert all(any(not e.answerable for e in part) for part in (made.train, made.test))


@needs_shared
def test_placeholders_of_a_support_set_are_found() -> None:
    corpus = read(DATA / "bitext_support" / "qa_dev.jsonl")
    rows = (DATA / "bitext_support" / "qa_dev.jsonl").read_text(encoding="utf-8").splitlines()
    (problem,) = [p for p in corpus.files[0].problems if p.id == "unfilled-placeholder"]
    assert problem.values["n"] == sum("{{" in row or "[Customer" in row for row in rows)


@needs_shared
def test_copies_between_training_and_test_texts_are_found() -> None:
    """15 test texts stand in the whole training set; the 10-shot part holds fewer of them."""
    import shutil
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(DATA / "banking77" / "test_dev.jsonl", folder)
        shutil.copy(DATA / "banking77" / "original" / "train.csv", folder)
        corpus = read(Path(folder))
    found = {p.id: p.values["n"] for p in corpus.problems}
    assert sum(found.values()) >= 15
