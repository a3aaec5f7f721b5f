"""The summary of a health report: scores, good rows, what to add, and one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from advisor.session import Session
from knowledge.corpus.grade import Grade, Thresholds, grade

if TYPE_CHECKING:
    from advisor.commands_inspect import Inspection


def thresholds() -> Thresholds:
    """What the catalog's methods ask for, and the context that training uses by default."""
    from knowledge.catalog.loader import load

    methods, settings = load("methods"), load("settings")
    return Thresholds(
        methods["lora"].min_examples or 0,
        methods["encoder"].min_examples or 0,
        int(settings["finetune.seq_len"].default),
    )


def graded(found: Sequence[Inspection]) -> Grade:
    return grade([one.corpus for one in found], thresholds())


def as_health(summary: Grade, session: Session) -> dict[str, Any]:
    """The summary as the JSON document carries it."""
    return {
        "scores": {
            name: {"score": score.value, "parts": dict(score.parts)}
            for name, score in summary.scores.items()
        },
        "rows": summary.rows,
        "good_rows": summary.good_rows,
        "dropped": dict(summary.dropped),
        "cut": {"rows": summary.cut, "seq_len": summary.seq_len},
        "missing": [
            {
                "id": one.id,
                "n": one.n,
                "add": one.add,
                "names": list(one.names),
                "text": session.t(f"summary.edge.{one.id}", **_named(one.names, one.n, one.add)),
            }
            for one in summary.missing
        ],
        "ready": list(summary.ready),
        "first": summary.first and {"id": summary.first[0], "n": summary.first[1]},
        "sentence": sentence(summary, session),
    }


def _named(names: Sequence[str], n: int, add: int) -> dict[str, Any]:
    return {"n": n, "add": add, "names": ", ".join(names)}


def sentence(summary: Grade, session: Session) -> str:
    """What the material is good enough for, and what to do first; "" when nothing was read."""
    said = []
    if summary.ready:
        named = [session.t(f"summary.road.{road}") for road in summary.ready]
        said.append(session.t("summary.ready", roads=session.t("summary.and").join(named)))
    if summary.first is not None:
        id_, n = summary.first
        labelled = id_ == "more-pairs" and summary.kind == "labelled"
        said.append(session.t(f"summary.first.{'more-texts' if labelled else id_}", n=f"{n:,}"))
    return session.t("summary.join").join(said)


def show_summary(summary: Grade, session: Session) -> None:
    """Scores with their parts, what dropping the poor rows leaves, edge cases, the sentence."""
    from advisor.render import listed, paragraph, table

    if summary.rows:
        click.echo(session.t("summary.title"))
        headings = [session.t(f"summary.column.{name}") for name in ("aspect", "score", "parts")]
        rows = [
            [
                session.t(f"summary.aspect.{name}"),
                str(score.value),
                session.t("summary.comma").join(
                    f"{session.t(f'summary.part.{part}')} {value:.0%}"
                    for part, value in score.parts.items()
                ),
            ]
            for name, score in summary.scores.items()
        ]
        if rows:
            table(headings, rows, numbers=(1,))
        click.echo(paragraph(_kept(summary, session)))
        if summary.cut:
            text = session.t("summary.cut", n=f"{summary.cut:,}", seq_len=f"{summary.seq_len:,}")
            click.echo(paragraph(text))
        if summary.missing:
            click.echo(session.t("summary.add"))
            for one in summary.missing:
                values = _named(one.names, one.n, one.add)
                click.echo(listed(session.t(f"summary.edge.{one.id}", **values)))
    if said := sentence(summary, session):
        click.echo(paragraph(session.t("summary.verdict", sentence=said)))


def _kept(summary: Grade, session: Session) -> str:
    values = {"rows": f"{summary.rows:,}", "good": f"{summary.good_rows:,}"}
    if not summary.dropped:
        return session.t("summary.all-good", **values)
    dropped = session.t("summary.comma").join(
        session.t(f"summary.dropped.{id_}", n=f"{n:,}") for id_, n in summary.dropped.items()
    )
    return session.t("summary.kept", dropped=dropped, **values)
