"""Runs of characters beside the embedder: kept as they were fitted, used where they help."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.errors import RunError
from executors.encoder.crossval import folds_of
from executors.encoder.frozen import judged_frozen
from executors.encoder.labelled import Labelled
from executors.encoder.surface import ABOUT, fit_surface, load_surface

TOPICS = ("交通費", "出張", "会議室", "名刺", "制服", "書類", "備品", "電話", "休暇", "健診")
PLAIN, POLITE = (
    ("を頼むよ", "はどうする", "を見せて"),
    ("をお願いいたします", "はいかがなさいますか"),
)
TEXTS = tuple(topic + end for topic in TOPICS for end in (*PLAIN, *POLITE))
POLITENESS = np.array([int(end in POLITE) for _ in TOPICS for end in (*PLAIN, *POLITE)])


def learned(classes: np.ndarray) -> Labelled:
    groups = tuple(text[:2] for text in TEXTS)
    return Labelled(TEXTS, classes.astype(np.int64), ("くだけた", "丁寧"), groups)


def judged(vectors: np.ndarray, classes: np.ndarray, *, surface: bool) -> tuple[float, float]:
    """Held-out accuracy and the weight that the surface got."""
    data = learned(classes)
    folds = folds_of(data.own.tolist(), data.groups)
    frozen, _ = judged_frozen(
        vectors.astype(np.float32), data, folds, weighting="root", surface=surface
    )
    return frozen.judged.accuracy(data.own), frozen.weight


def test_tones_are_told_apart_that_the_embedder_does_not_see() -> None:
    blind = np.random.default_rng(0).normal(size=(len(TEXTS), 8))
    without, none = judged(blind, POLITENESS, surface=False)
    with_it, weight = judged(blind, POLITENESS, surface=True)
    assert none == 0 and without < 0.75
    assert weight > 0 and with_it > 0.95


def test_classes_that_do_not_show_in_the_characters_are_left_to_the_embedder() -> None:
    rng = np.random.default_rng(1)
    classes = rng.integers(0, 2, len(TEXTS))
    telling = rng.normal(size=(len(TEXTS), 8)) * 0.05
    telling[:, 0] += classes
    accuracy, weight = judged(telling, classes, surface=True)
    assert weight == 0 and accuracy > 0.95


def test_what_is_stored_gives_the_same_vectors(tmp_path: Path) -> None:
    surface = fit_surface(TEXTS)
    assert surface is not None
    folder = tmp_path / "run" / "artifacts"
    surface.save(folder)
    asked = [*TEXTS, "見たことのない文", ""]
    np.testing.assert_array_equal(load_surface(folder).vectors(asked), surface.vectors(asked))
    again = fit_surface(TEXTS)
    assert again is not None
    np.testing.assert_array_equal(again.vectors(TEXTS), surface.vectors(TEXTS))


def test_a_damaged_surface_is_refused(tmp_path: Path) -> None:
    surface = fit_surface(TEXTS)
    assert surface is not None
    surface.save(tmp_path)
    (tmp_path / ABOUT).write_text('{"runs": ["あ"]}', encoding="utf-8")
    with pytest.raises(RunError):
        load_surface(tmp_path)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=20), min_size=1, max_size=8))
def test_any_texts_can_be_learned_from_and_seen(texts: list[str]) -> None:
    surface = fit_surface(texts)
    if surface is not None:
        vectors = surface.vectors([*texts, "別の文"])
        assert vectors.shape[0] == len(texts) + 1
        assert np.isfinite(vectors).all()
