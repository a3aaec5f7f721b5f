"""`inspect --fix DIR`: a clean copy that inspects clean; the originals stay as they were."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.commands_inspect import inspect
from advisor.inspect_fix import _Names
from knowledge.corpus.mending import mend
from knowledge.corpus.reading import read
from knowledge.corpus.types import Example

MENDED = {
    *("exact-duplicate", "near-duplicate", "duplicate-document", "row-without-answer"),
    *("unfilled-placeholder", "garbled-rows", "answer-repeats-question"),
    *("personal-data", "secret"),
}
RULES = "\n\n".join(f"第{i}条の手続き{i}番は{i * 3}日前までに届けます。" for i in range(1, 12))


def run(*args: object) -> Result:
    return CliRunner().invoke(inspect, [*map(str, args), "--lang", "ja"])


def problems(folder: Path) -> set[str]:
    document = json.loads(run(folder, "--json").stdout)
    return {p["id"] for file in [*document["files"], document] for p in file["problems"]}


def tree(folder: Path) -> dict[str, str]:
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "sub").mkdir(parents=True)
    rows = [
        ("休憩は何分ですか？", "60分です。"),
        ("休憩は何分ですか？", "60分です。"),
        ("すみません、休憩は何分でしょうか", "60分です。"),
        ("上限は？", "1万円です。"),
        ("上限は？", "3万円です。"),
        ("窓口はどこですか？", "電話は090-1234-5678、田中様あてです。"),
        ("様式はどれですか？", "{{様式名}}を使います。"),
        ("名刺はどう頼みますか？", "名刺はどう頼みますか？"),
        ("空ですか？", ""),
    ]
    text = "\n".join(["質問,回答", *(f"{q},{a}" for q, a in rows)])
    (folder / "sub" / "faq.csv").write_bytes(text.encode("cp932"))
    (folder / "規程.md").write_text(RULES, encoding="utf-8")
    (folder / "規程の写し.txt").write_bytes(RULES.encode("cp932"))
    (folder / "連絡先.md").write_text("担当: suzuki@example.co.jp\n\n届け出の窓口です。", "utf-8")
    return folder


def test_the_copy_inspects_clean_and_the_originals_stay(data: Path, tmp_path: Path) -> None:
    before, out = tree(data), tmp_path / "clean"
    assert problems(data) >= MENDED - {"garbled-rows", "secret"}
    assert run(data, "--fix", out).exit_code == 0
    assert tree(data) == before
    assert problems(out) & MENDED == set()
    assert problems(out) == {"contradiction"}
    clean = read(out)
    assert [d.id for d in clean.documents] == ["規程.md", "連絡先.md"]
    assert [e.prompt for e in clean.examples] == [
        *("休憩は何分ですか？", "上限は？", "上限は？", "窓口はどこですか？"),
    ]
    assert clean.examples[-1].completion == "電話は[電話番号（伏せ字）]、[氏名（伏せ字）]あてです。"
    assert "suzuki" not in "".join(p.read_text("utf-8") for p in out.rglob("*") if p.is_file())


def test_everything_done_is_told_with_its_place(data: Path, tmp_path: Path) -> None:
    run(data, "--fix", out := tmp_path / "clean")
    changes = json.loads((out / "changes.json").read_text("utf-8"))["changes"]
    told = {(one["done"], one["id"], one["file"], one["where"]) for one in changes}
    assert told == {
        ("dropped", "exact-duplicate", "sub/faq.csv", "line 3"),
        ("dropped", "near-duplicate", "sub/faq.csv", "line 4"),
        ("masked", "personal-data", "sub/faq.csv", "line 7"),
        ("set-aside", "unfilled-placeholder", "sub/faq.csv", "line 8"),
        ("set-aside", "answer-repeats-question", "sub/faq.csv", "line 9"),
        ("dropped", "row-without-answer", "sub/faq.csv", "line 10"),
        ("to-utf-8", "encoding", "sub/faq.csv", "cp932"),
        ("to-utf-8", "encoding", "規程の写し.txt", "cp932"),
        ("dropped", "duplicate-document", "規程の写し.txt", ""),
        ("masked", "personal-data", "連絡先.md", "連絡先.md"),
    }
    aside = [json.loads(line) for line in (out / "set-aside.jsonl").read_text("utf-8").splitlines()]
    assert [row["reason"] for row in aside] == ["unfilled-placeholder", "answer-repeats-question"]
    (row,) = csv.DictReader(io.StringIO((out / "to-decide.csv").read_text("utf-8-sig")))
    assert (row["reason"], row["answer_1"], row["answer_2"]) == (
        *("contradiction", "1万円です。", "3万円です。"),
    )
    assert (out / "README.md").read_text("utf-8").startswith("<!-- okakae")


def test_cleaning_twice_changes_nothing_more(data: Path, tmp_path: Path) -> None:
    run(data, "--fix", first := tmp_path / "one")
    run(first, "--fix", second := tmp_path / "two")
    told = {"README.md", "changes.json", "set-aside.jsonl", "to-decide.csv"}
    one, two = tree(first), tree(second)
    assert {k: v for k, v in one.items() if k not in told} == {
        k: v for k, v in two.items() if k not in told
    }
    assert json.loads((second / "changes.json").read_text("utf-8"))["changes"] == []


def test_text_that_looks_like_markdown_settles_at_once(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    text = "    手順書\n\ncat > a <<EOF\n#!/bin/sh\n# (C) 2011\n## 二\necho 1\n- a\n| x | y |\n"
    (data / "手順.txt").write_text(text, "utf-8")
    run(data, "--fix", first := tmp_path / "one")
    run(first, "--fix", second := tmp_path / "two")
    kept = [(folder / "corpus.jsonl").read_text("utf-8") for folder in (first, second)]
    assert kept[0] == kept[1]
    assert json.loads(kept[0])["text"].split() == text.split()


def test_personal_data_stays_where_asked(data: Path, tmp_path: Path) -> None:
    run(data, "--fix", out := tmp_path / "clean", "--keep-personal")
    assert "090-1234-5678" in (out / "sub" / "faq.jsonl").read_text("utf-8")


@pytest.mark.parametrize("place", ["data", "data/clean", "full"])
def test_no_folder_but_a_new_one_outside_is_written(data: Path, tmp_path: Path, place: str) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("mine", "utf-8")
    before = tree(tmp_path)
    assert run(data, "--fix", tmp_path / place).exit_code == 2
    assert tree(tmp_path) == before


def test_a_link_into_the_data_is_seen_through(data: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(data / "sub", target_is_directory=True)
    assert run(data, "--fix", tmp_path / "link").exit_code == 2


def test_names_meant_to_leave_the_folder_stay_inside(tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "a" / "clean"
    data.mkdir()
    names = ["q\\..\\..\\up.csv", "con.csv", " .csv", "c:evil.csv", "README.csv", "corpus.csv"]
    with zipfile.ZipFile(data / "pack.zip", "w") as pack:
        for i, name in enumerate(names):
            pack.writestr(name, f"質問,回答\n{'甲乙丙丁戊己'[i]}の番号は？,{i}番です。\n")
    (data / "changes.csv").write_text("質問,回答\n色は？,青です。\n", "utf-8")
    before = tree(data)
    run(data, "--fix", out)
    assert tree(data) == before
    assert {p.name for p in tmp_path.iterdir()} == {"data", "a"}
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["clean"]
    assert len(read(out).examples) == len(read(data).examples)


@given(st.lists(st.text(max_size=12) | st.sampled_from(["../x", "/a", "a/../../b"]), max_size=8))
def test_any_name_gives_one_file_of_its_own_inside(names: list[str]) -> None:
    given_names = _Names()
    made = [given_names.of(name) for name in names]
    assert len({name.casefold() for name in made}) == len(made)
    with tempfile.TemporaryDirectory() as place:
        root = Path(place).resolve()
        for name in made:
            path = (root / name).resolve()
            assert path.is_relative_to(root)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("x", "utf-8")


PIECES = st.sampled_from(
    [
        "休憩は60分です。",
        "電話は03-1234-5678。",
        "田中様へ",
        "{{名前}}",
        "a@b.co.jp",
        "経費",
        "？",
        "�",
    ]
)
TEXTS = st.lists(PIECES, min_size=1, max_size=4).map("".join)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=12))
def test_mending_is_done_once_and_invents_nothing(pairs: list[tuple[str, str]]) -> None:
    rows = [Example(f"{i}", "qa", q, a, "f", f"line {i}") for i, (q, a) in enumerate(pairs)]
    once = mend(rows, lambda name: f"[masked: {name}]")
    again = mend(once.examples, lambda name: f"[masked: {name}]")
    assert again.examples == once.examples
    assert again.aside == again.changes == []
    by_id: dict[str, Any] = {row.id: row for row in rows}
    for row in once.examples:
        for new, old in (
            (row.prompt, by_id[row.id].prompt),
            (row.completion, by_id[row.id].completion),
        ):
            assert new == old or "[masked: " in new


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_a_mask_is_neither_an_open_slot_nor_masked_again(lang: str) -> None:
    from advisor.texts import t
    from knowledge.corpus.patterns import MASKED, patterns, scan

    for name in {"name", *(p.name for p in patterns() if p.kind in MASKED)}:
        mask = t("fix.mask", lang, name=t(f"pattern.{name}", lang))  # type: ignore[arg-type]
        for text in (f"電話は{mask}、", f"{mask}様", f"call {mask} now", mask):
            assert scan(text) == [], text
