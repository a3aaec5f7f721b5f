"""Forty made-up companies, told by a practitioner who had not seen the rules: a specification."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from companies import answers as given
from companies import data, machine

from advisor.errors import AnswersError
from advisor.needs import needs
from advisor.recommend import recommend
from advisor.types import Recommendation

FOLDER = Path(__file__).parent / "companies"
COMPANIES = {
    path.stem: tomllib.loads(path.read_text(encoding="utf-8"))
    for path in sorted(FOLDER.glob("*.toml"))
}
LEAST_MET = 36
UNMET = {
    "16-prairie-first-tellerscript": "the simpler road leads: its first step is the trial",
    "19-kamogawa-law": "retrieval leads; how good a local model is chooses no road",
    "32-satoyama-npo-zero-budget": "no free tier is in the price lists: a budget of 0 pays no API",
    "36-kimono-letters-per-customer": "prompting and retrieval are level, so a trial is advised",
}
"""Where the advice is not what the practitioner expects, and why it stands."""


def advice(company: dict[str, Any]) -> Recommendation | None:
    """What okakae says; None where it says that the answers cannot all hold."""
    facts = None
    found = company.get("data")
    if found is not None:
        facts = data(**found)
    here = company["machine"]
    values = dict(company["answers"])
    if facts is not None:
        # A data folder tells what it holds: the practitioner's word for it is not asked again.
        values["data.path"] = "data"
    asked = given(**values)
    try:
        return recommend(needs(asked, machine(here["vram_gib"], here["ram_gib"]), facts))
    except AnswersError:
        return None


def faults(company: dict[str, Any]) -> list[str]:
    """Where the advice is not what the practitioner expects."""
    expected = company["expect"]
    found = advice(company)
    if found is None:
        return [] if expected["chosen"] == ["none"] else ["the answers are refused"]
    chosen = found.chosen or "none"
    wrong = []
    if chosen not in expected["chosen"] or chosen in expected.get("never", ()):
        wrong.append(f"chosen {chosen}, expected {expected['chosen']}")
    best = found.options[0]
    if chosen == "fine_tuning" and best.method not in expected.get("method", (best.method,)):
        wrong.append(f"method {best.method}, expected {expected['method']}")
    for name in expected.get("blocked", ()):
        approach, _, form = name.partition(".")
        for option in found.options:
            same = option.approach == approach and form in ("", option.method, option.variant)
            if same and not option.blocked_by:
                wrong.append(f"{name} is open")
    unsure = found.pilot is not None
    if unsure != expected["unsure"]:
        wrong.append(f"unsure {unsure} ({best.confidence:.2f}), expected {expected['unsure']}")
    return wrong


@pytest.mark.parametrize("name", COMPANIES)
def test_the_advice_is_what_a_practitioner_expects(name: str) -> None:
    found = faults(COMPANIES[name])
    if name in UNMET:
        assert found, f"{name} is met now: take it off the list"
        pytest.xfail(UNMET[name])
    assert not found


def test_nearly_all_companies_are_met() -> None:
    met = [name for name, company in COMPANIES.items() if not faults(company)]
    assert len(COMPANIES) == 40
    assert len(met) >= LEAST_MET
