"""The command line: exit codes, languages, suggestions, help that fits the screen, light starts."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from advisor import cli
from advisor.render import cells
from advisor.texts import t
from knowledge.catalog import texts


def run(*words: str) -> Result:
    return CliRunner().invoke(cli.main, list(words))


@pytest.mark.parametrize("width", [60, 80])
@pytest.mark.parametrize("lang", ["ja", "en"])
@pytest.mark.parametrize("command", [(), ("ask",), ("doctor",), ("recommend",), ("inspect",)])
def test_help_fits_the_screen(
    home: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], lang: str, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    result = run("--lang", lang, *command, "--help")
    assert result.exit_code == 0
    assert max(cells(line) for line in result.stdout.splitlines()) <= width
    assert ("使い方" if lang == "ja" else "Usage") in result.stdout


def test_help_speaks_the_language_named_after_it(home: Path) -> None:
    assert "Commands:" in run("--help", "--lang", "en").stdout
    assert "コマンド:" in run("--help", "--lang=ja").stdout


def test_every_option_of_the_group_speaks_the_language_named(home: Path) -> None:
    for lang, other in (("en", "ja"), ("ja", "en")):
        page = run("--lang", lang, "--help").stdout
        assert t("option.lang", lang) in page and t("option.lang", other) not in page


def test_ask_without_a_name_never_writes_over_older_answers(home: Path) -> None:
    for goal in ("code", "translation"):
        assert run("ask", "--set", f"goal={goal}").exit_code == 0
    assert 'goal = "code"' in (home / "answers.toml").read_text(encoding="utf-8")
    assert 'goal = "translation"' in (home / "answers-2.toml").read_text(encoding="utf-8")


def test_a_wrong_answer_is_told_once(home: Path) -> None:
    result = run("ask", "--set", "goal=cod", "--json")
    told = [fault["where"].split()[0] for fault in json.loads(result.stdout)["faults"]]
    assert result.exit_code == 3 and told == ["goal", "data.path"]


def test_the_next_command_can_be_pasted(home: Path) -> None:
    result = run("ask", "--answers", "my folder/回答 1.toml", "--set", "goal=code")
    line = result.stdout.strip().splitlines()[-1]
    assert shlex.split(line)[-1] == "my folder/回答 1.toml"


@pytest.mark.parametrize(("lang", "said"), [("ja", "数を指定してください"), ("en", "a number")])
def test_a_flag_that_needs_a_number_says_so(home: Path, lang: str, said: str) -> None:
    result = run("--lang", lang, "estimate", "--model", "x", "--batch-size", "many")
    assert result.exit_code == 2 and said in result.stderr


def test_a_cp932_console_gets_plain_signs_for_what_it_lacks(home: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "advisor", "--lang", "ja", "estimate"),
            *("--method", "lora", "--model", "google/gemma-3-270m"),
        ],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "cp932"},
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode("cp932")
    told = done.stdout.decode("cp932")
    assert "GPU" in told and "<=" in told and "?" not in told


def test_every_character_of_the_japanese_texts_has_a_sign_that_cp932_holds() -> None:
    lacking = {
        character
        for languages in texts.all_texts().values()
        for character in languages["ja"]
        if not character.encode("cp932", errors="ignore")
    }
    assert lacking <= set(cli._PLAIN)
    assert "".join(cli._PLAIN[c] for c in lacking).encode("cp932")


def test_without_a_terminal_okakae_alone_shows_help(home: Path) -> None:
    result = run("--lang", "ja")
    assert result.exit_code == 0 and "recommend" in result.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("recomend",), "recommend"),
        (("ask", "--anwsers", "x"), "--answers"),
        (("recommend", "--lang", "fr"), "ja, en"),
        (("zzzz",), "zzzz"),
        (("recommend", "--answers", "gone.toml"), "gone.toml"),
        (("ask", "--set", "goal"), "id=value"),
        (("recommend", "--allow", "everything"), "everything"),
    ],
)
def test_wrong_calls_end_with_2_and_help(home: Path, words: tuple[str, ...], said: str) -> None:
    result = run("--lang", "en", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr and "Traceback" not in result.stderr


def test_missing_answers_end_with_3_and_name_each(home: Path) -> None:
    result = run("recommend", "--json", "--no-input", "--lang", "en")
    assert result.exit_code == 3
    document = json.loads(result.stdout)
    assert [fault["id"] for fault in document["faults"]] == [
        "answer-missing",
        "answer-missing-papers",
    ]
    assert [fault["where"] for fault in document["faults"]] == ["goal", "data.path"]
    assert "new_facts" in document["faults"][0]["text"]


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_every_fault_is_told_with_its_place_and_what_to_do(home: Path, lang: str) -> None:
    wrong = ("--set", "goal=code", "--set", "confidential=all", "--set", "gpu=kaggle")
    result = run("recommend", "--json", "--lang", lang, *wrong, "--set", "budgte_jpy=5")
    document = json.loads(result.stdout)
    assert (result.exit_code, document["exit_code"]) == (3, 3)
    told = {fault["where"]: fault for fault in document["faults"]}
    assert set(told) == {"gpu, confidential", "budgte_jpy (--set)"}
    assert "budget_jpy" in told["budgte_jpy (--set)"]["text"]
    assert told["gpu, confidential"]["fix"]
    assert told["gpu, confidential"]["fix"] in " ".join(result.stderr.split())


@pytest.mark.parametrize("command", ["ask", "recommend"])
def test_a_broken_answers_file_is_named_line_by_line_and_left_alone(
    home: Path, command: str
) -> None:
    content = "goal = 'code'\nbudget_jpy = 30\ngpu = 'vram"
    (home / "a.toml").write_text(content)
    result = run(command, "--answers", "a.toml", "--set", "goal=code", "--lang", "en")
    assert result.exit_code == 2
    assert "gpu = 'vram" in result.stderr and "- 3: " in result.stderr
    assert (home / "a.toml").read_text() == content


def test_a_pattern_that_no_question_fits_is_told(home: Path) -> None:
    result = run("ask", "--ask", "buget*", "--set", "goal=code", "--lang", "en")
    assert result.exit_code == 2 and "budget_jpy" in result.stderr
    assert not (home / "answers.toml").exists()


def test_ask_without_a_terminal_writes_a_file(home: Path) -> None:
    result = run(
        "ask", "--answers", "a.toml", "--set", "goal=code", "--set", "budget_jpy=5万", "--json"
    )
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    assert document["answers"]["budget_jpy"]["value"] == 50_000
    assert document["answers"]["skills"]["source"] == "default"
    assert 'goal = "code"' in (home / "a.toml").read_text(encoding="utf-8")


def test_recommend_goes_all_the_way(home: Path, papers: Path) -> None:
    result = run("recommend", "--set", "goal=new_facts", "--set", "data.path=papers", "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["options"]


def test_plugged_in_commands_are_listed_unloaded_and_loaded_when_called(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = home / "other-1.0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text(
        "[console_scripts]\nx = y:z\n\n[okakae.commands]\nwave = other_package.hello:wave\n"
    )
    monkeypatch.syspath_prepend(str(home))
    assert dict(cli.entry_points())["wave"] == "other_package.hello:wave"
    assert "wave" in run("--help").stdout
    result = run("--lang", "en", "wave")
    assert result.exit_code == 2 and "other_package" in result.stderr


def test_the_help_page_loads_nothing_heavy() -> None:
    code = (
        "import sys; from advisor.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'pydantic', 'rich', 'questionary', 'prompt_toolkit', 'torch', 'psutil',\n"
        "         'importlib.metadata', 'asyncio'}\n"
        "sys.exit(str(sorted(heavy & set(sys.modules))) if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_closed_pipe_is_no_error(home: Path) -> None:
    root = Path(__file__).parents[2]
    command = f"cd {root} && {sys.executable} -m advisor --help | head -1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1


def test_version_names_the_knowledge(home: Path) -> None:
    assert "2026" in run("--version").stdout
