"""Limits of hours, yen and calls over all roads of a run, those of earlier attempts included."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeGuard

from advisor.errors import LimitError, OkakaeError
from advisor.estimate.money import times
from advisor.types import Estimate, Plan, Scalar
from executors.apply import Asking
from executors.compare import judging
from executors.compare.diagnostics import ABOUT, FOLDER
from executors.compare.pilot import FOLDER as PILOT
from executors.compare.roads import finished_roads
from executors.compare.spent import Spent, hour_jpy, spent, spent_on
from executors.evaluate.heldout import ANSWERS, read_answers
from executors.rundir import RunDir

Limit = Literal["hours", "jpy", "calls"]


class Budget:
    """Kept between roads and before each batch of answers.

    A training is not begun when what is left of even its low estimate would pass a limit; once
    begun, it stops where `left_hours` says.
    """

    def __init__(
        self,
        plans: Mapping[str, Plan],
        folder: Path,
        by: Literal["escalate", "compare"],
        limits: Mapping[str, Scalar],
        judge: Plan | None = None,
        own_limits: bool = True,
    ) -> None:
        """Keep `limits`; 0 or nothing said means none.

        Args:
            plans: by road.
            folder: of the whole run.
            by: the command whose words tell that a limit was reached.
            limits: settings by id, of which `limits.*` count.
            judge: the plan that an LLM judge's answers are counted by.
            own_limits: the plans' limits are their own; else they were made with the whole run's,
                which may have been raised since.
        """
        self._plans, self._folder, self._by, self._judge = plans, folder, by, judge
        self.hours = float(limits.get("limits.hours") or 0)
        self.jpy = float(limits.get("limits.jpy") or 0)
        self.calls = int(limits.get("limits.calls") or 0)
        self._name, self._since = "", time.perf_counter()
        self._hour_jpy, self._own_limits = 0.0, own_limits

    def begin(self, name: str) -> None:
        """A road is about to begin; a finished one costs nothing more.

        Raises:
            LimitError: nothing is left for it.
        """
        self._name, self._since = name, time.perf_counter()
        if finished_roads([name], self._folder):
            return
        plan = self._plans[name]
        self._hour_jpy = hour_jpy(plan)
        self._refuse_training(self._folder / "roads" / name, plan.estimates.get("hours"))

    def begin_pilot(self, plan: Plan, path: Path, share: float) -> None:
        """A training on a share of a road's rows is about to begin, at `path` below the run.

        Raises:
            LimitError: nothing is left for it.
        """
        self._name, self._since = path.relative_to(self._folder).as_posix(), time.perf_counter()
        self._hour_jpy = hour_jpy(plan)
        estimate = plan.estimates.get("hours")
        self._refuse_training(path, times(estimate, share) if estimate else None)

    def _refuse_training(self, path: Path, estimate: Estimate | None) -> None:
        self.check()
        run = RunDir(path)
        begun = run.manifest_path.is_file()
        if estimate is None or (begun and run.done("build")):
            return
        # Earlier attempts at it are spent already: only the rest is still to come.
        took = spent(run).hours if begun else 0.0
        left, have = max(0.0, estimate.low - took), self._spent()
        if self.hours and have["hours"] + left > self.hours:
            raise self._reached("hours", have["hours"], self.hours)
        if self.jpy and have["jpy"] + left * self._hour_jpy > self.jpy:
            raise self._reached("jpy", have["jpy"], self.jpy)

    def asking(self, alone: int = 0) -> Asking:
        """How a road is run within these limits; `alone` as in `Asking`."""
        return Asking(self.check, self.left_hours, self._own_limits, alone)

    def left_hours(self) -> float | None:
        """Hours that the present training may take yet, by the limits of hours and of yen."""
        limits: list[float] = []
        have = self._spent() if self.hours or self.jpy else {}
        if self.hours:
            limits.append(self.hours - have["hours"])
        if self.jpy and self._hour_jpy:
            limits.append((self.jpy - have["jpy"]) / self._hour_jpy)
        return max(0.0, min(limits)) if limits else None

    def raised(self, error: OkakaeError) -> TypeGuard[LimitError]:
        """Whether the limit of the whole run was reached, and not one of a road's own plan."""
        return isinstance(error, LimitError) and error.ref.startswith(f"{self._by}-")

    def begin_diagnostics(self) -> None:
        """The roads are done; what is asked from here on stands beside them."""
        self._name, self._since = "diagnostics", time.perf_counter()

    def begin_judging(self) -> None:
        """The verdict stands; what a judge is asked from here on stands beside it."""
        self._name, self._since = "judge", time.perf_counter()

    def check(self) -> None:
        """Called before each batch of answers.

        Raises:
            LimitError: a limit was passed.
        """
        limits: dict[Limit, float] = {"hours": self.hours, "jpy": self.jpy, "calls": self.calls}
        if not any(limits.values()):
            return
        have = self._spent()
        if what := passed(have, limits):
            raise self._reached(what, have[what], limits[what])

    def _spent(self) -> dict[Limit, float]:
        found = [*self._on_roads(), *self._on_diagnostics(), *self._on_pilots()]
        return _sums([*found, *self._on_judge()])

    def _on_roads(self) -> list[Spent]:
        found = []
        for name in self._plans:
            run = RunDir(self._folder / "roads" / name)
            if run.manifest_path.is_file():
                running = time.perf_counter() - self._since if name == self._name else 0.0
                found.append(spent(run, running))
        return found

    def _on_diagnostics(self) -> list[Spent]:
        found = []
        for path in sorted((self._folder / FOLDER).glob(f"*/{ANSWERS}")):
            answers = read_answers(path)
            seconds = sum(float(answer["seconds"]) for answer in answers)
            found.append(spent_on(self._asked_by(path.parent.name), seconds, answers))
        return found

    def _on_judge(self) -> list[Spent]:
        answers = read_answers(self._folder / judging.FOLDER / ANSWERS)
        if self._judge is None or not answers:
            return []
        seconds = sum(float(answer["seconds"]) for answer in answers)
        return [spent_on(self._judge, seconds, answers)]

    def _on_pilots(self) -> list[Spent]:
        found = []
        for path in sorted((self._folder / PILOT).glob("*/*/manifest.json")):
            here = path.parent.relative_to(self._folder).as_posix() == self._name
            running = time.perf_counter() - self._since if here else 0.0
            found.append(spent(RunDir(path.parent), running))
        return found

    def _asked_by(self, diagnostic: str) -> Plan:
        """The plan whose settings a diagnostic answers with."""
        about = json.loads((self._folder / FOLDER / diagnostic / ABOUT).read_text("utf-8"))
        sealed = {plan.seal: plan for plan in self._plans.values()}
        return sealed.get(about["plan_seal"]) or next(iter(self._plans.values()))

    def _reached(self, what: Limit, have: float, limit: float) -> LimitError:
        return LimitError(
            f"{self._by}-{what}-reached", step=self._name, spent=f"{have:.3g}", limit=f"{limit:g}"
        )


