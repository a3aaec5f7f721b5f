"""Rates people say: flags over variables over the catalog, and what cannot be one."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from advisor import rates
from advisor.commands_estimate import estimate
from advisor.commands_recommend import recommend
from knowledge.catalog import loader


@pytest.fixture(autouse=True)
def nothing_said() -> Iterator[None]:
    rates.state([])
    yield
    rates.state([])


def usd_jpy(*arguments: str) -> dict[str, float]:
    result = CliRunner().invoke(estimate, ["--model", "Qwen/Qwen3-8B", "--json", *arguments])
    assert result.exit_code == 0, result.output
    found: dict[str, float] = json.loads(result.stdout)["rates"]["usd_jpy"]
    return found


def test_a_flag_is_stronger_than_a_variable_and_that_than_the_catalog(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert usd_jpy()["likely"] == loader.load("rates")["usd_jpy"].likely
    monkeypatch.setenv("OKAKAE_USD_JPY", "148.5")
    assert usd_jpy()["likely"] == 148.5
    said = usd_jpy("--set", "usd_jpy=155")
    assert (said["low"], said["likely"], said["high"]) == (155, 155, 155)
    assert usd_jpy()["likely"] == 148.5  # what one call said is not kept for the next


def test_the_overlay_of_a_company_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OKAKAE_CONFIG_DIR", str(tmp_path))
    (tmp_path / "knowledge").mkdir()
    (tmp_path / "knowledge" / "rates.toml").write_text(
        '[usd_jpy]\nlike = "usd_jpy"\nlow = 151.0\nlikely = 152.0\nhigh = 153.0\n'
        'basis = "stated"\nsource = "our bank"\ndate = "2026-11-20"\n',
        encoding="utf-8",
    )
    loader.forget()
    found = usd_jpy()
    assert (found["low"], found["source"]) == (151.0, "our bank")
    loader.forget()


def test_costs_follow_the_rate_said() -> None:
    def cheapest(*arguments: str) -> float:
        asked = ["--model", "Qwen/Qwen3-8B", "--json", *arguments]
        document = json.loads(CliRunner().invoke(estimate, asked).stdout)
        paid = next(offer for offer in document["offers"] if offer["kind"] == "on-demand")
        return float(paid["cost_jpy"]["likely"])

    assert cheapest("--set", "usd_jpy=300") == pytest.approx(
        2 * cheapest("--set", "usd_jpy=150"), rel=0.02
    )


def test_a_recommendation_takes_rates_too_and_refuses_wrong_ones(tmp_path: Path) -> None:
    asked = ["--set", "goal=style_or_tone", "--set", "data.kind=labelled_examples", "--json"]
    asked += ["--no-input", "--set", "gpu=cloud"]
    cheap, dear = (
        json.loads(CliRunner().invoke(recommend, [*asked, "--set", f"usd_jpy={each}"]).stdout)
        for each in (100, 200)
    )

    def build(document: dict[str, list[dict[str, dict[str, dict[str, float]]]]]) -> float:
        tuned = [o for o in document["options"] if o["approach"] == "fine_tuning"]  # type: ignore[comparison-overlap]
        return tuned[0]["estimates"]["build_jpy"]["likely"]

    assert build(dear) == pytest.approx(2 * build(cheap))
    wrong = CliRunner().invoke(recommend, [*asked, "--set", "usd_jpy=nan"])
    assert wrong.exit_code == 3
    assert json.loads(wrong.stdout)["faults"][0]["id"] == "rate-wrong"


@given(st.floats() | st.text(max_size=8) | st.integers())
def test_only_finite_positive_numbers_are_rates(value: float | str) -> None:
    faults = rates.state([("usd_jpy", value)])
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if math.isfinite(number) and 0 < number <= rates.LARGEST:
        assert not faults
        assert rates.rate("usd_jpy").likely == number
    else:
        assert [fault.ref for fault in faults] == ["rate-wrong"]
        assert rates.rate("usd_jpy") == loader.load("rates")["usd_jpy"]
    rates.state([])


def test_a_currency_is_known_once_its_rate_was_said() -> None:
    assert rates.currency("EUR") is None
    assert rates.state([("eur_jpy", "165")]) == []
    euro = rates.currency("EUR")
    assert euro is not None
    assert euro.likely == 165
    assert rates.currencies() == ("JPY", "USD", "EUR")
