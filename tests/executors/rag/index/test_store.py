"""An index on disk is whole or refused, keeps its last good version, and re-embeds only changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_corpus import HashingEmbedder, document

from advisor.errors import RunError
from executors import versioned
from executors.rag.index.build import build_index
from executors.rag.index.disk import open_index, save_index
from executors.rag.index.policy import EXACT_UP_TO, IndexPolicy, index_policy
from executors.rag.index.rag_index import RagIndex, refuse_changed_embedder
from executors.rag.index.vectors import make_faiss, prepare
from executors.rag.search.faiss_store import FaissStore


def build(documents, embedder, reuse: RagIndex | None = None) -> RagIndex:
    return build_index(
        documents, embedder, chunk_tokens=120, overlap_tokens=10, ram_bytes=2**33, reuse=reuse
    )


def nearest(index: RagIndex, query: np.ndarray) -> dict[int, float]:
    """The cosines of the five nearest chunks."""
    return dict(FaissStore(index).within(None).nearest(query, 5)[0])


def test_what_was_saved_is_what_is_opened(handbook, embedder, tmp_path) -> None:
    index = build(handbook, embedder)
    save_index(index, tmp_path)
    again = open_index(tmp_path)
    query = embedder.queries(["宿泊費はいくら"])
    assert again.chunks == index.chunks
    assert again.facts == index.facts
    assert nearest(again, query) == nearest(index, query)


def test_the_same_documents_give_the_same_version(handbook, embedder, tmp_path) -> None:
    one = save_index(build(handbook, embedder), tmp_path / "a")
    two = save_index(build(handbook, HashingEmbedder()), tmp_path / "b")
    assert one.name == two.name


@pytest.mark.parametrize(
    "name", ["chunks.jsonl", "vectors.faiss", "words.npz", "rows.npz", "documents.json", "version"]
)
def test_a_damaged_file_is_named(handbook, embedder, tmp_path, name: str) -> None:
    home = save_index(build(handbook, embedder), tmp_path)
    (version,) = (tmp_path / "versions").iterdir()
    path = version if name == "version" else home / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    name = path.name
    with pytest.raises(RunError) as error:
        open_index(tmp_path)
    assert error.value.ref == "index-damaged"
    assert error.value.values["path"] == name


def test_a_missing_file_and_a_missing_index_are_told_apart(handbook, embedder, tmp_path) -> None:
    with pytest.raises(RunError) as error:
        open_index(tmp_path)
    assert error.value.ref == "index-missing"
    (save_index(build(handbook, embedder), tmp_path) / "words.json").unlink()
    with pytest.raises(RunError) as error:
        open_index(tmp_path)
    assert error.value.ref == "index-file-missing"


@pytest.mark.parametrize("where", ["write_table", "save", "fsync", "rename"])
def test_a_full_disk_leaves_the_last_good_index(
    handbook, embedder, tmp_path, monkeypatch, where: str
) -> None:
    save_index(build(handbook, embedder), tmp_path)
    before = list(open_index(tmp_path).chunks)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    target = {
        "write_table": "executors.rag.index.segment._write_table",
        "save": "executors.rag.index.counts.WordCounts.save",
        "fsync": "executors.versioned.os.fsync",
        "rename": "executors.versioned.Path.replace",
    }[where]
    with monkeypatch.context() as patch:
        patch.setattr(target, full)
        with pytest.raises(RunError) as error:
            save_index(build(handbook[:2], embedder), tmp_path)
    assert error.value.ref == "index-not-written"
    assert list(open_index(tmp_path).chunks) == before
    assert not list(tmp_path.glob(".writing-*"))


def test_versions_stay_as_long_as_somebody_reads_them(handbook, embedder, tmp_path) -> None:
    homes = [save_index(build(handbook[:2], embedder), tmp_path)]
    reader = open_index(tmp_path)
    for n in (3, 4, 5):
        homes.append(save_index(build(handbook[:n], embedder), tmp_path))
    # The one read, the one before the last, and the last.
    assert [home.exists() for home in homes] == [True, False, True, True]
    assert len(list(reader.chunks)) < len(list(open_index(tmp_path).chunks))
    reader.lease.close()
    save_index(build(handbook[:1], embedder), tmp_path)
    assert [home.exists() for home in homes] == [False, False, False, True]


def test_a_second_writer_is_refused(handbook, embedder, tmp_path) -> None:
    with versioned.writing(tmp_path), pytest.raises(RunError) as error:
        save_index(build(handbook, embedder), tmp_path)
    assert error.value.ref == "index-busy"
    save_index(build(handbook, embedder), tmp_path)


def test_only_changed_documents_are_embedded_again(handbook, embedder, tmp_path) -> None:
    save_index(build(handbook, embedder), tmp_path)
    edited = [*handbook[:-1], document("books.md", "書籍は会社の所有とする。", title="書籍補助")]
    fresh = HashingEmbedder()
    index = build(edited, fresh, reuse=open_index(tmp_path))
    assert index.embedded == 1
    rebuilt = build(edited, HashingEmbedder())
    assert index.chunks == rebuilt.chunks
    query = fresh.queries(["書籍は誰のもの"])
    assert nearest(index, query) == pytest.approx(nearest(rebuilt, query))
    assert not any("本人の所有" in chunk.text for chunk in index.chunks)


def test_a_changed_embedder_is_refused(handbook, embedder) -> None:
    facts = build(handbook, embedder).facts
    refuse_changed_embedder(facts, embedder)
    turned = tuple(-x for x in facts.probe)
    with pytest.raises(RunError) as error:
        refuse_changed_embedder(replace(facts, probe=turned), embedder)
    assert error.value.ref == "embedder-changed"


def test_an_empty_corpus_makes_no_index(embedder) -> None:
    with pytest.raises(RunError) as error:
        build([document("a.md", "")], embedder)
    assert error.value.ref == "corpus-empty"


def test_the_policy_is_exact_until_it_is_slow() -> None:
    assert index_policy(EXACT_UP_TO, 384, ram_bytes=2**34).kind == "flat"
    assert index_policy(EXACT_UP_TO + 1, 384, ram_bytes=2**34).kind == "ivf_sq8"
    assert index_policy(300_000, 384, ram_bytes=2**34, append_only=True).kind == "hnsw"
    assert index_policy(300_000, 384, ram_bytes=2**28, append_only=True).kind == "ivf_sq8"


def test_inverted_lists_find_nearly_what_exact_search_finds() -> None:
    random = np.random.default_rng(0)
    centres = random.normal(size=(20, 32))
    matrix = centres[random.integers(0, 20, 3000)] + 0.3 * random.normal(size=(3000, 32))
    matrix = (matrix / np.linalg.norm(matrix, axis=1, keepdims=True)).astype(np.float32)
    policy = IndexPolicy("ivf_sq8", "IVF32,SQ8", 0, "index-lists", nprobe=16)
    index = prepare(policy, make_faiss(policy, matrix, list(range(3000))))
    _, found = index.search(matrix[:50], 10)
    exact = np.argsort(-(matrix[:50] @ matrix.T), axis=1)[:, :10]
    recall = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found, exact, strict=True)])
    assert recall > 0.9
    assert np.allclose(index.reconstruct(7), matrix[7], atol=0.05)


def test_nothing_is_pickled(handbook, embedder, tmp_path: Path) -> None:
    home = save_index(build(handbook, embedder), tmp_path)
    with np.load(home / "words.npz", allow_pickle=False) as stored:
        assert set(stored) == {"starts", "columns", "counts"}
