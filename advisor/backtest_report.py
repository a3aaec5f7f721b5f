"""The back-test as one document: figures, baselines, intervals, and every miss with its reason."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from advisor.coding import facts_of_study
from advisor.evidence import BASELINES, Case, Pick, backtest, folk, per_case, per_paper
from advisor.ranking import TEMPERATURE
from advisor.rules import fired
from advisor.texts import t
from advisor.validation import (
    MOST_CONFIDENT,
    Bin,
    blurred,
    calibrated,
    calibration_error,
    fitted,
    interval,
    leave_out,
    most_confident,
    reliability,
)

RECENT = 2025
"""From this year on a study counts as later than those the rules were thought out with."""
BLURS, DRAWS = (0.25,), 5


def report(
    cases: Sequence[Case], *, sensitivity: tuple[Sequence[float], int] = (BLURS, DRAWS)
) -> dict[str, Any]:
    """Everything `okakae evidence --json` prints.

    The figures at the top are those of the advice as it ships. `leave_one_paper_out` fits the
    weights again without each paper that they rest on, from the catalog's studies alone.
    """
    picks = backtest(cases)
    seen = {case.paper for case in fitted()}
    papers = {case.paper for case in cases}
    lopo = calibrated(leave_out(cases))
    return {
        "schema_version": 1,
        "cases": len(cases),
        "papers": len(papers),
        "papers_the_weights_rest_on": len(papers & seen),
        **_figures(picks),
        "baselines": {
            name: _number(per_paper(backtest(cases, one))) for name, one in BASELINES.items()
        },
        "baselines_in_full": {
            name: _figures(backtest(cases, one), sure=False) for name, one in BASELINES.items()
        },
        "leave_one_paper_out": _figures(lopo) | {"where_folk_errs": _where_folk_errs(lopo)},
        "leave_one_goal_out": _figures(
            leave_out(cases, lambda case: case.question.known.goal or ""), sure=False
        ),
        "by_time": _by_time(lopo),
        "by_winner": _by_winner(lopo),
        "with_facts_unknown": _with_facts_unknown(cases, *sensitivity),
        "temperature": TEMPERATURE,
        "picks": [_pick(pick) for pick in picks],
        "misses": [
            _pick(pick) | {"acceptable": list(pick.case.outcome.acceptable), "why": why(pick)}
            for pick in picks
            if pick.case.outcome.weight and not pick.right
        ],
        "misses_leave_one_paper_out": [
            _pick(pick) | {"acceptable": list(pick.case.outcome.acceptable)}
            for pick in lopo
            if pick.case.outcome.weight and not pick.right
        ],
    }


def _figures(picks: Sequence[Pick], *, sure: bool = True) -> dict[str, Any]:
    low, high = interval(picks)
    found: dict[str, Any] = {
        "acceptable_per_case": _number(per_case(picks)),
        "acceptable_per_paper": _number(per_paper(picks)),
        "strict_per_case": _number(per_case(picks, strict=True)),
        "strict_per_paper": _number(per_paper(picks, strict=True)),
        "interval_per_paper": [_number(low), _number(high)],
    }
    if sure:
        confident = most_confident(picks)
        found |= {
            "calibration_error": _number(calibration_error(picks)),
            "reliability": [_bin(one) for one in reliability(picks)],
            "most_confident": {
                "coverage": MOST_CONFIDENT,
                "cases": len(confident),
                "acceptable_per_case": _number(per_case(confident)),
            },
        }
    return found


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)


def _bin(one: Bin) -> dict[str, Any]:
    return {
        name: round(value, 3) if isinstance(value, float) else value
        for name, value in asdict(one).items()
    }


def _where_folk_errs(picks: Sequence[Pick]) -> dict[str, Any]:
    """How many of the cases that the folk rule gets wrong are right."""
    wrong = [pick for pick in picks if not Pick(pick.case, folk(pick.case.question)).right]
    return {"cases": len(wrong), "right": sum(pick.right for pick in wrong)}


def _by_time(picks: Sequence[Pick]) -> dict[str, Any]:
    """Papers before and from `RECENT` on; later ones were left out of the fit one by one."""
    groups: dict[str, list[Pick]] = {"before": [], "from": [], "undated": []}
    for pick in picks:
        year = pick.case.year
        groups["undated" if year is None else "before" if year < RECENT else "from"].append(pick)
    return {"year": RECENT} | {
        name: {"cases": len(group), "acceptable_per_paper": _number(per_paper(group))}
        for name, group in groups.items()
        if group
    }


def _by_winner(picks: Sequence[Pick]) -> dict[str, Any]:
    winners = sorted({pick.case.outcome.winner for pick in picks})
    groups = {one: [p for p in picks if p.case.outcome.winner == one] for one in winners}
    return {
        one: {"cases": len(group), "acceptable_per_case": _number(per_case(group))}
        for one, group in groups.items()
    }


def _with_facts_unknown(
    cases: Sequence[Case], chances: Sequence[float], draws: int
) -> list[dict[str, Any]]:
    """Agreement and mean certainty when each fact but the goal is forgotten with some chance."""
    found = []
    for chance in chances:
        agreed = sure = 0.0
        for seed in range(draws):
            draw = random.Random(seed)
            picks = backtest([blurred(case, chance, draw) for case in cases])
            agreed += per_paper(picks) / draws
            sure += sum(pick.advice.confidence for pick in picks) / len(picks) / draws
        found.append(
            {
                "chance": chance,
                "draws": draws,
                "acceptable_per_paper": _number(agreed),
                "confidence": _number(sure),
            }
        )
    return found


def _pick(pick: Pick) -> dict[str, Any]:
    return {
        "id": pick.case.id,
        "said": pick.said,
        "ranked": list(pick.advice.ranked),
        "confidence": round(pick.advice.confidence, 4),
    }


def why(pick: Pick) -> str:
    """The rules that put what was said above what the study found acceptable."""
    facts = facts_of_study(pick.case.question.known)
    right = [one for one in pick.advice.ranked if one in pick.case.outcome.acceptable]
    if not right:
        return t("evidence.why.not-compared")
    moved: dict[str, float] = {}
    for approach, sign in ((pick.said, 1.0), (right[0], -1.0)):
        for one in fired(_best_road(approach, facts), facts):
            moved[one.rule.id] = moved.get(one.rule.id, 0.0) + sign * one.weight
    strongest = sorted(moved.items(), key=lambda item: -item[1])[:2]
    rules = ", ".join(f"{id_} (+{weight:.1f})" for id_, weight in strongest if weight > 0)
    return t("evidence.why.rules", rules=rules or "-")


def _best_road(approach: str, facts: Mapping[str, Any]) -> str:
    from advisor.options import ROADS
    from advisor.rules import score

    keys = [road.key for road in ROADS if road.approach == approach]
    return max(keys, key=lambda key: score(key, facts))
