"""The escalation: prompting, RAG, tuning, each measured, and no further than the target asks."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from advisor.errors import LimitError, MachineError, OkakaeError, PlanError, RunError, UsageError
from advisor.files import write_json
from advisor.session import Session
from advisor.texts import has_text
from advisor.types import Approach, Option, Plan, Recommendation
from executors.apply import Checked, check_plan
from executors.compare.budget import Budget
from executors.compare.candidates import Advised, planned
from executors.compare.questions import freeze
from executors.compare.roads import Road
from executors.compare.run import finish, record
from executors.compare.spent import price_unknown
from executors.compare.target import (
    ScoreJudgement,
    Target,
    judge_score,
    least_questions,
    share_needed,
)
from executors.evaluate.heldout import cluster
from executors.evaluate.latency import Latency, read_latency
from executors.evaluate.measure import measure
from executors.evaluate.statistics import Interval, paired_difference
from executors.goals import KINDS
from knowledge.corpus.types import Example

ORDER: tuple[Approach, ...] = ("prompting", "rag", "fine_tuning", "hybrid")
STATE = "escalate.json"
TIMED_ALONE = 20
"""So many answers are timed one at a time: enough for a 95th percentile to be one of them."""

State = Literal["open", "done", "skipped", "failed", "not needed", "not reached"]


@dataclass(frozen=True, slots=True)
class Why:
    """Why a step was left out or failed: a reference for programs, a sentence for people."""

    ref: str
    text: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the escalation and what became of it."""

    name: str
    approach: Approach
    option: Option | None
    state: State = "open"
    why: Why | None = None
    road: Road | None = None
    score: Interval | None = None
    judged: ScoreJudgement | None = None
    waited: Latency | None = None
    gain: Interval | None = None
    """Against the measured step before it, question by question."""
    gain_over: str | None = None


@dataclass(slots=True)
class Walk:
    """All steps in order, and where the walk stopped; None: the target was met nowhere."""

    steps: list[Step]
    target: Target
    looks: int
    n: int = 0
    stopped_at: str | None = None
    limit: LimitError | None = None
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def roads(self) -> list[Road]:
        return [step.road for step in self.steps if step.road is not None]

    def step(self, name: str | None) -> Step:
        return next(step for step in self.steps if step.name == name)


def steps_of(recommendation: Recommendation, goal: str, session: Session) -> list[Step]:
    """The advice's order, each step with its best open option or the reason it is left out."""
    steps = []
    for approach in ORDER:
        options = [o for o in recommendation.options if o.approach == approach and o.runnable]
        free = [option for option in options if not option.blocked_by]
        best = next(iter([*free, *options]), None)
        name = str((best.method if best else None) or approach)
        why: Why | None = None
        if best is None:
            why = Why("not-in-this-version", session.t("escalate.skip.not-in-this-version"))
        elif not free:
            blocks = [reason for reason in best.reasons if reason.effect == "blocks"]
            why = Why(best.blocked_by[0], " ".join(reason.text for reason in blocks))
        elif approach == "rag" and "qa" not in KINDS.get(goal, ("qa",)):
            why = Why("nothing-to-look-up", session.t("escalate.skip.nothing-to-look-up"))
        steps.append(Step(name, approach, best, "skipped" if why else "open", why))
    return steps


def escalate(
    advised: Advised, target: Target, folder: Path, session: Session, *, resume: bool = False
) -> Walk:
    """Take one step after the other below `folder` until one meets the target.

    A step that fails is said and passed over. A limit of money or time ends the walk with what
    was measured; `Walk.limit` then holds the error.

    Raises:
        UsageError: no step is open at all.
        PlanError: the held-out questions are not those that the walk began with.
        RunError: every step that was open failed.
    """
    steps = steps_of(advised.recommendation, advised.needs.goal, session)
    plans: dict[str, Plan] = {}
    checked: dict[str, Checked] = {}
    for position, step in enumerate(steps):
        if step.state != "open" or step.option is None:
            continue
        path, plans[step.name] = planned(step.option, advised, folder, resume=resume)
        try:
            checked[step.name], _ = check_plan(path, session)
        except MachineError as error:
            steps[position] = replace(step, state="skipped", why=why_of(error, session))
    if not checked:
        reasons = " ".join(step.why.text for step in steps if step.why)
        raise UsageError("escalate-nothing-open", reasons=reasons)
    test = freeze(list(checked.values()), session).test
    walk = Walk(steps, target, _looks(folder, len(checked), test, resume), len(test))
    _say_before(walk, test, len(checked), session)
    limits = next(iter(plans.values())).config
    budget = Budget(plans, folder, "escalate", limits, own_limits=False)
    started = time.perf_counter()
    for position, step in enumerate(walk.steps):
        if step.name not in checked:
            _say_skipped(step, session)
            continue
        session.say("compare.road", name=session.t(f"road.{step.name}"))
        walk.steps[position] = _take(step, checked[step.name], test, walk, folder, session, budget)
        record(folder, walk.roads, walk.failed, test, time.perf_counter() - started)
        if walk.limit or walk.stopped_at:
            break
    _close(walk)
    if not walk.roads and not walk.limit:
        raise RunError("no-road-finished", where=str(folder), reasons=str(walk.failed))
    return walk


