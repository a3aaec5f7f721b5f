"""Simulates comparisons with known truth: false verdicts, coverage, and the power promised.

The functions are those that `judge` calls, on many comparisons at once; a sample of every cell
goes through `judge` itself and must come to the same verdicts.
"""

from __future__ import annotations

import math
import time
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from advisor.power import LEVEL, POWER, detectable_difference
from advisor.types import Estimate
from bench.machine import save
from bench.populations import Floats, Metric, Population
from executors.compare.roads import Road
from executors.compare.verdict import TOO_FEW, judge
from executors.evaluate.clustered import (
    bootstrap_intervals,
    groups_of,
    mean_p_values,
    sign_flip_p_values,
)
from executors.evaluate.heldout import Scored
from executors.evaluate.statistics import (
    holm,
    is_binary,
    mcnemar,
    mean_interval,
    paired_difference,
    wilson,
)
from executors.rundir import RunDir
from knowledge.corpus.types import Example

QUESTIONS = (15, 30, 50, 100, 200)
ROADS = (2, 3, 5)
EXPERIMENTS = 2000
"""Of each cell of false verdicts; a share of 5 % is known to about a point."""
COVERAGE_EXPERIMENTS = 6000
POWER_EXPERIMENTS = 2000
BATCH = 200
"""Comparisons that share one draw of documents."""
THROUGH_JUDGE = 1
METRICS: tuple[Metric, ...] = ("right or wrong", "graded", "mixed")


def main() -> None:
    started = time.perf_counter()
    figures = {
        "false_verdicts": false_verdicts(),
        "coverage": coverage(),
        "power": power(),
    }
    figures["seconds"] = round(time.perf_counter() - started, 1)
    figures["summary"] = summary(figures)
    print(figures["summary"])
    print(save("statistics", figures))


def false_verdicts() -> list[dict[str, Any]]:
    """How often a road that is not worse is called worse, anywhere in a comparison.

    «all equal»: every road has the same true score. «some worse»: each road but the first lacks
    0, 10 or 20 points; calling an equal or better road worse is the error, and the share of the
    truly worse ones that were found stands beside it.
    """
    rows = []
    for metric in METRICS:
        for clustered in (False, True):
            population = Population(metric, clustered)
            for truth in ("all equal", "some worse"):
                for n in QUESTIONS:
                    for roads in ROADS:
                        row = _false_verdicts(population, truth, n, roads)
                        rows.append(row)
                        print(row, flush=True)
    return rows


