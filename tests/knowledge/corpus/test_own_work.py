"""What okakae wrote into a data folder is no material; names of any encoding are read."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from knowledge.corpus.reading import read
from knowledge.corpus.walking import walk

PLAN = {"seal": "0" * 64, "executor": "rag", "config_why": {}, "inputs": []}


def written(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    written(tmp_path / "rules.md", "# 規程\n\n休みは年に10日です。\n")
    return tmp_path


def names(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in walk(folder)]


def test_plans_answers_and_runs_among_the_data_are_passed_over(data: Path) -> None:
    written(data / "plan.json", PLAN)
    written(data / "計画" / "よい案.json", PLAN)
    written(data / "answers.toml", "# okakae の回答。\ngoal = 'code'\n")
    written(data / "runs" / "one" / "manifest.json", {"plan_seal": "0", "status": "running"})
    written(data / "runs" / "one" / "report.md", "# 報告書\n\n本文\n")
    written(data / "runs" / "demo" / "plans" / "rag.json", PLAN)
    written(data / "runs" / "demo" / "company" / "copied.md", "# 写し\n\n本文\n")
    assert names(data) == ["rules.md"]
    assert [document.id for document in read(data).documents] == ["rules.md"]


def test_files_that_only_look_alike_are_material(data: Path) -> None:
    written(data / "plan.json", {"title": "事業計画", "text": "来年は工場を広げます。"})
    written(data / "site" / "manifest.json", {"name": "app"})
    written(data / "site" / "page.md", "# 案内\n\n本文\n")
    written(data / "plans" / "2027.md", "# 計画\n\n本文\n")
    written(data / "broken.json", "{")
    written(data / "pyproject.toml", "[project]\n")
    assert set(names(data)) == {
        "rules.md",
        "plan.json",
        "site/manifest.json",
        "site/page.md",
        "plans/2027.md",
        "broken.json",
        "pyproject.toml",
    }


def test_a_run_named_itself_is_read(data: Path) -> None:
    """The folder that a person names is material, whatever it is."""
    written(data / "manifest.json", {"plan_seal": "0"})
    assert "rules.md" in names(data)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps file names as bytes")
@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("規程.md".encode("cp932"), "規程.md"),
        (b"\x81\xff.md", "\ufffd\ufffd.md"),
    ],
)
def test_a_file_name_that_is_not_utf8_is_read(data: Path, raw: bytes, shown: str) -> None:
    with open(os.path.join(os.fsencode(data), raw), "wb") as stream:  # noqa: PTH118, PTH123 – names as bytes
        stream.write("# 規程\n\n有給は20日です。\n".encode())
    corpus = read(data)
    assert {document.id for document in corpus.documents} == {"rules.md", shown}
    json.dumps([document.id for document in corpus.documents], ensure_ascii=False).encode()
