"""A comparison killed with SIGKILL at random moments: what is on disk stays, the rest goes on."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from made import PlanMaker, write_company
from openai_server import serving

from advisor.plan import save_plan
from executors.evaluate.heldout import ANSWERS, read_answers

KILLS = 5


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_each_kill_loses_at_most_the_answer_in_flight(
    seed: int, tmp_path: Path, plan_for: PlanMaker
) -> None:
    dice = random.Random(seed)
    data = write_company(tmp_path / "company", pairs=120)
    with serving() as server:
        server.delay_s = 0.1
        config = {"endpoint.url": server.url, "endpoint.model": "m", "data.test_share": 0.4}
        save_plan(plan_for("prompting", data, config=config), tmp_path / "a.json")
        folder = tmp_path / "out"
        answers = folder / "roads" / "prompting" / "eval" / ANSWERS
        command = [sys.executable, "-m", "advisor", "compare", str(tmp_path / "a.json"), "--json"]
        command += ["--run", str(folder), "--no-input", "--no-diagnostics", "--resume"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": {**os.environ}}
        on_disk: list[bytes] = []
        while len(on_disk) < KILLS:
            heard = server.received
            process = subprocess.Popen(command, **quiet)  # type: ignore[call-overload]
            while server.received == heard:  # until the first question of this attempt
                assert process.poll() is None
                time.sleep(0.005)
            time.sleep(dice.uniform(0.0, 0.6))
            process.send_signal(signal.SIGKILL)
            assert process.wait(60) == -signal.SIGKILL, "it ended before it was killed"
            on_disk.append(answers.read_bytes())
        time.sleep(2 * server.delay_s)  # what the last one asked is still being answered
        done = subprocess.run(command, timeout=120, **quiet)  # type: ignore[call-overload]
        assert done.returncode == 0
    final = answers.read_bytes()
    for content in on_disk:
        assert final.startswith(content[: content.rfind(b"\n") + 1]), "nothing written is redone"
    found = read_answers(answers)
    n = json.loads((folder / "report.json").read_text("utf-8"))["roads"][0]["n"]
    assert len({answer["id"] for answer in found}) == len(found) == n
    asked = Counter(server.answered)
    assert len(asked) == n
    assert server.received <= n + KILLS, "one answer lost by each kill, at the most"
    assert max(asked.values()) <= 1 + KILLS
