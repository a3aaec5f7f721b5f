"""The head against scikit-learn and a known optimum; folds, weights, temperature, threshold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from executors.encoder.crossval import folds_of, judge
from executors.encoder.head import (
    calibrate,
    class_weights,
    fit,
    load_head,
    log_loss,
    softmax,
    with_temperature,
)
from executors.encoder.labelled import labelled, readable
from executors.encoder.unknown import threshold
from knowledge.corpus.types import Example

RANDOM = np.random.default_rng(0)


def clouds(each: int = 40, classes: int = 3, spread: float = 0.6) -> tuple[np.ndarray, np.ndarray]:
    centres = np.eye(classes, 8)
    numbers = np.repeat(np.arange(classes), each)
    noise = np.random.default_rng(1).normal(0, spread, (len(numbers), 8))
    return (centres[numbers] + noise).astype(np.float32), numbers


@pytest.mark.parametrize("strength", [1.0, 100.0])
def test_the_head_is_the_optimum_that_scikit_learn_finds(strength: float) -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    vectors, numbers = clouds()
    head = fit(vectors, numbers, ["a", "b", "c"], strength, weighting="none")
    theirs = linear.LogisticRegression(C=strength, max_iter=2000, tol=1e-9)
    seen = (vectors - head.mean) / head.scale
    theirs.fit(seen, numbers)
    assert head.probabilities(vectors) == pytest.approx(theirs.predict_proba(seen), abs=2e-3)


def test_a_stored_head_says_the_same(tmp_path: Path) -> None:
    vectors, numbers = clouds()
    head = with_temperature(fit(vectors, numbers, ["甲", "乙", "丙"], 10.0), 1.5)
    head.save(tmp_path, {"tuned": False})
    again, about = load_head(tmp_path)
    assert again.labels == ("甲", "乙", "丙")
    assert about["tuned"] is False
    assert (again.probabilities(vectors) == head.probabilities(vectors)).all()


def test_a_rare_class_counts_for_more_the_more_weights_are_balanced() -> None:
    numbers = np.array([0] * 90 + [1] * 10)
    none, root, balanced = (class_weights(numbers, 2, w) for w in ("none", "root", "balanced"))
    assert none.tolist() == [1.0, 1.0]
    assert balanced[1] / balanced[0] == pytest.approx(9.0)
    assert root[1] / root[0] == pytest.approx(3.0)
    for weights in (none, root, balanced):
        assert weights[numbers].mean() == pytest.approx(1.0)


def test_the_temperature_repairs_scores_that_are_too_sure() -> None:
    truth = RANDOM.normal(0, 1, (4000, 3))
    numbers = np.array([RANDOM.choice(3, p=row) for row in softmax(truth)])
    temperature, loss = calibrate((truth * 4).astype(np.float32), numbers)
    assert temperature == pytest.approx(4.0, rel=0.2)
    assert loss < log_loss(truth * 4, numbers)


def test_folds_spread_classes_evenly_and_keep_groups_whole() -> None:
    classes = [number for number in range(5) for _ in range(12)]
    groups = [f"{number}-{n // 2}" for number in range(5) for n in range(12)]
    folds = folds_of(classes, groups)
    for number in range(5):
        own = folds[np.array(classes) == number]
        assert np.bincount(own, minlength=3).tolist() == [4, 4, 4]
    for group in set(groups):
        assert len({f for f, g in zip(folds, groups, strict=True) if g == group}) == 1


def test_a_text_is_judged_by_a_head_that_has_not_seen_it() -> None:
    """Vectors that tell each text apart and no class: what was seen would be right always."""
    numbers = RANDOM.integers(0, 2, 120)
    judged = judge(
        lambda _fold: np.eye(120, dtype=np.float32),
        numbers,
        folds_of(numbers.tolist(), [str(n) for n in range(120)]),
        ["a", "b"],
        weighting="none",
    )
    assert 0.3 < judged.accuracy(numbers) < 0.7


def test_the_threshold_lies_between_the_known_and_the_strange() -> None:
    surest, right = np.array([0.9, 0.8, 0.7, 0.4]), np.array([True, True, True, False])
    assert 0.5 < threshold(surest, right, np.array([0.5, 0.45, 0.3])) < 0.7
    assert threshold(surest, right, np.array([])) == 0.0


def test_names_of_labels_are_read_where_they_are_words() -> None:
    assert readable("card_arrival") == "card arrival"
    assert readable("経費・精算") == "経費・精算"
    assert readable("3") == readable("A-12") == ""
    examples = [
        Example(f"e{n}", "labelled", f"text {n}", label, "", "", label=label)
        for n, label in enumerate(["card_arrival", "lost-card"] * 10)
    ]
    data = labelled(examples)
    assert data.texts[-2:] == ("card arrival", "lost card")
    assert (data.examples, data.classes[-2:].tolist()) == (20, [0, 1])
    assert len(data.without_names().texts) == 20
