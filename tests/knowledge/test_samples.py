"""Checks that the sample company's papers, questions and style pairs agree with each other."""

from __future__ import annotations

import csv
import html
import io
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

SAMPLES = Path(__file__).parents[2] / "knowledge" / "samples"
LANGS = ("ja", "en")
ENCODINGS = {"ja": "cp932", "en": "utf-8-sig"}
COUNTS = {
    "qa.jsonl": 60,
    "unanswerable.jsonl": 12,
    "tone.jsonl": 200,
    "general.jsonl": 40,
    "general_text.jsonl": 20,
    "general_rows.jsonl": 36,
}
KINDS = {"fact", "number", "table", "condition", "procedure", "list", "multi"}
# The house style of README.md, by scene: (how, phrase) where how is start, end or has.
STYLE: dict[str, dict[str, list[tuple[str, str]]]] = {
    "ja": {
        "phone_opening": [("start", "お電話ありがとうございます。さざなみ精機でございます。")],
        "apology": [("start", "ご迷惑をおかけし、誠に申し訳ございません。")],
        "decline": [("has", "あいにく"), ("has", "代わりに")],
        "request": [("has", "お手数をおかけいたしますが")],
        "guidance": [("end", "ご不明な点は、いつでもお知らせください。")],
        "thanks": [("end", "今後ともさざなみ精機をよろしくお願い申し上げます。")],
        "report": [("start", "ご報告いたします。")],
        "asking_boss": [("end", "よろしくお願いいたします。")],
    },
    "en": {
        "phone_opening": [("start", "Thank you for calling Sazanami Seiki.")],
        "apology": [("start", "Please accept our sincere apologies for the inconvenience.")],
        "decline": [("has", "I am afraid"), ("has", "Instead,")],
        "request": [("has", "May we trouble you to")],
        "guidance": [("end", "Please let us know whenever anything is unclear.")],
        "thanks": [("end", "We look forward to serving you again.")],
        "report": [("start", "I would like to report that")],
        "asking_boss": [("end", "Thank you for your consideration.")],
    },
}
SCENE_RULE = {
    "phone_opening": "phone_opening",
    "breakdown_apology": "apology",
    "delivery_delay": "apology",
    "wrong_shipment": "apology",
    "complaint": "apology",
    "decline_discount": "decline",
    "decline_visit": "decline",
    "out_of_warranty": "decline",
    "ask_machine_details": "request",
    "ask_documents": "request",
    "payment_reminder": "request",
    "operation_guidance": "guidance",
    "cleaning_guidance": "guidance",
    "quote_and_delivery": "guidance",
    "thanks_customer": "thanks",
    "boss_report": "report",
    "boss_request": "asking_boss",
    "absence_notice": "asking_boss",
}
NEVER = {
    "ja": r"[??!!]|了解|すみません|すいません|ごめん|ちょっと|無理|できません|もしもし",
    "en": r"!|\b(?:sorry|okay|guys|can't|won't|hello|yeah)\b|\w'(?:t|re|ll|ve|m|d)\b",
}


