"""`okakae use`: ask the finished system, one question, a batch, or in a conversation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from advisor.errors import Fault, RunError, UsageError
from advisor.files import check_writable, write_text
from advisor.render import command_line
from advisor.session import Session, okakae_command

BATCH = 16


@okakae_command("use")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("question", required=False)
@click.option("--questions", type=click.Path(path_type=Path), default=None)
@click.option("--out", type=click.Path(path_type=Path), default=None)
@click.option("--passages", type=click.IntRange(0, 50), default=5)
@click.option("--groups", default="", metavar="A,B")
@click.option("--where", "conditions", multiple=True, metavar="KEY=VALUE")
def use(
    session: Session,
    run: Path,
    question: str | None,
    questions: Path | None,
    out: Path | None,
    passages: int,
    groups: str,
    conditions: tuple[str, ...],
) -> None:
    """Open a finished run and answer; without --groups only from what is open to everybody."""
    if (questions is None) != (out is None):
        raise UsageError("questions-need-out")
    if question is None and questions is None and not session.interactive:
        raise UsageError("question-missing")
    asked = _read_questions(questions) if questions else []
    if out is not None:
        check_writable(out)
    from executors.base import Question
    from executors.commands.conversation import answer_one, converse
    from executors.evaluate.heldout import answer_record
    from executors.rag.search.filter import group_names, metadata_wanted

    asker = group_names(groups), metadata_wanted(conditions)
    system, kind = _open(run, session)
    try:
        if questions is not None and out is not None:
            lines: list[str] = []
            label = session.t("use.answering", n=len(asked))
            with session.progress(label, total=len(asked)) as progress:
                for at in range(0, len(asked), BATCH):
                    batch = [
                        Question(str(row["id"]), row["question"], row.get("kind", kind), *asker)
                        for row in asked[at : at + BATCH]
                    ]
                    lines += [
                        json.dumps(answer_record(reply), ensure_ascii=False)
                        for reply in system.answer(batch, passages=passages)
                    ]
                    progress.update(at + len(batch))
            write_text(out, "".join(line + "\n" for line in lines))
            session.out(
                {"schema_version": 1, "answered": len(lines), "out": str(out)},
                lambda: click.echo(session.t("use.written", n=len(lines), out=out)),
            )
            return
        if question is not None:
            answer_one(session, system, Question("q", question, kind, *asker), passages)
        else:
            converse(session, system, Question("", "", kind, *asker), passages)
    finally:
        system.close()


def _open(path: Path, session: Session) -> tuple[Any, Any]:
    from executors.base import Context
    from executors.goals import kind_for
    from executors.registry import executor
    from executors.rundir import RunDir

    run = RunDir.open(path)
    plan = run.plan
    if not run.done("build"):
        raise RunError(
            "run-unfinished",
            where=str(path),
            status=run.manifest.status,
            path=command_line(path),
        )
    run.verify_artifacts()
    session = session.with_confidential(str(plan.answers.get("confidential", "")) or None)
    session.say("use.opening", run=path.name)
    kind = kind_for(plan.goal)
    return executor(plan.executor).open(run, Context(session)), kind


def _read_questions(path: Path) -> list[dict[str, Any]]:
    """Every question of a JSONL file; all faulty lines are named at once."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UsageError("file-missing", where=str(path), path=str(path)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            "file-unreadable",
            where=str(path),
            path=str(path),
            why=error.strerror if isinstance(error, OSError) else error.reason,
        ) from None
    rows: list[dict[str, Any]] = []
    faults: list[Fault] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            faults.append(Fault("field-wrong", f"line {number}", (("why", error.msg),)))
            continue
        asked = isinstance(row, dict) and isinstance(row.get("question"), str) and "id" in row
        if not asked:
            faults.append(Fault("question-fields", f"line {number}"))
            continue
        rows.append(row)
    if faults:
        raise UsageError(
            "file-wrong-form", where=str(path), faults=tuple(faults), path=str(path), n=len(faults)
        )
    return rows
