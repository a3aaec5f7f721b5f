"""The pilot of a comparison: nested parts, trained once each, and an advice on more data."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from made import PlanMaker, write_company

from advisor.cli import main
from advisor.errors import LimitError
from advisor.plan import save_plan, seal
from advisor.session import Session
from advisor.types import Estimate, Plan
from executors.apply import Checked, load_data
from executors.compare.budget import Budget
from executors.compare.forecast import forecast
from executors.compare.pilot import nested_order, pilot_plan, planned_pilots
from executors.finetune.schedule import least_rows, steps
from executors.goals import for_goal
from knowledge.corpus.types import Example

FEW_STEPS = {"finetune.batch_size": 2, "finetune.score_rows": 2, "finetune.seq_len": 1024}


def example(n: int, label: str) -> Example:
    return Example(str(n), "labelled", f"text {n}", label, "", "", label=label)


def test_every_beginning_of_the_order_holds_the_labels_in_their_share() -> None:
    rows = [example(n, "abc"[min(n % 8, 2)]) for n in range(320)]  # one, one and six of eight
    order = nested_order(rows, seed=0)
    assert sorted(e.id for e in order) == sorted(e.id for e in rows)
    for size in (40, 80, 160):
        found = Counter(e.label for e in order[:size])
        for label, share in (("a", 1), ("b", 1), ("c", 6)):
            assert abs(found[label] - size * share / 8) <= 1
    assert nested_order(rows, seed=0) == order
    assert nested_order(rows, seed=1)[:40] != order[:40]


def test_the_fewest_rows_make_enough_steps() -> None:
    config = {
        "finetune.batch_size": 4,
        "finetune.grad_accum": 4,
        "finetune.epochs": 2.0,
        "finetune.max_steps": 0,
    }
    least = least_rows(config)
    assert least is not None and steps(config, least)[0] == 8 > steps(config, least - 1)[0]
    assert least_rows(config | {"finetune.epochs": 0.5}) == 225
    assert least_rows(config | {"finetune.max_steps": 8}) == 20
    assert least_rows(config | {"finetune.max_steps": 7}) is None


@pytest.fixture
def tuned(tmp_path: Path, tiny_folder: Path, plan_for: PlanMaker) -> Plan:
    data = write_company(tmp_path / "company", pairs=0, rewrites=300)
    return plan_for(
        "finetune",
        data,
        config={"model": str(tiny_folder), **FEW_STEPS},
        goal="style_or_tone",
        estimates={"hours": Estimate(0.8, 1.6, 3.2, "hours", "formula:test")},
    )


def test_parts_are_nested_and_double_up_to_what_the_road_learns(
    tuned: Plan, tmp_path: Path, session: Session
) -> None:
    entry = Checked(tuned, tmp_path)
    data = load_data(tuned, entry.data_root, session)
    (pilot,) = planned_pilots({"lora": entry}, data, session)
    learned = [e.id for e in for_goal(data.split.train, tuned.goal)]
    parts = [[e.id for e in part] for part in pilot.parts]
    assert [len(part) for part in parts] == [round(len(learned) / k) for k in (8, 4, 2)]
    for small, large in zip(parts, [*parts[1:], learned], strict=True):
        assert [id_ for id_ in large if id_ in set(small)] == small, "nested, in reading order"
    assert pilot.left(tmp_path / "nowhere") == pytest.approx(7 / 8, abs=0.01)


def test_its_hours_are_foretold_and_kept_to(tuned: Plan, tmp_path: Path) -> None:
    before, after = (
        forecast({"lora": tuned}, 0, [], finished=["lora"], pilots=pilots)
        for pilots in ({}, {"lora": 0.875})
    )
    assert before.hours.high == 0
    assert list(after.by_road) == ["pilot-lora"]
    assert after.hours.likely == pytest.approx(0.875 * 1.6)
    assert after.jpy is not None and after.jpy.likely > 0
    budget = Budget({"lora": tuned}, tmp_path, "compare", {"limits.hours": 0.3})
    budget.begin_pilot(tuned, tmp_path / "pilot" / "lora" / "20", 1 / 8)
    with pytest.raises(LimitError) as caught:
        budget.begin_pilot(tuned, tmp_path / "pilot" / "lora" / "80", 1 / 2)
    assert caught.value.ref == "compare-hours-reached"
    assert caught.value.values["step"] == "pilot/lora/80"


def test_too_few_rows_and_no_tuned_road_are_said(
    tuned: Plan, tmp_path: Path, session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = Checked(tuned, tmp_path)
    data = load_data(tuned, entry.data_root, session)
    few = replace(data, split=replace(data.split, train=data.split.train[:159]))
    (pilot,) = planned_pilots({"lora": entry}, few, session)
    assert (pilot.parts, dict(pilot.refused)["n"]) == ((), 159)
    assert "only 159 training examples; doubling from an eighth of them takes at least 160" in (
        capsys.readouterr().err
    )
    other = replace(tuned, executor="rag", approach="rag", method=None)
    assert planned_pilots({"rag": Checked(other, tmp_path)}, data, session) == ()
    assert "none of these roads is trained" in capsys.readouterr().err


def test_the_probe_is_left_out_and_the_seal_says_so(tuned: Plan) -> None:
    assert pilot_plan(tuned).seal == seal(tuned).seal
    probed = replace(tuned, config={**tuned.config, "finetune.general_probe": "sample"})
    off = pilot_plan(probed)
    assert off.config["finetune.general_probe"] == "off" and off.seal != probed.seal


def test_each_part_is_trained_once_and_told(tuned: Plan, tmp_path: Path) -> None:
    plan, run = tmp_path / "plan.json", tmp_path / "run"
    save_plan(tuned, plan)

    def compare(*words: str) -> dict:
        given = [
            "compare",
            str(plan),
            "--run",
            str(run),
            "--no-diagnostics",
            "--json",
            "--no-input",
        ]
        done = CliRunner().invoke(main, [*given, "--lang", "en", *words])
        assert done.exit_code == 0, done.stderr
        return json.loads(done.stdout)

    document = compare("--pilot")
    (told,) = document["pilot"]
    assert told["says"] in ("collect-more", "enough", "change-the-method", "too-early")
    sizes = [point["examples"] for point in told["points"]]
    assert len(sizes) == 4 and [ahead["examples"] for ahead in told["forecasts"]] == [
        sizes[-1] * 2**k for k in (1, 2, 3, 4)
    ]
    assert told["points"][-1]["run"] == "roads/lora"
    (road,) = document["roads"]
    assert told["points"][-1]["loss"] == pytest.approx(road["actual"]["eval_loss_best"])
    assert told["points"][0]["loss"] > told["points"][-1]["loss"]
    assert all(0 <= point["score"] <= 1 for point in told["points"])
    assert "pilot-lora" in document["before"]["hours_by_road"]
    pilots = run / "pilot" / "lora"
    assert not list(pilots.rglob("*.safetensors")), "a pilot's weights are of no use"
    for name in ("report.md", "report.html"):
        assert "What more training data would bring" in (run / name).read_text("utf-8")

    marks = {path: path.stat().st_mtime_ns for path in run.rglob("manifest.json")}
    lost = pilots / str(sizes[1])
    shutil.rmtree(lost)
    (again,) = compare("--pilot", "--resume")["pilot"]
    later = {path: path.stat().st_mtime_ns for path in run.rglob("manifest.json")}
    assert {path.parent for path in marks if marks[path] != later[path]} == {lost}
    assert again["points"][1]["loss"] == pytest.approx(told["points"][1]["loss"], rel=1e-4)

    written = CliRunner().invoke(main, ["report", str(run), "--lang", "ja"])
    assert written.exit_code == 0, written.stderr
    assert "学習データを増やす価値" in (run / "report.html").read_text("utf-8")
