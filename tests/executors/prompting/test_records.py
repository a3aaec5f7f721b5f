"""Where every example is JSON every answer is: kept to it by the model, or cut out of an answer."""

from __future__ import annotations

import json
from pathlib import Path

from made import PlanMaker
from openai_server import serving

from advisor.session import Session
from executors.apply import Checked, apply
from executors.evaluate.heldout import read_answers


def test_a_server_that_puts_a_fence_around_its_json_loses_nothing_by_it(
    tmp_path: Path, plan_for: PlanMaker, session: Session
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    rows = [
        {
            "id": f"r{n}",
            "prompt": f"{n}月{n + 1}日に{n}個",
            "completion": f'{{"n": {n}}}',
            "scene": f"{n}",
        }
        for n in range(24)
    ]
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / "pairs.jsonl").write_text("".join(lines), encoding="utf-8")
    found = {}
    with serving() as server:
        server.says = lambda turns: f'```json\n{{"n": {turns[-1]["content"].split("月")[0]}}}\n```'
        for constrained in (True, False):
            config = {"endpoint.url": server.url, "prompting.constrained": constrained}
            plan = plan_for("prompting", folder, goal="output_format", config=config)
            run = apply(Checked(plan, tmp_path), session, run_path=tmp_path / f"run-{constrained}")
            stored = json.loads((run.artifacts / "prompt.json").read_text(encoding="utf-8"))
            assert stored["records"] == ["qa"]
            answers = read_answers(run.eval / "answers.jsonl")
            found[constrained] = [answer["answer"] for answer in answers]
    assert all(isinstance(json.loads(answer), dict) for answer in found[True])
    assert all(answer.startswith("```json") for answer in found[False])