@cache
def records(lang: str, name: str) -> list[dict[str, Any]]:
    folder = SAMPLES / lang / ("" if name.startswith("general") else "company")
    lines = (folder / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def squeezed(text: str) -> str:
    """The text as compared: NFKC, without white space."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text))


def sheet_rows(path: Path) -> Iterator[list[str]]:
    """Rows of every sheet, merged cells filled with the value of their first cell."""
    import openpyxl

    for sheet in openpyxl.load_workbook(path).worksheets:
        cells = [[cell.value for cell in row] for row in sheet.iter_rows()]
        for area in sheet.merged_cells.ranges:
            first = cells[area.min_row - 1][area.min_col - 1]
            for r in range(area.min_row - 1, area.max_row):
                for c in range(area.min_col - 1, area.max_col):
                    cells[r][c] = first
        yield from ([str(value) for value in row if value is not None] for row in cells)


@cache
def read(lang: str, doc_id: str) -> tuple[str, list[list[str]]]:
    """The squeezed running text of a document and the rows of its tables."""
    path = SAMPLES / lang / "company" / "documents" / doc_id
    rows: list[list[str]] = []
    text = ""
    if path.suffix in (".md", ".txt"):
        text = path.read_text(encoding="utf-8")
    elif path.suffix == ".html":
        source = path.read_text(encoding="utf-8")
        rows = [
            [html.unescape(cell) for cell in re.findall(r"<t[hd]>(.*?)</t[hd]>", row)]
            for row in re.findall(r"<tr>(.*?)</tr>", source)
        ]
        text = html.unescape(re.sub(r"<[^>]+>", " ", source))
    elif path.suffix == ".csv":
        rows = list(csv.reader(io.StringIO(path.read_bytes().decode(ENCODINGS[lang], "strict"))))
    elif path.suffix == ".xlsx":
        rows = list(sheet_rows(path))
    elif path.suffix == ".docx":
        import docx

        document = docx.Document(str(path))
        text = "\n".join(p.text for p in document.paragraphs)
        rows = [[c.text for c in r.cells] for table in document.tables for r in table.rows]
    elif path.suffix == ".pdf":
        import pypdf

        text = "\n".join(page.extract_text() for page in pypdf.PdfReader(path).pages)
    return squeezed(text), [[squeezed(cell) for cell in row] for row in rows]


def stands_in(passage: str, lang: str, doc_id: str) -> bool:
    """Whether the passage is in the text, or its ` | `-joined cells are neighbours in one row."""
    text, rows = read(lang, doc_id)
    if squeezed(passage) in text:
        return True
    cells = [squeezed(cell) for cell in passage.split(" | ")]
    spans = (row[i : i + len(cells)] for row in rows for i in range(len(row)))
    return cells in spans


def documents(lang: str) -> list[str]:
    root = SAMPLES / lang / "company" / "documents"
    return sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file())


@pytest.mark.parametrize("lang", LANGS)
def test_the_papers_come_in_every_format_and_are_whole(lang: str) -> None:
    found = documents(lang)
    kinds = Counter(Path(doc).suffix for doc in found)
    assert len(found) >= 15
    assert min(kinds[k] for k in (".md", ".html", ".pdf", ".docx", ".xlsx", ".csv")) >= 2
    assert kinds[".txt"] >= 1
    for doc in found:
        text, rows = read(lang, doc)
        length = len(text) + sum(len(cell) for row in rows for cell in row)
        assert length >= 500, doc
        assert (SAMPLES / lang / "company" / "documents" / doc).stat().st_size < 300_000


def test_japanese_and_english_have_the_same_papers_ids_types_and_scenes() -> None:
    assert documents("ja") == documents("en")
    for name, count in COUNTS.items():
        ja, en = records("ja", name), records("en", name)
        assert len(ja) == len(en) == count
        assert len({record["id"] for record in ja}) == count
        for a, b in zip(ja, en, strict=True):
            for key in ("id", "doc_ids", "type", "scene", "answer_index"):
                assert a.get(key) == b.get(key), (name, a["id"], key)


@pytest.mark.parametrize("lang", LANGS)
def test_every_gold_passage_stands_in_its_paper(lang: str) -> None:
    for qa in records(lang, "qa.jsonl"):
        assert qa["type"] in KINDS and qa["answerable"] is True
        passages = qa["gold_passage"].split("\n")
        for passage in passages:
            assert any(stands_in(passage, lang, doc) for doc in qa["doc_ids"]), (qa["id"], passage)
        for doc in qa["doc_ids"]:
            assert any(stands_in(passage, lang, doc) for passage in passages), (qa["id"], doc)


@pytest.mark.parametrize("lang", LANGS)
def test_what_an_answer_must_contain_is_in_the_gold_passage_and_the_answer(lang: str) -> None:
    for qa in records(lang, "qa.jsonl"):
        gold, answer = squeezed(qa["gold_passage"]), squeezed(qa["answer"])
        for group in qa["must_contain"]:
            assert any(squeezed(word) in gold for word in group), (qa["id"], group)
            assert any(squeezed(word) in answer for word in group), (qa["id"], group)


@pytest.mark.parametrize("lang", LANGS)
def test_questions_cover_every_paper_and_none_is_asked_twice(lang: str) -> None:
    answerable = records(lang, "qa.jsonl")
    unanswerable = records(lang, "unanswerable.jsonl")
    assert {doc for qa in answerable for doc in qa["doc_ids"]} == set(documents(lang))
    questions = [squeezed(record["question"]) for record in answerable + unanswerable]
    assert len(set(questions)) == len(questions)
    assert not any(record["answerable"] for record in unanswerable)
    assert all(record["answer"] and record["why"] for record in unanswerable)


def test_japanese_csv_is_strict_cp932_with_the_characters_that_break_readers() -> None:
    texts = [
        (SAMPLES / "ja/company/documents" / doc).read_bytes().decode("cp932", "strict")
        for doc in documents("ja")
        if doc.endswith(".csv")
    ]
    for character in "髙﨑①":
        assert any(character in text for text in texts)
    for path in (SAMPLES / "en/company/documents").rglob("*.csv"):
        assert path.read_bytes().startswith(b"\xef\xbb\xbf")


def test_spreadsheets_have_two_sheets_and_merged_cells() -> None:
    import openpyxl

    for path in SAMPLES.rglob("*.xlsx"):
        sheets = openpyxl.load_workbook(path).worksheets
        assert len(sheets) == 2
        assert all(sheet.merged_cells.ranges for sheet in sheets)


@pytest.mark.parametrize("lang", LANGS)
def test_tone_pairs_are_all_different_and_split_by_scene(lang: str) -> None:
    pairs = records(lang, "tone.jsonl")
    for side in ("input", "output"):
        assert len({squeezed(pair[side]) for pair in pairs}) == len(pairs)
    assert all(squeezed(pair["input"]) != squeezed(pair["output"]) for pair in pairs)
    scenes = Counter(pair["scene"] for pair in pairs)
    assert len(scenes) >= 20 and min(scenes.values()) >= 5


@pytest.mark.parametrize("lang", LANGS)
def test_polite_lines_keep_the_house_style(lang: str) -> None:
    checks = {"start": str.startswith, "end": str.endswith, "has": str.__contains__}
    for pair in records(lang, "tone.jsonl"):
        said = pair["output"]
        assert not re.search(NEVER[lang], said, re.IGNORECASE), (pair["id"], said)
        assert said.endswith("。" if lang == "ja" else (".", "?")), pair["id"]
        for how, phrase in STYLE[lang].get(SCENE_RULE.get(pair["scene"], ""), []):
            assert checks[how](said, phrase), (pair["id"], phrase)


@pytest.mark.parametrize("lang", LANGS)
def test_general_probe_has_four_choices_and_no_favourite_position(lang: str) -> None:
    items = records(lang, "general.jsonl")
    for item in items:
        assert len(set(item["choices"])) == 4 and item["answer_index"] in range(4)
    assert set(Counter(item["answer_index"] for item in items).values()) == {10}
    assert all(len(record["text"]) >= 80 for record in records(lang, "general_text.jsonl"))


def test_committed_documents_are_what_the_sources_say() -> None:
    for lang in LANGS:
        for path in (SAMPLES / "sources" / lang).glob("*.md"):
            _, front, body = path.read_text(encoding="utf-8").split("---\n", 2)
            target = re.search(r"^target: (.+)$", front, re.MULTILINE)
            assert target is not None
            text, rows = read(lang, target.group(1))
            flat = text + "".join(cell for row in rows for cell in row)
            for line in body.splitlines():
                if line and not line.startswith(("#", "|", "- ")):
                    words = squeezed(re.sub(r"^\d+\. ", "", line))
                    assert words in flat, (target.group(1), line)
                for cell in line.strip("|").split("|") if line.startswith("|") else []:
                    kept = squeezed(cell)
                    assert kept in flat or kept in {"^", "<"} or set(kept) == {"-"}, line
