"""A machine of one's own: state, settings and environment that no other test sees."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from keys import Screen, screens

ROOT = Path(__file__).parents[2]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, with state and settings beside it."""
    for name in list(os.environ):
        if name.startswith("OKAKAE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("OKAKAE_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("OKAKAE_CONFIG_DIR", str(tmp_path / "config"))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    from advisor.texts import set_lang

    yield work
    set_lang(None)


@pytest.fixture
def papers(home: Path) -> Path:
    """A small folder of material."""
    folder = home / "papers"
    folder.mkdir()
    text = "有給休暇は入社から六か月で十日付与されます。申請は上長に行ってください。\n" * 20
    (folder / "leave.md").write_text(f"# 休暇規程\n\n{text}", encoding="utf-8")
    return folder


@pytest.fixture
def answered(home: Path, papers: Path) -> Path:
    """An answers file in which every core question is answered."""
    from keys import CORE, toml

    path = home / "a.toml"
    path.write_text(toml(CORE), encoding="utf-8")
    return path


@pytest.fixture(params=screens(1))
def screen(request: pytest.FixtureRequest) -> Screen:
    """Japanese at 60 columns; by `make test-slow` also English, and 100 columns."""
    return Screen(*request.param)


@pytest.fixture
def terminal(home: Path, screen: Screen) -> Iterator[Any]:
    """Starts okakae on a pseudo-terminal as large as the screen: `terminal("ask")`."""
    pexpect = pytest.importorskip("pexpect")
    started: list[Any] = []

    def start(*words: str, rows: int = 50, line: str = "", code: str = "", **env: str) -> Any:
        """Words for okakae; or a shell's `line` with `okakae` in it; or a program of its own."""
        okakae = f'okakae() {{ "{sys.executable}" -m advisor --lang {screen.lang} "$@"; }}; {line}'
        program, given = sys.executable, ["-m", "advisor", "--lang", screen.lang, *words]
        if line:
            program, given = "bash", ["-c", okakae]
        elif code:
            given = ["-c", code]
        child = pexpect.spawn(
            program,
            given,
            # No answer to «where is the cursor?» comes from a test's terminal.
            env={
                **{k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")},
                "TERM": "xterm",
                "PROMPT_TOOLKIT_NO_CPR": "1",
                "PYTHONPATH": str(ROOT),
                **env,
            },
            dimensions=(rows, screen.columns),
            encoding=env.get("PYTHONIOENCODING", "utf-8"),
            timeout=60,
            cwd=home,
        )
        child.screen = screen
        # Tests wait for a prompt before they press a key; pexpect need not wait as well.
        child.delaybeforesend = None
        child.delayafterclose = child.ptyproc.delayafterclose = 0.01
        started.append(child)
        return child

    yield start
    for child in started:
        child.close(force=True)
