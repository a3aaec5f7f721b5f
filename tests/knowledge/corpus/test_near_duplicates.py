"""The exact join finds every near duplicate, MinHash nearly every one, and neither a wrong one."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.corpus import near_duplicates
from knowledge.corpus.min_hash import HASHES, MOST_MISSED, rows_per_band
from knowledge.corpus.near_duplicates import THRESHOLD, grams, jaccard, near_keys
from knowledge.corpus.repetition import find_repetitions
from knowledge.corpus.types import Example

LETTERS = "あいうえおかきくけこさしすせそabcdefgh休暇申請期限手当"
KEYS = st.lists(st.text(LETTERS, max_size=30), max_size=30, unique=True)


def near_of_all_pairs(keys: Sequence[str], threshold: float) -> list[list[int]]:
    sets = [grams(key) for key in keys]
    numbers = range(len(keys))
    return [
        [j for j in numbers if j != i and jaccard(sets[i], sets[j]) >= threshold] for i in numbers
    ]


def mistyped(text: str, rng: random.Random, times: int) -> str:
    characters = list(text)
    for _ in range(times):
        characters[rng.randrange(len(characters))] = rng.choice(LETTERS)
    return "".join(characters)


def planted(n: int, seed: int) -> list[str]:
    """`n` texts of 20 to 60 letters, half of them other ones with one to four letters changed."""
    rng = random.Random(seed)
    texts = ["".join(rng.choices(LETTERS, k=rng.randint(20, 60))) for _ in range(n // 2)]
    return [*texts, *(mistyped(text, rng, 1 + i % 4) for i, text in enumerate(texts))]


@settings(max_examples=60, deadline=None)
@given(KEYS, st.sampled_from([0.5, 0.7, 0.8, 0.9]))
def test_the_join_finds_what_comparing_all_pairs_finds(keys: list[str], least: float) -> None:
    assert [sorted(others) for others in near_keys(keys, least)] == near_of_all_pairs(keys, least)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("abあい", max_size=8), max_size=30, unique=True))
def test_short_texts_are_joined_exactly_too(keys: list[str]) -> None:
    found = [sorted(others) for others in near_keys(keys)]
    assert found == near_of_all_pairs(keys, THRESHOLD)


@pytest.mark.parametrize("threshold", [0.55, 0.8])
def test_min_hash_finds_what_the_join_finds(
    monkeypatch: pytest.MonkeyPatch, threshold: float
) -> None:
    keys = planted(4000, seed=5)
    exact = {(i, j) for i, others in enumerate(near_keys(keys, threshold)) for j in others}
    monkeypatch.setattr(near_duplicates, "MOST_JOINED", 0)
    found = {(i, j) for i, others in enumerate(near_keys(keys, threshold)) for j in others}
    assert found <= exact
    assert len(exact) > 1000
    assert len(found) >= 0.998 * len(exact)


@settings(max_examples=40, deadline=None)
@given(KEYS)
def test_min_hash_finds_nothing_wrong_among_few_and_short_texts(keys: list[str]) -> None:
    exact = near_of_all_pairs(keys, 0.8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near_duplicates, "MOST_JOINED", 0)
        found = near_keys(keys, 0.8)
    assert all(set(others) <= set(exact[i]) for i, others in enumerate(found))


@pytest.mark.parametrize("threshold", [0.3, 0.55, 0.8, 0.95])
def test_bands_miss_as_few_as_promised(threshold: float) -> None:
    rows = rows_per_band(threshold)
    assert (1 - threshold**rows) ** (HASHES // rows) <= MOST_MISSED


def test_added_texts_change_nothing_between_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_duplicates, "MOST_JOINED", 0)
    keys, more = planted(600, seed=1), planted(600, seed=2)
    before = near_keys(keys)
    after = near_keys([*keys, *more])[: len(keys)]
    inside = [sorted(i for i in others if i < len(keys)) for others in after]
    assert inside == [sorted(others) for others in before]


def test_many_copies_of_one_question_are_found_without_comparing_all() -> None:
    n = 5000
    rows = [
        Example(str(i), "qa", "休暇の申請はいつまでですか", f"{i % 700}", "qa.jsonl", f"line {i}")
        for i in range(n)
    ]
    found = find_repetitions(rows)
    assert sum(one.kind == "exact-duplicate" for one in found) == n - 700
