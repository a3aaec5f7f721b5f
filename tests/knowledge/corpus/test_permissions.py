"""Who may see what is read from records and permissions.toml, and a slip closes, never opens."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.corpus.permissions import NOBODY, both, fits, groups_of_record, parse
from knowledge.corpus.reading import read
from knowledge.corpus.types import Document

names = st.frozensets(st.sampled_from(("hr", "board", "sales")))


def folder(root: Path, permissions: str | None) -> Path:
    (root / "personnel").mkdir(parents=True)
    (root / "personnel" / "pay.md").write_text("# Pay\n\nPaid monthly.", encoding="utf-8")
    (root / "open.md").write_text("# Open\n\nOpen to all.", encoding="utf-8")
    if permissions is not None:
        (root / "permissions.toml").write_text(permissions, encoding="utf-8")
    return root


def groups(root: Path) -> dict[str, frozenset[str]]:
    return {document.id: document.groups for document in read(root, workers=0).documents}


def test_without_restrictions_everything_is_open(tmp_path) -> None:
    assert set(groups(folder(tmp_path, None)).values()) == {frozenset()}


def test_patterns_close_what_they_fit_and_the_file_is_no_material(tmp_path) -> None:
    root = folder(tmp_path, '[groups]\n"personnel/**" = ["hr"]\n')
    assert groups(root) == {"personnel/pay.md": frozenset({"hr"}), "open.md": frozenset()}
    reports = {file.path: file for file in read(root, workers=0).files}
    assert reports["permissions.toml"].kind == "permissions"
    assert reports["permissions.toml"].status == "ok"


def test_a_change_of_permissions_changes_the_digest(tmp_path) -> None:
    root = folder(tmp_path, '[groups]\n"personnel/**" = ["hr"]\n')
    before = read(root, workers=0).digest
    (root / "permissions.toml").write_text('[groups]\n"personnel/**" = ["board"]\n')
    assert read(root, workers=0).digest != before


@pytest.mark.parametrize(
    "text", ["[groups", "[group]\n", 'schema_version = 9\n[groups]\n"a" = ["b"]\n', "groups = 3\n"]
)
def test_a_file_that_cannot_be_read_closes_everything(tmp_path, text: str) -> None:
    root = folder(tmp_path, text)
    assert set(groups(root).values()) == {NOBODY}
    problems = [p.id for file in read(root, workers=0).files for p in file.problems]
    assert problems == ["permissions-broken"]


def test_records_name_their_groups_and_the_narrower_restriction_holds(tmp_path) -> None:
    records = [
        {"_id": "a", "text": "one", "groups": ["hr", "board"], "site": "Osaka", "pages": 3},
        {"_id": "b", "text": "two", "groups": "hr"},
        {"_id": "c", "text": "three"},
        {"_id": "d", "text": "four", "groups": []},
        {"_id": "e", "text": "five", "groups": 7},
    ]
    lines = "\n".join(json.dumps(record) for record in records)
    (tmp_path / "corpus.jsonl").write_text(lines, encoding="utf-8")
    (tmp_path / "permissions.toml").write_text('[groups]\n"b" = ["board"]\n"a" = ["board"]\n')
    found = {d.id: d for d in read(tmp_path, workers=0).documents}
    assert found["a"].groups == {"board"} and found["a"].metadata == {"site": "Osaka"}
    assert found["b"].groups == NOBODY
    assert found["c"].groups == frozenset()
    assert found["d"].groups == found["e"].groups == NOBODY


@given(st.lists(names, max_size=4), names)
def test_another_restriction_never_opens(restrictions, more) -> None:
    before, after = both(*restrictions), both(*restrictions, more)
    for asker in ("hr", "board", "sales"):
        if after == frozenset() or asker in after:
            assert before == frozenset() or asker in before


@pytest.mark.parametrize(
    ("pattern", "path", "fit"),
    [
        ("personnel/**", "personnel/a/b.md", True),
        ("personnel", "personnel/a/b.md", True),
        ("personnel/", "personnel/a.md", True),
        ("personnel", "personnel.md", False),
        ("*.pdf", "a.pdf", True),
        ("*.pdf", "board/a.pdf", False),
        ("**/*.pdf", "board/x/a.pdf", True),
        ("**/*.pdf", "a.pdf", True),
        ("人事/?.md", "人事/甲.md", True),
        ("a[1].md", "a[1].md", True),
    ],
)
def test_patterns(pattern: str, path: str, fit: bool) -> None:
    assert fits(pattern, Document(path, "", path, (), "")) is fit


def test_patterns_that_fit_nothing_are_named() -> None:
    permissions = parse(b'[groups]\n"typo/**" = ["hr"]\n"a.md" = ["hr"]\n')
    assert permissions.unused([Document("a.md", "", "a.md", (), "")]) == ["typo/**"]


def test_a_name_that_is_no_name_opens_nothing() -> None:
    assert groups_of_record(["hr", 3]) == groups_of_record({"hr": 1}) == NOBODY
    assert groups_of_record([" hr "]) == {"hr"}
