"""How fast okakae starts: `--help` beside `import click`, the wizard's first prompt on a pty."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.machine import save

PAIRS = 15


def seconds(command: list[str], environment: dict[str, str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, env=environment, capture_output=True, check=True)
    return time.perf_counter() - started


def help_ratio() -> dict[str, Any]:
    """`okakae --help` and `import click` in turn; medians and the median of paired ratios."""
    environment = dict(os.environ)
    okakae = [str(Path(sys.executable).parent / "okakae"), "--help"]
    click = [sys.executable, "-c", "import click"]
    for command in (okakae, click):
        seconds(command, environment)
    pairs = [(seconds(okakae, environment), seconds(click, environment)) for _ in range(PAIRS)]
    return {
        "help_s": round(statistics.median(a for a, _ in pairs), 4),
        "import_click_s": round(statistics.median(b for _, b in pairs), 4),
        "ratio": round(statistics.median(a / b for a, b in pairs), 3),
        "pairs": PAIRS,
    }


def first_prompt() -> dict[str, Any]:
    """From starting the process to the first question on a pseudo-terminal."""
    import pexpect

    times = []
    for _ in range(PAIRS + 1):
        with tempfile.TemporaryDirectory() as state:
            environment = {**os.environ, "OKAKAE_STATE_DIR": state, "TERM": "xterm-256color"}
            started = time.perf_counter()
            child = pexpect.spawn(
                str(Path(sys.executable).parent / "okakae"),
                ["ask", "--lang", "ja"],
                env=environment,
                encoding="utf-8",
                dimensions=(40, 100),
                timeout=20,
            )
            child.expect("❯|›|» |1\\)")
            times.append(time.perf_counter() - started)
            child.close(force=True)
    return {"first_prompt_s": round(statistics.median(times[1:]), 4), "runs": PAIRS}


def json_commands() -> dict[str, Any]:
    """Whole processes of the light commands that scripts call."""
    binary = str(Path(sys.executable).parent / "okakae")
    with tempfile.TemporaryDirectory() as folder:
        answers = Path(folder) / "answers.toml"
        answers.write_text('schema_version = 1\ngoal = "style_or_tone"\n', encoding="utf-8")
        commands = {
            "recommend_s": [binary, "recommend", "--answers", str(answers), "--json", "--no-input"],
            "estimate_s": [
                binary,
                "estimate",
                "--model",
                "meta-llama/Llama-3.1-8B",
                "--method",
                "qlora",
                "--json",
            ],
        }
        figures = {}
        for name, command in commands.items():
            runs = [seconds(command, dict(os.environ)) for _ in range(6)]
            figures[name] = round(statistics.median(runs[1:]), 4)
        return figures


def main() -> None:
    print(save("startup", {**help_ratio(), **first_prompt(), **json_commands()}))


if __name__ == "__main__":
    main()
