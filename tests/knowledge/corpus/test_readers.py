"""Each format read from a small real file made here: order, headings, tables, faults."""

from __future__ import annotations

import json
import sys
from io import BytesIO
from pathlib import Path

import pytest

from knowledge.corpus.reading import read
from knowledge.corpus.types import Corpus, Document, FileReport

JAPANESE_FONT = "HeiseiKakuGo-W5"


def one(path: Path) -> tuple[Document, FileReport]:
    corpus = read(path)
    (document,), (report,) = corpus.documents, corpus.files
    return document, report


def ids(corpus: Corpus) -> list[str]:
    return [problem.id for report in corpus.files for problem in report.problems]


def make_docx(path: Path) -> None:
    import docx

    made = docx.Document()
    made.add_heading("出張旅費規程", 1)
    made.add_paragraph("国内の出張に使います。")
    made.add_heading("宿泊費", 2)
    table = made.add_table(rows=3, cols=2)
    for row, cells in enumerate([("行き先", "上限"), ("東京", "12,400円"), ("", "8,900円")]):
        for column, text in enumerate(cells):
            table.cell(row, column).text = text
    merged = table.cell(1, 0).merge(table.cell(2, 0))
    merged.text = "東京"
    made.add_paragraph("表のあとの段落です。")
    made.save(str(path))


def make_pdf(path: Path, pages: list[list[str]], *, password: str = "") -> None:
    from reportlab.lib.pdfencrypt import StandardEncryption
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.pdfgen import canvas

    pdfmetrics.registerFont(UnicodeCIDFont(JAPANESE_FONT))
    lock = StandardEncryption(password, strength=40) if password else None
    page = canvas.Canvas(str(path), encrypt=lock)
    for lines in pages:
        page.setFont(JAPANESE_FONT, 12)
        for number, line in enumerate(lines):
            page.drawString(60, 780 - 20 * number, line)
        page.showPage()
    page.save()


def test_markdown_keeps_heading_paths_tables_and_code(tmp_path: Path) -> None:
    path = tmp_path / "規程.md"
    path.write_text(
        "---\ntitle: 経費規程\ndate: 2026-04-01\n---\n前文です。\n\n# 総則\n\n## 目的\n本文。\n\n"
        "| 品目 | 上限 |\n|---|---|\n| 宿泊 | 9,000円 |\n\n```\n# 見出しではない\n```\n\n"
        "附則\n====\n<!-- 下書き -->\n終わり。\n",
        encoding="utf-8",
    )
    document, report = one(path)
    assert (document.id, document.title, document.modified) == ("規程.md", "経費規程", "2026-04-01")
    assert [(s.headings, s.kind) for s in document.sections] == [
        ((), "text"),
        (("総則", "目的"), "text"),
        (("総則", "目的"), "table"),
        (("総則", "目的"), "text"),
        (("附則",), "text"),
    ]
    assert "| 宿泊 | 9,000円 |" in document.sections[2].text
    assert "# 見出しではない" in document.sections[3].text
    assert "下書き" not in document.text
    assert document.text.count("# 総則") == 1
    assert (report.status, report.encoding) == ("ok", "utf-8")
    assert document.language == "ja"


def test_html_is_read_without_its_furniture(tmp_path: Path) -> None:
    path = tmp_path / "faq.html"
    page = (
        '<html><head><meta charset="Shift_JIS"><title>社内の案内</title><script>var x=1</script>'
        "</head><body><nav>ホーム</nav><header>ロゴ</header><h1>案内</h1><p>髙橋まで\n連絡して"
        "ください。<br>内線は119です。</p><ul><li>一つ目</li><li>二つ目</li></ul>"
        "<table><tr><th>項目</th><th>金額</th></tr><tr><td rowspan=2>手当</td><td>100円</td></tr>"
        "<tr><td>200円</td></tr></table><p hidden>隠し</p><footer>著作権</footer></body></html>"
    )
    path.write_bytes(page.encode("cp932"))
    document, report = one(path)
    assert document.title == "社内の案内"
    assert report.encoding == "cp932"
    text, table = document.sections
    assert text.text == "髙橋まで連絡してください。\n内線は119です。\n- 一つ目\n- 二つ目"
    assert text.headings == ("案内",)
    assert table.kind == "table"
    assert table.text.split("\n")[2:] == ["| 手当 | 100円 |", "| 手当 | 200円 |"]
    for left_out in ("ホーム", "ロゴ", "var x", "隠し", "著作権"):
        assert left_out not in document.text


