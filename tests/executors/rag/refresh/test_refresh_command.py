"""`okakae refresh` on a run: what it prints, records and ends with."""

from __future__ import annotations

import json
import shutil

import pytest
from click.testing import CliRunner
from rag_runs import plan
from small_corpus import HashingEmbedder

from advisor.errors import MachineError
from advisor.session import Session
from executors.base import Context, Question, RunData
from executors.commands.refresh import refresh
from executors.rag.executor import RagExecutor
from executors.rundir import RunDir
from knowledge.corpus.reading import read
from knowledge.corpus.splits import Split


@pytest.fixture
def run(tmp_path, monkeypatch) -> RunDir:
    monkeypatch.setattr("executors.rag.executor.open_embedder", lambda *_: HashingEmbedder())
    monkeypatch.setattr("executors.rag.embedding.open_embedder", lambda *_: HashingEmbedder())
    root = tmp_path / "data"
    root.mkdir()
    (root / "休暇.md").write_text("# 休暇\n\n社員は年に5日の特別休暇を取る。", "utf-8")
    (root / "books.md").write_text("# Books\n\nBooks bought belong to the employee.", "utf-8")
    made = RunDir.create(tmp_path / "run", plan(), root)
    context = Context(Session(lang="en", plain=True, no_input=True, offline=True))
    data = RunData(read(root), Split(train=(), validation=(), test=()))
    RagExecutor().build(plan(), made, data, context)
    made.mark("build")
    made.finish("done")
    return made


def called(run: RunDir, *arguments: str):
    return CliRunner().invoke(refresh, [str(run.path), "--lang", "en", *arguments])


def test_it_says_what_changed_and_the_run_answers_from_it(run, tmp_path) -> None:
    (tmp_path / "data" / "books.md").write_text("# Books\n\nBooks belong to the company.", "utf-8")
    result = called(run, "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 0
    assert (told["changed"], told["unchanged"], told["chunks_embedded"]) == (1, 1, 1)
    assert told["paths"]["changed"] == ["books.md"]
    run.verify_artifacts()
    context = Context(Session(lang="en", plain=True, no_input=True, offline=True))
    system = RagExecutor().open(run, context)
    (reply,) = system.answer([Question("1", "To whom do the books belong?")])
    assert "company" in reply.passages[0].text
    events = [json.loads(line) for line in (run.path / "events.jsonl").read_text().splitlines()]
    assert [e["version"] for e in events if e["event"] == "refresh"] == [told["version"]]
    again = called(run)
    assert again.exit_code == 0 and "up to date (2 documents)" in again.stdout


def test_names_are_listed_for_people(run, tmp_path) -> None:
    (tmp_path / "data" / "books.md").unlink()
    (tmp_path / "data" / "旅費.md").write_text("# 旅費\n\n宿泊費は9,000円まで。", "utf-8")
    result = called(run)
    assert "1 added, 0 changed, 0 moved, 1 deleted, 1 unchanged" in result.stdout
    assert "    旅費.md" in result.stdout and "    books.md" in result.stdout


def test_a_refused_file_ends_with_8_and_the_rest_is_done(run, tmp_path) -> None:
    (tmp_path / "data" / "scan.pdf").write_bytes(b"%PDF-1.4 cut short")
    (tmp_path / "data" / "more.md").write_text("# More\n\nMore rules.", "utf-8")
    result = called(run, "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 8 and told["added"] == 1
    assert told["refused"][0]["path"] == "scan.pdf" and told["refused"][0]["text"]


@pytest.mark.parametrize(
    ("how", "code", "ref"),
    [
        ("gone", 2, "refresh-source-gone"),
        ("changes", 2, "path-missing"),
        ("empty", 6, "corpus-empty"),
        ("embedder", 4, "embedder-missing"),
        ("damaged", 6, "index-damaged"),
        ("locked", 2, "run-locked"),
    ],
)
def test_what_cannot_be_done_is_said_and_the_index_stays(
    run, tmp_path, monkeypatch, how: str, code: int, ref: str
) -> None:
    data = tmp_path / "data"
    before = (run.index / "current.json").read_bytes()
    (data / "books.md").write_text("# Books\n\nBooks belong to nobody.", "utf-8")
    arguments = ["--json"]
    if how == "gone":
        shutil.rmtree(data)
    elif how == "changes":
        arguments += ["--changes", str(tmp_path / "none")]
    elif how == "empty":
        for path in data.iterdir():
            path.unlink()
    elif how == "embedder":

        def missing(*_: object) -> None:
            raise MachineError("embedder-missing", embedder="x")

        monkeypatch.setattr("executors.rag.embedding.open_embedder", missing)
    elif how == "damaged":
        (table,) = run.index.glob("parts/*/documents.json")
        table.write_bytes(table.read_bytes().replace(b"books", b"bookz"))
    if how == "locked":
        with run.locked():
            result = called(run, *arguments)
    else:
        result = called(run, *arguments)
    assert result.exit_code == code
    assert json.loads(result.stdout)["error"] == ref
    assert (run.index / "current.json").read_bytes() == before


def test_a_run_of_another_road_has_no_index(tmp_path) -> None:
    from dataclasses import replace

    made = RunDir.create(tmp_path / "run", replace(plan(), executor="prompting"), None)
    result = called(made, "--json")
    assert result.exit_code == 2 and json.loads(result.stdout)["error"] == "refresh-no-index"


def test_resuming_a_run_whose_index_was_damaged_builds_it_again(run) -> None:
    run.forget_lost_stages()
    assert run.done("build")
    (vectors,) = run.index.glob("parts/*/vectors.faiss")
    vectors.write_bytes(vectors.read_bytes()[:-1])
    run.forget_lost_stages()
    assert not run.done("build")
