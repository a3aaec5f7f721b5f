"""Drafted questions of `inspect --draft`: written as drafts, then walked through by a person.

Every decision is on disk before the next question is shown, so that an interruption loses none.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advisor.errors import Fault, UsageError
from advisor.inspect_records import write_lines
from advisor.prompts import Asker, Command, Shown, asker
from advisor.session import Session
from knowledge.corpus.draft import Draft, chosen, drafts_of
from knowledge.corpus.types import Document

if TYPE_CHECKING:
    from advisor.commands_inspect import Inspection

Record = dict[str, Any]
_CHOICES = ("accept", "edit", "skip", "quit")


class Drafting:
    """Gathers drafts while documents pass by; nothing of the documents is kept."""

    def __init__(self, out: Path | None, n: int, review: bool, session: Session) -> None:
        if review and out is None:
            raise UsageError("review-needs-draft", where="--review")
        if review and not session.interactive:
            raise UsageError("review-needs-terminal", where="--review")
        self._out, self._n, self._review = out, n, review
        self._drafts: list[Draft] = []

    @property
    def wanted(self) -> bool:
        return self._out is not None

    def take(self, document: Document) -> None:
        """Draft questions from one document."""
        self._drafts += drafts_of(document)

    def finish(self, found: Sequence[Inspection], session: Session) -> dict[str, Any]:
        """Write the drafts, keep what was decided before, and ask a person if that was wished.

        Returns:
            The `drafts` object of the JSON document, empty where none were asked for.

        Raises:
            UsageError: OUT.jsonl exists and is no file of drafts.
        """
        if self._out is None:
            return {}
        kept = {(d.id, d.source) for one in found for d in one.corpus.documents}
        known = [example.prompt for one in found for example in one.corpus.examples]
        before = read_drafts(self._out)
        ids = {record["id"] for record in before}
        fresh = (d for d in self._drafts if (d.doc_id, d.source) in kept and d.id not in ids)
        room = max(0, self._n - len(before))
        records = [*before, *(draft.record() for draft in chosen(fresh, known, room))]
        write_lines(self._out, records)
        session.say("draft.wrote", path=self._out, n=len(records), new=len(records) - len(before))
        if self._review:
            walk(self._out, records, asker(plain=session.plain), session)
        accepted = sum(record.get("reviewed") is True for record in records)
        told = {"out": str(self._out), "drafts": len(records), "accepted": accepted}
        return {"drafts": {**told, "method": "extractive"}}


def read_drafts(path: Path) -> list[Record]:
    """The drafts of an earlier call with what was decided of them; none where there is no file.

    Raises:
        UsageError: a line is no draft: the file may be somebody's own.
    """
    if not path.exists():
        return []
    records: list[Record] = []
    faults = []
    for number, line in enumerate(
        path.read_text(encoding="utf-8", errors="replace").split("\n"), 1
    ):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            record = None
        if isinstance(record, dict) and {"id", "question", "answer", "status"} <= record.keys():
            records.append(record)
        else:
            faults.append(Fault("draft-line", f"line {number}"))
    if faults:
        raise UsageError(
            "draft-file-other", where=str(path), faults=tuple(faults[:5]), path=str(path)
        )
    return records


def walk(path: Path, records: list[Record], ask: Asker, session: Session) -> None:
    """Put every undecided draft to a person; `quit` and Ctrl-C keep what was decided."""
    waiting = [at for at, record in enumerate(records) if record["status"] == "draft"]
    try:
        for number, at in enumerate(waiting, 1):
            decided = _decide(records[at], ask, session, f"{number}/{len(waiting)}")
            if decided is None:
                break
            records[at] = decided
            write_lines(path, records)
    finally:
        left = sum(record["status"] == "draft" for record in records)
        accepted = sum(record.get("reviewed") is True for record in records)
        session.say("draft.reviewed", accepted=accepted, left=left, path=path)


def _decide(record: Record, ask: Asker, session: Session, place: str) -> Record | None:
    """The record as decided; None to stop here."""
    say = session.say
    say("draft.shown", place=place, where=f"{record.get('from', '')} {record.get('where', '')}")
    say("draft.passage", text=record.get("gold_passage", ""))
    say("draft.question", text=record["question"])
    say("draft.answer", text=record["answer"])
    while True:
        choices = [Shown(name, session.t(f"draft.choice.{name}")) for name in _CHOICES]
        answer = ask.choose(choices, "accept")
        if answer is Command.WHY:
            say("draft.why")
            continue
        if answer in ("quit", Command.BACK):
            return None
        if answer == "skip":
            return {**record, "status": "skipped"}
        decided = {**record, "status": "accepted", "reviewed": True}
        if answer == "edit":
            edited = _edited(record, ask, session)
            if edited is None:
                continue
            # Figures of the draft need not stand in an answer that a person wrote.
            decided.pop("must_contain", None)
            decided |= edited | {"status": "edited"}
        return decided


def _edited(record: Record, ask: Asker, session: Session) -> Record | None:
    """Question and answer as a person writes them; None to go back to the choice."""

    def fault(text: str) -> str | None:
        return None if text.strip() else session.t("draft.empty")

    made: Record = {}
    for name in ("question", "answer"):
        offered = " ".join(str(record[name]).split())
        text = ask.write(offered, fault, session.t(f"draft.edit.{name}"))
        if isinstance(text, Command):
            return None
        made[name] = record[name] if text == offered else text
    return made
