"""A run whose passages lie on Milvus: built, refreshed, asked, and refused where it must be."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import CliRunner
from rag_runs import plan
from small_corpus import HashingEmbedder

from advisor.errors import Forbidden
from advisor.session import Session
from executors.base import Context, Question, RunData
from executors.commands.refresh import refresh
from executors.rag.executor import RagExecutor
from executors.rundir import RunDir
from knowledge.corpus.reading import read
from knowledge.corpus.splits import Split

QUIET = pytest.mark.filterwarnings("ignore")
NEEDS_MILVUS = pytest.mark.skipif(
    not (find_spec("pymilvus") and find_spec("milvus_lite")),
    reason="the extra okakae[milvus] is not installed",
)


def prepared(tmp_path: Path, monkeypatch, **config) -> tuple[RunDir, RunData]:
    monkeypatch.setattr("executors.rag.executor.open_embedder", lambda *_: HashingEmbedder())
    monkeypatch.setattr("executors.rag.embedding.open_embedder", lambda *_: HashingEmbedder())
    root = tmp_path / "data"
    root.mkdir()
    (root / "休暇.md").write_text("# 休暇\n\n社員は年に5日の特別休暇を取る。", "utf-8")
    (root / "books.md").write_text("# Books\n\nBooks bought belong to the employee.", "utf-8")
    run = RunDir.create(tmp_path / "run", plan(**{"rag.store": "milvus", **config}), root)
    return run, RunData(read(root), Split(train=(), validation=(), test=()))


def context(**more) -> Context:
    return Context(Session(lang="en", plain=True, no_input=True, **more))


@QUIET
@NEEDS_MILVUS
def test_a_run_on_milvus_is_built_refreshed_and_asked(tmp_path, monkeypatch) -> None:
    run, data = prepared(tmp_path, monkeypatch)
    RagExecutor().build(run.plan, run, data, context(offline=True))
    run.mark("build")
    asked = Question("1", "To whom do the books belong?")
    for expected in ("employee", "company"):
        system = RagExecutor().open(run, context(offline=True))
        (reply,) = system.answer([asked])
        system.retriever.store.close()
        assert expected in reply.passages[0].text
        changed = "# Books\n\nBooks bought belong to the company."
        (tmp_path / "data" / "books.md").write_text(changed, "utf-8")
        result = CliRunner().invoke(refresh, [str(run.path), "--json"])
        assert result.exit_code == 0, result.output
    run.verify_artifacts()


def test_a_cluster_is_refused_before_anything_is_embedded(tmp_path, monkeypatch) -> None:
    run, data = prepared(tmp_path, monkeypatch, **{"rag.milvus_uri": "https://milvus.example.com"})
    with pytest.raises(Forbidden) as error:
        RagExecutor().build(run.plan, run, data, context())
    assert error.value.ref == "no-consent"
    assert not run.index.exists()


def test_missing_packages_are_named(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("executors.rag.search.place.find_spec", lambda _: None)
    lacks = RagExecutor().check(plan(**{"rag.store": "milvus"}), tmp_path)
    assert [lack.values["package"] for lack in lacks] == ["pymilvus", "milvus-lite"]
