"""When is a target met: the rule by which a walk over several steps stops, and what it may claim.

The walk looks at the same held-out questions after every step and stops when a figure is good
enough, so the figure it stops at is the luckier for it. Two things keep the claim honest:

- *stopping* goes by the score itself: as soon as it reaches the target, more money is not spent;
- *claiming* «met» takes more: the bound below must reach the target. It holds for all steps of
  the walk together (Bonferroni over the steps that were open before the first was run), hence
  at whichever step the walk stops: about 5 % of walks at most claim a target that is not met.
  Simulated with three steps exactly on a target of .5, .8 or .9: 0–6.5 % for 20–200 questions,
  8.5 % in the worst case tried (eight documents with six much alike questions each).

Splitting the questions into some to stop by and some to report on would do as well and halve
them; companies bring 20 to 100. The validation part cannot stand in: thresholds, fusion and early
stopping are chosen on it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

from executors.evaluate.statistics import wilson

SURE = 0.95
ScoreSays = Literal["met", "not shown to be met", "below"]


@dataclass(frozen=True, slots=True)
class Target:
    """What is enough: a share of right answers, and seconds that 95 % of answers keep to."""

    score: float
    latency_s: float


@dataclass(frozen=True, slots=True)
class ScoreJudgement:
    """One step's score against the target."""

    says: ScoreSays
    at_least: float
    """What the true score is at least, 95 % sure for all steps together."""
    questions_needed: int | None
    """How many questions would show a score like this to meet the target; None: no number."""


def judge_score(
    values: Sequence[float], clusters: Sequence[str], target: float, *, looks: int
) -> ScoreJudgement:
    """Hold the mean of `values` (each in 0–1) against `target`.

    Args:
        values: one figure per question.
        clusters: what each question shares with others (its document, its scene).
        looks: at how many steps the walk may stop at most.
    """
    value, effective = sum(values) / len(values), effective_questions(values, clusters)
    z = quantile(looks, len(set(clusters)))
    low = wilson(value, effective, z)[0] if effective else 0.0
    if value < target:
        return ScoreJudgement("below", low, None)
    if low >= target:
        return ScoreJudgement("met", low, None)
    gap = value - target
    # Wilson's bound reaches the target where gap² = z² · target · (1 - target) / n.
    least = z * z * target * (1 - target) / gap**2 if gap else math.inf
    asked = least * len(values) / effective
    return ScoreJudgement("not shown to be met", low, math.ceil(asked) if asked < 1e6 else None)


def quantile(looks: int, groups: float = math.inf) -> float:
    """The one-sided quantile that leaves 5 % for all looks together.

    Student's, approximated by Cornish and Fisher's expansion, for `groups` independent groups of
    questions: their spread is measured on themselves, and a few groups measure it badly.
    """
    z = NormalDist().inv_cdf(1 - (1 - SURE) / max(1, looks))
    free = max(groups - 1, 1)
    return z + (z**3 + z) / (4 * free) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * free**2)


def share_needed(n: int, groups: int, target: float, *, looks: int) -> float | None:
    """The share of n questions that must be right to show the target; None: not even all."""
    z = quantile(looks, groups)
    share = target + z * math.sqrt(target * (1 - target) / n)
    return share if share <= 1 and wilson(1.0, n, z)[0] >= target else None


def least_questions(target: float, *, looks: int, per_group: float = 1.0) -> int | None:
    """With how many questions all right answers would show the target; None: with no number.

    Args:
        per_group: questions to a document or scene.
    """
    if target >= 1:
        return None
    n = 2
    while wilson(1.0, n, quantile(looks, max(2.0, n / per_group)))[0] < target:
        n += 1
    return n


def effective_questions(values: Sequence[float], clusters: Sequence[str]) -> float:
    """How many independent right-or-wrong questions tell as much as these.

    Questions about one document tell less than their number. Graded answers would tell more by
    their variance, but few of them show too little of their tail to rely on it.
    """
    n, mean = len(values), sum(values) / len(values)
    sums: dict[str, float] = defaultdict(float)
    for value, cluster in zip(values, clusters, strict=True):
        sums[cluster] += value - mean
    m = len(sums)
    alone = sum((value - mean) ** 2 for value in values) / max(1, n - 1) / n
    together = m / max(1, m - 1) * sum(gap * gap for gap in sums.values()) / n**2
    variance = max(alone, together)
    if m < 2:
        return 1.0
    if variance < 1e-12:
        return float(n)  # the limit of one wrong answer among many: `quantile` knows the groups
    return min(float(n), mean * (1 - mean) / variance)
