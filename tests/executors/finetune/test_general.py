"""The general probe around a real training: what it compares, keeps, and says."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made import PlanMaker, write_company

from advisor.plan import save_plan, tree_digest
from advisor.session import Session
from advisor.types import PlanInput
from executors.apply import apply, check_plan
from executors.base import Context
from executors.evaluate.general import QUESTIONS, TEXTS, load_probe, measure
from executors.finetune.general import FORGETTING, before_training
from executors.models import load
from executors.rundir import RunDir

PROBING = {
    "finetune.max_steps": 8,
    "finetune.seq_len": 1024,
    "finetune.replay_share": 0.2,
    "finetune.replay": "sample",
    "finetune.general_probe": "probe",
    "finetune.general_loss_bound": 0.1,
    "finetune.general_choice_bound": 0.05,
}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A company's own probe: two texts and two questions in each language."""
    root = tmp_path_factory.mktemp("own") / "probe"
    for lang in ("ja", "en"):
        (root / lang).mkdir(parents=True)
        for name in (TEXTS, QUESTIONS):
            sample = Path("knowledge", "samples", lang, name).read_text(encoding="utf-8")
            head = sample.splitlines(keepends=True)[:2]
            (root / lang / name).write_text("".join(head), encoding="utf-8")
    return root


@pytest.fixture
def tuned(
    tmp_path: Path, tiny_folder: Path, small: Path, plan_for: PlanMaker, session: Session
) -> Callable[..., RunDir]:
    """Tunes by a method, with the small probe named in the plan."""

    def go(method: str, probe: Path = small, **over: Any) -> RunDir:
        data = write_company(tmp_path / "company", pairs=0, rewrites=60)
        inputs = (
            PlanInput("data", data.name, *tree_digest(data)),
            PlanInput("probe", os.path.relpath(probe, tmp_path), *tree_digest(probe)),
        )
        if (own := tmp_path / "own.jsonl").is_file():
            inputs = (*inputs, PlanInput("replay", own.name, *tree_digest(own)))
        plan = plan_for(
            "finetune",
            config={"model": str(tiny_folder), **PROBING, **over},
            goal="style_or_tone",
            method=method,
            inputs=inputs,
        )
        save_plan(plan, tmp_path / "plan.json")
        checked, _ = check_plan(tmp_path / "plan.json", session)
        return apply(checked, session, run_path=tmp_path / "run")

    return go


@pytest.mark.parametrize(
    ("method", "compared"), [("lora", "adapter-off-and-on"), ("full", "before-and-after")]
)
def test_before_is_the_base_and_after_is_what_was_trained(
    tuned: Callable[..., RunDir],
    tiny_folder: Path,
    small: Path,
    method: str,
    compared: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    run = tuned(method)
    found = json.loads((run.artifacts / FORGETTING).read_text(encoding="utf-8"))
    assert (found["compared"], found["probe"]["source"]) == (compared, "probe")
    dtype = "float32" if method == "full" else "auto"
    base = measure(load(str(tiny_folder), purpose="train", dtype=dtype), load_probe(small))
    was = {key: pair[0] for key, pair in found["items"]["loss"].items()}
    assert was == pytest.approx(base.loss, rel=1e-3)
    assert any(before != after for before, after in found["items"]["loss"].values())
    about = json.loads((run.artifacts / "tuned.json").read_text(encoding="utf-8"))
    assert about["forgetting"] == found["light"]
    assert about["replay"]["rows"] == found["replay"]["rows"] > 0
    assert {part["measure"] for part in found["parts"]} == {"loss", "choices"}
    assert f"General ability: {found['light']}" in capfd.readouterr().err
    run.verify_artifacts()


def test_own_rows_that_repeat_what_is_held_out_are_not_learned_and_are_counted(
    tuned: Callable[..., RunDir],
    tmp_path: Path,
    small: Path,
    session: Session,
    capfd: pytest.CaptureFixture[str],
) -> None:
    from executors.apply import load_data

    probe = load_probe(small).choices[0].question
    # The company's file asks every question of its own data once more, and one of the probe.
    data = write_company(tmp_path / "company", pairs=0, rewrites=60)
    lines = (data / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    pairs = [(row["prompt"], "覚えた。") for row in rows] + [
        (probe, "覚えた。"),
        ("潮はなぜ引く?", "月。"),
    ]
    own = tmp_path / "own.jsonl"
    lines = [json.dumps({"prompt": prompt, "completion": said}) for prompt, said in pairs]
    own.write_text("\n".join(lines), encoding="utf-8")
    run = tuned("lora", **{"finetune.replay": str(own), "finetune.replay_share": 0.6})
    split = load_data(run.plan, run.data_root, session).split
    held_out = len(split.validation) + len(split.test)
    (told,) = [
        event
        for line in (run.path / "events.jsonl").read_text(encoding="utf-8").splitlines()
        if (event := json.loads(line))["event"] == "replay-repeats"
    ]
    assert held_out < told["n"] < told["total"] == len(pairs)
    assert f"own.jsonl:{len(rows) + 1}" in told["places"]
    about = json.loads((run.artifacts / "tuned.json").read_text(encoding="utf-8"))
    assert about["replay"]["rows"] <= told["total"] - told["n"]
    assert f"{told['n']} of {told['total']} general rows are not learned" in capfd.readouterr().err


def test_a_model_that_guessed_before_gets_no_light_on_questions_alone(
    tuned: Callable[..., RunDir],
    small: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Random weights know none of it: green would say that nothing was lost."""
    (tmp_path / "asked" / "ja").mkdir(parents=True)
    shutil.copy(small / "ja" / QUESTIONS, tmp_path / "asked" / "ja")
    run = tuned("lora", tmp_path / "asked")
    for name, key in ((FORGETTING, "light"), ("tuned.json", "forgetting")):
        assert json.loads((run.artifacts / name).read_text(encoding="utf-8"))[key] is None
    lines = (run.path / "events.jsonl").read_text(encoding="utf-8").splitlines()
    (event,) = [one for one in map(json.loads, lines) if one["event"] == "forgetting"]
    assert event["light"] is None
    assert "General ability: could not be judged" in capfd.readouterr().err


def test_off_asks_nothing(tuned: Callable[..., RunDir]) -> None:
    run = tuned("lora", **{"finetune.general_probe": "off"})
    assert not (run.artifacts / FORGETTING).exists()


def test_a_resumed_full_training_asks_its_base_once(
    tiny_folder: Path,
    small: Path,
    tmp_path: Path,
    session: Session,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from executors.finetune import general

    loaded, probe = load(str(tiny_folder), dtype="float32"), load_probe(small)
    first = before_training(loaded, "full", probe, tmp_path, Context(session))

    def asked_again(*_: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(general, "measure", asked_again)
    assert before_training(loaded, "full", probe, tmp_path, Context(session)) == first
    assert before_training(loaded, "lora", probe, tmp_path, Context(session)) is None
