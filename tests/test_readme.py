"""The two READMEs say the same, and nothing that this checkout does not have."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from advisor.cli import main
from knowledge.catalog.loader import load

ROOT = Path(__file__).parents[1]
NAMES = ("README.md", "README.ja.md")
READMES = pytest.mark.parametrize("name", NAMES)
SHELLS = ("sh", "bat")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
PROGRAM = re.compile(r"(?:^|[\\/])okakae$")


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _blocks(name: str) -> list[tuple[str, list[str]]]:
    """Language and lines of every fenced block that is labelled, without comments."""
    return [
        (label, [re.sub(r"\s+# .*", "", line).rstrip() for line in body.splitlines()])
        for label, body in FENCE.findall(_text(name))
        if label in (*SHELLS, "toml")
    ]


def _inline(name: str) -> list[str]:
    return INLINE.findall(FENCE.sub("", _text(name)))


def _calls(name: str) -> list[list[str]]:
    """The words after `okakae` wherever the README calls it."""
    lines = [line for label, body in _blocks(name) if label in SHELLS for line in body]
    calls = []
    for line in [*lines, *_inline(name)]:
        words = shlex.split(line.replace("\\", "/"), comments=True)
        if words and PROGRAM.search(words[0]):
            calls.append(words[1:])
    return calls


def _headings(name: str) -> list[int]:
    text = FENCE.sub("", _text(name))
    return [len(marks) for marks in re.findall(r"^(#+) ", text, re.MULTILINE)]


def _tree(name: str) -> list[str]:
    """Every path of the file tree, from the indentation of its block."""
    (body,) = [b for label, b in FENCE.findall(_text(name)) if not label and "advisor/" in b]
    paths, room = [], ""
    for line in body.splitlines():
        entry = line.split()[0]
        if not line.startswith(" "):
            room = entry
        paths.append(entry if entry == room else room + entry)
    return paths


def _help(*words: str) -> str:
    done = CliRunner().invoke(main, ["--lang", "en", *words, "--help"])
    assert done.exit_code == 0, f"okakae {' '.join(words)}: {done.output}"
    return done.output


def _options(page: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", page))


def _page_of(call: list[str]) -> str:
    """The help page that speaks of a call: of the command, or of the command of a group."""
    words: list[str] = []
    command: click.Command | None = main
    for word in call:
        if not isinstance(command, click.Group) or word.startswith("-"):
            break
        command = command.get_command(click.Context(command), word)
        words.append(word)
    return _help(*words)


def test_both_have_the_same_headings() -> None:
    english, japanese = map(_headings, NAMES)
    assert english == japanese
    assert len(english) > 5


def test_both_have_the_same_commands() -> None:
    english, japanese = map(_blocks, NAMES)
    assert english == japanese
    assert {"sh", "bat", "toml"} <= {label for label, _ in english}


def test_both_have_the_same_tables() -> None:
    # A terminal's table in a fence breaks its lines by language; Markdown's own rows do not.
    prose = [re.sub(r"```text.*?```", "", _text(name), flags=re.DOTALL) for name in NAMES]
    rows = [re.findall(r"^\|.*\|$", text, re.MULTILINE) for text in prose]
    assert [row.count("|") for row in rows[0]] == [row.count("|") for row in rows[1]]


@READMES
def test_every_command_is_in_the_help(name: str) -> None:
    listed = re.findall(r"^  ([a-z]+)\b", _help().split("Commands:")[1], re.MULTILINE)
    named = {call[0] for call in _calls(name) if call and not call[0].startswith("-")}
    assert len(named) > 5
    assert named <= set(listed)


@READMES
def test_every_option_is_in_the_help_of_its_command(name: str) -> None:
    seen = 0
    for call in _calls(name):
        named = {word.split("=")[0] for word in call if word.startswith("--")}
        seen += len(named)
        assert named <= _options(_page_of(call)), call
    assert seen > 5


@READMES
def test_options_named_alone_belong_to_some_command(name: str) -> None:
    commands = main.list_commands(click.Context(main))
    known = set().union(*(_options(_help(command)) for command in commands))
    alone = {words[0] for code in _inline(name) if (words := code.split())[0].startswith("--")}
    assert "--offline" in alone
    assert alone <= known


@READMES
def test_every_setting_is_a_question_or_a_setting(name: str) -> None:
    named = set(re.findall(r"--set ([\w.]+)=", _text(name)))
    assert {"goal", "endpoint.url"} <= named
    assert named <= {*load("questions"), *load("settings")}


@READMES
def test_every_make_target_exists(name: str) -> None:
    lines = [line for label, body in _blocks(name) if label == "sh" for line in body]
    targets = {line.split()[1] for line in lines if line.startswith("make ")}
    assert "demo" in targets
    for target in targets:
        assert re.search(rf"^{target}:", _text("Makefile"), re.MULTILINE), target


@READMES
def test_the_torch_it_names_is_the_one_that_is_pinned(name: str) -> None:
    assert set(re.findall(r"torch==[\d.]+", _text(name))) == {
        line for line in _text("constraints.txt").splitlines() if line.startswith("torch==")
    }


@READMES
def test_every_path_of_the_tree_exists(name: str) -> None:
    paths = _tree(name)
    assert len(paths) > 15
    assert [path for path in paths if not (ROOT / path).exists()] == []
    assert [path for path in paths if path.endswith("/") != (ROOT / path).is_dir()] == []


def test_both_draw_the_same_tree() -> None:
    assert _tree(NAMES[0]) == _tree(NAMES[1])


@READMES
def test_every_local_link_leads_somewhere(name: str) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", _text(name))
    assert next(other for other in NAMES if other != name) in links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_record_it_shows_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (body,) = (body for label, body in FENCE.findall(_text(NAMES[0])) if label == "toml")
    (tmp_path / "knowledge").mkdir()
    (tmp_path / "knowledge" / "models.toml").write_text(body, encoding="utf-8")
    monkeypatch.setenv("OKAKAE_CONFIG_DIR", str(tmp_path))
    models = load("models")
    mine, like = models["your-company/house-8b"], models["meta-llama/Llama-3.1-8B"]
    assert mine.params == like.params
    assert mine.date != like.date


@READMES
def test_nothing_is_left_to_fill_in(name: str) -> None:
    assert "@@" not in _text(name)
