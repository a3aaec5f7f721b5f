"""Several adapters on one base: the right one answers each request, and nothing is loaded twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from advisor.errors import UsageError
from advisor.session import Session
from bench.adapters import STYLES, make_base, make_runs, measure, prompt
from executors.base import Context, Question
from executors.finetune.adapters import open_adapters

CONTEXT = Context(Session(lang="en", no_input=True, plain=True))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("styles")
    base = make_base(folder / "base")
    return base, make_runs(base, folder / "runs", {name: STYLES[name] for name in list(STYLES)[:2]})


def test_each_request_is_answered_in_its_own_style_by_one_base(
    runs: tuple[Path, dict[str, Any]],
) -> None:
    found = measure(*runs)
    assert found["right_style"] == found["requests"] == 100
    assert found["loads"] == 1
    assert found["weights_stayed_in_place"]
    assert found["same_as_each_run_alone"]
    assert found["base_answers_in_no_style"]
    assert found["adapters_mib"] < found["base_mib"]


def test_every_run_proved_that_it_answers_otherwise_and_ends(
    runs: tuple[Path, dict[str, Any]],
) -> None:
    import json

    for run in runs[1].values():
        proof = json.loads((run.artifacts / "tuned.json").read_text(encoding="utf-8"))
        assert proof["answers_asked"] == proof["answers_ended"] == proof["answers_changed"] == 4
        events = run.path / "events.jsonl"
        assert not events.exists() or "proof-failed" not in events.read_text(encoding="utf-8")


def test_a_mixed_batch_keeps_the_order_of_its_requests(
    runs: tuple[Path, dict[str, Any]],
) -> None:
    many = open_adapters(runs[1], CONTEXT)
    first, second = runs[1]
    names = [first, second, second, first, second]
    questions = [Question(f"q{n}", prompt(n), "rewrite") for n in range(5)]
    answers = many.answer(questions, names)
    assert [reply.id for reply in answers] == [f"q{n}" for n in range(5)]
    assert [reply.answer for reply in answers] == [STYLES[name] for name in names]


def test_an_unknown_adapter_is_named_with_those_there_are(
    runs: tuple[Path, dict[str, Any]],
) -> None:
    many = open_adapters(runs[1], CONTEXT)
    with pytest.raises(UsageError) as caught:
        many.complete([[]], ["nobody"], max_new_tokens=1)
    assert caught.value.values["known"] == ", ".join(runs[1])


def test_adapters_of_different_bases_are_not_opened_together(
    runs: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    import json
    import shutil

    name, run = next(iter(runs[1].items()))
    other = Path(shutil.copytree(run.path, tmp_path / "other"))
    file = other / "artifacts" / "tuned.json"
    about = json.loads(file.read_text(encoding="utf-8")) | {"base_digest": "0" * 64}
    file.write_text(json.dumps(about), encoding="utf-8")
    with pytest.raises(UsageError, match="adapters-differ"):
        open_adapters({name: run, "other": type(run).open(other)}, CONTEXT)
    file.write_text(json.dumps(about | {"method": "full"}), encoding="utf-8")
    with pytest.raises(UsageError, match="run-not-adapter"):
        open_adapters({"other": type(run).open(other)}, CONTEXT)
