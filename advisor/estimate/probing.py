"""Asks for a measurement where `okakae estimate --probe` wants one: of which rows, and by whom.

What measures is heavy and enters by name, as every command of that kind does.
"""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advisor.errors import Fault, MachineError, UsageError
from advisor.estimate.own_runs import OwnRun
from advisor.estimate.roads import settings_for
from advisor.estimate.settings import EstimateSettings, check
from knowledge.catalog.loader import find_gpu, load

if TYPE_CHECKING:
    from advisor.estimate import SetupEstimate
    from advisor.session import Session
    from advisor.types import Language

NAME = "probe"


def measure(
    session: Session,
    settings: EstimateSettings,
    asked: bool,
    answers: Path | None,
    data: Path | None,
    *,
    named: frozenset[str],
    rates: tuple[str, ...] = (),
) -> tuple[EstimateSettings, OwnRun]:
    """Run the probe of `settings`.

    Args:
        answers: a questionnaire's answers; the training they imply is measured on their data.
        data: examples whose longest rows are measured.
        named: fields of `settings` that the user gave; with `answers` only these win.
        rates: `id=value` that the user gave; they win over those of `answers`.

    Returns:
        The settings as they ran, and what was measured.

    Raises:
        UsageError: flags that do not go together, or an impossible set-up.
        MachineError: this machine lacks the device, a package or the model.
    """
    if not asked:
        flag = "--answers" if answers else "--data"
        raise UsageError("probe-flag-missing", where=flag, flag=flag)
    if answers and data:
        raise UsageError("probe-data-twice", where="--answers, --data")
    if data is not None and not data.exists():
        raise UsageError("path-missing", where="--data", path=str(data))
    goal, language = "new_facts", session.lang
    if answers is not None:
        settings, data, goal, language = _of_answers(session, settings, answers, named, rates)
    check(settings)
    if settings.method == "encoder":
        raise UsageError("probe-encoder", where="--method")
    if settings.loss != "tiled" or settings.gpus > 1:
        raise UsageError("probe-other-recipe", loss=settings.loss, gpus=settings.gpus)
    settings = _on_this_machine(settings)
    found: tuple[EstimateSettings, OwnRun] = _probe()(
        session, settings, data=data, goal=goal, language=language
    )
    return found


def too_big(made: SetupEstimate, session: Session) -> MachineError:
    """A probe that ran out of memory is an answer: what it is, and what would make it fit."""
    probe = made.probe
    capacity = probe.capacity_gib if probe else 0.0
    faults = tuple(
        Fault("probe-would-help", "", (("change", session.t(f"estimate.saving.{name}", gib=gib)),))
        for name, gib in ((name, f"{gib:.1f}") for name, gib in made.would_fit_if.items())
        if float(gib) < capacity
    )
    return MachineError(
        "probe-too-big",
        faults=faults or (Fault("probe-smaller-model"),),
        model=made.shapes.id,
        method=made.settings.method,
        capacity=f"{capacity:.1f}",
    )


def _of_answers(
    session: Session,
    settings: EstimateSettings,
    answers: Path,
    named: frozenset[str],
    rates: tuple[str, ...],
) -> tuple[EstimateSettings, Path | None, str, Language]:
    """The training that the answers imply, as recommend and plan estimate it."""
    from advisor.answers import gather
    from advisor.estimate.shapes import find_shapes
    from advisor.needs import needs

    gathered = gather(session, answers, rates)
    wanted = needs(gathered.answers, gathered.machine, gathered.data)
    shapes = find_shapes(settings.model)
    implied = settings_for(shapes, settings.method, wanted)
    # The rows decide how long a batch is; the cap only says which are left out.
    cap = gathered.settings.get("finetune.seq_len", load("settings")["finetune.seq_len"].default)
    kept: dict[str, Any] = {"model": settings.model, "seq_len": min(int(cap), shapes.context)}
    kept |= {name: getattr(settings, name) for name in named if hasattr(settings, name)}
    path = gathered.answers.value("data.path")
    return replace(implied, **kept), Path(str(path)) if path else None, wanted.goal, wanted.language


def _on_this_machine(settings: EstimateSettings) -> EstimateSettings:
    """The settings with the card that is really here.

    Raises:
        MachineError: no card, or another one than was named.
    """
    if settings.device == "cpu":
        return settings
    from advisor.detect import gpus

    cards = gpus()
    if not cards:
        raise MachineError("probe-no-gpu", model=settings.model, method=settings.method)
    here = find_gpu(cards[0].name)
    named = find_gpu(settings.gpu) if settings.gpu else here
    if named is not here:
        raise MachineError("probe-other-gpu", here=cards[0].name, gpu=settings.gpu)
    return replace(settings, gpu=here.id if here else None)


def _probe() -> Any:
    """What measures, by the door that heavy commands come in."""
    from advisor.cli import entry_points

    target = dict(entry_points()).get(NAME)
    if target is None:
        raise MachineError("probe-unavailable")
    module, _, attribute = target.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        package = (error.name or module).split(".")[0]
        raise MachineError("package-missing", package=package) from error
