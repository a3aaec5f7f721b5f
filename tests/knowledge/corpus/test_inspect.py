"""`okakae inspect`: one JSON document on stdout, tables for people, the contract's exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from advisor.commands_inspect import inspect
from knowledge.corpus.reading import read


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    data.mkdir()
    (data / "就業規則.md").write_text("# 就業規則\n\n試用期間は6か月です。\n", encoding="utf-8")
    (data / "faq.csv").write_bytes(
        "質問,回答\n試用期間は？,6か月です。\n休憩は？,\n".encode("cp932")
    )
    (data / "tone.jsonl").write_text('{"source": "うん", "target": "はい"}\n', encoding="utf-8")
    (data / "labels.csv").write_text("text,label\n届かない,配送\n", encoding="utf-8")
    return data


def run(*args: object) -> Result:
    return CliRunner().invoke(inspect, [str(arg) for arg in args])


def test_json_is_one_document_with_the_contracts_fields(folder: Path) -> None:
    result = run(folder, "--json", "--lang", "en")
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert document["schema_version"] == 1
    assert [f["path"] for f in document["files"]] == [
        "faq.csv",
        "labels.csv",
        "tone.jsonl",
        "就業規則.md",
    ]
    faq = document["files"][0]
    assert faq["status"] == "warn"
    assert (faq["kind"], faq["encoding"], faq["examples"]) == ("csv", "cp932", 1)
    (problem,) = faq["problems"]
    assert (problem["id"], problem["severity"]) == ("row-without-answer", "warn")
    assert problem["where"] == "line 3"
    assert problem["text"] == "1 rows have no answer and are not used."
    assert problem["fix"]
    assert document["totals"]["documents"] == 1
    assert document["totals"]["examples"] == 3
    assert document["totals"]["languages"] == {"ja": 1.0}
    assert document["totals"]["tokens"] > 0
    assert document["problems"] == []


def test_people_read_tables_in_their_language(folder: Path) -> None:
    japanese, english = run(folder, "--lang", "ja"), run(folder, "--lang", "en")
    assert (japanese.exit_code, english.exit_code) == (0, 0)
    assert "faq.csv" in japanese.stdout and "注意" in japanese.stdout
    assert "回答がありません" in japanese.stdout
    assert "WARN" in english.stdout and "no answer" in english.stdout
    assert "{" not in japanese.stdout + english.stdout


def test_what_was_read_is_written_and_reads_back_the_same(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run(
        folder, "--documents", out / "corpus.jsonl", "--examples", out / "examples.jsonl", "--json"
    )
    assert result.exit_code == 0
    (record,) = [
        json.loads(line) for line in (out / "corpus.jsonl").read_text("utf-8").splitlines()
    ]
    assert record["_id"] == "就業規則.md"
    assert record["title"] == "就業規則"
    assert record["text"] == "# 就業規則\n\n試用期間は6か月です。"
    assert {"source", "where"} <= set(record)
    before, after = read(folder), read(out)
    assert after.documents[0].text == before.documents[0].text
    sides = [(e.kind, e.prompt, e.completion, e.answerable) for e in before.examples]
    assert [(e.kind, e.prompt, e.completion, e.answerable) for e in after.examples] == sides


def test_a_refused_file_ends_with_8_and_the_rest_is_done(folder: Path) -> None:
    (folder / "noise.bin").write_bytes(bytes(range(256)) * 4)
    result = run(folder, "--json")
    assert result.exit_code == 8
    document = json.loads(result.stdout)
    assert document["totals"]["refused"] == 1
    assert document["totals"]["examples"] == 3
    (bad,) = [f for f in document["files"] if f["status"] == "refused"]
    assert bad["path"] == "noise.bin"
    assert bad["problems"][0]["severity"] == "error"


def test_a_path_that_does_not_exist_ends_with_2(folder: Path) -> None:
    result = run(folder, folder / "nowhere", "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"] == "path-missing"


def test_several_paths_keep_their_files_apart(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "more"
    other.mkdir()
    (other / "faq.csv").write_text("質問,回答\n休憩は？,60分\n", encoding="utf-8")
    document = json.loads(run(folder, other, "--json").stdout)
    paths = [f["path"] for f in document["files"]]
    assert len(set(paths)) == len(paths) == 5
    assert document["totals"]["examples"] == 4


def test_every_problem_has_its_words_in_both_languages() -> None:
    """Ids that the readers can report are those of the texts catalog."""
    import re
    import tomllib

    room = Path(__file__).parents[3] / "knowledge"
    folder = room / "catalog" / "texts"
    texts = [key for p in folder.glob("*.toml") for key in tomllib.loads(p.read_text("utf-8"))]
    known = {key.split(".")[1] for key in texts if key.startswith("problem.")}
    source = "\n".join(p.read_text("utf-8") for p in (room / "corpus").glob("*.py"))
    named = set(re.findall(r'(?:Problem|refuse|add)\(\s*"([a-z0-9]+(?:-[a-z0-9]+)+)"', source))
    assert len(named) > 25
    assert named <= known
    assert all(f"problem.{id_}.{part}" in texts for id_ in known for part in ("text", "fix"))