def _take(
    step: Step,
    entry: Checked,
    test: Sequence[Example],
    walk: Walk,
    folder: Path,
    session: Session,
    budget: Budget,
) -> Step:
    """One step run (or read again) and judged; `walk` learns whether to stop."""
    if step.approach == "hybrid" and not both_gained(walk):
        why = Why("needs-both-gains", session.t("escalate.skip.needs-both-gains"))
        step = replace(step, state="skipped", why=why)
    elif budget.jpy and price_unknown(entry.plan):
        why = Why("price-unknown", session.t("escalate.skip.price-unknown"))
        step = replace(step, state="skipped", why=why)
    if step.state == "skipped":
        _say_skipped(step, session)
        return step
    try:
        budget.begin(step.name)
        asking = budget.asking(alone=TIMED_ALONE)
        road = finish(step.name, entry, test, folder, session, resume=True, asking=asking)
    except LimitError as error:
        walk.limit = error
        return replace(step, state="not reached", why=why_of(error, session))
    except OkakaeError as error:
        walk.failed[step.name] = error.ref
        why = why_of(error, session)
        session.say("escalate.failed", name=session.t(f"road.{step.name}"), why=why.text)
        return replace(step, state="failed", why=why)
    done = measured(step, road, walk)
    _say_measured(done, walk.target, session)
    if meets(done, walk.target):
        walk.stopped_at = step.name
    return done


def measured(step: Step, road: Road, walk: Walk) -> Step:
    """The step with its figures, held against the target and against the step before."""
    clusters = [cluster(result.example) for result in road.results]
    before = walk.roads[-1] if walk.roads else None
    return replace(
        step,
        state="done",
        road=road,
        score=road.figure("correct"),
        judged=judge_score(road.correct, clusters, walk.target.score, looks=walk.looks),
        waited=read_latency(road.run.eval),
        gain=paired_difference(road.correct, before.correct, clusters) if before else None,
        gain_over=before.name if before else None,
    )


def meets(step: Step, target: Target) -> bool:
    """Whether to stop here: the score is reached, and 95 % of answers come in time."""
    if step.judged is None or step.waited is None:
        return False
    return step.judged.says != "below" and step.waited.p95 <= target.latency_s


def both_gained(walk: Walk) -> bool:
    """Whether RAG and tuning were each shown to be better than prompting."""
    by_approach = {step.approach: step.road for step in walk.steps if step.road}
    base = by_approach.get("prompting")
    others = [by_approach.get("rag"), by_approach.get("fine_tuning")]
    if base is None:
        return False
    clusters = [cluster(result.example) for result in base.results]
    return all(
        other is not None and paired_difference(other.correct, base.correct, clusters).low > 0
        for other in others
    )


def why_of(error: OkakaeError, session: Session) -> Why:
    """The error as one sentence."""
    id_ = f"error.{error.ref}.what"
    known = has_text(id_)
    text = session.t(id_, where=error.where, **error.values) if known else str(error)
    return Why(error.ref, text)


def _say_before(walk: Walk, test: Sequence[Example], steps: int, session: Session) -> None:
    """What this many questions can show, before anything is spent on them."""
    session.say("escalate.before", n=len(test), steps=steps)
    groups = len({cluster(example) for example in test})
    share = share_needed(len(test), groups, walk.target.score, looks=walk.looks)
    least = least_questions(walk.target.score, looks=walk.looks, per_group=len(test) / groups)
    if share is not None:
        session.say("escalate.shown-from", share=f"{share:.2f}")
    elif least is not None:
        session.say("escalate.cannot-show", least=least)
    else:
        session.say("escalate.cannot-show-ever")


def _say_measured(step: Step, target: Target, session: Session) -> None:
    if step.road is None or step.score is None or step.judged is None or step.waited is None:
        return
    says = session.t(f"escalate.score.{step.judged.says.replace(' ', '-')}")
    if step.waited.p95 > target.latency_s:
        says += session.t("escalate.and") + session.t("escalate.too-slow")
    session.say(
        "escalate.measured",
        what=measure(step.road.graded, session.lang),
        score=f"{step.score.value:.2f} [{step.score.low:.2f}, {step.score.high:.2f}]",
        seconds=f"{step.waited.p50:.2f} / {step.waited.p95:.2f}",
        says=says,
    )


def _say_skipped(step: Step, session: Session) -> None:
    why = step.why.text if step.why else ""
    session.say("escalate.skipped", name=session.t(f"road.{step.name}"), why=why)


def _close(walk: Walk) -> None:
    """Name what became of the steps that were not taken."""
    left: State = "not needed" if walk.stopped_at else "not reached"
    walk.steps = [
        replace(step, state=left) if step.state == "open" else step for step in walk.steps
    ]


def _looks(folder: Path, open_steps: int, test: Sequence[Example], resume: bool) -> int:
    """How often the walk may look at the questions, fixed before the first look."""
    path, ids = folder / STATE, [example.id for example in test]
    if resume and path.is_file():
        state = json.loads(path.read_text(encoding="utf-8"))
        if state["test"] != ids:
            raise PlanError("escalate-other-questions", where=str(folder))
        return int(state["looks"])
    write_json(path, {"schema_version": 1, "looks": open_steps, "test": ids})
    return open_steps
