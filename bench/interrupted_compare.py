"""Kills a comparison at five random moments with SIGKILL: what is lost, and what is asked twice?

`python -m bench interrupted_compare [--kills=5] [--seed=0] [--share=0.3]`. Prompting with the
starter, RAG that quotes, and the diagnostics, on the sample company, of whose examples `share` is
held out. One run is carried out undisturbed; another is killed again and again and resumed each
time, at random answers, one in each fifth of them, and within half a second after. A model in this
process writes up to eight answers together: those that it had not finished when the kill came are
in flight, all of them. Logged are every answer that was begun and every one that was finished, the
latter before the product hears of it; an answer that was finished and is begun again was lost, and
there should be none.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from bench.machine import save
from bench.tuning import import_everything

SETS = (
    "generate.max_new_tokens=16",
    "prompting.shots=1",
    "rag.answer=extractive",
)
ROADS = ("prompting", "rag")
WORKER, DONE = "--worker", b'["finished"'
LATEST_S = 0.5


def sample(folder: Path) -> Path:
    """The sample company with its answers, as a person gets it; returns the answers file."""
    with as_file(files("knowledge.samples") / "ja") as source:
        shutil.copytree(source / "company", folder / "company")
        shutil.copyfile(source / "answers.toml", folder / "answers.toml")
    return folder / "answers.toml"


def plans(folder: Path, share: float) -> list[Path]:
    """Sealed plans for the roads on the sample company."""
    from advisor.plan import find_option
    from executors.compare.candidates import advise, planned

    advised = advise(quiet(), sample(folder), (*SETS, f"data.test_share={share}"))
    options = [find_option(advised.recommendation, road) for road in ROADS]
    return [planned(option, advised, folder, resume=False)[0] for option in options]


def quiet() -> Any:
    from advisor.session import Session

    return Session(lang="ja", no_input=True, plain=True, offline=True)


def compare_logged(found: list[Path], folder: Path, log_path: Path) -> None:
    """Compare in this process; what is begun and finished is logged, a line each."""
    from executors import apply as applying
    from executors import generate, journal
    from executors.compare import diagnostics, run
    from executors.evaluate.heldout import ask

    log = os.open(log_path, os.O_APPEND | os.O_CREAT | os.O_WRONLY)

    def told(what: str, keys: list[str]) -> None:
        os.write(log, (json.dumps([what, keys]) + "\n").encode())

    as_they_end, write = generate.as_they_end, journal.GenerationJournal.write

    def begun(kept: Any, keys: list[str], *rest: Any) -> Any:
        told("begun", keys)
        return as_they_end(kept, keys, *rest)

    def finished(kept: Any, key: str, *rest: Any) -> None:
        told("finished", [key])
        write(kept, key, *rest)

    class OneByOne:
        """A road that quotes, where each question is an answer of its own."""

        def __init__(self, system: Any, where: str) -> None:
            self._system, self._where = system, where

        def answer(self, questions: Any, *, passages: int = 5) -> Any:
            keys = [f"{self._where}/{question.id}" for question in questions]
            told("begun", keys)
            replies = self._system.answer(questions, passages=passages)
            told("finished", keys)
            return replies

    def logged(system: Any, examples: Any, path: Path, *rest: Any, **more: Any) -> None:
        if more["batch"] == 1:
            system = OneByOne(system, path.relative_to(folder).as_posix())
        ask(system, examples, path, *rest, **more)

    import_everything()
    generate.as_they_end = begun  # type: ignore[assignment]
    journal.GenerationJournal.write = finished  # type: ignore[method-assign]
    applying.ask = diagnostics.ask = logged  # type: ignore[attr-defined]
    run.compare(found, folder, quiet(), resume=folder.exists())


def attempt(found: list[Path], folder: Path, log: Path, kill: tuple[int, float] | None) -> bool:
    """Compare in a process of its own; True when it came to its end, False when it was killed.

    Args:
        kill: after so many answers are finished, over all attempts, and so many seconds more.
    """
    words = [str(path) for path in (folder, log, *found)]
    process = subprocess.Popen([sys.executable, "-m", "bench.interrupted_compare", WORKER, *words])
    while process.poll() is None and (kill is None or len(finished_answers(log)) < kill[0]):
        time.sleep(0.01)
    try:
        if process.wait(kill[1] if kill else None):
            sys.exit("a comparison failed")
        return True
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return False


def finished_answers(log: Path) -> set[str]:
    """The answers that were finished so far; a line that is being written is left out."""
    lines = log.read_bytes().split(b"\n")[:-1] if log.is_file() else []
    return {key for line in lines if line.startswith(DONE) for key in json.loads(line)[1]}


def answers(folder: Path) -> dict[str, bytes]:
    """Every answers file below a comparison, by its place."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("answers.jsonl"))
    }