def _false_verdicts(population: Population, truth: str, n: int, roads: int) -> dict[str, Any]:
    random = np.random.default_rng([n, roads, population.clustered, len(truth)])
    false = found = worse = 0
    for _ in range(EXPERIMENTS // BATCH):
        scores = np.repeat(random.uniform(0.3, 0.8, (BATCH, 1)), roads, axis=1)
        if truth == "some worse":
            scores[:, 1:] -= random.choice([0, 0, 0.1, 0.2], (BATCH, roads - 1))
        documents = population.documents(n, random)
        answers = population.answers(scores, documents, random)
        called, best = called_worse(answers, documents)
        _same_as_judge(answers, documents, called, best)
        lacks = scores < np.take_along_axis(scores, best[:, None], axis=1) - 1e-9
        false += int((called & ~lacks).any(axis=1).sum())
        found, worse = found + int((called & lacks).sum()), worse + int(lacks.sum())
    low, high = wilson(false / EXPERIMENTS, EXPERIMENTS)
    return {
        "metric": population.metric,
        "clustered": population.clustered,
        "truth": truth,
        "questions": n,
        "roads": roads,
        "experiments": EXPERIMENTS,
        "false": round(false / EXPERIMENTS, 4),
        "interval": [round(low, 4), round(high, 4)],
        "found": round(found / worse, 4) if worse else None,
    }


def called_worse(
    answers: Floats, documents: list[str]
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Which roads a comparison calls worse than the one that came out best.

    Args:
        answers: (experiments, roads, questions).

    Returns:
        (experiments, roads) called worse, and (experiments,) the best road's position.
    """
    experiments, roads, n = answers.shape
    groups = groups_of(n, documents)
    pairs = list(combinations(range(roads), 2))
    gaps = {pair: answers[:, pair[0]] - answers[:, pair[1]] for pair in pairs}
    p_values = {
        pair: np.maximum(mean_p_values(gaps[pair], groups), _exact(answers[:, list(pair)]))
        for pair in pairs
    }
    best = answers.mean(axis=2).argmax(axis=1)
    called = np.zeros((experiments, roads), dtype=bool)
    if n < TOO_FEW:
        return called, best
    adjusted = [
        holm({pair: float(p_values[pair][e]) for pair in pairs}) for e in range(experiments)
    ]
    for one, other in pairs:
        # Intervals are the slow part, and asked only where the test has seen a difference.
        asked = [
            e
            for e in range(experiments)
            if adjusted[e][one, other] < LEVEL and best[e] in (one, other)
        ]
        if not asked:
            continue
        low, high = bootstrap_intervals(gaps[one, other][asked], groups)
        for e, left, right in zip(asked, low.tolist(), high.tolist(), strict=True):
            if np.ptp(gaps[one, other][e]) == 0:
                gap = paired_difference(*answers[e, [one, other]].tolist(), documents)
                left, right = gap.low, gap.high
            called[e, other if best[e] == one else one] = left > 0 or right < 0
    return called, best


def _exact(answers: Floats) -> list[float]:
    """(experiments, 2, questions) → each experiment's exact p-value, as `difference_p` takes it."""
    graded = sign_flip_p_values(answers[:, 0] - answers[:, 1])
    return [
        mcnemar(*pair) if is_binary(*pair) else p
        for pair, p in zip(answers.tolist(), graded, strict=True)
    ]


def _same_as_judge(
    answers: Floats, documents: list[str], called: NDArray[np.bool_], best: NDArray[np.int64]
) -> None:
    for e in range(THROUGH_JUDGE):
        verdict = judge([_road(f"road{i}", row, documents) for i, row in enumerate(answers[e])])
        worse = [a.verdict == "worse" for a in verdict.against_best.values()]
        if worse != called[e].tolist() or verdict.best != f"road{best[e]}":
            raise AssertionError(f"judge says {worse}, the simulation {called[e]}")


FREE = Estimate(0.0, 0.0, 0.0, "JPY", "formula:free")


def _road(name: str, correct: Floats, documents: list[str]) -> Road:
    plan: Any = SimpleNamespace(estimates={"cost_jpy": FREE})
    results = tuple(
        Scored(
            Example(f"e{i}", "qa", f"q{i}", "a", "", "", doc_ids=(document,)),
            "",
            False,
            (),
            1.0,
            1,
            1,
            {"correct": float(value)},
        )
        for i, (value, document) in enumerate(zip(correct, documents, strict=True))
    )
    return Road(name, RunDir(Path(name)), plan, results)


def coverage() -> list[dict[str, Any]]:
    """How often the 95 % interval of a score, and of a difference, holds the true one."""
    rows = []
    for metric in METRICS:
        for clustered in (False, True):
            for n in QUESTIONS:
                row = _coverage(Population(metric, clustered), n)
                rows.append(row)
                print(row, flush=True)
    return rows


def _coverage(population: Population, n: int) -> dict[str, Any]:
    random = np.random.default_rng([n, population.clustered, 7])
    held = {"score": 0, "difference": 0}
    width = {"score": 0.0, "difference": 0.0}
    for _ in range(COVERAGE_EXPERIMENTS // BATCH):
        first = random.uniform(0.25, 0.83, BATCH)
        second = np.clip(first + random.normal(0, 0.12, BATCH), 0.05, 0.83)
        scores = np.stack([first, second], axis=1)
        documents = population.documents(n, random)
        answers = population.answers(scores, documents, random)
        for name, values, true in (
            ("score", answers[:, 1], second),
            ("difference", answers[:, 0] - answers[:, 1], first - second),
        ):
            low, high = _intervals(name, answers, values, documents)
            held[name] += int(((low <= true) & (true <= high)).sum())
            width[name] += float((high - low).sum())
    return {
        "metric": population.metric,
        "clustered": population.clustered,
        "questions": n,
        "experiments": COVERAGE_EXPERIMENTS,
        **{name: round(count / COVERAGE_EXPERIMENTS, 4) for name, count in held.items()},
        **{f"{name}_width": round(sum_ / COVERAGE_EXPERIMENTS, 4) for name, sum_ in width.items()},
    }


def _intervals(
    name: str, answers: Floats, values: Floats, documents: list[str]
) -> tuple[Floats, Floats]:
    """As `mean_interval` and `paired_difference` give them, rows without spread included."""
    low, high = bootstrap_intervals(values, groups_of(values.shape[1], documents))
    for e in np.flatnonzero(np.ptp(values, axis=1) == 0):
        if name == "score":
            alone = mean_interval(values[e].tolist(), documents)
        else:
            alone = paired_difference(*answers[e].tolist(), documents)
        low[e], high[e] = alone.low, alone.high
    return low, high


def power() -> list[dict[str, Any]]:
    """At the difference the formula promises, how often is a worse road found?

    One road leads all others by that much; the figure is for one of those. Beside it stands the
    true difference that is found in 80 % of simulated comparisons, in proportion to the promised
    one (interpolated between simulated ones).
    """
    rows = []
    for metric in METRICS[:2]:
        for clustered in (False, True):
            for roads in (2, 5):
                for n in QUESTIONS:
                    row = _power(Population(metric, clustered), n, roads)
                    rows.append(row)
                    print(row, flush=True)
    return rows


BETTER = 0.8
STEPS = (0.7, 0.8, 0.9, 1.0, 1.1, 1.2)


def _power(population: Population, n: int, roads: int) -> dict[str, Any]:
    random = np.random.default_rng([n, roads, population.clustered, 11])
    documents = population.documents(n, random)
    groups = groups_of(n, documents).effective
    promised, spread = _promised(population, documents, groups, roads, random)
    if BETTER - STEPS[-1] * promised < 0.02:
        return {
            **_names(population, n, roads),
            "promised": round(promised, 4),
            "left_out": "the promised difference is larger than any that these roads can have",
        }
    shares = []
    for step in STEPS:
        scores = np.full((POWER_EXPERIMENTS, roads), BETTER)
        scores[:, 1:] -= step * promised
        answers = population.answers(scores, documents, random, np.ones(POWER_EXPERIMENTS))
        called, _ = called_worse(answers, documents)
        shares.append(float(called[:, 1].mean()))
    found = float(np.interp(POWER, np.maximum.accumulate(shares), STEPS))
    return {
        **_names(population, n, roads),
        "documents": len(set(documents)),
        "effective_groups": groups,
        "paired_sd": round(spread, 4),
        "promised": round(promised, 4),
        "power": round(shares[STEPS.index(1.0)], 4),
        "at_80_over_promised": round(found, 3),
    }


def _names(population: Population, n: int, roads: int) -> dict[str, Any]:
    return {
        "metric": population.metric,
        "clustered": population.clustered,
        "questions": n,
        "roads": roads,
    }


def _promised(
    population: Population, documents: list[str], groups: int, roads: int, random: Any
) -> tuple[float, float]:
    """The formula's difference, with the true spread of a pair of roads that far apart."""
    n, promised = len(documents), 0.1
    for _ in range(8):
        scores = np.tile([BETTER, max(0.02, BETTER - promised)], (4000, 1))
        answers = population.answers(scores, documents, random, np.ones(4000))
        spread = float((answers[:, 0] - answers[:, 1]).mean(axis=1).std()) * math.sqrt(n)
        binary = population.metric == "right or wrong"
        promised = detectable_difference(n, spread, roads=roads, groups=groups, binary=binary)
    return promised, spread


def summary(figures: dict[str, Any]) -> dict[str, Any]:
    """The worst cell of each kind, and how many miss their bar."""
    false = [row["false"] for row in figures["false_verdicts"]]
    held = [row[name] for row in figures["coverage"] for name in ("score", "difference")]
    powers = [row for row in figures["power"] if "power" in row]
    ratios = [row["at_80_over_promised"] for row in powers]

    def equal(metric: str) -> float:
        rows = [r for r in figures["false_verdicts"] if r["truth"] == "all equal"]
        return round(float(np.mean([r["false"] for r in rows if r["metric"] == metric])), 4)

    return {
        "false_verdicts": {
            "cells": len(false),
            "mean": round(float(np.mean(false)), 4),
            "worst": max(false),
            "cells_over_5_percent": sum(share > LEVEL for share in false),
            "cells_shown_to_be_over": sum(
                row["interval"][0] > LEVEL for row in figures["false_verdicts"]
            ),
            "mean_where_all_are_equal": {metric: equal(metric) for metric in METRICS},
        },
        "coverage": {
            "cells": len(held),
            "mean": round(float(np.mean(held)), 4),
            "lowest": min(held),
            "highest": max(held),
            "cells_outside_93_to_97": sum(not 0.93 <= share <= 0.97 for share in held),
        },
        "power": {
            "cells": len(ratios),
            "lowest_ratio": min(ratios),
            "highest_ratio": max(ratios),
            "cells_further_than_10_percent": sum(abs(ratio - 1) > 0.1 for ratio in ratios),
        },
    }


if __name__ == "__main__":
    main()
