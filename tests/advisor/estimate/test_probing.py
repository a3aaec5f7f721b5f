"""`okakae estimate --probe`: what cannot be measured is refused before anything heavy is loaded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from advisor import rates
from advisor.cli import Okakae
from advisor.commands_estimate import estimate
from advisor.estimate import own_runs


def run(*arguments: str) -> Result:
    words = ["--model", "starter", "--method", "lora", "--lang", "en", "--json", *arguments]
    return CliRunner().invoke(estimate, words)


@pytest.fixture(autouse=True)
def nothing_said() -> Iterator[None]:
    yield
    rates.state([])


@pytest.mark.parametrize(
    ("arguments", "code", "ref"),
    [
        (("--data", "."), 2, "probe-flag-missing"),
        (("--answers", "a.toml"), 2, "probe-flag-missing"),
        (("--probe", "--data", ".", "--answers", "a.toml"), 2, "probe-data-twice"),
        (("--probe", "--device", "cpu", "--data", "nowhere"), 2, "path-missing"),
        (("--probe", "--device", "cpu", "--loss", "full"), 2, "probe-other-recipe"),
        (("--probe", "--gpus", "2"), 2, "probe-other-recipe"),
        (("--probe", "--device", "cpu", "--batch-size", "0"), 2, "estimate-impossible"),
        (("--probe", "--device", "cpu", "--currency", "XXX"), 2, "estimate-impossible"),
        (("--probe",), 4, "probe-no-gpu"),
    ],
)
def test_flags_that_cannot_be_measured_are_refused(
    arguments: tuple[str, ...], code: int, ref: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("advisor.detect.gpus", lambda: ())
    result = run(*arguments)
    assert result.exit_code == code, result.output
    document = json.loads(result.stdout)
    assert document["error"] == ref
    assert (document["text"] and document["fix"]) or ref == "estimate-impossible"


def test_a_rate_that_is_said_is_stronger_than_the_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("advisor.detect.gpus", lambda: ())
    answers = tmp_path / "answers.toml"
    answers.write_text(
        'goal = "style_or_tone"\nusd_jpy = 140\nelectricity_jpy_per_kwh = 27\n', encoding="utf-8"
    )
    said = ("--device", "cuda", "--set", "usd_jpy=155")
    result = run("--probe", "--answers", str(answers), *said)
    assert json.loads(result.stdout)["error"] == "probe-no-gpu"
    assert rates.rate("usd_jpy").likely == 155
    assert rates.rate("electricity_jpy_per_kwh").likely == 27


def test_an_unknown_model_is_answered_with_near_names() -> None:
    result = run("--probe", "--device", "cpu", "--model", "startr")
    assert result.exit_code == 2
    assert "starter" in result.stderr


def test_another_card_than_this_machines_cannot_be_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from advisor.types import GpuFact

    monkeypatch.setattr("advisor.detect.gpus", lambda: (GpuFact("NVIDIA L4", 22.5, "8.9"),))
    result = run("--probe", "--gpu", "T4")
    assert result.exit_code == 4
    assert "NVIDIA L4" in json.loads(result.stdout)["text"]


def test_the_probe_is_no_command_of_its_own() -> None:
    assert "probe" not in Okakae("okakae").targets()


def test_damaged_records_are_named_and_left_out() -> None:
    path = own_runs.own_runs_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('{"kind": "probe"}\n', encoding="utf-8")
    result = run("--device", "cpu")
    assert result.exit_code == 0
    assert f"Line 1 of {path}" in result.stderr
    assert json.loads(result.stdout)["probe"] is None