def kept(before: dict[str, bytes], after: dict[str, bytes]) -> bool:
    """Whether every whole line that was there still stands where it stood."""
    return all(
        after.get(name, b"").startswith(content[: content.rfind(b"\n") + 1])
        for name, content in before.items()
    )


def texts(folder: Path) -> dict[str, str]:
    """Each answer by road and question."""
    return {
        f"{name}/{record['id']}": record["answer"]
        for name, content in answers(folder).items()
        for record in map(json.loads, content.splitlines())
    }


def lost(log_path: Path) -> dict[str, int]:
    """Of the answers that were begun again: how many had been finished, how many were in flight.

    Batches are told apart by their lines; questions that came to the same prompt are one answer.
    """
    begun: Counter[str] = Counter()
    done: set[str] = set()
    found = Counter({"finished_and_lost": 0, "in_flight_and_lost": 0})
    for line in log_path.read_text(encoding="utf-8").splitlines():
        what, keys = json.loads(line)
        if what == "finished":
            done.update(keys)
        if what != "begun":
            continue
        for key in dict.fromkeys(keys):
            if begun[key]:
                found["finished_and_lost" if key in done else "in_flight_and_lost"] += 1
        begun.update(dict.fromkeys(keys, 1))
    return dict(found)


def measure(kills: int, seed: int, share: float, work: Path) -> dict[str, Any]:
    dice = random.Random(seed)
    found = plans(work, share)
    whole, broken = work / "whole", work / "broken"
    attempt(found, whole, work / "log-whole", None)
    seconds = json.loads((whole / "compare.json").read_text(encoding="utf-8"))["seconds"]
    total = len(finished_answers(work / "log-whole"))
    outcomes = []
    for number in range(kills):
        share = (number + dice.random()) / kills
        moment = max(1, round(share * (total - 1))), dice.uniform(0, LATEST_S)
        if attempt(found, broken, work / "log", moment):
            sys.exit("the comparison ended before the last kill")
        kept_rows = [f.read_bytes().count(b"\n") for f in broken.rglob("unfinished.jsonl")]
        outcomes.append((moment, answers(broken), sum(kept_rows)))
        print(f"  kill {number + 1} at answer {moment[0]} of {total}", flush=True)
    attempt(found, broken, work / "log", None)
    final, undisturbed = answers(broken), texts(whole)
    ids = texts(broken)
    return {
        "questions": len(ids),
        "finished_undisturbed": total,
        "seconds_undisturbed": round(seconds, 1),
        "kills": [
            {
                "at_answer": moment[0],
                "seconds_after_it": round(moment[1], 2),
                "answers_on_disk": sum(file.count(b"\n") for file in files_then.values()),
                "finished_in_an_open_batch": rows,
                "all_kept": kept(files_then, final),
            }
            for moment, files_then, rows in outcomes
        ],
        "begun_again": lost(work / "log"),
        "answered_twice": sum(content.count(b"\n") for content in final.values()) - len(ids),
        "answers_other_than_undisturbed": sum(ids[key] != undisturbed[key] for key in ids),
    }


def main() -> None:
    if WORKER in sys.argv:
        folder, log, *found = map(Path, sys.argv[sys.argv.index(WORKER) + 1 :])
        compare_logged(found, folder, log)
        return
    asked = dict(word[2:].split("=") for word in sys.argv[1:])
    with tempfile.TemporaryDirectory(prefix="okakae-interrupted-") as folder:
        work = Path(folder)
        kills, seed = int(asked.get("kills", 5)), int(asked.get("seed", 0))
        figures = measure(kills, seed, float(asked.get("share", 0.3)), work)
    print(json.dumps(figures, indent=1))
    print(save("interrupted_compare", figures), flush=True)


if __name__ == "__main__":
    main()
