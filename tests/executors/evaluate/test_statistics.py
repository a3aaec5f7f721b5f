"""Intervals hold what they promise, tests equal brute force, and power is what simulation says."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.power import PRIOR_PAIRED_SD
from executors.evaluate.statistics import (
    holm,
    mcnemar,
    mean_interval,
    paired_difference,
    paired_sd,
    wilson,
)

outcomes = st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=40)


@given(outcomes)
@settings(max_examples=40, deadline=None)
def test_an_interval_holds_its_mean_and_stays_within_a_share(values: list[float]) -> None:
    found = mean_interval(values)
    assert found.n == len(values)
    assert found.value == pytest.approx(sum(values) / len(values))
    assert 0 <= found.low <= found.value <= found.high <= 1


@pytest.mark.parametrize(("values", "low", "high"), [([1.0] * 20, 0.83, 1), ([0.0] * 20, 0, 0.17)])
def test_all_right_or_all_wrong_is_not_certainty(
    values: list[float], low: float, high: float
) -> None:
    found = mean_interval(values)
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.015)


def test_no_questions_give_no_figure() -> None:
    assert math.isnan(mean_interval([]).value)
    assert mean_interval([]).n == 0


def test_the_same_values_give_the_same_interval() -> None:
    values = [(i * 37 % 101) / 101 for i in range(25)]
    assert mean_interval(values) == mean_interval(values)
    assert mean_interval(values, seed=1) != mean_interval(values, seed=0)


def coverage(clustered: bool, told: bool, repetitions: int = 250) -> float:
    """How often the interval of 10 documents x 4 questions holds the true mean."""
    random = np.random.default_rng(7)
    hits = 0
    for _ in range(repetitions):
        documents = random.normal(0, 0.25 if clustered else 0, 10).repeat(4)
        values = 0.5 + documents + random.normal(0, 0.2, 40)
        names = [f"d{i // 4}" for i in range(40)]
        found = mean_interval(values.tolist(), names if told else None)
        hits += found.low <= 0.5 <= found.high
    return hits / repetitions


def test_ninety_five_percent_intervals_hold_about_that_often() -> None:
    assert 0.90 <= coverage(clustered=False, told=False) <= 0.99


def test_questions_about_one_document_are_drawn_together() -> None:
    honest, naive = coverage(clustered=True, told=True), coverage(clustered=True, told=False)
    assert honest >= 0.86  # ten clusters are few: a percentile bootstrap is a little short
    assert naive < honest - 0.1


@given(st.integers(1, 200), st.integers(0, 200))
def test_wilson_solves_its_own_equation(n: int, k: int) -> None:
    share = min(k, n) / n
    low, high = wilson(share, n)
    assert 0 <= low <= share + 1e-12 and share - 1e-12 <= high <= 1
    for end in (low, high):
        if 0 < end < 1:
            gap = abs(share - end) / math.sqrt(end * (1 - end) / n)
            assert gap == pytest.approx(1.959964, abs=1e-5)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=12))
@settings(deadline=None)
def test_mcnemar_is_the_sign_test_of_every_possible_outcome(pairs: list[tuple[bool, bool]]) -> None:
    a, b = [float(x) for x, _ in pairs], [float(y) for _, y in pairs]
    gaps = [x - y for x, y in zip(a, b, strict=True) if x != y]
    extreme = sum(
        abs(sum(signs)) >= abs(sum(gaps)) for signs in itertools.product((-1, 1), repeat=len(gaps))
    )
    assert mcnemar(a, b) == pytest.approx(extreme / 2 ** len(gaps))
    assert mcnemar(a, b) == mcnemar(b, a)


p_values = st.dictionaries(st.text(max_size=3), st.floats(0, 1), max_size=6)


@given(p_values)
def test_holm_keeps_order_never_lowers_and_lies_below_bonferroni(values: dict[str, float]) -> None:
    adjusted = holm(values)
    assert adjusted.keys() == values.keys()
    for name, p in values.items():
        assert p <= adjusted[name] <= min(1.0, p * len(values)) + 1e-12
    for one, other in itertools.permutations(values, 2):
        if values[one] < values[other]:
            assert adjusted[one] <= adjusted[other]


def test_holm_by_hand() -> None:
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx(
        {"a": 0.03, "c": 0.06, "b": 0.06}
    )


def test_a_paired_difference_is_narrower_than_two_separate_intervals() -> None:
    random = np.random.default_rng(3)
    hard = random.normal(0.5, 0.3, 60)
    a = (hard + 0.1 + random.normal(0, 0.05, 60)).tolist()
    b = (hard + random.normal(0, 0.05, 60)).tolist()
    gap = paired_difference(a, b)
    assert gap.low > 0
    assert mean_interval(a).low < mean_interval(b).high


def test_roads_that_always_agree_differ_neither_way() -> None:
    same = paired_difference([1.0, 0.0] * 10, [1.0, 0.0] * 10)
    assert same.value == 0
    assert same.low == -same.high < 0


@pytest.mark.parametrize("sign", [1, -1])
def test_always_winning_is_not_certainty_either(sign: int) -> None:
    won, lost = [1.0] * 20, [0.0] * 20
    gap = paired_difference(won, lost) if sign > 0 else paired_difference(lost, won)
    assert gap.value == sign
    ends = sorted((sign * gap.low, sign * gap.high))
    assert ends == pytest.approx([0.84, 1.0], abs=0.01)


figures = st.sampled_from([0.0, 0.1, 0.35, 0.5, 0.8, 1.0])
documents = st.sampled_from(["a", "b", "c", "d"])
paired = st.lists(st.tuples(figures, figures, documents), min_size=1, max_size=30)


@given(paired)
@settings(max_examples=60, deadline=None)
def test_turning_a_difference_round_mirrors_its_interval(
    rows: list[tuple[float, float, str]],
) -> None:
    a, b, clusters = (list(column) for column in zip(*rows, strict=True))
    gap, turned = paired_difference(a, b, clusters), paired_difference(b, a, clusters)
    assert turned.value == pytest.approx(-gap.value, abs=1e-9)
    assert (turned.low, turned.high) == pytest.approx((-gap.high, -gap.low), abs=1e-9)


@given(paired)
@settings(max_examples=60, deadline=None)
def test_figures_from_0_to_1_differ_by_1_at_most(rows: list[tuple[float, float, str]]) -> None:
    a, b, clusters = (list(column) for column in zip(*rows, strict=True))
    gap = paired_difference(a, b, clusters)
    assert -1 <= gap.low <= gap.value <= gap.high <= 1


def test_a_difference_that_is_never_negative_may_still_be_nothing() -> None:
    """Two of 40 better and none worse: by the same answers the gap could lie below zero."""
    better = paired_difference([0.5, 0.5] + [0.0] * 38, [0.0] * 40)
    assert better.value == pytest.approx(0.025)
    assert better.low < 0


def test_differences_of_figures_without_bounds_are_not_cut() -> None:
    gap = paired_difference([5.0, 9.0, 1.0, 7.0], [1.0, 2.0, 0.0, 3.0])
    assert gap.high > 4 and gap.value == pytest.approx(4.0)


def test_unpaired_figures_are_refused() -> None:
    with pytest.raises(ValueError, match="not paired"):
        paired_difference([1.0], [1.0, 0.0])


def test_full_agreement_does_not_make_the_test_set_all_seeing() -> None:
    assert paired_sd([1.0] * 20, [1.0] * 20) == PRIOR_PAIRED_SD
    assert paired_sd([1.0, 0.0], [0.0, 0.0]) == pytest.approx(math.sqrt(0.5))
