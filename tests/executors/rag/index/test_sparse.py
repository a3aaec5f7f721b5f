"""The best rows are those that sorting everything would give, and their scores are BM25's."""

from __future__ import annotations

import math

import numpy as np
import pytest

from executors.rag.index.sparse import K1, B, SparseIndex, best_rows


@pytest.mark.parametrize("depth", [1, 3, 10, 1000])
def test_best_rows_are_those_of_a_stable_sort(depth: int) -> None:
    rng = np.random.default_rng(depth)
    scores = rng.integers(0, 6, size=400).astype(np.float32)  # many ties, many zeros
    order = np.argsort(-scores, kind="stable")
    expected = [row for row in order if scores[row] > 0][:depth]
    assert best_rows(scores, depth).tolist() == expected


def test_nothing_found_is_no_row() -> None:
    assert best_rows(np.zeros(5, np.float32), 3).tolist() == []
    assert best_rows(np.zeros(0, np.float32), 3).tolist() == []


def test_scores_are_those_of_the_formula() -> None:
    chunks = [{"休暇": 2, "届": 1}, {"休暇": 1}, {"出張": 3, "旅費": 1, "届": 1}]
    index = SparseIndex.build(chunks)
    mean = sum(sum(c.values()) for c in chunks) / 3

    def bm25(chunk: dict[str, int], word: str) -> float:
        tf, df = chunk.get(word, 0), sum(word in c for c in chunks)
        idf = math.log(1 + (3 - df + 0.5) / (df + 0.5))
        return idf * tf / (tf + K1 * (1 - B + B * sum(chunk.values()) / mean))

    expected = [bm25(c, "休暇") + bm25(c, "届") for c in chunks]
    assert np.allclose(index.scores(["休暇", "届", "休暇", "無い語"]), expected, atol=1e-6)
