"""Means over questions that share documents: by hand, by brute force, and by their promise."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bench import statistics
from bench.populations import Population
from executors.evaluate.clustered import (
    bootstrap_intervals,
    groups_of,
    mean_p_values,
    sign_flip_p_values,
    standard_errors,
)
from executors.evaluate.statistics import difference_p, mcnemar, mean_interval

figures = arrays(float, st.tuples(st.just(1), st.integers(2, 30)), elements=st.floats(0, 1))


@given(figures)
def test_alone_the_clustered_error_is_the_plain_one(data: np.ndarray) -> None:
    n = data.shape[1]
    found = standard_errors(data, groups_of(n, None))[0]
    assert found == pytest.approx(data.std(ddof=1) / math.sqrt(n), abs=1e-12)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=12), st.integers(2, 5))
def test_copied_questions_make_nothing_surer(values: list[float], copies: int) -> None:
    alone = standard_errors(np.array([values]), groups_of(len(values), None))
    documents = [f"d{i}" for i in range(len(values)) for _ in range(copies)]
    groups = groups_of(len(documents), documents)
    assert groups.effective == len(values)
    together = standard_errors(np.array([values]).repeat(copies, axis=1), groups)
    assert together[0] == pytest.approx(alone[0], abs=1e-12)


@given(figures, st.randoms())
@settings(max_examples=30, deadline=None)
def test_the_order_of_questions_changes_nothing(data: np.ndarray, random: object) -> None:
    n = data.shape[1]
    documents = [f"d{i // 3}" for i in range(n)]
    order = np.random.default_rng(1).permutation(n)
    one = bootstrap_intervals(data, groups_of(n, documents))
    other = bootstrap_intervals(data[:, order], groups_of(n, [documents[i] for i in order]))
    assert np.allclose(one, other, atol=1e-9)


@given(arrays(float, (4, 20), elements=st.floats(0, 1)))
@settings(max_examples=20, deadline=None)
def test_many_at_once_are_the_same_as_one_by_one(data: np.ndarray) -> None:
    groups = groups_of(20, [f"d{i // 4}" for i in range(20)])
    low, high = bootstrap_intervals(data, groups)
    p_values = mean_p_values(data - 0.5, groups)
    for i, row in enumerate(data):
        alone = bootstrap_intervals(row[None], groups)
        assert (low[i], high[i]) == pytest.approx((alone[0][0], alone[1][0]), abs=1e-9)
        assert p_values[i] == mean_p_values(row[None] - 0.5, groups)[0]


def test_groups_of_very_unequal_size_count_for_fewer() -> None:
    equal = groups_of(40, [f"d{i // 4}" for i in range(40)])
    one_large = groups_of(40, [f"d{max(0, i - 30)}" for i in range(40)])
    assert (equal.effective, len(one_large.sizes), one_large.effective) == (10, 10, 2)


def test_one_document_for_all_leaves_each_question_alone() -> None:
    assert groups_of(12, ["d"] * 12).effective == groups_of(12, None).effective == 12


def test_groups_that_all_say_the_same_are_no_more_than_that_many_coins() -> None:
    won, lost = [1.0] * 20, [0.0] * 20
    halves = ["d0"] * 10 + ["d1"] * 10
    assert difference_p(won, lost) == pytest.approx(2 / 2**20)
    assert difference_p(won, lost, halves) == 0.5


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=9))
@settings(deadline=None)
def test_drawn_signs_agree_with_all_signs(gaps: list[float]) -> None:
    signs = np.array(list(itertools.product((-1, 1), repeat=len(gaps))))
    every = (np.abs(signs @ np.array(gaps)) >= abs(sum(gaps)) - 1e-9).mean()
    drawn = sign_flip_p_values(np.array([gaps]))[0]
    assert drawn == pytest.approx(every, abs=5 * math.sqrt(every * (1 - every) / 2000) + 0.001)


def test_drawn_signs_agree_with_mcnemar() -> None:
    a, b = [1.0] * 9 + [0.0] * 21, [0.0] * 9 + [1.0] * 2 + [0.0] * 19
    drawn = sign_flip_p_values(np.subtract(a, b)[None])[0]
    assert drawn == pytest.approx(mcnemar(a, b), abs=0.02)


outcomes = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=40)


@given(outcomes)
def test_right_or_wrong_answers_are_never_surer_than_mcnemar(
    pairs: list[tuple[bool, bool]],
) -> None:
    a, b = [float(x) for x, _ in pairs], [float(y) for _, y in pairs]
    assert mcnemar(a, b) <= difference_p(a, b) <= 1
    assert difference_p(a, b) == difference_p(b, a)


def held(population: Population, n: int, repetitions: int = 600) -> float:
    """How often an interval of a difference holds the true one."""
    random = np.random.default_rng(8)
    scores = random.uniform(0.3, 0.8, (repetitions, 2))
    documents = population.documents(n, random)
    answers = population.answers(scores, documents, random)
    low, high = bootstrap_intervals(answers[:, 0] - answers[:, 1], groups_of(n, documents))
    true = scores[:, 0] - scores[:, 1]
    return float(((low <= true) & (true <= high)).mean())


@pytest.mark.parametrize("metric", ["right or wrong", "graded"])
@pytest.mark.parametrize("clustered", [False, True])
def test_intervals_hold_the_true_difference_as_often_as_they_say(
    metric: str, clustered: bool
) -> None:
    assert 0.92 <= held(Population(metric, clustered), 30) <= 0.98  # type: ignore[arg-type]


@pytest.mark.parametrize("metric", ["right or wrong", "graded", "mixed"])
def test_simulated_comparisons_are_judged_as_judge_does(
    metric: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The simulation works on many at once; it must say what `judge` says of each."""
    monkeypatch.setattr(statistics, "EXPERIMENTS", 200)
    monkeypatch.setattr(statistics, "THROUGH_JUDGE", 15)
    population = Population(metric, clustered=True)  # type: ignore[arg-type]
    row = statistics._false_verdicts(population, "some worse", 40, 3)
    assert row["false"] <= 0.06
    assert 0.1 < row["found"] < 0.6


def test_made_up_roads_have_the_scores_they_are_said_to_have() -> None:
    random = np.random.default_rng(3)
    for metric in ("right or wrong", "graded", "mixed"):
        population = Population(metric, clustered=True)  # type: ignore[arg-type]
        scores = np.tile([0.4, 0.75], (4000, 1))
        answers = population.answers(scores, population.documents(60, random), random)
        assert answers.mean(axis=(0, 2)) == pytest.approx([0.4, 0.75], abs=0.01)


def test_a_share_stays_a_share_however_few_the_documents() -> None:
    found = mean_interval([1.0] * 9 + [0.0], [f"d{i // 4}" for i in range(10)])
    assert (found.low, found.high) == (0.0, 1.0)