def within_limits(plan: Plan, folder: Path) -> Callable[[], None]:
    """The check of a run that stands for itself: raises LimitError at the plan's own limits.

    Args:
        folder: of the run.
    """
    limits: dict[Limit, float] = {
        "hours": float(plan.config.get("limits.hours") or 0),
        "jpy": float(plan.config.get("limits.jpy") or 0),
        "calls": float(plan.config.get("limits.calls") or 0),
    }
    since = time.perf_counter()

    def check() -> None:
        if not any(limits.values()):
            return
        have = _sums([spent(RunDir(folder), time.perf_counter() - since)])
        if what := passed(have, limits):
            values = {"spent": f"{have[what]:.3g}", "limit": f"{limits[what]:g}"}
            raise LimitError(f"apply-{what}-reached", **values)

    return check


def passed(have: Mapping[Limit, float], limits: Mapping[Limit, float]) -> Limit | None:
    """The first limit that was reached; 0 means none."""
    for what, limit in limits.items():
        # Asked before the next call is sent, which would be one too many.
        over = have[what] >= limit if what == "calls" else have[what] > limit
        if limit and over:
            return what
    return None


def _sums(found: Sequence[Spent]) -> dict[Limit, float]:
    return {
        "hours": sum(one.hours for one in found),
        "jpy": sum(one.jpy.likely for one in found if one.jpy),
        "calls": sum(one.calls for one in found),
    }
