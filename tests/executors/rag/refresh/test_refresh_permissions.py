"""Who may see a document follows its permissions at every refresh, though nothing else changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from equal import differences
from small_corpus import HashingEmbedder
from test_refresh import built, refreshed, saved

from advisor.errors import RunError
from executors.rag.index.disk import open_index
from executors.rag.search.faiss_store import FaissStore
from executors.rag.search.filter import Filter
from executors.rag.search.retrieve import Retriever
from knowledge.corpus.permissions import NOBODY

QUESTION = "役員の給与はいくら？"
STRANGER = frozenset[str]()
CLOSING = '[groups]\n"pay.md" = ["board"]\n'


@pytest.fixture
def root(tmp_path) -> Path:
    root = tmp_path / "data"
    root.mkdir()
    (root / "pay.md").write_text("# 給与\n\n役員の給与は月300万円とする。", "utf-8")
    (root / "parking.md").write_text("# 駐車場\n\n利用料は月4,500円とする。", "utf-8")
    record = {"_id": "r", "text": "賞与は年2回とする。", "groups": ["hr"]}
    (root / "corpus.jsonl").write_text(json.dumps(record), "utf-8")
    return root


@pytest.fixture
def folder(root, tmp_path) -> Path:
    saved(root, tmp_path / "index")
    return tmp_path / "index"


def seen_by(folder: Path, groups: frozenset[str]) -> set[str]:
    """Documents that one of these groups can find, in every way of searching."""
    store = FaissStore(open_index(folder))
    found = {
        hit.chunk.doc_id
        for mode in ("dense", "sparse", "hybrid")
        for hit in Retriever(store, HashingEmbedder(), mode)
        .find([QUESTION, "利用料", "賞与"], where=Filter(groups))[0]
        .hits
    }
    store.close()
    return found


def test_a_document_closed_after_the_build_is_not_found_by_a_stranger(folder, root) -> None:
    assert "pay.md" in seen_by(folder, STRANGER)
    (root / "permissions.toml").write_text(CLOSING, "utf-8")
    embedder = HashingEmbedder()
    done = refreshed(folder, root, embedder=embedder)
    assert done.changed == ["pay.md"] and done.chunks_embedded == 0
    assert not any("300万円" in text for text in embedder.embedded)
    assert "pay.md" not in seen_by(folder, STRANGER)
    assert "pay.md" in seen_by(folder, frozenset({"board"}))
    assert differences(open_index(folder), built(root), HashingEmbedder(), [QUESTION]) == []


def test_what_is_opened_again_is_found_again(folder, root) -> None:
    (root / "permissions.toml").write_text(CLOSING, "utf-8")
    refreshed(folder, root)
    (root / "permissions.toml").unlink()
    assert refreshed(folder, root).changed == ["pay.md"]
    assert "pay.md" in seen_by(folder, STRANGER)


def test_a_permissions_file_that_cannot_be_read_closes_everything(folder, root) -> None:
    (root / "permissions.toml").write_text("[groups", "utf-8")
    refreshed(folder, root)
    assert seen_by(folder, frozenset({"board", "hr"})) == set()
    assert {entry.groups for entry in open_index(folder).entries} == {tuple(NOBODY)}


def test_groups_of_a_record_stay_when_something_else_changes(folder, root) -> None:
    (root / "parking.md").write_text("# 駐車場\n\n利用料は月5,000円とする。", "utf-8")
    assert refreshed(folder, root).changed == ["parking.md"]
    assert "r" not in seen_by(folder, STRANGER)
    assert "r" in seen_by(folder, frozenset({"hr"}))


def test_nothing_changed_rewrites_nothing_though_documents_are_closed(folder, root) -> None:
    (root / "permissions.toml").write_text(CLOSING, "utf-8")
    version = refreshed(folder, root).version
    done = refreshed(folder, root)
    assert done.version == version and done.changed == [] and done.unchanged == 3


def test_changes_handed_over_meet_the_permissions_of_the_data_folder(
    folder, root, tmp_path
) -> None:
    (root / "permissions.toml").write_text(CLOSING + '"new.md" = ["hr"]\n', "utf-8")
    refreshed(folder, root)
    changes = tmp_path / "changes"
    changes.mkdir()
    (changes / "pay.md").write_text("# 給与\n\n役員の給与は月400万円とする。", "utf-8")
    (changes / "new.md").write_text("# 給与\n\n社員の給与は月末に払う。", "utf-8")
    refreshed(folder, root, changes=changes)
    assert not {"pay.md", "new.md"} & seen_by(folder, STRANGER)
    assert "new.md" in seen_by(folder, frozenset({"hr"}))


def test_without_the_data_folder_changes_of_a_restricted_index_need_permissions(
    folder, root, tmp_path
) -> None:
    (root / "permissions.toml").write_text(CLOSING, "utf-8")
    refreshed(folder, root)
    changes = tmp_path / "changes"
    changes.mkdir()
    (changes / "new.md").write_text("# 給与\n\n社員の給与は月末に払う。", "utf-8")
    with pytest.raises(RunError) as error:
        refreshed(folder, None, changes=changes)
    assert error.value.ref == "refresh-permissions-gone"
    (changes / "permissions.toml").write_text("[groups]\n", "utf-8")
    refreshed(folder, None, changes=changes)
    assert "pay.md" not in seen_by(folder, STRANGER)
    assert "new.md" in seen_by(folder, STRANGER)
