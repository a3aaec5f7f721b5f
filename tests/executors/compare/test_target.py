"""When a target counts as met: stopping by the score, claiming by a bound that survives it."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executors.compare.target import (
    effective_questions,
    judge_score,
    least_questions,
    share_needed,
)

SCORES = st.lists(st.floats(0, 1), min_size=2, max_size=40)
TARGETS = st.floats(0.05, 0.95)


def alone(n: int) -> list[str]:
    return [str(i) for i in range(n)]


@given(SCORES, TARGETS, st.integers(1, 4))
def test_met_is_never_said_where_the_score_does_not_reach(
    values: list[float], target: float, looks: int
) -> None:
    found = judge_score(values, alone(len(values)), target, looks=looks)
    mean = sum(values) / len(values)
    assert found.at_least <= mean + 1e-9
    assert (found.says == "below") == (mean < target)
    if found.says == "met":
        assert found.at_least >= target


@given(SCORES, TARGETS)
def test_more_looks_ask_for_more(values: list[float], target: float) -> None:
    one, three = (
        judge_score(values, alone(len(values)), target, looks=looks).at_least for looks in (1, 3)
    )
    assert three <= one


def test_questions_about_one_document_tell_less() -> None:
    values = [1.0, 1.0, 1.0, 0.0, 0.0, 0.0] * 4
    apart = effective_questions(values, alone(24))
    together = effective_questions(values, [str(i // 3) for i in range(24)])
    assert together < apart / 2 and apart <= 24


def test_the_share_that_is_needed_is_the_least_that_is_met() -> None:
    n, target = 60, 0.7
    share = share_needed(n, n, target, looks=3)
    assert share is not None
    right = int(share * n) + 1
    for count, says in ((right, "met"), (right - 2, "not shown to be met")):
        values = [1.0] * count + [0.0] * (n - count)
        assert judge_score(values, alone(n), target, looks=3).says == says


def test_with_the_least_number_of_questions_all_right_is_enough_and_one_fewer_is_not() -> None:
    least = least_questions(0.8, looks=3)
    assert least is not None
    assert judge_score([1.0] * least, alone(least), 0.8, looks=3).says == "met"
    assert judge_score([1.0] * (least - 1), alone(least - 1), 0.8, looks=3).says != "met"
    assert share_needed(least - 1, least - 1, 0.8, looks=3) is None
    assert least_questions(1.0, looks=3) is None


def test_as_many_questions_as_it_names_do_show_it() -> None:
    values = [1.0] * 45 + [0.0] * 5
    needed = judge_score(values, alone(50), 0.85, looks=3).questions_needed
    assert needed is not None and needed > 50
    times = -(-needed // 50)
    more = values * times
    assert judge_score(more, alone(50 * times), 0.85, looks=3).says == "met"
    on_the_line = judge_score([1.0] * 8 + [0.0] * 2, alone(10), 0.8, looks=3)
    assert (on_the_line.says, on_the_line.questions_needed) == ("not shown to be met", None)


@given(st.integers(2, 12), st.integers(1, 5))
def test_one_answer_more_right_never_shows_less(groups: int, size: int) -> None:
    n = groups * size
    clusters = [str(i // size) for i in range(n)]
    bounds = [
        judge_score([1.0] * right + [0.0] * (n - right), clusters, 0.5, looks=3).at_least
        for right in (n - 1, n)
    ]
    assert bounds[0] <= bounds[1]


@pytest.mark.parametrize(
    ("n", "size", "kinship"), [(20, 1, 0.0), (48, 1, 0.0), (48, 3, 0.2), (100, 4, 0.2)]
)
@pytest.mark.parametrize("target", [0.5, 0.8])
def test_few_walks_claim_a_target_that_no_step_meets(
    n: int, size: int, kinship: float, target: float
) -> None:
    """Three steps whose true score lies just under the target: at most about 5 % say «met»."""
    random_ = random.Random(f"{n}/{size}/{target}")
    clusters = [str(i // size) for i in range(n)]

    def claims() -> bool:
        values = []
        for i in range(n):
            if i % size == 0:
                k = (1 - kinship) / kinship if kinship else 0
                chance = random_.betavariate(target * k, (1 - target) * k) if k else target
            values.append(float(random_.random() < chance))
        return judge_score(values, clusters, target + 1e-9, looks=3).says == "met"

    walks = 1000
    false = sum(any(claims() for _ in range(3)) for _ in range(walks))
    assert false / walks <= 0.065  # 5 % and two standard errors of 1,000 walks
