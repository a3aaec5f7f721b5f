"""Which roads a comparison takes from the answers, each with its plan."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from made import PlanMaker, write_company

from advisor.errors import UsageError
from advisor.session import Session
from advisor.texts import t
from executors.compare.candidates import advise, candidates
from executors.compare.roads import road_names


def test_wide_adds_every_way_of_prompting(tmp_path: Path, session: Session) -> None:
    write_company(tmp_path / "company", pairs=40)
    answers = tmp_path / "answers.toml"
    answers.write_text(
        'schema_version = 1\nlanguage = "ja"\ngoal = "new_facts"\ndata.path = "company"\n'
        'gpu = "none"\nmodel = "starter"\nprompting.shots = 4\n',
        encoding="utf-8",
    )
    advised = advise(session, answers, ())
    narrow = candidates(advised, tmp_path / "narrow", resume=False)
    wide = candidates(advised, tmp_path / "wide", resume=False, wide=True)
    assert len({plan.approach for _, plan in narrow.values()}) == len(narrow)
    added = set(wide) - set(narrow)
    assert {"zero_shot", "nearest_shots"} <= added
    assert added <= {"zero_shot", "nearest_shots", "prompting", "whole_corpus"}
    shots = {name: wide[name][1].config.get("prompting.shots") for name in wide}
    assert (shots["zero_shot"], shots["nearest_shots"]) == (0, 4)
    paths = [path for path, _ in wide.values()]
    assert len(set(paths)) == len(paths) and all(path.is_file() for path in paths)
    again = candidates(advised, tmp_path / "wide", resume=True, wide=True)
    assert {n: p.seal for n, (_, p) in again.items()}.keys() == wide.keys()


@pytest.mark.parametrize(
    "now", ['confidential = "all"', "traffic_per_day = 9", "generate.max_new_tokens = 8"]
)
def test_a_plan_that_is_there_does_not_outlive_its_answers(
    tmp_path: Path, session: Session, now: str
) -> None:
    write_company(tmp_path / "company", pairs=40)
    answers = tmp_path / "answers.toml"
    asked = (
        'schema_version = 1\nlanguage = "ja"\ngoal = "new_facts"\ndata.path = "company"\n'
        'gpu = "none"\nmodel = "starter"\n'
    )
    answers.write_text(asked + "limits.hours = 1\n", encoding="utf-8")
    candidates(advise(session, answers, ()), tmp_path / "run", resume=False)
    answers.write_text(asked + "limits.hours = 2\n", encoding="utf-8")
    candidates(advise(session, answers, ()), tmp_path / "run", resume=True)
    answers.write_text(asked + now + "\n", encoding="utf-8")
    with pytest.raises(UsageError, match="resume-other-plan"):
        candidates(advise(session, answers, ()), tmp_path / "run", resume=True)


def test_one_way_of_prompting_is_just_prompting(plan_for: PlanMaker) -> None:
    zero = plan_for("prompting", config={"prompting.shots": 0})
    near = plan_for("prompting", config={"prompting.choice": "nearest"})
    whole = plan_for("prompting", variant="whole_corpus")
    rag = plan_for("rag")
    assert road_names([whole, rag]) == ["prompting", "rag"]
    several = [zero, near, whole, plan_for("prompting"), rag]
    expected = ["zero_shot", "nearest_shots", "whole_corpus", "prompting", "rag"]
    assert road_names(several) == expected
    written = replace(rag, config={**rag.config, "rag.answer": "generate"})
    assert road_names([written]) == ["rag"]
    assert road_names([rag, written]) == ["rag", "rag_written"]
    for name in expected:
        assert t(f"road.{name}", "ja") != t(f"road.{name}", "en")
