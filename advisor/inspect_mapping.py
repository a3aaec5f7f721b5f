"""Which columns are question and answer: what `--map` asks for, and what was taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import click

from advisor.errors import UsageError
from advisor.session import Session
from knowledge.corpus.types import ExampleKind, FieldMap, FileReport, TakenFields

if TYPE_CHECKING:
    from advisor.commands_inspect import Inspection

_SIDES: dict[str, tuple[str, str]] = {
    "qa": ("question", "answer"),
    "rewrite": ("source", "target"),
    "labelled": ("text", "label"),
}
_OTHER = ("prompt", "completion")
_KEYS = (*(side for pair in _SIDES.values() for side in pair), *_OTHER, "context", "kind")


def parse_maps(asked: Sequence[str]) -> tuple[tuple[str, FieldMap], ...]:
    """`[FILE:]question=NAME,answer=NAME[,context=NAME][,kind=qa|rewrite|labelled]`, each.

    Raises:
        UsageError: it is not of this form.
    """
    return tuple(_parsed(one) for one in asked)


def _parsed(text: str) -> tuple[str, FieldMap]:
    before, equals, after = text.partition("=")
    file, _, key = before.rpartition(":")
    given: dict[str, str] = {}
    for pair in f"{key}{equals}{after}".split(","):
        name, _, value = (part.strip() for part in pair.partition("="))
        if name not in _KEYS:
            raise UsageError("map-key", where=text, name=name, near=_near(name, _KEYS))
        given[name] = value
    kind = given.get("kind", "")
    if kind and kind not in _SIDES:
        raise UsageError("map-key", where=text, name=kind, near=_near(kind, list(_SIDES)))
    for named, sides in (*_SIDES.items(), ("qa", _OTHER)):
        prompt, completion = (given.get(side, "") for side in sides)
        if prompt and completion:
            as_kind = cast(ExampleKind, kind or named)
            return file, FieldMap(as_kind, prompt, completion, given.get("context"))
    raise UsageError("map-sides", where=text, text=text)


def check_maps(found: Sequence[Inspection], asked: Sequence[tuple[str, FieldMap]]) -> None:
    """Refuse names that stand in no file, with what comes close to them.

    Raises:
        UsageError: no such file, or no such column in it.
    """
    reports = [report for one in found for report in one.corpus.files]
    for file, fields in asked:
        these = [r for r in reports if file in ("", r.path)]
        if not these:
            names = [report.path for report in reports]
            raise UsageError("map-file", where=file, name=file, near=_near(file, names))
        columns = list(dict.fromkeys(name for report in these for name in report.columns))
        for name in filter(None, (fields.prompt, fields.completion, fields.context)):
            if not any(_same(name, column) for column in columns):
                raise UsageError("map-name", where=file, name=name, near=_near(name, columns))
        if not any(_uses(report, fields) for report in these):
            raise UsageError("map-unused", where=file, a=fields.prompt, b=fields.completion)


def _uses(report: FileReport, fields: FieldMap) -> bool:
    return any(
        _same(one.fields.prompt, fields.prompt) and _same(one.fields.completion, fields.completion)
        for one in report.taken
    )


def _same(a: str, b: str) -> bool:
    from knowledge.corpus.examples import folded

    return folded(a) == folded(b)


def _near(name: str, known: Sequence[str]) -> str:
    """What comes close to `name`, else everything there is."""
    from knowledge.catalog.loader import did_you_mean

    return ", ".join(did_you_mean(name, known) or known[:12])


def as_mapping(report: FileReport) -> list[dict[str, Any]]:
    """What was taken in one file, as the JSON document carries it."""
    return [
        {"kind": one.fields.kind, "format": one.format, **_names(one), "rows": one.rows}
        for one in report.taken
    ]


def _names(one: TakenFields) -> dict[str, str]:
    prompt, completion = _SIDES[one.fields.kind]
    names = {prompt: one.fields.prompt, completion: one.fields.completion}
    return names | ({"context": one.fields.context} if one.fields.context else {})


def show_mapping(reports: Sequence[FileReport], session: Session) -> None:
    """A line for each file and set of names."""
    from advisor.render import paragraph

    for report in reports:
        for one in report.taken:
            said = session.t("summary.comma").join(
                f"{session.t(f'map.side.{side}')} = {name}" for side, name in _names(one).items()
            )
            text = session.t(
                "map.taken",
                file=report.path,
                names=said,
                n=f"{one.rows:,}",
                format=session.t(f"map.format.{one.format}"),
            )
            click.echo(paragraph(text))
