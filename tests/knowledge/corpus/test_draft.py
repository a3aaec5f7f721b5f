"""Drafts ask what a passage states, name their passage, and repeat nothing already asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from knowledge.corpus.draft import Draft, chosen, drafts_of
from knowledge.corpus.reading import read


def drafted(tmp_path: Path, text: str, name: str = "出張旅費規程.md") -> list[Draft]:
    (tmp_path / name).write_text(text, encoding="utf-8")
    (document,) = read(tmp_path / name).documents
    return drafts_of(document)


JAPANESE = {
    "1. 交通手当は、月額10,000円までの範囲内において、実費を支給する。": (
        "交通手当はいくらまで支給されますか？",
        "月額10,000円までです。",
    ),
    "2. 書籍購入補助を希望する者は、購入日から60日以内に申請を行い、承認を得なければならない。": (
        "書籍購入補助を希望する者は、いつまでに申請を行う必要がありますか？",
        "購入日から60日以内です。",
    ),
    "1. 賃金は、毎月20日に締め切って計算し、当月末日に支払う。": (
        "賃金はいつ支払われますか？",
        "当月末日です。",
    ),
    "2. 自宅又は実家等に宿泊する場合は、宿泊費を支給しない。": (
        "自宅又は実家等に宿泊する場合、宿泊費は支給されますか？",
        "いいえ、支給されません。",
    ),
    "備品とは、会社が業務上必要とみなす物品をいう。": (
        "備品とは何ですか？",
        "会社が業務上必要とみなす物品",
    ),
    "- この規則は、令和2年4月21日から施行する。": (
        "出張旅費規程はいつから施行されましたか？",
        "令和2年4月21日です。",
    ),
}
ENGLISH = {
    "The daily allowance is 3,000 yen.": ("How much is the daily allowance?", "3,000 yen"),
    "The trial period is six months.": ("How long is the trial period?", "six months"),
    "Travel reports must be submitted within 7 days of return.": (
        "By when must Travel reports be submitted?",
        "within 7 days of return",
    ),
    "The HR office approves unpaid leave.": ("Who approves unpaid leave?", "The HR office."),
}


@pytest.mark.parametrize("sentence", JAPANESE)
def test_what_a_japanese_sentence_states_is_asked(sentence: str, tmp_path: Path) -> None:
    (made,) = drafted(tmp_path, f"# 出張旅費規程\n\n{sentence}\n")
    question = made.question.split("について、")[-1]
    assert (question, made.answer) == JAPANESE[sentence]
    assert made.passage in sentence


@pytest.mark.parametrize("sentence", ENGLISH)
def test_what_an_english_sentence_states_is_asked(sentence: str, tmp_path: Path) -> None:
    (made,) = drafted(tmp_path, f"# Handbook\n\n{sentence}\n", "handbook.md")
    assert (made.question.split(": ")[-1], made.answer) == ENGLISH[sentence]


def test_a_question_without_its_topic_gets_it(tmp_path: Path) -> None:
    text = (
        "# 福利厚生規程\n\n## 第4条　書籍購入補助\n\n補助額の上限は、20,000円までとする。\n\n"
        "## 第5条　機材購入補助\n\n補助額の上限は、40,000円までとする。\n"
    )
    assert [(d.question, d.answer) for d in drafted(tmp_path, text)] == [
        ("書籍購入補助について、補助額の上限はいくらですか？", "20,000円です。"),
        ("機材購入補助について、補助額の上限はいくらですか？", "40,000円です。"),
    ]


def test_lists_and_tables_are_asked_for(tmp_path: Path) -> None:
    text = (
        "# 規程\n\n## 第3条　日当\n\n1. 手当の種類は、次のとおりとする。\n"
        "    - 基本給\n    - 手当\n"
        "2. 別の項。\n\n| 移動距離 | 支給額 |\n| :- | -: |\n| 100km以上 | 3,000円 |\n"
    )
    made = {d.question: d for d in drafted(tmp_path, text)}
    assert made["手当の種類を教えてください。"].answer == "基本給、手当です。"
    row = made["移動距離が「100km以上」の場合、日当の支給額はいくらですか？"]
    assert row.answer == "3,000円です。"
    assert "100km以上" in row.passage


@pytest.mark.parametrize(
    "sentence", ["前項の期間は、60日とする。", "この場合は、次の算式による。", "会社は努める。"]
)
def test_what_points_elsewhere_is_not_asked(sentence: str, tmp_path: Path) -> None:
    assert drafted(tmp_path, f"# 規程\n\n{sentence}\n") == []


def test_drafts_come_from_all_documents_and_repeat_no_known_question() -> None:
    asked = [(d, f"問{d}{n}は？") for d in "ab" for n in "123"]
    made = [Draft(question, "はい", "", "", d, "f", "rule") for d, question in asked]
    taken = chosen([*made, made[0]], ["問a1は?"], 4)
    assert [d.question for d in taken] == ["問a2は？", "問b1は？", "問a3は？", "問b2は？"]


@pytest.mark.parametrize(("reviewed", "n"), [(False, 0), (True, 1)])
def test_only_reviewed_drafts_are_read_as_questions(reviewed: bool, n: int, tmp_path: Path) -> None:
    record = Draft("定年は何歳ですか？", "満65歳です。", "…", "", "a.md", "a.md", "age").record()
    path = tmp_path / "drafts.jsonl"
    path.write_text(json.dumps(record | {"reviewed": reviewed}, ensure_ascii=False) + "\n", "utf-8")
    corpus = read(tmp_path)
    assert len(corpus.examples) == n
    problems = [p.id for report in corpus.files for p in report.problems]
    assert ("draft-not-reviewed" in problems) is not reviewed


HANDBOOK = Path(__file__).parents[4] / "shared" / "data" / "handbook_ja" / "original"


@pytest.mark.skipif(not HANDBOOK.is_dir(), reason="needs ../shared/data/handbook_ja")
def test_every_draft_of_a_real_handbook_stands_in_its_document() -> None:
    corpus = read(HANDBOOK)
    texts = {d.id: d.text for d in corpus.documents}
    made = [draft for document in corpus.documents for draft in drafts_of(document)]
    assert len(made) >= 40
    for draft in made:
        first = draft.passage.split("\n")[0].strip()
        assert first in texts[draft.doc_id]
