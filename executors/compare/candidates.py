"""Which roads of a recommendation can be run here, each with its sealed plan below the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from advisor.answers import Gathered, gather
from advisor.errors import UsageError
from advisor.needs import needs
from advisor.plan import load_plan, make_plan, save_plan
from advisor.recommend import recommend
from advisor.session import Session
from advisor.types import Needs, Option, Plan, Recommendation


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


def planned(option: Option, advised: Advised, folder: Path, *, resume: bool) -> tuple[Path, Plan]:
    """The option's plan below `folder`: where it lies, and as it would be made now.

    A plan that is there already stays when a run is resumed: its road may be half done.

    Raises:
        UsageError: the plan that is there was made with other settings.
    """
    path = folder / "plans" / f"{option.method or option.approach}.json"
    made = make_plan(
        option,
        advised.needs,
        advised.gathered.answers,
        out=path,
        settings=advised.gathered.settings,
        recommended=advised.recommendation.chosen,
    )
    if not (resume and path.exists()):
        save_plan(made, path)
    elif _work(load_plan(path)) != _work(made):
        raise UsageError("resume-other-plan", where=str(path), path=str(path))
    return path, made


def _work(plan: Plan) -> dict[str, object]:
    """What decides the outcome; a limit that was reached may be raised to go on."""
    return {key: value for key, value in plan.config.items() if not key.startswith("limits.")}
