"""A person asks on a terminal: the answer as it comes, its sources by number, the next question."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from typing import Any

import click

from advisor.session import Session
from executors.base import Question, Reply
from executors.evaluate.heldout import answer_record
from executors.rag.answer.cite import numbered


def converse(session: Session, system: Any, asker: Question, passages: int) -> None:
    """Ask until an empty line, Ctrl-D or Ctrl-C; a number opens a source of the last answer.

    `asker` is a question without text: who asks, of what kind, and within what.
    """
    session.say("use.conversation")
    last: Reply | None = None
    while True:
        try:
            text = click.prompt(">", prompt_suffix=" ", default="", show_default=False, err=True)
        except click.Abort:
            click.echo(err=True)
            return
        text = text.strip()
        if not text:
            return
        number = source_number(text)
        if number is not None and last is not None and last.passages:
            open_source(session, system, last, number)
        else:
            last = answer_one(session, system, replace(asker, id="q", text=text), passages)
            if last.passages:
                session.say("use.open-source", n=len(last.passages))


def answer_one(session: Session, system: Any, question: Question, passages: int) -> Reply:
    """Answer one question; on a terminal a generated answer is shown while it is written."""
    if session.as_json or not hasattr(system, "stream"):
        (reply,) = system.answer([question], passages=passages)
        session.out({"schema_version": 1, **answer_record(reply)}, lambda: show(session, reply))
        return reply
    written = False
    for part in system.stream(question, passages=passages):
        if isinstance(part, Reply):
            reply = part
        else:
            written = True
            click.echo(part, nl=False, err=True)
    if written:
        click.echo("\n", err=True)
    show(session, reply)
    return reply


def show(session: Session, reply: Reply) -> None:
    """The answer with the number of its source after each sentence, and the sources."""
    click.echo(numbered(reply.answer, reply.citations))
    if reply.dropped:
        session.say("rag.dropped", n=len(reply.dropped))
    elif any(not citation.passage for citation in reply.citations):
        session.say("rag.marked")
    for number, passage in enumerate(reply.passages, 1):
        where = f" {passage.where}" if passage.where else ""
        click.echo(f"  [{number}] {passage.source}{where}  {passage.title}")


def open_source(session: Session, system: Any, reply: Reply, number: int) -> None:
    """Show one passage of an answer whole, between what stands before and after it."""
    if not 1 <= number <= len(reply.passages):
        session.say("use.no-source", number=number, n=len(reply.passages))
        return
    passage = reply.passages[number - 1]
    before, after = system.around(passage) if hasattr(system, "around") else ("", "")
    where = f"  {passage.where}" if passage.where else ""
    click.echo(f"[{number}] {passage.source}{where}\n{passage.title}\n")
    for text, mark in ((before, "  "), (passage.text, "| "), (after, "  ")):
        for line in text.splitlines():
            click.echo(mark + line)
        if text:
            click.echo()


def source_number(text: str) -> int | None:
    """The number typed, full-width digits and brackets too; None for anything else."""
    plain = unicodedata.normalize("NFKC", text).strip("[]()［］ ")
    return int(plain) if plain.isascii() and plain.isdigit() and len(plain) <= 3 else None
