"""The general probe around a real training: what it compares, keeps, and says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from made import PlanMaker, write_company

from advisor.plan import save_plan
from advisor.session import Session
from executors.apply import apply, check_plan
from executors.base import Context
from executors.evaluate.general import load_probe, measure
from executors.finetune.general import FORGETTING, before_training
from executors.models import load
from executors.rundir import RunDir

PROBING = {
    "finetune.max_steps": 8,
    "finetune.seq_len": 1024,
    "finetune.replay_share": 0.2,
    "finetune.replay": "sample",
    "finetune.general_probe": "sample",
    "finetune.general_loss_bound": 0.1,
    "finetune.general_choice_bound": 0.05,
}


@pytest.fixture
def tuned(tmp_path: Path, tiny_folder: Path, plan_for: PlanMaker, session: Session) -> Any:
    """Tunes by a method and returns the run with what its probe found."""

    def go(method: str, **over: Any) -> tuple[RunDir, dict[str, Any]]:
        data = write_company(tmp_path / "company", pairs=0, rewrites=60)
        config = {"model": str(tiny_folder), **PROBING, **over}
        plan = plan_for("finetune", data, config=config, goal="style_or_tone", method=method)
        save_plan(plan, tmp_path / "plan.json")
        checked, _ = check_plan(tmp_path / "plan.json", session)
        run = apply(checked, session, run_path=tmp_path / "run")
        return run, json.loads((run.artifacts / FORGETTING).read_text(encoding="utf-8"))

    return go


@pytest.mark.parametrize(
    ("method", "compared"), [("lora", "adapter-off-and-on"), ("full", "before-and-after")]
)
def test_before_is_the_base_and_after_is_what_was_trained(
    tuned: Any, tiny_folder: Path, method: str, compared: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run, found = tuned(method)
    assert found["compared"] == compared
    dtype = "float32" if method == "full" else "auto"
    base = measure(load(str(tiny_folder), purpose="train", dtype=dtype), load_probe())
    was = {key: pair[0] for key, pair in found["items"]["loss"].items()}
    assert was == pytest.approx(base.loss, rel=1e-3)
    assert any(before != after for before, after in found["items"]["loss"].values())
    about = json.loads((run.artifacts / "tuned.json").read_text(encoding="utf-8"))
    assert about["forgetting"] == found["light"]
    assert about["replay"]["rows"] == found["replay"]["rows"] > 0
    assert {part["measure"] for part in found["parts"]} == {"loss", "choices"}
    run.verify_artifacts()


def test_off_asks_nothing(
    tmp_path: Path, tiny_folder: Path, plan_for: PlanMaker, session: Session
) -> None:
    data = write_company(tmp_path / "company", pairs=0, rewrites=60)
    config = {"model": str(tiny_folder), **PROBING, "finetune.general_probe": "off"}
    plan = plan_for("finetune", data, config=config, goal="style_or_tone")
    save_plan(plan, tmp_path / "plan.json")
    run = apply(check_plan(tmp_path / "plan.json", session)[0], session, run_path=tmp_path / "run")
    assert not (run.artifacts / FORGETTING).exists()


def test_a_resumed_full_training_asks_its_base_once(
    tiny_folder: Path, tmp_path: Path, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    from executors.finetune import general

    loaded, probe = load(str(tiny_folder), dtype="float32"), load_probe()
    first = before_training(loaded, "full", probe, tmp_path, Context(session))

    def asked_again(*_: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(general, "measure", asked_again)
    assert before_training(loaded, "full", probe, tmp_path, Context(session)) == first
    assert before_training(loaded, "lora", probe, tmp_path, Context(session)) is None
