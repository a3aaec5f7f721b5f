"""What a test set can show: Student's distribution is exact, the formula is what tests find."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.power import central, detectable_difference, quantile, questions_for


@pytest.mark.parametrize(
    ("free", "share", "value"),
    [
        (1, 0.975, 12.7062),
        (2, 0.975, 4.30265),
        (5, 0.975, 2.57058),
        (10, 0.995, 3.16927),
        (29, 0.9, 1.31143),
        (30, 0.975, 2.04227),
        (120, 0.995, 2.61742),
    ],
)
def test_quantiles_are_those_of_the_printed_table(free: int, share: float, value: float) -> None:
    assert quantile(share, free) == pytest.approx(value, rel=1e-4)


@given(st.integers(1, 29), st.floats(0.6, 0.9999))
def test_quantile_and_distribution_are_inverse(free: int, share: float) -> None:
    assert (1 + central(quantile(share, free), free)) / 2 == pytest.approx(share, abs=1e-9)


@pytest.mark.parametrize("n", [20, 50, 100, 200])
def test_gaps_are_those_of_the_normal_formula_and_what_a_small_test_set_adds(n: int) -> None:
    normal = (1.959964 + 0.841621) * 0.42 / math.sqrt(n)
    assert normal < detectable_difference(n, binary=False) < normal * (1 + 2 / n)
    assert detectable_difference(n, binary=False) < detectable_difference(n) < normal + 1 / n


@pytest.mark.parametrize(("n", "sd"), [(15, 0.3), (30, 0.42), (100, 0.42)])
def test_the_detectable_difference_is_found_four_times_in_five(n: int, sd: float) -> None:
    difference = detectable_difference(n, sd, binary=False)
    gaps = np.random.default_rng(11).normal(difference, sd, size=(4000, n))
    t = gaps.mean(axis=1) / (gaps.std(axis=1, ddof=1) / math.sqrt(n))
    assert (t > quantile(0.975, n - 1)).mean() == pytest.approx(0.8, abs=0.03)


def test_more_roads_and_fewer_documents_show_less() -> None:
    one = detectable_difference(60)
    assert one < detectable_difference(60, roads=3) < detectable_difference(60, roads=5)
    assert one < detectable_difference(60, groups=20) < detectable_difference(60, groups=5)
    assert detectable_difference(1) == detectable_difference(60, groups=1) == 1.0


@given(st.floats(0.02, 0.5), st.floats(0.1, 0.8), st.integers(2, 6))
def test_questions_needed_and_difference_shown_are_inverse(
    gap: float, sd: float, roads: int
) -> None:
    n = questions_for(gap, sd, roads=roads)
    assert detectable_difference(n, sd, roads=roads) <= gap
    assert detectable_difference(n - 1, sd, roads=roads) > gap