def test_word_keeps_tables_where_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "travel.docx"
    make_docx(path)
    document, report = one(path)
    assert document.title == "出張旅費規程"
    kinds = [(s.kind, s.headings) for s in document.sections]
    over = ("出張旅費規程", "宿泊費")
    assert kinds == [("text", over[:1]), ("table", over), ("text", over)]
    assert "| 東京 | 8,900円 |" in document.sections[1].text
    assert document.sections[2].text == "表のあとの段落です。"
    assert report.kind == "docx"


def test_pdf_pages_are_numbered_and_broken_lines_made_whole(tmp_path: Path) -> None:
    path = tmp_path / "manual.pdf"
    first = [
        "取扱説明書",
        "この機械は、毎日の作業が終わったあとに必ず電源を切り、刃を取り外し",
        "て洗ってください。",
    ]
    make_pdf(path, [first, ["二ページ目です。"]])
    document, report = one(path)
    assert [s.where for s in document.sections] == ["p.1", "p.2"]
    assert "刃を取り外して洗ってください。" in document.text
    assert document.text.startswith("取扱説明書\nこの機械は")
    assert report.status == "ok"


def test_a_locked_pdf_is_refused_with_the_reason(tmp_path: Path) -> None:
    make_pdf(tmp_path / "locked.pdf", [["秘密です。"]], password="secret")
    (tmp_path / "good.txt").write_text("読めます。", encoding="utf-8")
    corpus = read(tmp_path)
    assert [(f.path, f.status) for f in corpus.files] == [
        ("good.txt", "ok"),
        ("locked.pdf", "refused"),
    ]
    assert ids(corpus) == ["locked-file"]


def test_a_cut_pdf_is_refused_or_reported(tmp_path: Path) -> None:
    make_pdf(tmp_path / "whole.pdf", [["一"], ["二"]])
    data = (tmp_path / "whole.pdf").read_bytes()
    path = tmp_path / "cut.pdf"
    for share in (0.2, 0.5, 0.8, 0.95):
        path.write_bytes(data[: int(len(data) * share)])
        (report,) = read(path).files
        assert report.status in ("warn", "refused")
        assert report.problems


def test_pages_that_are_pictures_are_named(tmp_path: Path) -> None:
    from PIL import Image
    from reportlab.lib.utils import ImageReader
    from reportlab.pdfgen import canvas

    buffer = BytesIO()
    Image.new("RGB", (20, 20), "gray").save(buffer, "PNG")
    page = canvas.Canvas(str(tmp_path / "scan.pdf"))
    page.drawString(60, 700, "First page with text.")
    page.showPage()
    page.drawImage(ImageReader(buffer), 50, 50, 400, 600)
    page.save()
    (report,) = read(tmp_path / "scan.pdf").files
    (problem,) = report.problems
    assert (problem.id, problem.where) == ("scanned-page", "page 2")
    assert problem.values == {"n": 1, "pages": 2}


