"""`okakae estimate --probe`: measure one set-up here, keep what was found, hand it back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from advisor.errors import Fault, MachineError
from advisor.estimate import own_runs
from advisor.estimate.memory import training_memory
from advisor.estimate.own_runs import OwnRun
from advisor.estimate.settings import EstimateSettings, check
from advisor.session import Session
from advisor.types import Language
from executors.finetune.executor import training_lacks
from executors.models import STARTER
from executors.starter import prepare_starter


def probe(
    session: Session,
    settings: EstimateSettings,
    *,
    data: Path | None = None,
    goal: str = "new_facts",
    language: Language = "ja",
) -> tuple[EstimateSettings, OwnRun]:
    """Measure `settings` on this machine.

    Args:
        data: where the user's examples lie; their longest rows are the batch.
        goal: which of them count.
        language: of the instruction that stands before every example.

    Returns:
        The settings as they really ran (rows as long as the data's) and the record, which is
        kept for later estimates; when the memory ran out the record says that.

    Raises:
        MachineError: packages or the model are missing, or there is no such device.
        RunError: the process that measured ended without an answer.
    """
    from executors.tracing.probe import Job
    from executors.tracing.probe import probe as measure

    shapes, _ = check(settings)
    if lacks := training_lacks({"model": settings.model}, settings.method):
        first, *_ = lacks
        faults = tuple(Fault(lack.ref, "", tuple(lack.values.items())) for lack in lacks)
        raise MachineError(first.ref, faults=faults if len(lacks) > 1 else (), **dict(first.values))
    if settings.model == STARTER:
        prepare_starter(session)
    found = measure(
        Job(
            settings=settings,
            model=settings.model,
            data=None if data is None else str(data.resolve()),
            goal=goal,
            language=language,
            lang=session.lang,
            plain=session.plain,
            offline=session.offline,
            allow=tuple(sorted(session.allow)),
        )
    )
    ran = replace(settings, seq_len=found.seq_len)
    if found.data:
        mean = max(1, round(found.mean_tokens))
        ran = replace(ran, examples=found.examples, tokens_per_example=mean)
    record = own_runs.record_of(
        shapes,
        ran,
        training_memory(shapes, ran).estimate,
        kind="probe",
        date=datetime.now(UTC).date().isoformat(),
        machine=own_runs.here(),
        precision=found.precision,
        gpu=found.gpu,
        peaks=dict(found.peaks),
        phases=dict(found.phases),
        out_of_memory=found.out_of_memory,
        capacity_gib=found.capacity_gib,
        seconds_per_step=found.seconds_per_step,
        tokens_per_s=found.tokens_per_s,
        data=found.data,
    )
    if not own_runs.append(record):
        session.say("estimate.note.not-kept", path=own_runs.own_runs_file())
    return ran, record
