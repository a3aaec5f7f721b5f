"""Fits the rules' weights to published studies: a conditional logit pulled towards its prior.

Every weight starts from the prior that its rule states (direction and relative size, times the unit
of its strength) and moves only as far as the studies ask: maximum a posteriori, Newton's method,
Gaussian prior. A paper that is left out takes its support along: the strength of each rule it
bears out is counted again without it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from advisor.coding import facts_of_study
from advisor.evidence import Case, Outcome, roads_of
from advisor.rules import share
from knowledge.catalog.loader import load
from knowledge.catalog.records import Rule

UNITS: Mapping[str, float] = {"A": 1.2, "B": 0.9, "C": 0.6, "D": 0.3}
"""Log-odds that one unit of a prior stands for, by the strength of its evidence (judgement)."""
PRECISION = 2.0
"""Of the Gaussian prior: a weight one log-odd off its prior costs one nat, as much as a paper that
was given a chance of 37 %. Values from 1 to 4 were tried: bench/LOG.md."""
MOST_STEPS = 40
SETTLING_STEPS = 8
"""After these steps an approach stands by the same road to the end, so that the steps converge."""

Weight = tuple[str, str]
"""A rule's id and one of its effects."""
Weights = Mapping[Weight, float]


def strength(papers: int) -> str:
    """A three or more independent papers, B two, C one, D none: judgement."""
    return "DCBA"[min(papers, 3)]


def prior(rules: Iterable[Rule], without: frozenset[str] = frozenset()) -> dict[Weight, float]:
    """Each weight before any fitting, the support of some papers left out."""
    studies = load("evidence")
    found = {}
    for rule in rules:
        papers = {studies[id_].paper for id_ in rule.sources if id_ in studies} - without
        unit = UNITS[max(rule.strength, strength(len(papers)))]
        for key, size in rule.prior.items():
            found[rule.id, key] = size * unit
    return found


@dataclass(frozen=True, slots=True)
class _Choice:
    """One study for the fit: features of every road, by approach, and where it should land."""

    roads: Mapping[str, tuple[Mapping[Weight, float], ...]]
    target: Mapping[str, float]
    weight: float


@dataclass(frozen=True, slots=True)
class _Standing:
    """A study with one road for each approach."""

    features: Mapping[str, Mapping[Weight, float]]
    target: Mapping[str, float]
    weight: float


def fit(
    cases: Sequence[Case],
    rules: Sequence[Rule] | None = None,
    without: frozenset[str] = frozenset(),
    precision: float = PRECISION,
) -> dict[Weight, float]:
    """Weights of every effect, fitted to the cases of all papers but those of `without`."""
    chosen = tuple(load("rules").values()) if rules is None else tuple(rules)
    start = prior(chosen, without)
    choices = _choices([case for case in cases if case.paper not in without], chosen)
    weights = dict(start)
    standing: list[_Standing] = []
    for number in range(MOST_STEPS):
        if number < SETTLING_STEPS:
            standing = [_standing(choice, weights) for choice in choices]
        step = _newton_step(standing, weights, start, precision)
        for key, change in step.items():
            weights[key] += change
        if max(map(abs, step.values()), default=0.0) < 1e-7:
            break
    return weights


def _standing(choice: _Choice, weights: Weights) -> _Standing:
    """Each approach by its best road under the weights."""
    features = {
        approach: max(roads, key=lambda road: _dot(road, weights))
        for approach, roads in choice.roads.items()
    }
    return _Standing(features, choice.target, choice.weight)


def with_weights(rules: Iterable[Rule], weights: Weights) -> tuple[Rule, ...]:
    """The rules with these effects in place of their own."""
    return tuple(
        replace(rule, effects={key: weights[rule.id, key] for key in rule.prior}) for rule in rules
    )


def target(outcome: Outcome, classes: Sequence[str]) -> dict[str, float]:
    """Where the advice should land: half on the winner, half shared by all that are acceptable."""
    accepted = [one for one in classes if one in outcome.acceptable] or list(classes)
    found = {one: 0.5 / len(accepted) for one in accepted}
    winners = [outcome.winner] if outcome.winner in classes else accepted
    for one in winners:
        found[one] = found.get(one, 0.0) + 0.5 / len(winners)
    return found


def _choices(cases: Sequence[Case], rules: Sequence[Rule]) -> list[_Choice]:
    """Papers weigh alike, however many cases they bring; unread ones half."""
    in_paper = Counter(case.paper for case in cases)
    found = []
    for case in cases:
        facts = facts_of_study(case.question.known)
        shares = [(rule, share(rule, facts)) for rule in rules]
        roads: dict[str, list[Mapping[Weight, float]]] = {}
        for road in roads_of(case.question, facts):
            features = {
                (rule.id, key): part
                for rule, part in shares
                if part
                for key in rule.prior
                if road.key == key or road.key.startswith(f"{key}.")
            }
            roads.setdefault(road.approach, []).append(features)
        weight = case.outcome.weight / in_paper[case.paper]
        aim = target(case.outcome, case.question.option_classes)
        found.append(_Choice({k: tuple(v) for k, v in roads.items()}, aim, weight))
    return found


def _newton_step(
    standing: Sequence[_Standing], weights: Weights, start: Weights, precision: float
) -> dict[Weight, float]:
    """One step up the log posterior."""
    gradient: dict[Weight, float] = {}
    curvature: dict[tuple[Weight, Weight], float] = {}
    for choice in standing:
        features = choice.features
        chances = _softmax({one: _dot(road, weights) for one, road in features.items()})
        mean: dict[Weight, float] = {}
        for one, road in features.items():
            for key, value in road.items():
                mean[key] = mean.get(key, 0.0) + chances[one] * value
                aim = choice.target.get(one, 0.0) - chances[one]
                gradient[key] = gradient.get(key, 0.0) + choice.weight * aim * value
        for one, road in features.items():
            centred = {key: road.get(key, 0.0) - value for key, value in mean.items()}
            for a, left in centred.items():
                for b, right in centred.items():
                    found = choice.weight * chances[one] * left * right
                    curvature[a, b] = curvature.get((a, b), 0.0) + found
    keys = sorted(gradient)
    for key in keys:
        gradient[key] -= precision * (weights[key] - start[key])
        curvature[key, key] = curvature.get((key, key), 0.0) + precision
    matrix = [[curvature.get((a, b), 0.0) for b in keys] for a in keys]
    return dict(zip(keys, _solve(matrix, [gradient[key] for key in keys]), strict=True))


def _dot(features: Mapping[Weight, float], weights: Weights) -> float:
    return sum(value * weights[key] for key, value in features.items())


def _softmax(scores: Mapping[str, float]) -> dict[str, float]:
    top = max(scores.values())
    parts = {key: math.exp(value - top) for key, value in scores.items()}
    total = sum(parts.values())
    return {key: part / total for key, part in parts.items()}


def _solve(matrix: list[list[float]], right: list[float]) -> list[float]:
    """Gaussian elimination; the prior's precision keeps the matrix positive definite."""
    n = len(right)
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for i in range(n):
        for j in range(i + 1, n):
            factor = rows[j][i] / rows[i][i]
            if factor:
                for k in range(i, n + 1):
                    rows[j][k] -= factor * rows[i][k]
    found = [0.0] * n
    for i in reversed(range(n)):
        found[i] = (rows[i][n] - sum(rows[i][k] * found[k] for k in range(i + 1, n))) / rows[i][i]
    return found