def test_sheets_drawn_by_people_give_their_questions(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "よくある質問"
    for row in (
        ["社内FAQ（2026年）"],
        [],
        ["No.", "質問", None, "回答"],
        [None, None, None, "内容", "備考"],
        [1, "休憩は何分ですか？", None, "60分です。", None],
        [2, "試用期間は？", None, "6か月です。", "例外あり"],
        [],
        ["以上"],
    ):
        sheet.append(row)
    for area in ("A1:E1", "A3:A4", "B3:C4", "D3:E3", "B5:C5", "B6:C6"):
        sheet.merge_cells(area)
    hidden = book.create_sheet("下書き")
    hidden["A1"] = "見せない"
    hidden.sheet_state = "hidden"
    book.save(tmp_path / "faq.xlsx")
    corpus = read(tmp_path)
    found = [(e.prompt, e.completion, e.where) for e in corpus.examples]
    assert found == [
        ("休憩は何分ですか？", "60分です。", "sheet よくある質問, row 5"),
        ("試用期間は？", "6か月です。", "sheet よくある質問, row 6"),
    ]
    assert ids(corpus) == ["hidden-sheet"]
    assert "見せない" not in json.dumps([d.text for d in corpus.documents])


def test_sheets_of_figures_become_tables_with_merged_cells_filled(tmp_path: Path) -> None:
    import datetime as dt

    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (
        ["区分", "手当", "割合", "から"],
        ["生活", "通勤", 0.5, dt.datetime(2026, 4, 1)],
        [None, "住宅", 3.0, None],
    ):
        sheet.append(row)
    sheet.merge_cells("A2:A3")
    sheet["C2"].number_format = "0%"
    book.save(tmp_path / "allowance.xlsx")
    document, report = one(tmp_path / "allowance.xlsx")
    (section,) = document.sections
    assert (section.kind, section.where) == ("table", "Sheet, rows 2-3")
    assert section.text.split("\n") == [
        "| 区分 | 手当 | 割合 | から |",
        "| --- | --- | --- | --- |",
        "| 生活 | 通勤 | 50% | 2026-04-01 |",
        "| 生活 | 住宅 | 3 |  |",
    ]
    assert report.rows == 2


def test_csv_rows_are_kept_or_told(tmp_path: Path) -> None:
    path = tmp_path / "faq.csv"
    path.write_text(
        '質問,回答\nQ1,"一行目\n二行目, ""引用"""\n,答えだけ\nQ3,\n\nQ4,A4,あまり\n',
        encoding="utf-8",
    )
    corpus = read(path)
    assert [(e.prompt, e.completion, e.where) for e in corpus.examples] == [
        ("Q1", '一行目\n二行目, "引用"', "line 2"),
        ("Q4", "A4,あまり", "line 7"),
    ]
    told = {p.id: p.where for p in corpus.files[0].problems}
    assert told == {
        "row-too-long": "line 7",
        "row-without-question": "line 4",
        "row-without-answer": "line 5",
    }


def test_other_tables_are_documents_whole(tmp_path: Path) -> None:
    path = tmp_path / "parts.csv"
    path.write_bytes("品番;品名\nA-1;髙﨑の刃\nA-2;①ベルト\n".encode("cp932"))
    document, report = one(path)
    assert document.sections[0].text.endswith("| A-2 | ①ベルト |")
    assert (report.encoding, report.rows, report.examples) == ("cp932", 2, 0)


@pytest.mark.parametrize(
    ("record", "kind", "prompt", "completion"),
    [
        ({"question": "問い", "answer": "答え"}, "qa", "問い", "答え"),
        ({"質問": "問い", "回答": "答え"}, "qa", "問い", "答え"),
        ({"instruction": "訳す", "input": "犬", "output": "dog"}, "qa", "訳す\n\n犬", "dog"),
        ({"prompt": "p", "completion": "c"}, "qa", "p", "c"),
        ({"source": "くだけた", "target": "丁寧"}, "rewrite", "くだけた", "丁寧"),
        ({"input": "くだけた", "output": "丁寧"}, "rewrite", "くだけた", "丁寧"),
        ({"text": "届かない", "label": "配送"}, "labelled", "届かない", "配送"),
        (
            {"messages": [{"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}]},
            "qa",
            "u",
            "a",
        ),
        (
            {"conversations": [{"from": "human", "value": "u"}, {"from": "gpt", "value": "a"}]},
            "qa",
            "u",
            "a",
        ),
    ],
)
def test_example_formats(
    tmp_path: Path, record: dict[str, object], kind: str, prompt: str, completion: str
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(record, ensure_ascii=False) + "\n", encoding="utf-8")
    (example,) = read(path).examples
    assert (example.kind, example.prompt, example.completion) == (kind, prompt, completion)


def test_a_company_folder_reads_naturally(tmp_path: Path) -> None:
    (tmp_path / "documents" / "人事").mkdir(parents=True)
    (tmp_path / "documents" / "人事" / "就業規則.md").write_text("# 就業規則\n試用期間は6か月。")
    (tmp_path / "documents" / "a").mkdir()
    (tmp_path / "documents" / "a" / "同名.md").write_text("甲")
    (tmp_path / "documents" / "同名.md").write_text("乙")
    (tmp_path / "documents" / "~$就業規則.docx").write_bytes(b"lock")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config.txt").write_text("x")
    rows = [
        {
            "id": "1",
            "question": "試用期間は？",
            "answer": "6か月",
            "doc_ids": ["就業規則.md"],
            "must_contain": [["6か月", "六か月"]],
        },
        {"id": "2", "question": "甲か乙か？", "answer": "甲", "doc_ids": ["同名.md"]},
        {"id": "3", "question": "甲か乙か丙か？", "answer": "甲", "doc_ids": ["documents/同名.md"]},
        {
            "id": "4",
            "question": "社長の犬の名前は？",
            "answer": "記載がありません。",
            "answerable": False,
        },
    ]
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (tmp_path / "qa.jsonl").write_text(lines, encoding="utf-8")
    (tmp_path / "tone.jsonl").write_text('{"source": "うん", "target": "はい", "scene": "電話"}')
    corpus = read(tmp_path)
    assert [d.id for d in corpus.documents] == [
        "documents/a/同名.md",
        "documents/人事/就業規則.md",
        "documents/同名.md",
    ]
    assert [e.doc_ids for e in corpus.examples] == [
        ("documents/人事/就業規則.md",),
        ("同名.md",),
        ("documents/同名.md",),
        (),
        (),
    ]
    assert [e.kind for e in corpus.examples] == ["qa"] * 4 + ["rewrite"]
    assert corpus.examples[0].must_contain == (("6か月", "六か月"),)
    assert corpus.examples[3].answerable is False
    assert corpus.examples[4].group == "電話"
    (report,) = [f for f in corpus.files if f.path == "qa.jsonl"]
    assert [(p.id, p.where) for p in report.problems] == [("unknown-document", "line 2")]


def test_a_row_may_say_which_part_of_the_split_it_belongs_to(tmp_path: Path) -> None:
    marks = ["test", "Dev", "検証", "学習", "", "holiday", None]
    rows = [
        {"question": f"{n}番の質問は？", "answer": "はい。", "split": mark}
        for n, mark in enumerate(marks)
    ]
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (tmp_path / "qa.jsonl").write_text(lines, encoding="utf-8")
    expected = ["test", "validation", "validation", "train", None, None, None]
    assert [e.part for e in read(tmp_path).examples] == expected


def test_corpus_records_are_documents_and_their_originals_are_not_read_twice(
    tmp_path: Path,
) -> None:
    records = [
        {"_id": "01-1", "title": "第1条", "text": "目的。", "source": "01.md"},
        {"_id": "01-2", "title": "第2条", "text": "# 範囲\n全社員。", "source": "01.md"},
        {"_id": "01-1", "title": "重なり", "text": "二度目。"},
        {"_id": "01-3", "title": "空", "text": " "},
    ]
    text = "\n".join(json.dumps(record, ensure_ascii=False) for record in records)
    (tmp_path / "corpus.jsonl").write_text(text, encoding="utf-8")
    (tmp_path / "original").mkdir()
    (tmp_path / "original" / "01.md").write_text("目的。範囲。", encoding="utf-8")
    (tmp_path / "other.md").write_text("別の文書。", encoding="utf-8")
    corpus = read(tmp_path)
    assert [(d.id, d.title, d.source) for d in corpus.documents] == [
        ("01-1", "第1条", "01.md"),
        ("01-2", "第2条", "01.md"),
        ("other.md", "other", "other.md"),
    ]
    assert corpus.documents[1].sections[0].headings == ("範囲",)
    assert sorted(ids(corpus)) == ["already-in-corpus", "duplicate-document-id", "empty-record"]


def test_bad_lines_are_reported_by_number_and_the_rest_is_used(tmp_path: Path) -> None:
    path = tmp_path / "qa.jsonl"
    good = '{"question": "Q%d", "answer": "A"}'
    path.write_text(
        f'\ufeff{good % 1}\n{{"question": "cut\n\n{good % 2}\n{{"question": "Q", "anwser": "A"}}\n'
    )
    corpus = read(path)
    assert [e.prompt for e in corpus.examples] == ["Q1", "Q2"]
    told = {p.id: (p.where, p.values) for p in corpus.files[0].problems}
    assert told["bad-json-line"][0] == "line 2"
    assert told["misspelt-field"] == ("line 5", {"n": 1, "close": "anwser -> answer"})


@pytest.mark.parametrize(
    ("name", "data", "status", "problem"),
    [
        ("empty.txt", b"", "warn", "empty-file"),
        ("empty.pdf", b"", "warn", "empty-file"),
        ("header.csv", "質問,回答\n".encode(), "warn", "empty-file"),
        ("noise.txt", bytes(range(256)) * 8, "refused", "not-text"),
        ("picture.txt", b"\x89PNG\r\n\x1a\n" + bytes(64), "refused", "unknown-kind"),
        ("old.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "refused", "old-office-file"),
        ("cut.docx", b"PK\x03\x04" + bytes(100), "refused", "damaged-file"),
        ("cut.xlsx", b"PK\x03\x04" + bytes(100), "refused", "damaged-file"),
        ("cut.json", b'{"a": [1, 2', "refused", "not-json"),
        ("deep.json", b"[" * 200_000, "refused", "not-json"),
        ("text.pdf", "これは文字です。".encode(), "warn", "wrong-extension"),
        ("broken.pdf", b"%PDF-1.4\n" + b"x" * 500, "refused", "damaged-file"),
    ],
)
def test_what_cannot_be_read_gets_a_line_with_its_reason(
    tmp_path: Path, name: str, data: bytes, status: str, problem: str
) -> None:
    (tmp_path / name).write_bytes(data)
    (report,) = read(tmp_path).files
    assert report.status == status
    assert problem in [p.id for p in report.problems]


def test_the_digest_follows_every_byte_and_name(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("一")
    first = read(tmp_path).digest
    assert read(tmp_path).digest == first
    (tmp_path / "a.txt").write_text("二")
    second = read(tmp_path).digest
    (tmp_path / "a.txt").rename(tmp_path / "b.txt")
    assert len({first, second, read(tmp_path).digest}) == 3


def test_a_missing_path_is_the_callers_fault(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "nowhere")


def test_nothing_heavy_is_loaded_to_read_text(tmp_path: Path) -> None:
    import subprocess

    (tmp_path / "a.md").write_text("# 甲\n乙", encoding="utf-8")
    code = (
        "import sys, pathlib; from knowledge.corpus.reading import read; "
        f"read(pathlib.Path({str(tmp_path)!r})); "
        "print([m for m in ('pypdf','openpyxl','docx','lxml','numpy','torch') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    assert result.stdout.strip() == "[]"
