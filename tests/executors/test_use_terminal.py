"""Asking a finished system on a real terminal: questions, sources by number, ways to leave."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PARKING = "# 駐車場\n\n駐車場は総務課に申し込む。\n\n## 料金\n\n利用料は月4,500円とする。\n"
LEAVE = "# 慶弔休暇\n\n祖父母が死亡したときの慶弔休暇は3日とする。\n"
CTRL_C, CTRL_D = "\x03", "\x04"


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A finished run that quotes two small rules, and its environment."""
    home = tmp_path_factory.mktemp("use")
    papers = home / "papers"
    papers.mkdir()
    (papers / "parking.md").write_text(PARKING, encoding="utf-8")
    (papers / "leave.md").write_text(LEAVE, encoding="utf-8")
    environment = {
        **{k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")},
        "OKAKAE_STATE_DIR": str(home / "state"),
        "OKAKAE_CONFIG_DIR": str(home / "config"),
        "PYTHONPATH": str(ROOT),
        "TERM": "xterm",
    }
    sets = ("goal=new_facts", f"data.path={papers}", "language=ja", "rag.answer=extractive")
    flags = [word for one in sets for word in ("--set", one)]
    for words in (
        ["plan", *flags, "--option", "rag", "--out", "plan.json"],
        ["apply", "plan.json", "--run", "run"],
    ):
        subprocess.run(
            [sys.executable, "-m", "advisor", *words, "--no-input", "--offline"],
            check=True,
            capture_output=True,
            cwd=home,
            env=environment,
        )
    return home, environment


@pytest.fixture
def terminal(asked: tuple[Path, dict[str, str]]) -> Iterator[Any]:
    """`okakae use run` on a pseudo-terminal, waiting for its first question."""
    pexpect = pytest.importorskip("pexpect")
    home, environment = asked
    child = pexpect.spawn(
        sys.executable,
        ["-m", "advisor", "--lang", "ja", "use", "run", "--offline"],
        env=environment,
        encoding="utf-8",
        timeout=120,
        cwd=str(home),
        dimensions=(50, 100),
    )
    child.expect_exact("> ")
    yield child
    child.close(force=True)


def left(child: Any) -> int:
    import pexpect

    child.expect(pexpect.EOF)
    child.close()
    return int(child.exitstatus)


def test_an_answer_names_its_source_and_a_number_opens_it(terminal: Any) -> None:
    terminal.sendline("駐車場の利用料は月いくらですか？")
    terminal.expect_exact("月4,500円")
    terminal.expect_exact("[1]")
    terminal.expect_exact("parking.md")
    terminal.expect_exact("> ")
    terminal.sendline("１")  # as a Japanese keyboard writes it
    terminal.expect_exact("| 利用料は月4,500円とする。")
    terminal.expect_exact("> ")
    terminal.sendline("99")
    terminal.expect_exact("出典 99 はありません")
    terminal.expect_exact("> ")
    terminal.sendline("")
    assert left(terminal) == 0


@pytest.mark.parametrize("key", [CTRL_C, CTRL_D])
def test_ctrl_c_and_ctrl_d_leave_in_peace(terminal: Any, key: str) -> None:
    terminal.send(key)
    assert left(terminal) == 0
    assert "Traceback" not in terminal.before


def test_too_long_and_empty_questions_are_said_plainly_in_a_batch(
    asked: tuple[Path, dict[str, str]],
) -> None:
    home, environment = asked
    questions = [("none", "  "), ("long", "あ" * 100_000), ("good", "駐車場はどこに申し込む？")]
    lines = [json.dumps({"id": id_, "question": text}) for id_, text in questions]
    (home / "in.jsonl").write_text("\n".join(lines), encoding="utf-8")
    words = ["use", "run", "--questions", "in.jsonl", "--out", "out.jsonl", "--offline"]
    subprocess.run(
        [sys.executable, "-m", "advisor", "--lang", "ja", "--no-input", *words],
        check=True,
        capture_output=True,
        cwd=home,
        env=environment,
    )
    replies = [json.loads(line) for line in (home / "out.jsonl").read_text("utf-8").splitlines()]
    assert [reply["abstained"] for reply in replies] == [True, True, False]
    assert "100,000 文字" in replies[1]["answer"]
    assert "総務課" in replies[2]["answer"]
    assert replies[2]["citations"][0]["passage"] >= 1
