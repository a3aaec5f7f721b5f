"""Looking for hundreds of strings at once finds what looking for each finds."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.corpus import presence
from knowledge.corpus.languages import character_counts
from knowledge.corpus.patterns import scan
from knowledge.corpus.presence import SHORTEST_TEXT, Places

APART = 7
WORDS = st.lists(st.text("abcあい休暇😀", min_size=2, max_size=6), min_size=1, unique=True)


def one_by_one(word: str, text: str) -> list[int]:
    places, at = [], text.find(word)
    while at >= 0:
        places.append(at)
        at = text.find(word, at + APART)
    return places


@settings(max_examples=60, deadline=None)
@given(WORDS, st.text("abcあい休暇😀", max_size=400), st.sampled_from([5, 64, 1 << 18]))
def test_all_places_are_found_across_blocks_too(words: list[str], text: str, block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(presence, "_BLOCK", block)
        found = Places(words).within(text, APART)
    assert found == {word: places for word in words if (places := one_by_one(word, text))}


def test_a_long_text_tells_what_a_short_one_does() -> None:
    said = "連絡先は yamada@example.co.jp です。注文 {{Order Number}} を確認してください。"
    filler = "有給休暇は入社から六か月で付きます。" * (SHORTEST_TEXT // 10)
    alone, within = scan(said), scan(filler + said)
    assert alone
    assert [(h.name, h.start + len(filler)) for h in alone] == [(h.name, h.start) for h in within]


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=50))
def test_characters_of_a_long_text_are_counted_as_those_of_a_short_one(text: str) -> None:
    times = SHORTEST_TEXT // max(1, len(text)) + 1
    counted = character_counts(text * times)
    assert counted == {c: text.count(c) * times for c in text}
