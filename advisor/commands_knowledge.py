"""`okakae knowledge list|show|check`: what is known, where from, and whether it holds together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

import click

from advisor.errors import Fault, UsageError
from advisor.session import _COMMON, Session, _session, okakae_command
from advisor.texts import current_lang, has_text, t


def _common(function: Any) -> Any:
    """The options that work everywhere, on the group as on its commands."""
    for flags, attributes in reversed(_COMMON):
        function = click.option(*flags, **attributes)(function)
    return function


@click.group("knowledge", help=t("command.knowledge.help"))
@_common
@click.pass_context
def knowledge(ctx: click.Context, /, **common: Any) -> None:
    """Facts with their sources and dates."""
    ctx.obj = _session(ctx, common)


def _usable(call: Callable[[], Any]) -> Any:
    """What `call` returns; a file of facts that cannot be read becomes a message."""
    from knowledge.catalog.loader import CatalogError

    try:
        return call()
    except CatalogError as error:
        fault = "; ".join(fault.told(current_lang()) for fault in error.faults)
        raise UsageError("knowledge-file", path=str(error.path), fault=fault) from None


def _told(values: Mapping[str, Any], lang: str) -> dict[str, Any]:
    """The values of a finding, those that are faults themselves in the reader's language."""
    from knowledge.catalog.loader import RecordFault

    return {k: v.told(lang) if isinstance(v, RecordFault) else v for k, v in values.items()}


@okakae_command("knowledge-list")
@click.argument("kind", required=False)
def list_(session: Session, kind: str | None) -> None:
    """The kinds with their counts, or every record of one kind."""
    _usable(lambda: _list_kinds(session) if kind is None else _list_records(session, kind))


def _list_kinds(session: Session) -> None:
    from knowledge.catalog.loader import load, overlay_folder, stamp
    from knowledge.catalog.records import KINDS

    counts = {kind: len(load(kind)) for kind in KINDS}
    now = stamp()

    def human() -> None:
        from advisor.render import table

        table(
            [session.t(f"knowledge.column.{name}") for name in ("kind", "count", "what")],
            [[k, str(n), session.t(f"knowledge.kind.{k}")] for k, n in counts.items()],
        )
        click.echo(session.t("knowledge.stamp", version=now.version, digest=now.sha256[:12]))
        click.echo(session.t("knowledge.overlay", folder=overlay_folder()))

    session.out({"schema_version": 1, "kinds": counts, "knowledge": asdict(now)}, human)


def _list_records(session: Session, kind: str) -> None:
    from knowledge.catalog.loader import did_you_mean, load
    from knowledge.catalog.records import KINDS

    if kind not in KINDS:
        near = ", ".join(did_you_mean(kind, KINDS)) or ", ".join(KINDS)
        raise UsageError("knowledge-no-kind", name=kind, near=near)
    records = load(kind)
    documents = [_document(kind, record) for record in records.values()]

    def human() -> None:
        from advisor.render import table

        table(
            [session.t(f"knowledge.column.{name}") for name in ("id", "facts", "date")],
            [
                [d["id"], _summary(kind, d), _dated(session, kind, records[d["id"]])]
                for d in documents
            ],
        )

    session.out({"schema_version": 1, "kind": kind, "records": documents}, human)


@okakae_command("knowledge-show")
@click.argument("id_", metavar="ID")
@click.option("--kind", default=None, help=t("knowledge.option.kind"))
def show(session: Session, id_: str, kind: str | None) -> None:
    """Every record of this id, with its texts."""
    found = _usable(lambda: _find(id_, kind))

    def human() -> None:
        for record_kind, record in found:
            _show_record(session, record_kind, record)

    documents = [
        {"kind": k, "record": _document(k, record), "texts": _texts(session, k, record)}
        for k, record in found
    ]
    session.out({"schema_version": 1, "records": documents}, human)


@okakae_command("knowledge-check")
def check(session: Session) -> None:
    """Faults of the catalog and of the company's own files over it."""
    from knowledge.catalog import texts
    from knowledge.catalog.checker import check as findings_of
    from knowledge.catalog.checker import proved as proved_by
    from knowledge.catalog.loader import load, overlay_folder
    from knowledge.catalog.records import KINDS

    findings = findings_of(date.today())
    proved = proved_by()
    errors = [f for f in findings if f.severity == "error"]
    documents = [
        {**asdict(f), "text": session.t(f.text_id, **_told(f.values, session.lang))}
        for f in findings
    ]
    if errors:
        raise UsageError(
            "knowledge-faults",
            n=len(errors),
            folder=str(overlay_folder()),
            faults=tuple(
                Fault("knowledge-finding", f"{f.kind} {f.id}", (("fault", d["text"]),))
                for f, d in zip(findings, documents, strict=True)
                if f.severity == "error"
            ),
        )
    n_records = sum(len(load(kind)) for kind in KINDS)

    def human() -> None:
        click.echo(session.t("knowledge.fine", records=n_records, texts=len(texts.all_texts())))
        for name, (n, of) in proved.items():
            click.echo(f"  {n:>5,} / {of:<5,}  {session.t(f'knowledge.proved.{name}')}")
        if documents:
            click.echo(session.t("knowledge.warnings", n=len(documents)))
        for document in documents:
            click.echo(f"  - {document['kind']} {document['id']}: {document['text']}")

    checked = {name: {"proved": n, "of": of} for name, (n, of) in proved.items()}
    document = {"schema_version": 1, "records": n_records, "checked": checked}
    session.out({**document, "findings": documents}, human)


