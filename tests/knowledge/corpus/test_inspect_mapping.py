"""Which columns became question and answer: shown for every format, and set with `--map`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from advisor.commands_inspect import inspect


def run(*args: object) -> Result:
    return CliRunner().invoke(inspect, [*map(str, args), "--lang", "en"])


def document(*args: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(*args, "--json").stdout)
    return found


TURNS = [("user", "休憩は？"), ("assistant", "60分です。")]
FORMATS = {
    "alpaca": {"instruction": "訳せ", "input": "犬", "output": "dog"},
    "prompt_completion": {"prompt": "休憩は？", "completion": "60分です。"},
    "messages": {"messages": [{"role": role, "content": text} for role, text in TURNS]},
    "sharegpt": {
        "conversations": [
            {"from": name, "value": text}
            for name, (_, text) in zip(("human", "gpt"), TURNS, strict=True)
        ]
    },
    "columns": {"ご質問": "休憩は？", "ご回答": "60分です。"},
}
NAMES = {
    "alpaca": {"question": "instruction", "answer": "output", "context": "input"},
    "prompt_completion": {"question": "prompt", "answer": "completion"},
    "messages": {"question": "user", "answer": "assistant"},
    "sharegpt": {"question": "human", "answer": "gpt"},
    "columns": {"question": "ご質問", "answer": "ご回答"},
}


@pytest.mark.parametrize("format_", FORMATS)
def test_what_was_taken_is_told(tmp_path: Path, format_: str) -> None:
    record = json.dumps(FORMATS[format_], ensure_ascii=False)
    (tmp_path / "rows.jsonl").write_text(f"{record}\n{record}\n", "utf-8")
    (file,) = document(tmp_path)["files"]
    assert file["mapping"] == [{"kind": "qa", "format": format_, **NAMES[format_], "rows": 2}]
    assert f"question = {NAMES[format_]['question']}" in run(tmp_path).stdout


@pytest.fixture
def mail(tmp_path: Path) -> Path:
    """A table whose names nobody foresaw, so that it is read as a document."""
    data = tmp_path / "data"
    data.mkdir()
    rows = "受付日,お客様の声,返信文\n4/1,届きません,お調べします。\n4/2,壊れました,交換します。\n"
    (data / "mail.csv").write_text(rows, "utf-8")
    return data


def test_names_can_be_given(mail: Path) -> None:
    assert document(mail)["totals"]["examples"] == 0
    found = document(mail, "--map", "question=お客様の声,answer=返信文")
    assert (found["totals"]["examples"], found["totals"]["documents"]) == (2, 0)
    assert found["files"][0]["mapping"] == [
        {"kind": "qa", "format": "columns", "question": "お客様の声", "answer": "返信文", "rows": 2}
    ]


def test_names_can_be_given_for_one_file_and_another_kind(mail: Path, tmp_path: Path) -> None:
    (mail / "faq.jsonl").write_text('{"question": "休憩は？", "answer": "60分"}\n', "utf-8")
    out = tmp_path / "examples.jsonl"
    ask = "mail.csv:question=お客様の声,answer=返信文,kind=rewrite"
    assert run(mail, "--map", ask, "--examples", out).exit_code == 0
    kinds = [json.loads(line)["kind"] for line in out.read_text("utf-8").splitlines()]
    assert kinds == ["qa", "rewrite", "rewrite"]


def test_names_given_go_before_names_known(tmp_path: Path) -> None:
    (tmp_path / "faq.csv").write_text("質問,回答,正しい回答\n休憩は？,?,60分\n", "utf-8")
    (file,) = document(tmp_path, "--map", "question=質問,answer=正しい回答")["files"]
    assert file["mapping"][0]["answer"] == "正しい回答"


@pytest.mark.parametrize(
    ("ask", "error", "near"),
    [
        ("question=お客様の声,answer=返信", "map-name", "返信文"),
        ("queston=お客様の声,answer=返信文", "map-key", "question"),
        ("question=お客様の声,answer=返信文,kind=qq", "map-key", "qa"),
        ("mial.csv:question=お客様の声,answer=返信文", "map-file", "mail.csv"),
        ("question=お客様の声", "map-sides", ""),
        ("", "map-key", ""),
        ("question=お客様の声,answer=お客様の声,context=日付", "map-name", ""),
    ],
)
def test_unknown_names_are_refused_with_what_is_near(
    mail: Path, ask: str, error: str, near: str
) -> None:
    result = run(mail, "--map", ask, "--json")
    assert result.exit_code == 2
    told = json.loads(result.stdout)
    assert told["error"] == error
    assert near in told["fix"]


def test_two_columns_of_different_tables_make_no_pair(mail: Path) -> None:
    (mail / "other.csv").write_text("部署,担当\n総務,窓口\n", "utf-8")
    result = run(mail, "--map", "question=お客様の声,answer=担当", "--json")
    assert (result.exit_code, json.loads(result.stdout)["error"]) == (2, "map-unused")


def test_a_map_is_not_answered_from_another_reading(
    mail: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OKAKAE_READ_CACHE", "on")
    monkeypatch.setenv("OKAKAE_CACHE_DIR", str(tmp_path / "cache"))
    ask = ("--map", "question=お客様の声,answer=返信文")
    for _ in range(2):
        assert document(mail)["totals"]["examples"] == 0
        first = document(mail, *ask)["files"][0]
        assert first["mapping"] == document(mail, *ask)["files"][0]["mapping"] != []
