"""Counts, languages and token estimates that the advice rests on."""

from __future__ import annotations

from pathlib import Path

import pytest

from knowledge.corpus.facts import estimate_tokens, facts
from knowledge.corpus.languages import language
from knowledge.corpus.reading import read

JAPANESE = "試用期間は採用した日から6か月間です。休職の期間は無給とし、勤続年数に通算します。"
ENGLISH = "The probation period is six months from the day on which the employee was hired."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (JAPANESE, "ja"),
        (ENGLISH, "en"),
        ("経費精算", "ja"),
        ("勤務表を Excel の template に入力して submit してください", "ja"),
        ("这个规定适用于所有的员工，请遵守公司的规则。", "zh"),
        ("이 규정은 모든 사원에게 적용된다", "ko"),
        ("12,400 / 8,900", "other"),
        ("", "other"),
    ],
)
def test_the_main_language_is_told_by_scripts(text: str, expected: str) -> None:
    assert language(text) == expected


def test_language_shares_are_by_characters(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(JAPANESE, encoding="utf-8")
    (tmp_path / "b.txt").write_text(ENGLISH, encoding="utf-8")
    shares = facts(read(tmp_path)).languages
    whole = len(JAPANESE) + len(ENGLISH)
    assert list(shares) == ["en", "ja"]
    assert shares["ja"] == pytest.approx(len(JAPANESE) / whole, abs=1e-3)


@pytest.mark.parametrize(("text", "tokens"), [(JAPANESE, 29), (ENGLISH, 16)])
def test_token_estimates_are_near_the_gemma_vocabulary(text: str, tokens: int) -> None:
    """The counts were taken with that vocabulary on these very sentences."""
    assert estimate_tokens(text) == pytest.approx(tokens, rel=0.25)


def test_facts_count_what_a_folder_holds(tmp_path: Path) -> None:
    (tmp_path / "就業規則.md").write_text(f"---\ndate: 2026-04-01\n---\n{JAPANESE}", "utf-8")
    (tmp_path / "qa.csv").write_text("質問,回答\n期間は？,6か月\n給料は？,無給\n", "utf-8")
    (tmp_path / "tone.jsonl").write_text('{"source": "うん", "target": "はい"}', "utf-8")
    (tmp_path / "none.jsonl").write_text(
        '{"question": "社長の犬は？", "answer": "記載がありません", "answerable": false}', "utf-8"
    )
    (tmp_path / "labels.csv").write_text(
        "text,label\n届かない,配送\n壊れた,故障\n遅い,配送\n", "utf-8"
    )
    (tmp_path / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    counted = facts(read(tmp_path))
    assert (counted.n_documents, counted.n_examples, counted.n_refused) == (1, 7, 1)
    assert (counted.n_qa_pairs, counted.n_rewrites, counted.n_labelled) == (3, 1, 3)
    assert (counted.n_unanswerable, counted.n_classes) == (1, 2)
    assert counted.corpus_characters == len(JAPANESE)
    assert counted.corpus_tokens == estimate_tokens(JAPANESE)
    assert 0 < counted.example_tokens_mean <= counted.example_tokens_max
    assert counted.newest == "2026-04-01"
    assert counted.languages == {"ja": 1.0}


def test_facts_of_an_empty_folder_are_zeros(tmp_path: Path) -> None:
    counted = facts(read(tmp_path))
    assert (counted.n_documents, counted.n_examples, counted.corpus_tokens) == (0, 0, 0)
    assert (counted.newest, counted.languages, counted.example_tokens_mean) == (None, {}, 0.0)
