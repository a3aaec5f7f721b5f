"""A pilot carried on: right on a power law, honest in its band, refused where it must be."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.errors import UsageError
from executors.compare.curve import Measured, advise, falls, predict, turn_away
from knowledge.catalog.loader import load


def pilot(losses: Sequence[float], first: int = 100, error: float = 0.0) -> list[Measured]:
    return [Measured(first * 2**k, loss, error) for k, loss in enumerate(losses)]


def power_law(slope: float, sizes: int = 5) -> list[Measured]:
    """The loss falls by the share `slope` with every doubling."""
    return pilot([3 * (1 - slope) ** k for k in range(sizes)])


FLAT = pilot([2.0, 1.999, 1.998, 1.997, 1.996])
STEEP = power_law(0.12)


def test_falls_are_per_doubling_newest_first() -> None:
    found = falls(pilot([8.0, 4.0, 2.0, 1.0]))
    assert found == pytest.approx([math.log(2)] * 3)
    assert falls(pilot([8.0, 4.0, 2.0, 1.8]))[0] == pytest.approx(math.log(2 / 1.8))


@pytest.mark.parametrize("doublings", [1, 2, 3, 4])
def test_the_weights_carry_a_straight_line_on(doublings: int) -> None:
    law = next(law for law in load("curves").values() if law.doublings == doublings)
    assert sum(law.weights) == pytest.approx(doublings, rel=0.15)
    assert sum(law.weights) > doublings  # curves grow steeper on the way into their power law
    points = power_law(0.05)
    said = predict(points, points[-1].examples * 2**doublings)
    true = points[-1].loss * 0.95**doublings
    assert said.low < true < said.high


slopes = st.lists(st.floats(-0.05, 0.3), min_size=3, max_size=6)


@given(slopes, st.floats(1.01, 16), st.floats(0.1, 10))
def test_a_band_holds_its_middle_and_a_unit_changes_nothing(
    steps: list[float], ahead: float, unit: float
) -> None:
    losses = (2 * np.exp(-np.cumsum([0, *steps]))).tolist()
    examples = round(pilot(losses)[-1].examples * ahead)
    said = predict(pilot(losses), examples)
    assert 0 < said.low < said.likely < said.high
    other = predict(pilot([unit * loss for loss in losses]), examples)
    assert other.likely == pytest.approx(unit * said.likely)
    assert said.rough == (examples >= 8 * pilot(losses)[-1].examples)


@given(slopes)
def test_the_band_grows_with_the_distance(steps: list[float]) -> None:
    points = pilot((2 * np.exp(-np.cumsum([0, *steps]))).tolist())
    last = points[-1]
    widths = []
    for ahead in (1.5, 2, 3, 4, 6, 8, 12, 16):
        said = predict(points, round(ahead * last.examples))
        widths.append(math.log(said.high / said.low))
    assert widths == sorted(widths)


def test_a_small_held_out_set_widens_the_band() -> None:
    losses = [point.loss for point in STEEP]
    sure, unsure = (advise(pilot(losses, error=e)).forecasts[0] for e in (0.0, 0.1))
    assert sure.likely == unsure.likely
    assert unsure.low < sure.low and sure.high < unsure.high


@pytest.mark.parametrize(
    ("points", "target", "says"),
    [
        (STEEP, None, "collect-more"),
        (FLAT, None, "enough"),
        (FLAT, 1.0, "change-the-method"),
        (FLAT, 1.9965, "enough"),
        (STEEP, 1.2, "collect-more"),
        (pilot([2.0, 1.96, 1.88, 1.76, 1.6]), 0.2, "collect-more"),
        (pilot([2.0, 1.8, 1.7, 1.695, 1.692]), 1.0, "change-the-method"),
        (pilot([2.0, 1.999, 1.997, 1.99, 1.98]), 1.0, "too-early"),
    ],
)
def test_what_is_advised(points: list[Measured], target: float | None, says: str) -> None:
    assert advise(points, target=target).says == says


def test_enough_is_said_where_even_the_better_end_does_not_pay() -> None:
    slow = pilot([2.0, 1.97, 1.94, 1.91, 1.885])
    assert advise(slow, worthwhile=0.05).says == "enough"
    assert advise(slow, worthwhile=0.015).says == "too-early"
    assert advise(slow, worthwhile=0.005).says == "collect-more"
    steeper = pilot([2.0, 1.999, 1.998, 1.996, 1.992])
    assert advise(steeper, worthwhile=0.05).says == "too-early"


@pytest.mark.parametrize(
    ("points", "ref"),
    [
        (pilot([2.0, 1.9, 1.8]), "curve-too-short"),
        ([*pilot([2.0, 1.9, 1.8]), Measured(1000, 1.7)], "curve-not-doubling"),
        ([Measured(0, 3.0), *pilot([2.0, 1.9, 1.8])], "curve-not-doubling"),
        (pilot([2.0, 1.9, 0.0, 1.8]), "curve-no-loss"),
        (pilot([2.0, 1.9, math.nan, 1.8]), "curve-no-loss"),
    ],
)
def test_what_is_no_pilot_is_refused(points: list[Measured], ref: str) -> None:
    with pytest.raises(UsageError) as caught:
        advise(points)
    assert caught.value.ref == ref


@pytest.mark.parametrize("examples", [1600, 16 * 1600 + 1])
def test_nothing_is_said_behind_or_far_beyond_the_pilot(examples: int) -> None:
    assert STEEP[-1].examples == 1600
    with pytest.raises(UsageError) as caught:
        predict(STEEP, examples)
    assert caught.value.ref == "curve-too-far"


def test_enough_data_for_a_beaten_method_is_a_reason_to_change_it() -> None:
    turned = turn_away(advise(FLAT), "rag")
    assert (turned.says, turned.text) == ("change-the-method", "curve.beaten")
    assert turned.values["better"] == "rag"
    assert turn_away(advise(STEEP), "rag") == advise(STEEP)
