"""Files of every format ever released still load, with the meaning they were written with."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor.answers import given
from advisor.answers_file import read_answers
from advisor.plan import load_plan, seal
from advisor.types import SCHEMA_VERSION

GOLDEN = Path(__file__).parents[1] / "golden"
VERSIONS = range(1, SCHEMA_VERSION + 1)


@pytest.mark.parametrize("version", VERSIONS)
def test_old_answers_load_and_mean_the_same(home: Path, version: int) -> None:
    path = GOLDEN / f"answers-{version}.toml"
    found = given(path, [])
    assert found.faults == []
    assert {a.id: a.value for a in found.answers} == {
        "goal": "new_facts",
        "data.path": str(GOLDEN / "papers"),
        "confidential": "some",
        "gpu": "none",
        "budget_jpy": 30_000,
        "citations": "yes",
        "target.score": 0.7,
    }
    assert found.settings == {"rag.top_k": "7"}
    assert read_answers(path).sources["budget_jpy"] == "flag"


@pytest.mark.parametrize("version", VERSIONS)
def test_old_plans_load_and_their_seal_still_holds(version: int) -> None:
    plan = load_plan(GOLDEN / f"plan-{version}.json")
    assert (plan.schema_version, plan.executor, plan.approach) == (version, "rag", "rag")
    assert plan.inputs[0].path == "papers"
    assert seal(plan).seal == plan.seal, "a field that is new must not break an old seal"
