"""The training of a LoRA adapter beside TRL's and LLaMA-Factory's: seconds, memory, held-out loss.

`python -m bench tuning_peers --peers=VENV_PYTHON [--rounds=3] [--rows=160] [--held-out=40]
[--batch=8] [--tools="okakae;trl;llamafactory"] [--name=tuning_peers]`, with LLaMA-Factory in the
environment named; TRL runs in this one. `OMP_NUM_THREADS` decides the threads of everybody.

The starter on casual → most polite pairs of keico_style, one epoch, LoRA on all linear layers,
bf16, the same rate, schedule and seed. Every tool runs as a process of its own, in turn, in rounds.
The peers get the rows in the order of okakae's sampler, which groups them by length: every step of
every tool has the same tokens, which is checked on the batches that the models were given, and the
peers pad less than by themselves. Their other defaults stay, recomputed activations among them
(`--tools="okakae;llamafactory, activations kept"` measures without). None of the tools probes for
forgetting or mixes in general rows here. okakae's two evaluations and its checkpoint are a part of
`train_seconds`, not of `step_seconds`.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from bench.machine import about_machine, save
from bench.planted import option
from executors.evaluate.statistics import paired_difference

DATA = Path(__file__).parents[2] / "shared" / "data" / "keico_style"
WORKER = str(Path(__file__).with_name("tuning_peers_worker.py"))
JUDGE = str(Path(__file__).with_name("tuning_peers_judge.py"))
LIMIT_SECONDS = 3600
WARMUP_RATIO = 0.05
SEED = 0
SETTINGS = {"seed": SEED, "rank": 16, "alpha": 32, "learning_rate": 2e-4}
PACKAGES = ("llamafactory", "trl", "transformers", "peft", "accelerate", "torch", "tokenizers")
Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the call says about the measurement as a whole."""

    rounds: int
    rows: int
    held_out: int
    batch: int
    tools: tuple[str, ...]
    peers: str


