"""Runs several plans on one frozen set of held-out questions and brings the verdict home."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from advisor.errors import LimitError, OkakaeError, RunError
from advisor.files import write_json
from advisor.render_plan import span
from advisor.session import Session
from advisor.types import Estimate, Plan, Scalar
from executors.apply import ONCE, Asking, Checked, apply, load_data
from executors.base import RunData
from executors.compare.breaking import told_as_failure
from executors.compare.budget import Budget
from executors.compare.checked import check_plans
from executors.compare.diagnostics import (
    NOTHING_DIAGNOSED,
    Diagnosed,
    answered,
    diagnose,
    read_diagnosed,
    wanted_diagnostics,
)
from executors.compare.forecast import Forecast, Sight, forecast, sight
from executors.compare.judging import FOLDER as JUDGED
from executors.compare.judging import (
    Judge,
    ask_judge,
    judge_calls,
    judge_left,
    judge_plan,
    open_judge,
)
from executors.compare.pilot import planned_pilots, train_pilots
from executors.compare.piloted import Piloted, conclude, pilot_document
from executors.compare.questions import Frozen, freeze
from executors.compare.roads import Road, finished_roads, road
from executors.compare.verdict import TOO_FEW, Verdict, best_of, judge
from executors.generator import forget_models, sharing_models
from executors.prompting.search import planned_calls
from executors.rundir import RunDir
from knowledge.corpus.types import Example

TRAINS = ("finetune", "encoder", "hybrid")
"""Executors whose training wants the memory to itself."""
REFUSES = ("run-exists", "run-locked", "resume-other-plan")
"""Errors of the call, not of the road that meets them first."""


@dataclass(frozen=True, slots=True)
class Before:
    """What was said before anything was run."""

    sight: Sight
    forecast: Forecast
    leaked: tuple[str, ...] = ()
    without_gold: int = 0
    """See `Frozen`."""

    def document(self) -> dict[str, Any]:
        """As it stands in compare.json and report.json."""
        cost = self.forecast
        return {
            **asdict(self.sight),
            "hours": _range(cost.hours),
            "cost_jpy": _range(cost.jpy) if cost.jpy else None,
            "calls": cost.calls,
            "leaks_dropped": list(self.leaked),
            "without_gold": self.without_gold,
            "hours_by_road": {name: _range(hours) for name, hours in cost.by_road.items()},
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """All roads that finished, what became of the others, and the verdict."""

    roads: tuple[Road, ...]
    failed: dict[str, str]
    verdict: Verdict
    seconds: float
    before: Before
    diagnosed: Diagnosed = NOTHING_DIAGNOSED
    piloted: tuple[Piloted, ...] = ()
    limit: LimitError | None = None
    """The limit that ended it before everything was run."""
    judged: Mapping[str, Any] | None = None
    """What an LLM judge says beside the verdict; None where none was asked."""


def compare(
    plans: Sequence[Path],
    folder: Path,
    session: Session,
    *,
    resume: bool = False,
    diagnostics: bool = True,
    limits: Mapping[str, Scalar] | None = None,
    drop_leaks: bool = False,
    pilot: bool = False,
    own_limits: bool = True,
) -> Comparison:
    """Apply every plan below `folder` and judge the roads on the same questions.

    One failing road does not stop the others.

    Args:
        diagnostics: also ask the base model without papers and with the right ones, which says
            why the losers lost.
        limits: `limits.*` and `judge.*` over all roads together, in place of the first plan's
            own: a limit that was reached may be raised to go on.
        drop_leaks: see `freeze`.
        pilot: also train the tuned roads on parts of their rows, to tell what more rows bring.
        own_limits: see `Budget`.

    Raises:
        Forbidden, MachineError: the judge may not or cannot be asked.
        UsageError: the plans do not hold out the same questions, or another process is comparing
            in this folder.
        MachineError: none of the plans can be carried out here.
        RunError: no road finished, or the questions prove nothing (see `freeze`).
        LimitError: a limit of hours, yen or calls was reached before any road finished; where
            some did, `Comparison.limit` holds it. `resume` goes on from there.
    """
    started = time.perf_counter()
    names, checked, lacking = check_plans(plans, session)
    frozen = freeze(checked, session, drop_leaks=drop_leaks)
    test, data = frozen.test, frozen.data
    planned = [entry.plan for entry in checked]
    settings = {**planned[0].config, **(limits or {})}
    judging = judge_plan(planned[0], settings)
    beside = open_judge(judging, session)
    wanted = wanted_diagnostics(planned, test, data.corpus) if diagnostics else []
    by_road = dict(zip(names, planned, strict=True))
    entries = dict(zip(by_road, checked, strict=True))
    judgements = (judging, _judge_left(judging, list(by_road), test, folder)) if judging else None
    searches = {name: planned_calls(plan, data) for name, plan in by_road.items()}
    pilots = planned_pilots(entries, data, session) if pilot else ()
    before = Before(
        sight(len(test), len(checked)),
        forecast(
            *(by_road, len(test), wanted, finished_roads(by_road, folder)),
            searches=searches,
            judge=judgements,
            pilots={one.road: one.left(folder) for one in pilots},
            answered={one.name: answered(one, folder) for one in wanted},
        ),
        frozen.leaked,
        frozen.without_gold,
    )
    _say_before(before, len(checked), session)
    budget = Budget(by_road, folder, "compare", settings, judging, own_limits)
    folder.mkdir(parents=True, exist_ok=True)
    with RunDir(folder).locked(), sharing_models():
        roads, failed, limit = _take(entries, frozen, folder, session, budget, resume)
        failed = lacking | failed
        seen = NOTHING_DIAGNOSED
        if wanted and not limit:
            budget.begin_diagnostics()
            try:
                seen = diagnose(wanted, data, folder, session, budget.check)
            except LimitError as error:
                seen, limit = read_diagnosed(folder, test), error
        finished = [road.name for road in roads]
        if pilots and not limit:
            forget_models()
            try:
                begin, asking = budget.begin_pilot, budget.asking()
                train_pilots(pilots, finished, folder, data, session, begin, asking)
            except LimitError as error:
                limit = error
    verdict, judged = judge(roads, seen), None
    if beside:
        judged, limit = _judged(beside, roads, verdict, folder, session, budget, limit)
    piloted = conclude(pilots, finished, folder, verdict)
    seconds = time.perf_counter() - started
    record(folder, roads, failed, test, seconds, before, piloted)
    return Comparison(tuple(roads), failed, verdict, seconds, before, seen, piloted, limit, judged)


def _judge_left(plan: Plan, names: Sequence[str], test: Sequence[Example], folder: Path) -> int:
    """The most calls that judging can still take.

    While a road is missing, it may become the one that all are shown beside.
    """
    most = judge_calls(len(names), len(test))
    if len(finished_roads(names, folder)) < len(names):
        return most
    try:
        roads = [road(folder / "roads" / name, test, name) for name in names]
    except OkakaeError:
        return most  # what is wrong with it is said when its turn comes
    return judge_left(plan, roads, best_of(roads).name, folder)


def _judged(
    beside: Judge,
    roads: Sequence[Road],
    verdict: Verdict,
    folder: Path,
    session: Session,
    budget: Budget,
    limit: LimitError | None,
) -> tuple[dict[str, Any] | None, LimitError | None]:
    """What the judge says, and the limit that was reached; one that fails is said and left out."""
    try:
        if limit or len(roads) < 2:
            return None, limit
        budget.begin_judging()
        with told_as_failure(folder / JUDGED):
            return ask_judge(beside, roads, verdict.best, folder, session, budget.check), None
    except LimitError as error:
        return None, error
    except OkakaeError as error:
        session.say("judge.failed", why=error.ref)
        return None, None
    finally:
        beside.generator.close()


def _take(
    checked: Mapping[str, Checked],
    frozen: Frozen,
    folder: Path,
    session: Session,
    budget: Budget,
    resume: bool,
) -> tuple[list[Road], dict[str, str], LimitError | None]:
    """Every road in turn, why others failed, and the limit that kept the rest from being taken.

    Raises:
        RunError, LimitError: no road finished.
        UsageError: see `REFUSES`.
    """
    failed: dict[str, str] = {}
    roads: list[Road] = []
    for name, entry in checked.items():
        session.say("compare.road", name=session.t(f"road.{name}"))
        if entry.plan.executor in TRAINS:
            forget_models()
        try:
            budget.begin(name)
            done = finish(
                name,
                entry,
                frozen.test,
                folder,
                session,
                resume=resume,
                asking=budget.asking(),
                data=frozen.data,
            )
            roads.append(done)
        except OkakaeError as error:
            # A limit of its own plan is this road's failure alone.
            if budget.raised(error):
                if not roads:
                    raise
                rest = list(checked)[len(roads) + len(failed) :]
                return roads, failed | dict.fromkeys(rest, error.ref), error
            if error.ref in REFUSES:
                raise
            failed[name] = error.ref
            session.say("compare.road-failed", name=session.t(f"road.{name}"), why=error.ref)
            if len(checked) == 1:
                raise
    if not roads:
        raise RunError("no-road-finished", where=str(folder), reasons=str(failed))
    return roads, failed, None


def _range(estimate: Estimate) -> dict[str, Any]:
    return {**asdict(estimate), "terms": []}


def _say_before(before: Before, roads: int, session: Session) -> None:
    seen, cost = before.sight, before.forecast
    points = {"gap": math.ceil(100 * seen.gap), "then": math.ceil(100 * seen.gap_then)}
    session.say("compare.sight", n=seen.n, roads=roads, more=seen.more, **points)
    if seen.n < TOO_FEW:
        session.say("compare.sight-too-few", least=TOO_FEW)
    yen = span(cost.jpy, session.lang) if cost.jpy else session.t("compare.price-unknown")
    hours = span(cost.hours, session.lang)
    session.say("compare.forecast", time=hours, yen=yen, calls=cost.calls)


def finish(
    name: str,
    entry: Checked,
    test: Sequence[Example],
    folder: Path,
    session: Session,
    *,
    resume: bool,
    asking: Asking = ONCE,
    data: RunData | None = None,
) -> Road:
    """One plan carried out below `folder`, or read again where it was already."""
    path = folder / "roads" / name
    if path.exists() and resume and not (path / "manifest.json").is_file():
        shutil.rmtree(path)  # killed before anything was begun
    going_on = resume and path.exists()
    if going_on:
        manifest = RunDir.open(path).manifest
        if manifest.status == "done" and manifest.plan_seal == entry.plan.seal:
            return road(path, test, name)
    with told_as_failure(path):
        apply(entry, session, run_path=path, resume=going_on, asking=asking, data=data)
    return road(path, test, name)


def record(
    folder: Path,
    roads: Sequence[Road],
    failed: Mapping[str, str],
    test: Sequence[Example],
    seconds: float,
    before: Before | None = None,
    piloted: Sequence[Piloted] = (),
) -> None:
    """Keep which roads finished on which questions, so that the report can be written again."""
    write_json(
        folder / "compare.json",
        {
            "schema_version": 1,
            "roads": [r.name for r in roads],
            "failed": dict(failed),
            "test": [example.id for example in test],
            "seconds": seconds,
            "before": before.document() if before else None,
            "pilot": pilot_document(piloted),
        },
    )


def load_comparison(folder: Path, session: Session) -> tuple[list[Road], dict[str, Any]]:
    """The roads of a finished comparison, read again from disk."""
    import json

    about = json.loads((folder / "compare.json").read_text(encoding="utf-8"))
    first = RunDir.open(folder / "roads" / about["roads"][0])
    data = load_data(first.plan, first.data_root, session)
    by_id = {example.id: example for example in data.split.test}
    have = sum(id_ in by_id for id_ in about["test"])
    if have < len(about["test"]):
        raise RunError(
            "answers-missing", where=str(first.data_root), have=have, want=len(about["test"])
        )
    test = [by_id[id_] for id_ in about["test"]]
    return [road(folder / "roads" / name, test, name) for name in about["roads"]], about
