"""What the wizard writes around its prompts: values with units, what was found, where from."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from advisor.render import command_line, paragraph, shown_path
from advisor.texts import has_text, t
from advisor.types import Answer, MachineFacts, Scalar
from knowledge.catalog.records import Question
from knowledge.corpus.types import DataFacts


def show_data(facts: DataFacts) -> None:
    """What was found in the material: counts, languages, encodings, dates, what was refused."""
    languages = [
        f"{language_name(code)} {percent(share)}" for code, share in facts.languages.items()
    ]
    encodings = [f"{name} {n}" for name, n in facts.encodings.items()]
    days = facts.days
    say(
        "wizard.data",
        documents=f"{facts.n_documents:,}",
        examples=f"{facts.n_examples:,}",
        tokens=f"{facts.corpus_tokens:,}",
    )
    say(
        "wizard.data-form",
        languages=", ".join(languages) or "-",
        encodings=", ".join(encodings) or "-",
        days="-" if not days else days[0] if len(days) == 1 else f"{days[0]} - {days[-1]}",
    )
    if facts.n_refused:
        command = command_line("okakae", "inspect", shown_path(facts.path))
        say("wizard.data-refused", n=facts.n_refused, command=command)


def show_machine(facts: MachineFacts) -> None:
    """What this machine has."""
    cards = [f"{gpu.name} {gpu.vram_gib:.0f} GB" for gpu in facts.gpus]
    say(
        "wizard.machine",
        gpu=", ".join(cards) or t("wizard.no-gpu"),
        ram=f"{facts.ram_gib:.0f}",
        disk=f"{facts.disk_free_gib:.0f}",
        cores=facts.cpu_cores,
    )


def language_name(code: str) -> str:
    """A language as people call it, else its code."""
    id_ = f"question.language.choice.{code}"
    return t(id_) if has_text(id_) else code


def shown_value(question: Question, value: Scalar) -> str:
    """A value with its unit, as a person reads it."""
    if question.kind in ("integer", "money") and not isinstance(value, str):
        number = f"{value:,}"
    elif question.kind == "number" and not isinstance(value, str):
        number = f"{value:g}"
    elif question.kind == "path" and value:
        return shown_path(str(value))
    else:
        return str(value) or t("wizard.empty")
    return t(f"unit.{question.unit}", value=number) if question.unit else number


def percent(share: float) -> str:
    return f"{share * 100:.0f} %"


def choice_title(question: Question, value: str) -> str:
    id_ = f"question.{question.id}.choice.{value}"
    return t(id_) if has_text(id_) else value


def why_of(answer: Answer) -> str:
    if answer.why == "only-possible":
        return t("wizard.only-possible")
    source = t(f"source.{answer.source}")
    return f"{source} ({answer.why})" if answer.why else source


def cited(ids: Sequence[str]) -> str:
    """Studies by title and year, anything else as it stands."""
    from knowledge.catalog.loader import load

    studies = load("evidence")
    return "; ".join(
        f"{studies[id_].title} ({studies[id_].year})" if id_ in studies else id_ for id_ in ids
    )


def say(id_: str, **values: Any) -> None:
    click.echo(paragraph(t(id_, **values), stream=sys.stderr), err=True)
