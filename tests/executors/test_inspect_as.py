"""`inspect --as`: each planted fault is named, and stops a dry run and a training as well."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from made import PlanMaker, write_company
from tiny import BOS, byte_tokenizer, save_tiny, tiny_llama

from advisor.commands_inspect import inspect
from advisor.errors import Forbidden, RunError
from advisor.plan import save_plan
from advisor.session import Session
from executors.apply import apply, check_plan, rehearse
from executors.finetune.rows import IGNORED, Row, row_fault

CHAT = "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content }}"
ASK = "{% if add_generation_prompt %}<assistant>{% endif %}"
END = "{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
FAULTY = {
    "end-not-trained": CHAT + "{% endfor %}" + ASK,
    "begin-doubled": "{{ bos_token }}" + CHAT + END + ASK,
    "fully-masked": CHAT.replace("{{ m.content }}", "{% if m.role != 'assistant' %}{{ m.content }}"
                                 "{% endif %}") + END + ASK,
    "template-mismatch": "{{ messages | length }}" + CHAT + END + ASK,
}  # fmt: skip


def model_with(folder: Path, template: str) -> Path:
    model = tiny_llama(context=4096, hidden=32)
    return save_tiny(folder, model, byte_tokenizer(chat_template=template))


def run(*args: object) -> Result:
    return CliRunner().invoke(inspect, [str(arg) for arg in args])


def test_good_rows_are_shown_and_counted(tiny_folder: Path, company: Path) -> None:
    result = run(company, "--as", tiny_folder, "--plain", "--lang", "en")
    assert result.exit_code == 0, result.output
    assert "⟦3日です。<eos>⟧" in result.stdout
    made = json.loads(run(company, "--as", tiny_folder, "--json").stdout)["as"][str(company)]
    assert made["tokenizer_basis"] == f"tokenizer:{tiny_folder}"
    assert (made["rows"], made["faults"], made["cut"], made["context"]) == (24, [], 0, 4096)
    assert made["p50"] <= made["p95"] <= made["longest"]


@pytest.mark.parametrize("fault", FAULTY)
def test_each_planted_fault_is_named_and_ends_with_8(
    fault: str, company: Path, tmp_path: Path
) -> None:
    model = model_with(tmp_path / "model", FAULTY[fault])
    result = run(company, "--as", model, "--json", "--lang", "en")
    assert result.exit_code == 8
    document = json.loads(result.stdout)
    seen = document["as"][str(company)]
    assert [one["id"] for one in seen["faults"]] == [fault]
    assert len(seen["faults"][0]["rows"]) == 24
    (problem,) = [p for p in document["problems"] if p["id"] == f"as-{fault}"]
    assert problem["severity"] == "error" and problem["fix"]


def test_one_begin_token_in_the_data_is_caught(tiny_folder: Path, company: Path) -> None:
    row = {"id": "bad", "question": f"{BOS}休暇は?", "answer": "3日です。"}
    (company / "more.jsonl").write_text(json.dumps(row, ensure_ascii=False) + "\n", "utf-8")
    result = run(company, "--as", tiny_folder, "--json")
    seen = json.loads(result.stdout)["as"][str(company)]
    assert seen["faults"] == [{"id": "begin-doubled", "rows": ["bad"]}]
    assert (seen["doubled_bos"], seen["masked_rows"], seen["missing_end"]) == (1, 0, 0)


def test_answers_that_truncation_would_cut_are_counted(tiny_folder: Path, company: Path) -> None:
    longest = json.loads(run(company, "--as", tiny_folder, "--json").stdout)["as"][str(company)]
    length = longest["longest"] - 1
    result = run(company, "--as", tiny_folder, "--set", f"finetune.seq_len={length}", "--json")
    seen = json.loads(result.stdout)["as"][str(company)]
    assert seen["longest"] == length + 1
    assert 0 < seen["cut"] < 24
    assert [(f["id"], len(f["rows"])) for f in seen["faults"]] == [("too-long", seen["cut"])]


def test_without_the_model_lengths_are_estimated_and_it_says_so(company: Path) -> None:
    result = run(company, "--as", "nobody/nothing-7b", "--json", "--lang", "en", "--offline")
    assert result.exit_code == 4
    seen = json.loads(result.stdout)["as"][str(company)]
    assert seen["tokenizer_basis"].startswith("calibrated:measured:")
    assert seen["longest"] > 0 and seen["faults"] is None and seen["masked_rows"] is None
    assert "--allow download" in result.stderr


def pickled(folder: Path) -> Path:
    """A model folder whose weights are a pickle."""
    import torch

    model = tiny_llama(context=4096, hidden=32)
    save_tiny(folder, model)
    (folder / "model.safetensors").unlink()
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    return folder


def test_rows_of_a_pickled_model_are_shown_when_insisted(company: Path, tmp_path: Path) -> None:
    model = pickled(tmp_path / "model")
    assert run(company, "--as", model, "--json").exit_code == 9
    result = run(company, "--as", model, "--set", "weights.allow_pickled=yes", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["as"][str(company)]["rows"] == 24


@pytest.mark.parametrize(
    "set_", ["finetune.epochs=1", "finetune.seq_len=long", "weights.allow_pickled=perhaps"]
)
def test_other_settings_are_refused(company: Path, set_: str) -> None:
    assert run(company, "--as", "starter", "--set", set_).exit_code == 2


def labelled(ids: list[int], labels: list[int]) -> Row:
    return Row("r", ids, labels)


@pytest.mark.parametrize(
    ("labels", "fault"),
    [
        ([IGNORED, IGNORED, 7, 8, 2], None),
        ([IGNORED, 7, 8, 2, IGNORED], "labels-shifted"),
        ([IGNORED] * 5, "fully-masked"),
        ([IGNORED, IGNORED, IGNORED, IGNORED, 2], "fully-masked"),
        ([IGNORED, IGNORED, 7, 8, IGNORED], "end-not-trained"),
        ([IGNORED, IGNORED, 7, 8], "labels-shifted"),
    ],
)
def test_a_finished_row_is_judged_by_itself(labels: list[int], fault: str | None) -> None:
    assert row_fault(labelled([1, 5, 7, 8, 2], labels), byte_tokenizer()) == fault


@pytest.fixture
def faulty_plan(tmp_path: Path, plan_for: PlanMaker) -> Any:
    def make(template: str) -> Path:
        data = write_company(tmp_path / "company", pairs=0, rewrites=60)
        model = model_with(tmp_path / "model", template)
        config = {"model": str(model), "finetune.seq_len": 1024, "finetune.max_steps": 2}
        plan = plan_for("finetune", data, config=config, goal="style_or_tone")
        save_plan(plan, tmp_path / "plan.json")
        return tmp_path / "plan.json"

    return make


@pytest.mark.parametrize("insisted", [True, False])
def test_a_dry_run_reads_a_pickled_model_as_the_training_would(
    tmp_path: Path, plan_for: PlanMaker, session: Session, insisted: bool
) -> None:
    data = write_company(tmp_path / "company", pairs=0, rewrites=60)
    model = pickled(tmp_path / "model")
    config = {"model": str(model), "finetune.seq_len": 1024, "weights.allow_pickled": insisted}
    save_plan(
        plan_for("finetune", data, config=config, goal="style_or_tone"), tmp_path / "plan.json"
    )
    checked, _ = check_plan(tmp_path / "plan.json", session)
    if insisted:
        rehearse(checked, session)
    else:
        with pytest.raises(Forbidden, match="model-pickled"):
            rehearse(checked, session)


@pytest.mark.parametrize("fault", FAULTY)
def test_each_fault_stops_a_dry_run(fault: str, faulty_plan: Any, session: Session) -> None:
    checked, _ = check_plan(faulty_plan(FAULTY[fault]), session)
    with pytest.raises(RunError) as caught:
        rehearse(checked, session)
    assert caught.value.ref == "rows-wrong"
    assert fault in str(caught.value.values["reasons"])


def test_a_fault_stops_a_run_before_training(
    faulty_plan: Any, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = faulty_plan(CHAT + END + ASK)
    questions = tmp_path / "company" / "questions.jsonl"
    lines = questions.read_text("utf-8").splitlines()
    assert rehearse(check_plan(plan, session)[0], session) is None  # good before it is planted
    assert len(lines) == 60
    plan = faulty_plan(FAULTY["begin-doubled"])

    def trained(*_args: object, **_options: object) -> None:
        raise AssertionError("a wrong set was trained on")

    monkeypatch.setattr("executors.finetune.recipe.train", trained)
    with pytest.raises(RunError, match="rows-wrong"):
        apply(check_plan(plan, session)[0], session, run_path=tmp_path / "run")


def test_a_dry_run_without_the_model_says_that_rows_were_not_checked(
    tmp_path: Path, plan_for: PlanMaker, session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_company(tmp_path / "company", pairs=0, rewrites=60)
    plan = plan_for("finetune", data, config={"model": "nobody/nothing-7b"}, goal="style_or_tone")
    save_plan(plan, tmp_path / "plan.json")
    rehearse(check_plan(tmp_path / "plan.json", session)[0], session)
    assert "not on this machine" in capsys.readouterr().err
