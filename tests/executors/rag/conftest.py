"""What the tests of the RAG room share: an embedder and five rules of a made-up company."""

from __future__ import annotations

import pytest
from small_corpus import HashingEmbedder, document

from knowledge.corpus.types import Document, Section


@pytest.fixture
def embedder() -> HashingEmbedder:
    return HashingEmbedder()


@pytest.fixture
def handbook() -> list[Document]:
    """Five short rules of a made-up company."""
    return [
        document(
            "leave.md",
            Section(
                "社員が申請した場合は、次のとおり慶弔休暇を与える。\n"
                "    1. 本人が結婚したとき・・・5日\n"
                "    2. 祖父母が死亡したとき・・・3日",
                headings=("慶弔休暇",),
            ),
            title="休暇規程",
        ),
        document(
            "travel.md",
            Section("出張の宿泊費は、次の表のとおりとする。", headings=("宿泊費",)),
            Section(
                "| 地域 | 1泊の上限 |\n| --- | --- |\n| 東京23区 | 9,000円 |\n| その他 | 7,000円 |",
                headings=("宿泊費",),
                kind="table",
            ),
            title="旅費規程",
        ),
        document(
            "hours.md",
            "正社員の1日の標準労働時間は6時間とする。休憩は60分とする。",
            title="就業規則",
        ),
        document(
            "parking.md", "駐車場は総務課に申し込む。利用料は月4,500円とする。", title="駐車場"
        ),
        document(
            "books.md", "補助で購入した書籍は、購入した本人の所有とする。", title="書籍購入補助"
        ),
    ]
