"""Drafts are written, walked through, kept when interrupted, and never overwrite other files."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from advisor.commands_inspect import inspect
from advisor.inspect_draft import read_drafts, walk
from advisor.prompts import NumberedAsker
from advisor.session import Session


def run(*args: object) -> Result:
    return CliRunner().invoke(inspect, [str(arg) for arg in args])


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    folder = tmp_path / "papers"
    folder.mkdir()
    text = (
        "# 賃金規程\n\n賃金は、毎月20日に締め切って計算し、当月末日に支払う。\n\n"
        "交通手当は、月額10,000円までの範囲内において支給する。\n\n社員の定年は、満65歳とする。\n"
    )
    (folder / "賃金規程.md").write_text(text, encoding="utf-8")
    return folder


def test_drafts_are_written_with_passage_and_document(papers: Path, tmp_path: Path) -> None:
    out = tmp_path / "drafts.jsonl"
    result = run(papers, "--draft", out, "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["drafts"] == {
        **{"out": str(out), "drafts": 3, "accepted": 0, "method": "extractive"}
    }
    for record in read_drafts(out):
        assert record["doc_ids"] == ["賃金規程.md"]
        assert record["gold_passage"] in (papers / "賃金規程.md").read_text("utf-8")
        assert (record["status"], record["reviewed"]) == ("draft", False)


def typed(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


def test_a_person_accepts_edits_skips_and_goes_on_later(
    papers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, session: Session
) -> None:
    out = tmp_path / "drafts.jsonl"
    run(papers, "--draft", out)
    typed(monkeypatch, "1", "2", "給料日はいつですか？", "月末です。", "4")
    walk(out, read_drafts(out), NumberedAsker(), session)
    first, second, third = read_drafts(out)
    assert (first["status"], first["reviewed"]) == ("accepted", True)
    assert (second["status"], second["question"]) == ("edited", "給料日はいつですか?")
    assert third["status"] == "draft"
    assert run(papers, "--draft", out).exit_code == 0  # drafted again: decisions stay
    typed(monkeypatch, "3")
    walk(out, read_drafts(out), NumberedAsker(), session)
    assert [r["status"] for r in read_drafts(out)] == ["accepted", "edited", "skipped"]


def test_an_interruption_keeps_what_was_decided(
    papers: Path, tmp_path: Path, session: Session
) -> None:
    out = tmp_path / "drafts.jsonl"
    run(papers, "--draft", out)

    class Leaves(NumberedAsker):
        answers = iter(["accept"])

        def choose(self, *_: Any) -> str:
            answer = next(self.answers, None)
            if answer is None:
                raise KeyboardInterrupt
            return answer

    with pytest.raises(KeyboardInterrupt):
        walk(out, read_drafts(out), Leaves(), session)
    assert [r["reviewed"] for r in read_drafts(out)] == [True, False, False]


def test_somebody_elses_file_is_left_alone(papers: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine.jsonl"
    out.write_text('{"question": "?"}\n', encoding="utf-8")
    result = run(papers, "--draft", out, "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"] == "draft-file-other"
    assert out.read_text("utf-8") == '{"question": "?"}\n'


@pytest.mark.parametrize("flags", [["--review"], ["--review", "--draft", "x.jsonl"]])
def test_a_review_needs_a_file_and_a_terminal(papers: Path, flags: list[str]) -> None:
    assert run(papers, *flags, "--no-input").exit_code == 2
