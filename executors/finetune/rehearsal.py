"""Refuses, before anything is trained, rows that would teach the wrong thing."""

from __future__ import annotations

from advisor.errors import MachineError, RunError
from advisor.types import Plan
from executors.base import Context, RunData
from executors.finetune.rows import Rows, make_rows
from executors.goals import for_goal
from executors.models import load_tokenizer
from executors.permitted import learnable
from executors.rundir import RunDir


def rehearse(plan: Plan, data: RunData, context: Context) -> None:
    """Make the rows of `plan` with its model's tokenizer and refuse what training would refuse.

    A model that is not on this machine is said and nothing is fetched for it.

    Raises:
        RunError: see `refuse_bad_rows`.
    """
    model = str(plan.config["model"])
    try:
        tokenizer, _ = load_tokenizer(
            model,
            offline=True,
            allow_pickled=bool(plan.config.get("weights.allow_pickled", False)),
        )
    except MachineError as error:
        if error.ref not in ("model-not-here", "package-missing"):
            raise
        context.session.say("rehearse.model-not-here", model=model)
        return
    parts = learnable(data, context.session).split
    learned, watched = (for_goal(part, plan.goal) for part in (parts.train, parts.validation))
    labels = sorted({e.label for e in learned if e.label})
    seq_len = int(plan.config["finetune.seq_len"])
    for part, tolerant in ((learned, False), (watched, True)):
        made = make_rows(part, tokenizer, plan.language, seq_len, labels=labels)
        refuse_bad_rows(made, len(part), context, tolerant=tolerant)
    context.session.say("rehearse.rows-good", n=len(learned), model=model)


def refuse_bad_rows(
    made: Rows, n: int, context: Context, run: RunDir | None = None, *, tolerant: bool = False
) -> None:
    """Name the rows that cannot be learned from, and stop where they speak against the whole set.

    Args:
        n: examples that the rows were made of.
        run: keeps the ids of what is left out.
        tolerant: rows that are too long or empty may be any share (they are not trained on).

    Raises:
        RunError: `rows-wrong` for a single fault of the template or the tokenizer, `rows-unusable`
            when more than a tenth is too long or without an answer.
    """
    for fault, ids in made.left_out.items():
        if run is not None:
            run.event("rows-left-out", fault=fault, ids=ids)
        if not tolerant:
            context.session.say(f"finetune.left-out.{fault}", n=len(ids), ids=", ".join(ids[:5]))
    if wrong := made.stopping:
        raise RunError("rows-wrong", n=sum(map(len, wrong.values())), total=n, **_told(wrong))
    bad = made.n_left_out
    if bad > tolerated(n) and not tolerant:
        raise RunError("rows-unusable", n=bad, total=n, **_told(made.left_out))


def tolerated(n: int) -> int:
    """Of `n` examples, how many may be too long or without an answer: a tenth."""
    return n // 10


def _told(faults: dict[str, list[str]]) -> dict[str, str]:
    reasons = ", ".join(f"{fault} {len(ids)}" for fault, ids in sorted(faults.items()))
    return {"reasons": reasons, "ids": ", ".join(next(iter(faults.values()))[:5])}