def _find(id_: str, kind: str | None) -> list[tuple[str, Any]]:
    """Kind and record for an id, a model's or a card's other name; UsageError if there is none."""
    from knowledge.catalog.loader import did_you_mean, find_gpu, find_model, load
    from knowledge.catalog.records import KINDS

    if kind is not None and kind not in KINDS:
        near = ", ".join(did_you_mean(kind, KINDS)) or ", ".join(KINDS)
        raise UsageError("knowledge-no-kind", name=kind, near=near)
    kinds = [kind] if kind else list(KINDS)
    found = [(k, load(k)[id_]) for k in kinds if id_ in load(k)]
    if not found:
        by_name = {"models": find_model(id_), "gpus": find_gpu(id_)}
        found = [(k, record) for k, record in by_name.items() if record and k in kinds]
    if not found:
        near = ", ".join(did_you_mean(id_, [i for k in kinds for i in load(k)])) or "-"
        raise UsageError("knowledge-no-record", name=id_, near=near)
    return found


def _document(kind: str, record: Any) -> dict[str, Any]:
    from knowledge.catalog.age import PRICED, age_days, is_old

    document = asdict(record)
    if kind in PRICED:
        today = date.today()
        document["age_days"] = age_days(record, today)
        document["price_old"] = is_old(record, today)
    return document


def _show_record(session: Session, kind: str, record: Any) -> None:
    click.echo(f"{record.id}  ({session.t(f'knowledge.kind.{kind}')})")
    for id_, text in _texts(session, kind, record).items():
        name = "gated" if id_.startswith("gate.") else id_.rsplit(".", 1)[-1]
        click.echo(f"  {name}: {text}")
    for name, value in asdict(record).items():
        if name in ("id", "date", "source", "gated") or value in (None, "", (), {}):
            continue
        shown = _shown(value)
        price = "usd" in name or name == "likely"
        click.echo(f"  {name}: {shown}{_warning(session, kind, record) if price else ''}")
    click.echo(f"  {session.t('knowledge.column.source')}: {record.source}")
    click.echo(f"  {session.t('knowledge.column.date')}: {_dated(session, kind, record)}")


_TEXTS: Mapping[str, tuple[str, ...]] = {
    "rules": ("rule.{id}",),
    "questions": ("question.{id}.text", "question.{id}.why"),
    "settings": ("setting.{id}.text", "setting.{id}.why"),
    "licences": ("licence.{id}.name", "licence.{id}.conditions"),
    "methods": ("method.{id}.name", "method.{id}.text"),
}


def _texts(session: Session, kind: str, record: Any) -> dict[str, str]:
    """What people read of a record; a model brings the conditions of its licences."""
    wanted = [template.format(id=record.id) for template in _TEXTS.get(kind, ())]
    if kind in ("models", "embedders", "rerankers"):
        wanted += [f"licence.{part.strip()}.conditions" for part in record.licence.split(",")]
    found = {text_id: session.t(text_id) for text_id in wanted if has_text(text_id)}
    if kind == "models":
        where = f"https://huggingface.co/{record.hub_id or record.id}"
        found[f"gate.{record.gated}"] = session.t(f"gate.{record.gated}", where=where)
    return found


_SUMMARY: Mapping[str, tuple[str, ...]] = {
    "models": ("params", "licence", "gated", "languages", "purposes"),
    "licences": ("commercial", "redistribute"),
    "gpus": ("usable_gib", "compute_capability", "bf16_dense_tflops"),
    "offers": ("gpu_name", "gpu_count", "usd_per_hour"),
    "apis": ("mode", "input_usd_per_1m", "output_usd_per_1m", "training_usd_per_1m", "ends"),
    "subscriptions": ("platform", "usd_per_month", "per_user"),
    "rates": ("low", "likely", "high", "unit"),
    "methods": ("approach", "method", "variant"),
    "rules": ("strength", "effects"),
    "questions": ("kind", "choices"),
    "evidence": ("winner", "margin"),
    "measurements": ("model", "method", "peak", "unit", "counter", "gpu"),
    "sources": ("title", "url"),
    "settings": ("type", "default", "choices"),
    "embedders": ("languages", "dimension", "max_tokens", "licence"),
    "rerankers": ("languages", "licence", "params"),
    "curves": ("doublings", "weights", "low", "high"),
}


def _summary(kind: str, document: Mapping[str, Any]) -> str:
    values = [(name, document[name]) for name in _SUMMARY[kind]]
    return " · ".join(
        f"{name} {_shown(value)}" for name, value in values if value not in (None, "", (), {})
    )


def _shown(value: Any) -> str:
    if isinstance(value, tuple | list):
        return ", ".join(_shown(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{key}={_shown(item)}" for key, item in value.items())
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10_000:
        return f"{value:,}"
    return str(value)


def _dated(session: Session, kind: str, record: Any) -> str:
    return f"{record.date}{_warning(session, kind, record)}"


def _warning(session: Session, kind: str, record: Any) -> str:
    """What stands beside a price that is no longer fresh."""
    from knowledge.catalog.age import PRICED, age_days, is_old

    today = date.today()
    if kind not in PRICED or not is_old(record, today):
        return ""
    return " " + session.t("knowledge.old-price", days=age_days(record, today))


for _command, _name in ((list_, "list"), (show, "show"), (check, "check")):
    knowledge.add_command(_command, _name)
