"""The tuning road from plan to answers: what was trained is asked, and what fails is said."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from made import PlanMaker, write_company

from advisor.errors import LimitError, RunError
from advisor.plan import save_plan, seal
from advisor.session import Session
from executors.apply import Asking, apply, check_plan
from executors.base import Context, Question
from executors.finetune.executor import FinetuneExecutor
from executors.rundir import RunDir


@pytest.fixture
def planned(tmp_path: Path, tiny_folder: Path, plan_for: PlanMaker) -> Path:
    data = write_company(tmp_path / "company", pairs=0, rewrites=60)
    config = {"model": str(tiny_folder), "finetune.max_steps": 8, "finetune.seq_len": 1024}
    plan = plan_for("finetune", data, config=config, goal="style_or_tone")
    save_plan(plan, tmp_path / "plan.json")
    return tmp_path / "plan.json"


def replan(path: Path, **over: object) -> None:
    from advisor.plan import load_plan

    plan = load_plan(path)
    config = {**plan.config, **over.pop("config", {})}  # type: ignore[dict-item]
    save_plan(seal(replace(plan, config=config, **over)), path)  # type: ignore[arg-type]


@pytest.mark.parametrize(("method", "left"), [("lora", "adapter"), ("full", "model")])
def test_what_was_trained_is_what_is_asked(
    planned: Path, session: Session, method: str, left: str
) -> None:
    replan(planned, method=method)
    run = apply(check_plan(planned, session)[0], session, run_path=planned.parent / "run")
    actuals = run.manifest.actuals
    assert actuals["eval_loss_best"] < actuals["eval_loss_first"]
    assert [m for m in run.metrics() if "eval_loss" in m]
    assert (run.artifacts / left / "tokenizer.json").is_file()
    assert not list(run.artifacts.rglob("*.bin")) and not list(run.artifacts.rglob("*.pt"))
    run.verify_artifacts()
    questions = [Question("a", "やあ、頼むよ。", "rewrite")]
    system = FinetuneExecutor().open(RunDir.open(run.path), Context(session))
    answers = [reply.answer for reply in system.answer(questions)]
    assert answers == [reply.answer for reply in system.answer(questions)]
    system.close()


def test_a_fully_tuned_model_keeps_both_tokens_that_end_its_answers(
    planned: Path, session: Session, tmp_path: Path
) -> None:
    from tiny import TURN_END, TURNS_VOCAB, save_tiny, tiny_llama, turns_tokenizer

    tokenizer = turns_tokenizer()
    model = tiny_llama(context=4096, hidden=32, vocab=TURNS_VOCAB)
    base = save_tiny(tmp_path / "base", model, tokenizer)
    replan(planned, method="full", config={"model": str(base)})
    run = apply(check_plan(planned, session)[0], session, run_path=tmp_path / "run")
    saved = (run.artifacts / "model" / "generation_config.json").read_text(encoding="utf-8")
    ends = {tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids(TURN_END)}
    assert set(json.loads(saved)["eos_token_id"]) == ends


def test_a_base_model_that_changed_since_is_refused(
    planned: Path, session: Session, tiny_folder: Path, tmp_path: Path
) -> None:
    from tiny import save_tiny, tiny_llama

    base = save_tiny(tmp_path / "base", tiny_llama(context=4096, hidden=32))
    replan(planned, config={"model": str(base)})
    run = apply(check_plan(planned, session)[0], session, run_path=tmp_path / "run")
    save_tiny(base, tiny_llama(context=4096, hidden=32, seed=9))
    with pytest.raises(RunError, match="base-changed"):
        FinetuneExecutor().open(run, Context(session))


def test_rows_that_do_not_fit_stop_the_run_with_their_reason(
    planned: Path, session: Session
) -> None:
    replan(planned, config={"finetune.seq_len": 64})
    with pytest.raises(RunError) as caught:
        apply(check_plan(planned, session)[0], session, run_path=planned.parent / "run")
    assert caught.value.ref == "rows-unusable"
    assert "too-long" in str(caught.value.values["reasons"])
    run = RunDir.open(planned.parent / "run")
    assert (run.manifest.status, run.manifest.error) == ("failed", "rows-unusable")
    assert not run.artifacts.exists()


def test_the_time_limit_ends_with_its_own_error(planned: Path, session: Session) -> None:
    replan(planned, limits={"hours": 1e-9})
    with pytest.raises(LimitError) as caught:
        apply(check_plan(planned, session)[0], session, run_path=planned.parent / "run")
    assert caught.value.exit_code == 7
    assert RunDir.open(planned.parent / "run").manifest.status == "interrupted"


def test_the_callers_limit_stops_at_a_checkpoint_and_is_the_callers_to_tell(
    planned: Path, session: Session
) -> None:
    """As a comparison has it: what is left for all roads is less than this plan allows."""
    replan(planned, limits={"hours": 1.0})
    run = planned.parent / "run"
    asked: list[float] = []

    def left_once() -> float:
        asked.append(1e-9)
        return asked[-1]

    def over() -> None:
        if asked:
            raise LimitError("compare-hours-reached", step="lora", spent="2", limit="2")

    asking = Asking(check=over, left_hours=left_once)
    with pytest.raises(LimitError, match="compare-hours-reached"):
        apply(check_plan(planned, session)[0], session, run_path=run, asking=asking)
    assert list((run / "checkpoints").glob("checkpoint-1/whole.json"))
    assert RunDir.open(run).manifest.error == "compare-hours-reached"
