"""The process that trains: `python -m executors.finetune.child JOB ANSWER` (see survive.py)."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

from advisor.errors import OkakaeError
from advisor.files import write_json
from advisor.session import Session
from advisor.texts import set_lang
from executors.base import Context, RunData
from executors.finetune.memory import is_out_of_memory, near_the_limit
from executors.rundir import RunDir
from executors.tracebacks import in_short, keep_traceback
from knowledge.corpus.splits import Split
from knowledge.corpus.types import Corpus, Example

ORPHANED = 75


def main(asked: Path, answered: Path) -> None:
    """Train as the job says, and leave the actuals, the error, or that memory ran out."""
    _die_with_parent()
    job = json.loads(asked.read_text(encoding="utf-8"))
    try:
        found: dict[str, Any] = {"actuals": train(job)}
    except OkakaeError as error:
        values = {name: _plain(value) for name, value in error.values.items()}
        found = _error(type(error).__name__, error.ref, error.where, values)
        if error.ref in ("model-too-big", "model-unloadable") and is_out_of_memory(error):
            found = {"out_of_memory": f"{error.ref}: {in_short(error.__cause__ or error)}"}
    except Exception as error:
        from executors.finetune.checkpoints import unwritten

        refused = isinstance(error, RuntimeError | OSError) and near_the_limit()
        if is_out_of_memory(error) or refused:
            found = {"out_of_memory": in_short(error)}
        elif told := unwritten(error, Path(job["run"]) / "checkpoints"):
            found = _error(type(told).__name__, told.ref, told.where, told.values)
        else:
            keep_traceback(error, answered.parent)
            found = _error(type(error).__name__, "", "", {"why": in_short(error)})
    write_json(answered, found)


def train(job: dict[str, Any]) -> dict[str, float]:
    """Carry out one job in this process."""
    from executors.finetune.executor import FinetuneExecutor
    from executors.finetune.ladder import Rung

    said = job["session"]
    session = Session(
        lang=said["lang"],
        no_input=True,
        plain=said["plain"],
        offline=said["offline"],
        allow=frozenset(said["allow"]),
    )
    set_lang(session.lang)
    run = RunDir.open(Path(job["run"]))
    parts = {name: tuple(map(_example, rows)) for name, rows in job["data"].items()}
    data = RunData(Corpus(Path(), (), (), (), job["digest"]), Split(**parts, test=()))
    rung = Rung(job["method"], job["config"])
    general = [_example(row) for row in job["general"]]
    return FinetuneExecutor().tune(
        run.plan, run, data, Context(session), rung, job["limit_hours"], general
    )


def _example(row: dict[str, Any]) -> Example:
    many = ("doc_ids", "must_contain")
    nested = {"must_contain": tuple(map(tuple, row["must_contain"]))}
    return Example(**{**row, **{name: tuple(row[name]) for name in many}, **nested})


def _die_with_parent() -> None:
    """End when the parent's end of the standard input is gone, whatever ended it."""

    def watch() -> None:
        # Raw: a buffered reader's lock would be held when the interpreter ends.
        while os.read(0, 1):
            pass
        os._exit(ORPHANED)

    threading.Thread(target=watch, daemon=True).start()


def _error(kind: str, ref: str, where: str, values: dict[str, Any]) -> dict[str, Any]:
    return {"error": kind, "ref": ref, "where": where, "values": values}


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
