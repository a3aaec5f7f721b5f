"""`okakae evidence`: the promised JSON, a table with baselines, plain words on bad files."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from advisor.commands_evidence import evidence

FIELDS = {"cases", "papers", "acceptable_per_case", "acceptable_per_paper", "strict_per_paper"}
FIELDS |= {"interval_per_paper", "baselines", "picks", "misses", "leave_one_paper_out"}


def call(*args: str):
    return CliRunner().invoke(evidence, list(args))


@pytest.fixture
def cases(tmp_path):
    path = tmp_path / "cases.json"
    known = {"goal": "new_facts", "data_kind": "documents", "freshness": "changing"}
    rows = [
        {
            "id": name,
            "paper": name,
            "decision": "approach",
            "a_priori": known,
            "option_classes": ["fine_tuning", "rag"],
            "winner": winner,
            "acceptable": [winner],
        }
        for name, winner in (("a", "rag"), ("b", "fine_tuning"))
    ]
    path.write_text(json.dumps({"cases": rows}), encoding="utf-8")
    return path


def test_json_is_one_document_of_the_promised_form(cases):
    result = call("--cases", str(cases), "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert set(document) >= FIELDS
    assert (document["cases"], document["papers"]) == (2, 2)
    assert document["acceptable_per_paper"] == 0.5
    assert document["papers_the_weights_rest_on"] == 0
    assert {pick["said"] for pick in document["picks"]} == {"rag"}
    (miss,) = document["misses"]
    assert (miss["id"], miss["said"], miss["acceptable"]) == ("b", "rag", ["fine_tuning"])
    assert "facts-look-them-up" in miss["why"]


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_the_page_names_the_baselines_and_the_misses(cases, lang):
    result = call("--cases", str(cases), "--lang", lang)
    assert result.exit_code == 0, result.output
    assert "RAG" in result.stdout
    assert "  - b:" in result.stdout
    assert "50 %" in result.stdout


def test_a_file_that_is_not_there_is_a_usage_error(tmp_path):
    result = call("--cases", str(tmp_path / "none.json"), "--lang", "en")
    assert result.exit_code == 2
    assert "Traceback" not in result.output
