"""Which roads of a recommendation can be run here, each with its sealed plan below the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from advisor.answers import Gathered, gather
from advisor.errors import UsageError
from advisor.needs import needs
from advisor.plan import load_plan, make_plan, save_plan
from advisor.recommend import recommend
from advisor.session import Session
from advisor.types import Needs, Option, Plan, Recommendation, Scalar
from executors.compare.roads import road_names

WAYS: tuple[Mapping[str, Scalar], ...] = (
    {},
    {"prompting.shots": 0, "prompting.search_calls": 0},
    {"prompting.choice": "nearest", "prompting.search_calls": 0},
)
"""Prompting in other ways than the answers ask for; each is what it says, nothing is searched."""


AROUND = ("limits.", "judge.")
"""Settings of a whole comparison, which change nothing that a road does."""
KEPT = ("confidential", "traffic_per_day")
"""Answers that a run takes from its plan: what may be sent away, and how many answers a year."""


@dataclass(frozen=True, slots=True)
class Advised:
    """The answers, what they mean, and what is recommended for them."""

    gathered: Gathered
    needs: Needs
    recommendation: Recommendation


def advise(
    session: Session, answers: Path | None, sets: Sequence[str], *, need: Sequence[str] = ("goal",)
) -> Advised:
    """Read the answers as every command does and recommend; `need` is asked on a terminal."""
    gathered = gather(session, answers, sets, need=need)
    wanted = needs(gathered.answers, gathered.machine, gathered.data)
    return Advised(gathered, wanted, recommend(wanted))


def candidates(
    advised: Advised, folder: Path, *, resume: bool, wide: bool = False
) -> dict[str, tuple[Path, Plan]]:
    """The best open option of every approach, by road: where its plan lies, and the plan.

    Args:
        wide: prompting in every way it can be done here: without examples, with the same ones for
            all, with the nearest ones, and with the whole corpus where that is an option.
    """
    found: list[tuple[Path, Plan]] = []
    met: set[str] = set()
    for option in advised.recommendation.options:
        if option.blocked_by or not option.runnable:
            continue
        ways: Sequence[Mapping[str, Scalar]] = [{}]
        if wide and option.approach == "prompting":
            ways = [{}] if option.variant == "whole_corpus" else WAYS
        elif option.approach in met:
            continue
        met.add(option.approach)
        found += [planned(option, advised, folder, resume=resume, way=way) for way in ways]
    by_name: dict[str, tuple[Path, Plan]] = {}
    for name, one in zip(road_names([plan for _, plan in found]), found, strict=True):
        by_name.setdefault(name, one)  # the better option of two that come to the same
    return by_name


def planned(
    option: Option,
    advised: Advised,
    folder: Path,
    *,
    resume: bool,
    way: Mapping[str, Scalar] | None = None,
) -> tuple[Path, Plan]:
    """The option's plan below `folder`: where it lies, and as it would be made now.

    A plan that is there already stays when a run is resumed: its road may be half done.

    Args:
        way: settings of this plan alone, over those of the answers.

    Raises:
        UsageError: the plan that is there was made with other settings.
    """
    words = [option.method or option.approach, *(way or {})]
    if option.variant == "whole_corpus":
        words.append(option.variant)
    path = folder / "plans" / f"{'-'.join(words)}.json"
    made = make_plan(
        option,
        advised.needs,
        advised.gathered.answers,
        out=path,
        settings={**advised.gathered.settings, **(way or {})},
        recommended=advised.recommendation.chosen,
    )
    if not (resume and path.exists()):
        save_plan(made, path)
    elif _work(load_plan(path)) != _work(made):
        raise UsageError("resume-other-plan", where=str(path), path=str(path))
    return path, made


def _work(plan: Plan) -> list[object]:
    """What decides the outcome; a limit that was reached may be raised to go on."""
    config = {key: value for key, value in plan.config.items() if not key.startswith(AROUND)}
    return [plan.goal, plan.language, plan.place, config, [plan.answers.get(a) for a in KEPT]]
