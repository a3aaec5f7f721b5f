"""The encoder road from plan to answer, with a sentence encoder of random weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tiny import save_tiny_encoder

from advisor.cli import main
from advisor.errors import LimitError, RunError
from advisor.plan import load_plan
from advisor.session import Session
from executors.apply import Asking, apply, check_plan, rehearse
from executors.base import Context, Question
from executors.encoder.executor import EMBEDDER, EncoderExecutor
from executors.encoder.head import ABOUT, NUMBERS
from executors.evaluate.heldout import read_answers
from executors.rundir import RunDir

OBJECTS = ("交通費", "出張費", "会議室", "社用車", "名刺", "制服", "鍵", "書類", "備品", "電話")
ASKED = {
    "経理": "{}の精算はいくらまでですか{}",
    "総務": "{}の予約と貸出をお願いします{}",
    "人事": "{}と休暇と給与のことで相談{}",
}


def write_labels(folder: Path, *, outside: int = 0, each: int = 30) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    for label, form in ASKED.items():
        for n in range(each):
            text = form.format(OBJECTS[n % 10], "。" * (1 + n // 10))
            rows.append({"text": f"{n}件目 {text}", "label": label, "group": f"{label}{n}"})
    rows += [
        {"text": f"ZZ {n} QQ XX WW {n}", "label": "", "answerable": False, "group": f"o{n}"}
        for n in range(outside)
    ]
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / "labels.jsonl").write_text("".join(lines), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch

    torch.set_num_threads(1)
    return save_tiny_encoder(tmp_path_factory.mktemp("embedder") / "tiny")


def made_plan(data: Path, encoder: Path, *more: str) -> Path:
    """What `okakae plan` makes for the folder."""
    out = data.parent / "plan.json"
    sets = ("goal=classification", f"data.path={data}", f"encoder.embedder={encoder}")
    named = [word for one in (*sets, "encoder.steps=6", *more) for word in ("--set", one)]
    words = ["plan", "--no-input", "--lang", "ja", "--option", "encoder", *named]
    told = CliRunner().invoke(main, [*words, "--out", str(out)])
    assert told.exit_code == 0, told.output
    return out


def finished(path: Path, session: Session, run: Path, *, resume: bool = False) -> RunDir:
    return apply(check_plan(path, session)[0], session, run_path=run, resume=resume)


def facts(run: RunDir) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run.artifacts / ABOUT).read_text(encoding="utf-8"))
    return found


def test_plan_apply_use_with_japanese_labels(
    tmp_path: Path, encoder: Path, session: Session
) -> None:
    path = made_plan(write_labels(tmp_path / "company"), encoder)
    plan = load_plan(path)
    assert (plan.executor, plan.method, plan.config["encoder.steps"]) == ("encoder", "encoder", 6)
    assert "model" not in plan.config, "an encoder writes nothing"
    run = finished(path, session, tmp_path / "run")
    about = facts(run)
    assert about["labels"] == sorted(ASKED)
    assert about["held_out"]["accuracy_frozen"] > 0.8, "the words differ, so bytes do"
    assert not list(run.path.rglob("*.bin")) + list(run.path.rglob("*.pt")), "no pickle"
    run.verify_artifacts()
    answers = read_answers(run.eval / "answers.jsonl")
    assert answers
    assert {answer["answer"] for answer in answers} <= set(ASKED)
    words = ["use", str(run.path), "出張費の精算はいくらまでですか。", "--no-input"]
    assert "経理" in CliRunner().invoke(main, words).output


def test_tones_are_learned_by_their_endings_and_used_so(
    tmp_path: Path, encoder: Path, session: Session
) -> None:
    ends = {
        "くだけた": ("だよね", "してよ", "かな"),
        "丁寧": ("でございます", "いただけますか", "存じます"),
    }
    rows = [
        {"text": f"{thing}{word}" * 40 + end, "label": label, "group": f"{thing}{word}"}
        for thing in OBJECTS
        for word in ("の件", "の場所", "の返却", "の申請")
        for label, several in ends.items()
        for end in several
    ]
    data = tmp_path / "company"
    data.mkdir()
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (data / "labels.jsonl").write_text("".join(lines), encoding="utf-8")
    run = finished(made_plan(data, encoder, "encoder.tune=no"), session, tmp_path / "run")
    about = facts(run)
    assert about["surface_weight"] > 0 and about["surface_factor"] > 0
    words = ["use", str(run.path), "会議室の鍵を拝借したく存じます", "--no-input"]
    assert "丁寧" in CliRunner().invoke(main, words).output


def test_the_same_plan_gives_the_same_head(tmp_path: Path, encoder: Path, session: Session) -> None:
    path = made_plan(write_labels(tmp_path / "company"), encoder, "encoder.tune=no")
    digests = [finished(path, session, tmp_path / name).manifest.artifacts for name in "ab"]
    assert digests[0][f"artifacts/{NUMBERS}"] == digests[1][f"artifacts/{NUMBERS}"]


class StoppedHere(Exception):
    """Stands for a kill at one step."""


@pytest.mark.parametrize("stop", [3, 8, 20])
def test_a_tuning_that_was_stopped_ends_as_if_it_had_not_been(
    tmp_path: Path, encoder: Path, session: Session, monkeypatch: pytest.MonkeyPatch, stop: int
) -> None:
    path = made_plan(write_labels(tmp_path / "company", each=10), encoder)
    # Three folds and the final tuning, which nothing but a real gain would begin.
    monkeypatch.setattr("executors.encoder.tuning.SURE", 2.0)
    monkeypatch.setattr(
        "executors.encoder.tuning.Verdict.better", property(lambda verdict: verdict.p < 2.0)
    )
    whole = finished(path, session, tmp_path / "whole")
    from executors.encoder import executor

    watch = executor._watch

    def stopping(*args: Any) -> Callable[[int], None]:
        on_step = watch(*args)

        def stop_at(done: int) -> None:
            on_step(done)
            if done == stop:
                raise StoppedHere

        return stop_at

    with monkeypatch.context() as patch:
        patch.setattr(executor, "_watch", stopping)
        with pytest.raises(StoppedHere):
            finished(path, session, tmp_path / "cut")
    cut = finished(path, session, tmp_path / "cut", resume=True)
    assert facts(whole)["tuned"]
    assert (cut.artifacts / EMBEDDER / "model.safetensors").read_bytes() == (
        whole.artifacts / EMBEDDER / "model.safetensors"
    ).read_bytes()
    assert (cut.artifacts / NUMBERS).read_bytes() == (whole.artifacts / NUMBERS).read_bytes()
    assert not (cut.path / "checkpoints").exists()


def test_the_limit_of_hours_stops_at_a_saved_step(
    tmp_path: Path, encoder: Path, session: Session
) -> None:
    path = made_plan(write_labels(tmp_path / "company"), encoder, "limits.hours=0.0000001")
    with pytest.raises(LimitError, match="hours-reached"):
        finished(path, session, tmp_path / "run")
    assert list((tmp_path / "run" / "checkpoints").rglob("state.safetensors"))


def test_the_callers_limit_stops_at_a_saved_step_and_is_the_callers_to_tell(
    tmp_path: Path, encoder: Path, session: Session
) -> None:
    path = made_plan(write_labels(tmp_path / "company"), encoder, "limits.hours=1")
    asked: list[float] = []

    def left() -> float:
        asked.append(1e-9)
        return asked[-1]

    def check() -> None:
        if asked:
            raise LimitError("compare-hours-reached", step="encoder", spent="2", limit="2")

    checked, asking = check_plan(path, session)[0], Asking(check=check, left_hours=left)
    with pytest.raises(LimitError, match="compare-hours-reached"):
        apply(checked, session, run_path=tmp_path / "run", asking=asking)
    assert list((tmp_path / "run" / "checkpoints").rglob("state.safetensors"))


def test_texts_of_no_class_decide_when_to_decline(
    tmp_path: Path, encoder: Path, session: Session
) -> None:
    """Of as many outside as inside, a threshold that declines is worth its wrong refusals."""
    data = write_labels(tmp_path / "company", outside=60, each=20)
    run = finished(made_plan(data, encoder, "encoder.tune=no"), session, tmp_path / "run")
    assert 0 < facts(run)["unknown_below"] < 1


def test_another_embedder_than_the_head_was_trained_on_is_refused(
    tmp_path: Path, encoder: Path, session: Session
) -> None:
    import shutil

    mine = tmp_path / "mine"
    shutil.copytree(encoder, mine)
    path = made_plan(write_labels(tmp_path / "company"), mine, "encoder.tune=no")
    run = finished(path, session, tmp_path / "run")
    shutil.rmtree(mine)
    save_tiny_encoder(mine, seed=7)
    with pytest.raises(RunError, match="encoder-changed"):
        EncoderExecutor().open(run, Context(session))


@pytest.mark.parametrize(
    ("rows", "ref"),
    [
        ([("文", "同じ")] * 40, "one-label"),
        ([("文", "甲"), ("句", "乙")], "too-few-examples"),
    ],
)
def test_examples_that_teach_no_classes_are_refused_before_the_run(
    tmp_path: Path, encoder: Path, session: Session, rows: list[tuple[str, str]], ref: str
) -> None:
    path = made_plan(write_labels(tmp_path / "company"), encoder)
    data = tmp_path / "company" / "labels.jsonl"
    lines = [
        json.dumps({"text": f"{n}{text}", "label": label, "group": f"g{n}"}, ensure_ascii=False)
        for n, (text, label) in enumerate(rows)
    ]
    data.write_text("\n".join(lines), encoding="utf-8")
    plan = made_plan(tmp_path / "company", encoder)
    assert plan == path
    with pytest.raises(RunError, match=ref):
        rehearse(check_plan(path, session)[0], session)


def test_a_damaged_head_is_told(tmp_path: Path, encoder: Path, session: Session) -> None:
    path = made_plan(write_labels(tmp_path / "company"), encoder, "encoder.tune=no")
    run = finished(path, session, tmp_path / "run")
    (run.artifacts / NUMBERS).write_bytes(b"\0" * 40)
    with pytest.raises(RunError, match="artifact-changed"):
        EncoderExecutor().open(run, Context(session))


def test_below_the_asked_probability_no_class_is_named(
    tmp_path: Path, encoder: Path, session: Session
) -> None:
    asked = ("encoder.tune=no", "encoder.unknown_below=0.999")
    path = made_plan(write_labels(tmp_path / "company"), encoder, *asked)
    run = finished(path, session, tmp_path / "run")
    system = EncoderExecutor().open(run, Context(session))
    (mixed,) = system.answer([Question("1", "精算の予約と休暇のことで相談をお願い")])
    assert (mixed.abstained, mixed.answer) == (True, "none of these")
    assert mixed.finish_reason == "abstained"
    system.close()


def test_compare_judges_the_encoder_beside_a_prompt(
    tmp_path: Path, encoder: Path, tiny_folder: Path, session: Session
) -> None:
    data = write_labels(tmp_path / "company", each=20)
    encoding = made_plan(data, encoder, "encoder.tune=no")
    prompting = tmp_path / "prompting.json"
    words = ["plan", "--no-input", "--option", "prompting", "--out", str(prompting)]
    for one in ("goal=classification", f"data.path={data}", f"model={tiny_folder}"):
        words += ["--set", one]
    for one in ("prompting.shots=0", "generate.max_new_tokens=2"):
        words += ["--set", one]
    assert CliRunner().invoke(main, words).exit_code == 0
    folder = tmp_path / "both"
    asked = ["compare", str(encoding), str(prompting), "--run", str(folder), "--no-input", "--json"]
    told = CliRunner().invoke(main, asked)
    assert told.exit_code == 0, told.output
    roads = {road["method"] or road["approach"]: road for road in json.loads(told.stdout)["roads"]}
    right = {name: road["metrics"]["correct"]["value"] for name, road in roads.items()}
    assert right["encoder"] > 0.8 > right["prompting"]
