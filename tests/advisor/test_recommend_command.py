"""`okakae recommend`: the promised JSON, a page no wider than the screen, faults all at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.cells import cell_len

from advisor.commands_recommend import recommend
from advisor.render_advice import wrap

OPTION_FIELDS = {
    *("rank", "approach", "method", "variant", "base_model", "place", "score", "confidence"),
    *("blocked_by", "reasons", "estimates", "runnable"),
}


@pytest.fixture
def handbook(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "rules.md").write_text("# 休暇\n\n年次有給休暇は20日です。\n" * 30, encoding="utf-8")
    answers = tmp_path / "answers.toml"
    answers.write_text(
        f'schema_version = 1\ngoal = "new_facts"\n"data.path" = {json.dumps(str(folder))}\n'
        'gpu = "vram-12"\n',
        encoding="utf-8",
    )
    return answers


def call(*args: str, columns: int = 100):
    return CliRunner(env={"COLUMNS": str(columns)}).invoke(recommend, list(args))


def test_json_is_one_document_of_the_promised_form(handbook):
    result = call("--answers", str(handbook), "--json", "--no-input")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["schema_version"] == 1
    assert document["chosen"] == document["options"][0]["approach"] == "prompting"
    assert document["options"][0]["variant"] == "whole_corpus", "a page fits into the prompt"
    assert document["options"][0]["runnable"] is True, "a card of 12 GB can read it"
    assert document["pilot"] is None
    assert set(document["knowledge"]) == {"version", "sha256"}
    for option in document["options"]:
        assert set(option) >= OPTION_FIELDS
        for reason in option["reasons"]:
            assert set(reason) >= {"rule", "effect", "text", "sources"}
        for estimate in option["estimates"].values():
            assert set(estimate) >= {"low", "likely", "high", "unit", "basis"}
    assert all(isinstance(text, str) for text in document["changes_if"] + document["unknowns"])


@pytest.mark.parametrize("columns", [60, 100])
@pytest.mark.parametrize(("lang", "chosen"), [("ja", "おすすめ"), ("en", "CHOSEN")])
def test_the_page_fits_the_screen(handbook, columns, lang, chosen):
    result = call("--answers", str(handbook), "--no-input", "--lang", lang, columns=columns)
    assert result.exit_code == 0, result.output
    assert chosen in result.stdout
    assert "arxiv.org/abs/2312.05934" in result.stdout.replace("\n", "").replace(" ", "")
    widest = max(result.stdout.splitlines(), key=cell_len)
    assert cell_len(widest) <= columns, widest
    assert "…" not in result.stdout, "something was cut off"


def test_a_set_value_wins_over_the_file(handbook):
    args = ("--answers", str(handbook), "--json", "--no-input", "--set", "goal=style_or_tone")
    document = json.loads(call(*args).stdout)
    assert "facts-look-them-up" not in {r["rule"] for r in document["options"][0]["reasons"]}


def test_contradictions_end_with_the_contracts_code_and_no_traceback(handbook):
    args = ("--answers", str(handbook), "--no-input", "--lang", "en")
    result = call(*args, "--set", "confidential=all", "--set", "apis=yes")
    assert result.exit_code == 3
    assert "Traceback" not in result.output
    assert "needs-confidential-api" in result.output or "hosted APIs" in result.output


@pytest.mark.parametrize("width", [20, 40, 58])
def test_wrapping_keeps_every_character_and_the_width(width):
    text = "資料にある事実は、学習させるより検索して渡すほうが正確です。 https://arxiv.org/abs/2312.05934"
    lines = wrap(text, width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