def prepare(asked: Asked, folder: Path) -> Record:
    """Write rows.json and settings.json; counts of rows and tokens.

    Held out, and apart from them for okakae's own evaluations, are whole fields of life.
    """
    from bench.roads import _is_casual_to_polite
    from executors.finetune.rows import make_rows
    from executors.models import STARTER, load_tokenizer, resolve
    from knowledge.corpus.types import Example

    lines = (DATA / "rewrite_pairs.jsonl").read_text(encoding="utf-8").splitlines()
    pairs = [pair for pair in map(json.loads, lines) if _is_casual_to_polite(pair)]
    random.Random(0).shuffle(pairs)
    fields = sorted({pair["field"] for pair in pairs})
    parts: dict[str, list[Any]] = {"held_out": [], "validation": [], "train": []}
    wanted = {"held_out": asked.held_out, "validation": 8, "train": asked.rows}
    share = {"held_out": fields[::5], "validation": fields[1::5]}
    for pair in pairs:
        part = next((name for name, own in share.items() if pair["field"] in own), "train")
        if len(parts[part]) < wanted[part]:
            made = Example(pair["id"], "rewrite", pair["source"], pair["target"], "", "")
            parts[part].append(made)

    tokenizer, _ = load_tokenizer(STARTER)
    rows = {}
    for name, examples in parts.items():
        found = make_rows(examples, tokenizer, "ja", 1024)
        if found.left_out or len(found.rows) != wanted[name]:
            raise RuntimeError(f"{name}: {len(found.rows)} rows, left out {found.left_out}")
        rows[name] = found.rows
    told: Record = {
        name: [asdict(row) | _texts(row, tokenizer) for row in part] for name, part in rows.items()
    }
    told["drawn"] = [told["train"][at] for at in order(rows["train"], asked.batch)]
    steps = -(-asked.rows // asked.batch)
    settings = SETTINGS | {
        "model": str(resolve(STARTER).path),
        "batch": asked.batch,
        "warmup_ratio": WARMUP_RATIO,
        "warmup_steps": max(1, round(steps * WARMUP_RATIO)),
    }
    folder.mkdir(parents=True)
    (folder / "rows.json").write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
    (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    return {
        "rows": asked.rows,
        "steps": steps,
        "tokens": sum(len(row.input_ids) for row in rows["train"]),
        "trained_tokens": sum(row.trained_tokens for row in rows["train"]),
        "held_out_rows": asked.held_out,
        "held_out_tokens": sum(row.trained_tokens for row in rows["held_out"]),
    }


def order(rows: Sequence[Any], batch: int) -> list[int]:
    """Numbers of the rows as okakae's sampler draws them in the first epoch."""
    from executors.finetune.trainer import RowOrder

    start = SimpleNamespace(state=SimpleNamespace(epoch=0))
    return list(RowOrder([len(row.input_ids) for row in rows], batch, SEED, start))


def _texts(row: Any, tokenizer: Any) -> dict[str, str]:
    """The row as two texts for a tool that tokenises by itself; its batches tell if they agree."""
    split = len(row.input_ids) - row.trained_tokens
    return {
        "prompt": tokenizer.decode(row.input_ids[:split]),
        "answer": tokenizer.decode(row.input_ids[split:]),
    }


def run_one(tool: str, peers: str, folder: Path, out: Path) -> Record:
    """One training in a process of its own; what its worker saw, and the process's seconds."""
    out.mkdir(parents=True)
    python = peers if tool.startswith("llamafactory") else sys.executable
    started = time.perf_counter()
    _call(
        [python, "-P", WORKER, tool, str(folder), str(out)], python == sys.executable, out / "log"
    )
    seconds = time.perf_counter() - started
    found: Record = json.loads((out / "result.json").read_text(encoding="utf-8"))
    weights = (out / "adapter" / "adapter_model.safetensors").read_bytes()
    return found | {
        "process_seconds": seconds,
        "adapter": str(out / "adapter"),
        "sha256": hashlib.sha256(weights).hexdigest(),
    }


def _call(words: list[str], ours: bool, log: Path) -> None:
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    environment.pop("PYTHONPATH", None)
    if ours:
        environment["PYTHONPATH"] = str(Path(__file__).parents[1])
    with log.open("w", encoding="utf-8") as stream:
        done = subprocess.run(
            words, stdout=stream, stderr=stream, env=environment, timeout=LIMIT_SECONDS
        )
    if done.returncode != 0:
        last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-8:]
        raise RuntimeError(f"{words[3]}: " + "\n".join(last))


def same_tokens(tool: str, found: Record, ours: Record) -> None:
    """Refuse to compare trainings whose batches differ in a token, a label or their order."""
    if len(found["batches"]) != len(ours["batches"]):
        raise RuntimeError(f"{tool}: {len(found['batches'])} batches")
    for step, (theirs, own) in enumerate(zip(found["batches"], ours["batches"], strict=True)):
        if theirs != own:
            raise RuntimeError(f"{tool}: other tokens or labels in batch {step}")


def compared(asked: Asked, folder: Path) -> Iterator[Record]:
    """Everybody in turn, in rounds; what is known after each."""
    counts = prepare(asked, folder / "rows")
    taken: dict[str, list[Record]] = {tool: [] for tool in asked.tools}
    judged: dict[str, list[float]] = {}
    for number in range(asked.rounds):
        for tool in asked.tools if number % 2 == 0 else reversed(asked.tools):
            out = folder / f"{number}-{asked.tools.index(tool)}"
            one = run_one(tool, asked.peers, folder / "rows", out)
            taken[tool].append(one)
            print(number, tool, _brief(one), flush=True)
        ours = taken["okakae"][-1]
        for tool in asked.tools:
            same_tokens(tool, taken[tool][-1], ours)
        new = {runs[-1]["sha256"]: runs[-1]["adapter"] for runs in taken.values()}
        new = {digest: path for digest, path in new.items() if digest not in judged}
        if new:
            base, losses = judge(list(new.values()), folder)
            judged |= dict(zip(new, losses, strict=True)) | {"base": base}
        known = {
            tool: _figures(runs, taken["okakae"], counts) | _loss(runs, ours, judged, counts)
            for tool, runs in taken.items()
        }
        base_loss = sum(judged["base"]) / counts["held_out_tokens"]
        yield counts | {"rounds": number + 1, "base_loss": round(base_loss, 4), "tools": known}


def judge(adapters: Sequence[str], folder: Path) -> tuple[list[float], list[list[float]]]:
    """Each held-out row's loss with the base alone, and with every adapter."""
    out = folder / "losses.json"
    words = [sys.executable, "-P", JUDGE, str(folder / "rows"), str(out), *adapters]
    _call(words, True, folder / "judge.log")
    base, *found = json.loads(out.read_text(encoding="utf-8"))
    return base, found


def _brief(one: Mapping[str, Any]) -> str:
    return (
        f"{sum(one['step_seconds']):.1f} s in steps, of processors "
        f"{sum(one['step_cpu_seconds']):.1f} s, {one['train_seconds']:.1f} s in all of the "
        f"training, {one['process_seconds']:.1f} s with loading, {one['peak_mib']:.0f} MiB"
    )


def _figures(runs: Sequence[Record], ours: Sequence[Record], counts: Mapping[str, int]) -> Record:
    named, own = (
        [
            run | {"seconds": sum(run["step_seconds"]), "cpu_seconds": sum(run["step_cpu_seconds"])}
            for run in part
        ]
        for part in (runs, ours)
    )

    def times(name: str) -> list[float]:
        return [round(a[name] / b[name], 3) for a, b in zip(named, own, strict=True)]

    seconds = statistics.median(run["seconds"] for run in named)
    whole = ("seconds", "cpu_seconds", "train_seconds", "process_seconds", "peak_mib")
    return {
        "step_seconds": [round(run["seconds"], 2) for run in named],
        "step_cpu_seconds": [round(run["cpu_seconds"], 2) for run in named],
        "train_seconds": [round(run["train_seconds"], 2) for run in named],
        "process_seconds": [round(run["process_seconds"], 2) for run in named],
        "peak_mib": [round(run["peak_mib"]) for run in named],
        "loaded_mib": round(statistics.median(run["loaded_mib"] for run in named)),
        "tokens_per_second": round(counts["tokens"] / seconds, 1),
        "padded_tokens": named[0]["padded_tokens"],
        "trained_parameters": named[0]["trained_parameters"],
        "optimizer": named[0]["optimizer"],
        "recomputes_activations": named[0]["checkpointing"],
        "starts_as_ours": named[0]["start_sha256"] == own[0]["start_sha256"],
        "times_ours": {name: statistics.median(times(name)) for name in whole},
        "times_ours_by_round": {name: times(name) for name in whole},
    }


def _loss(
    runs: Sequence[Record],
    ours: Record,
    judged: Mapping[str, Sequence[float]],
    counts: Mapping[str, int],
) -> Record:
    """Held-out loss by token, and a row's loss paired with that of our adapter."""
    rows, own = judged[runs[-1]["sha256"]], judged[ours["sha256"]]
    found: Record = {
        "held_out_loss": round(sum(rows) / counts["held_out_tokens"], 4),
        "held_out_loss_times_ours": round(sum(rows) / sum(own), 4),
        "same_adapter_every_round": len({run["sha256"] for run in runs}) == 1,
    }
    if runs[-1]["sha256"] != ours["sha256"]:
        gap = paired_difference(rows, own)
        found["row_loss_minus_ours"] = {
            "value": round(gap.value, 3), "low": round(gap.low, 3),
            "high": round(gap.high, 3), "n": gap.n,
        }  # fmt: skip
    return found


def peer_versions(python: str) -> Record:
    code = (
        "import json,sys;from importlib.metadata import version as v;"
        "print(json.dumps({n:v(n) for n in sys.argv[1:]}))"
    )
    done = subprocess.run(
        [python, "-c", code, *PACKAGES], capture_output=True, text=True, check=True
    )
    found: Record = json.loads(done.stdout)
    return found


def main() -> None:
    words = sys.argv[1:]
    peers = option("peers", "", words)
    if not DATA.is_dir() or not peers:
        print("skipped: name a Python that has llamafactory with --peers=PYTHON", file=sys.stderr)
        return
    named = option("tools", "okakae;trl;llamafactory", words)
    asked = Asked(
        rounds=int(option("rounds", "3", words)),
        rows=int(option("rows", "160", words)),
        held_out=int(option("held-out", "40", words)),
        batch=int(option("batch", "8", words)),
        tools=tuple(named.split(";")),
        peers=peers,
    )
    name, machine = option("name", "tuning_peers", words), about_machine()
    about = {
        "model": "starter",
        "data": "keico_style, level 4 to 1",
        "threads": os.environ.get("OMP_NUM_THREADS", "all"),
        **SETTINGS,
        "batch": asked.batch,
        "versions_of_llamafactory": peer_versions(peers),
        "trl": version("trl"),
    }
    with tempfile.TemporaryDirectory() as folder:
        for known in compared(asked, Path(folder)):
            print(save(name, about | known, machine), flush=True)


if __name__ == "__main__":
    main()
