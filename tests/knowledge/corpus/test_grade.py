"""The summary of a health report: scores, what dropping poor rows leaves, what to do first."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from advisor.commands_inspect import inspect
from knowledge.corpus.grade import Grade, Thresholds, grade
from knowledge.corpus.reading import survey

LEAST = Thresholds(pairs=100, labelled=16, seq_len=1024)
TOPICS = ["休暇", "経費", "出張", "印鑑", "残業", "健康診断", "名刺", "駐車場", "会議室", "社宅"]
WORDS = ["申請", "承認", "取消", "期限", "窓口", "様式", "条件", "対象", "費用", "例外"]
PAIRS = [
    (f"{topic}の{word}について教えてください。", f"{topic}の{word}は総務の{word}担当へどうぞ。")
    for topic in TOPICS
    for word in WORDS
]


def graded(folder: Path, pairs: list[tuple[str, str]], name: str = "faq.jsonl") -> Grade:
    lines = [json.dumps({"question": q, "answer": a}, ensure_ascii=False) for q, a in pairs]
    (folder / name).write_text("\n".join(lines), encoding="utf-8")
    return grade([survey(folder)], LEAST)


def test_a_hundred_good_pairs_are_enough_for_tuning(tmp_path: Path) -> None:
    found = graded(tmp_path, PAIRS)
    assert (found.rows, found.good_rows, found.dropped) == (100, 100, {})
    assert found.ready == ("prompting", "tuning")
    assert found.first is None
    assert found.scores["pairs"].value == found.scores["format"].value == 100


def test_too_few_are_counted_out(tmp_path: Path) -> None:
    found = graded(tmp_path, PAIRS[:40])
    assert found.scores["pairs"].parts == {"enough": 0.4, "complete": 1.0}
    assert (found.ready, found.first) == (("prompting",), ("more-pairs", 60))


def test_each_poor_row_is_counted_once_under_its_gravest_fault(tmp_path: Path) -> None:
    q, a = PAIRS[0]
    poor = [
        *[(q, a)] * 3,
        ("経費の上限は？", "1万円です。"),
        ("経費の上限は？", "3万円です。"),
        ("名前の変更は？", "{{窓口}}へ、{{書類}}を出します。"),
        (PAIRS[2][0], PAIRS[2][0]),
        ("空の回答は？", ""),
    ]
    found = graded(tmp_path, PAIRS + poor)
    assert found.dropped == {
        "row-without-answer": 1,
        "exact-duplicate": 3,
        "contradiction": 1,
        "unfilled-placeholder": 1,
        "answer-repeats-question": 1,
    }
    assert found.rows == 108
    assert found.good_rows == found.rows - sum(found.dropped.values())
    assert found.first == ("contradiction", 1)
    assert "tuning" not in found.ready


def test_missing_edge_cases_say_how_many_to_add(tmp_path: Path) -> None:
    asked = [("印鑑が使えないときは？", "総務へ連絡します。"), ("解約料", "ありません。")]
    found = graded(tmp_path, PAIRS + asked)
    missing = {one.id: (one.n, one.add) for one in found.missing}
    assert missing == {
        "unanswerable": (0, 8),
        "short": (1, 7),
        "negation": (1, 7),
        "numbers": (0, 8),
    }


def test_a_leak_counts_against_the_row_outside_the_test(tmp_path: Path) -> None:
    graded(tmp_path, PAIRS[:60], "train.jsonl")
    found = graded(tmp_path, PAIRS[:20], "eval.jsonl")
    assert found.dropped == {"train-test-leak": 20}
    assert (found.good_rows, found.first) == (60, ("train-test-leak", 20))


def test_labels_are_even_or_not(tmp_path: Path) -> None:
    rows = [f"{q},{'多い' if i % 20 else '少ない'}" for i, (q, _) in enumerate(PAIRS)]
    (tmp_path / "labels.csv").write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    found = grade([survey(tmp_path)], LEAST)
    # Entropy of 5 % and 95 % is 0.1985 nat: exp(0.1985) / 2.
    assert found.scores["balance"].parts["labels"] == pytest.approx(0.61, abs=0.001)


def test_pairs_beside_labelled_texts_are_no_labels(tmp_path: Path) -> None:
    rows = [f"{q},{'苦情' if i % 2 else '質問'}" for i, (q, _) in enumerate(PAIRS)]
    (tmp_path / "labels.csv").write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    found = graded(tmp_path, PAIRS[:30])
    assert (found.kind, found.scores["pairs"].value) == ("labelled", 100)
    assert found.ready == ("prompting", "tuning")


def test_long_rows_are_counted_against_the_context(tmp_path: Path) -> None:
    long = ("規程を全部見せてください。", "これは長い回答の一部であり続きます。" * 200)
    assert graded(tmp_path, [*PAIRS, long]).cut == 1


def test_the_report_says_it_in_json_and_on_both_screens(tmp_path: Path) -> None:
    graded(tmp_path, PAIRS[:40])

    def run(*flags: str) -> str:
        return CliRunner().invoke(inspect, [str(tmp_path), *flags]).stdout

    health = json.loads(run("--json", "--lang", "en"))["health"]
    assert health["sentence"] == "Good enough for prompting. Tuning needs 60 more good pairs."
    assert health["good_rows"] == 40
    assert health["scores"]["pairs"]["score"] == 40
    assert health["sentence"] in " ".join(run("--lang", "en").split())
    japanese = "".join(run("--lang", "ja").split())
    assert "ファインチューニングには、良い例があと60件必要です。" in japanese
