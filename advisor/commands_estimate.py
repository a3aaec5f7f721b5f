"""`okakae estimate`: memory, time and money of one training set-up, before anything runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from advisor.errors import Fault, UsageError
from advisor.session import Session, okakae_command
from advisor.texts import t

if TYPE_CHECKING:
    from advisor.estimate import EstimateSettings

ENCODER_TOKENS = 256
"""Longest text to classify unless said: sentence-transformers' own encoders stop there."""


@okakae_command("estimate")
@click.option("--model", required=True, metavar="ID|config.json", help=t("option.estimate.model"))
@click.option(
    "--method", default="qlora", metavar="full|lora|qlora|encoder", help=t("option.estimate.method")
)
@click.option("--seq-len", type=int, default=1024, help=t("option.estimate.seq-len"))
@click.option("--batch-size", type=int, default=4, help=t("option.estimate.batch-size"))
@click.option("--grad-accum", type=int, default=2, help=t("option.estimate.grad-accum"))
@click.option("--lora-rank", type=int, default=16, help=t("option.estimate.lora-rank"))
@click.option(
    "--targets",
    default="all-linear",
    metavar="all-linear|q_proj,v_proj,…",
    help=t("option.estimate.targets"),
)
@click.option(
    "--gradient-checkpointing/--no-gradient-checkpointing",
    default=True,
    help=t("option.estimate.checkpointing"),
)
@click.option("--optimizer", default="auto", help=t("option.estimate.optimizer"))
@click.option(
    "--attention", default="sdpa", metavar="sdpa|eager", help=t("option.estimate.attention")
)
@click.option("--loss", default="tiled", metavar="tiled|full", help=t("option.estimate.loss"))
@click.option("--examples", type=int, default=1000, help=t("option.estimate.examples"))
@click.option("--epochs", type=float, default=3.0, help=t("option.estimate.epochs"))
@click.option(
    "--tokens-per-example", type=int, default=None, help=t("option.estimate.tokens-per-example")
)
@click.option("--gpu", default=None, metavar="NAME", help=t("option.estimate.gpu"))
@click.option("--gpus", type=int, default=1, help=t("option.estimate.gpus"))
@click.option("--sharding", default="none", metavar="none|full", help=t("option.estimate.sharding"))
@click.option("--device", default="cuda", metavar="cuda|cpu", help=t("option.estimate.device"))
@click.option("--padded/--not-padded", default=None, help=t("option.estimate.padded"))
@click.option("--set", "sets", multiple=True, metavar="usd_jpy=155", help=t("option.set-rate"))
@click.option("--currency", default="JPY", metavar="JPY|USD|…", help=t("option.currency"))
@click.option("--probe", is_flag=True, help=t("option.estimate.probe"))
@click.option(
    "--answers",
    type=click.Path(path_type=Path),
    default=None,
    metavar="FILE",
    help=t("option.estimate.answers"),
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=None,
    metavar="PATH",
    help=t("option.estimate.data"),
)
def estimate(
    session: Session,
    sets: tuple[str, ...],
    currency: str,
    probe: bool,
    answers: Path | None,
    data: Path | None,
    **given: Any,
) -> None:
    """Estimate one set-up; the other options are the fields of `EstimateSettings`."""
    from advisor.estimate import EstimateSettings
    from advisor.estimate import estimate as of
    from advisor.estimate.document import as_document
    from advisor.estimate.time import CPU_CORES

    code = currency.strip().upper()
    settings, measured = _shortened(EstimateSettings(**given)), None
    if faults := _money_faults(sets, code):
        raise _refusal(settings, faults)
    if probe or answers or data:
        from advisor.estimate.probing import measure

        settings, measured = measure(
            session, settings, probe, answers, data, named=_named(), rates=sets
        )
    ram_gib, cores = _machine() if settings.device == "cpu" else (None, CPU_CORES)
    digest = measured.data if measured else ""
    made = of(settings, ram_gib=ram_gib, cores=cores, data=digest, probe=measured)
    if measured is not None and measured.out_of_memory:
        from advisor.estimate.probing import too_big

        raise too_big(made, session)
    _tell_refused(session)

    def human() -> None:
        from advisor.estimate.page import show_estimate

        show_estimate(made, session, code)

    session.out(as_document(made), human)


def _shortened(settings: EstimateSettings) -> EstimateSettings:
    """An encoder reads less than the default length, which nobody asked for then."""
    from advisor.estimate import find_shapes

    if settings.method != "encoder" or "seq_len" in _named():
        return settings
    try:
        context = find_shapes(settings.model).context
    except UsageError:
        return settings  # said with every other fault
    return replace(settings, seq_len=min(ENCODER_TOKENS, context))


def _named() -> frozenset[str]:
    """The fields of the set-up that stand on the command line, as against defaults."""
    context = click.get_current_context()
    return frozenset(
        name
        for name in context.params
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    )


def _tell_refused(session: Session) -> None:
    """Name the lines of the user's own measurements that cannot be used."""
    from advisor.estimate.own_runs import own_runs_file, read

    for refused in read()[1]:
        session.say(
            "estimate.note.record-refused",
            path=own_runs_file(),
            line=refused.line,
            why=refused.why,
        )


def _money_faults(sets: tuple[str, ...], code: str) -> list[Fault]:
    """Take the rates that were said, and say what is wrong with them and with the currency."""
    from advisor import rates
    from knowledge.catalog.loader import did_you_mean, load

    said: dict[str, str] = {}
    faults = []
    for item in sets:
        id_, equals, value = (part.strip() for part in item.partition("="))
        if not equals or not id_:
            faults.append(Fault("set-form", item))
        elif rates.is_rate(id_):
            said[id_] = value
        else:
            near = ", ".join(did_you_mean(id_, load("rates"))) or ", ".join(load("rates"))
            faults.append(Fault("rate-unknown", "--set", (("rate", id_), ("near", near))))
    faults += rates.state(said.items())
    faults += rates.environment_faults()
    if code not in rates.currencies():
        known, id_ = ", ".join(rates.currencies()), f"{code.lower()}_jpy"
        values = (("code", code), ("known", known), ("rate", id_))
        faults.append(Fault("currency-without-rate", "--currency", values))
    return faults


def _refusal(settings: EstimateSettings, faults: list[Fault]) -> UsageError:
    """What is wrong with the money, and with the set-up as well, in one message."""
    from advisor.estimate.settings import check

    try:
        check(settings)
    except UsageError as error:
        alone = Fault(error.ref, error.where or "--model", tuple(error.values.items()))
        faults = [*faults, *(error.faults or (alone,))]
    return UsageError("estimate-impossible", faults=tuple(faults), n=len(faults))


def _machine() -> tuple[float, int]:
    """Main memory in GiB and processor cores of this machine."""
    from advisor.detect import machine

    found = machine()
    return found.ram_gib, found.cpu_cores
