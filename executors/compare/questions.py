"""The frozen held-out questions of a comparison: the same for every road, and worth asking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from advisor.errors import Fault, RunError, UsageError
from advisor.session import Session
from advisor.types import Plan
from executors.apply import Checked, heldout, load_data
from executors.base import RunData
from executors.compare.roads import road_names
from executors.evaluate.normalise import bare
from knowledge.corpus.types import Corpus, Example

# Two plans are comparable only when these agree: they decide which questions are held out.
FROZEN = ("seed", "data.test_share", "data.validation_share")
NO_GOLD = ("row-without-answer", "queries-without-answers")
"""Problems of a file whose rows ask something and do not say what is right."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """What every road is asked, the data it was held out of, and what was left out of it."""

    test: tuple[Example, ...]
    data: RunData
    leaked: tuple[str, ...] = ()
    """Ids of questions that also stand in the training data, dropped with consent."""
    without_gold: int = 0
    """Questions of the data that nobody gave a right answer to; they cannot be asked."""


def freeze(checked: Sequence[Checked], session: Session, *, drop_leaks: bool = False) -> Frozen:
    """The held-out questions that every one of these plans will be judged on.

    Args:
        drop_leaks: leave out questions that stand in the training data too, instead of refusing;
            on a terminal it is asked for.

    Raises:
        UsageError: the plans do not hold out the same questions.
        RunError: there are none, none can be answered from the papers, or some stand in the
            training data too.
    """
    _same_questions([c.plan for c in checked])
    data = load_data(checked[0].plan, checked[0].data_root, session)
    rows = _rows_without_gold(data.corpus)
    test = heldout(data.split, checked[0].plan)
    if not test:
        where = str(checked[0].data_root)
        raise RunError("no-held-out-questions", where=where, faults=tuple(f for f, _ in rows))
    leaks = _leaks(test, data.split.train)
    if leaks:
        if not (drop_leaks or _agreed(len(leaks), session)):
            raise RunError("test-in-training", faults=_told(leaks), n=len(leaks))
        dropped = {example.id for example, _ in leaks}
        kept = tuple(example for example in data.split.test if example.id not in dropped)
        data = replace(data, split=replace(data.split, test=kept))
        test = heldout(data.split, checked[0].plan)
        session.say("compare.leaks-dropped", n=len(leaks), left=len(test))
    if not any(example.answerable for example in test):
        raise RunError("no-answerable-questions", where=str(checked[0].data_root), n=len(test))
    missing = sum(n for _, n in rows)
    if missing:
        where = ", ".join(fault.where for fault, _ in rows)
        session.say("compare.without-gold", n=missing, where=where)
    return Frozen(tuple(test), data, tuple(example.id for example, _ in leaks), missing)


def _same_questions(plans: Sequence[Plan]) -> None:
    first = plans[0]
    faults: list[Fault] = []
    names = road_names(plans)
    for name, plan in zip(names[1:], plans[1:], strict=True):
        faults += [
            Fault("plans-differ", f"{name}: {key}", ())
            for key in FROZEN
            if plan.config.get(key) != first.config.get(key)
        ]
        if _data(plan) != _data(first):
            faults.append(Fault("plans-differ", f"{name}: data", ()))
        if plan.goal != first.goal:
            faults.append(Fault("plans-differ", f"{name}: goal", ()))
    faults += [Fault("plans-same-road", name) for name in {n for n in names if names.count(n) > 1}]
    if faults:
        raise UsageError("plans-not-comparable", faults=tuple(faults), n=len(faults))


def _data(plan: Plan) -> list[str]:
    """Digests of the material; what a road brings besides, such as general rows, is its own."""
    return [entry.digest for entry in plan.inputs if entry.role == "data"]


def _leaks(test: Sequence[Example], train: Sequence[Example]) -> list[tuple[Example, Example]]:
    """Test questions with the training row that asks the same: they would prove nothing."""
    known = {bare(example.prompt): example for example in train}
    return [(e, known[bare(e.prompt)]) for e in test if bare(e.prompt) in known]


def _told(leaks: Sequence[tuple[Example, Example]]) -> tuple[Fault, ...]:
    return tuple(
        Fault("leaked", f"{e.source} {e.where}", (("also", f"{t.source} {t.where}"),))
        for e, t in leaks
    )


def _agreed(n: int, session: Session) -> bool:
    if not session.interactive:
        return False
    from advisor.prompts import agreed

    return agreed(session.t("compare.drop-leaks", n=n), plain=session.plain)


def _rows_without_gold(corpus: Corpus) -> list[tuple[Fault, int]]:
    """Each file's rows that ask something without saying what is right, and how many they are."""
    return [
        (Fault("gold-missing", f"{file.path} {problem.where}"), len(problem.places) or 1)
        for file in corpus.files
        for problem in file.problems
        if problem.id in NO_GOLD
    ]
