"""The same questions through FAISS and milvus-lite: `python -m bench milvus` (okakae[milvus])."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

from advisor.session import Session
from bench.machine import save
from executors.evaluate.statistics import mean_interval
from executors.rag.embedding import choose, open_embedder
from executors.rag.executor import DEFAULTS, ram_bytes
from executors.rag.index.build import build_index
from executors.rag.search.faiss_store import FaissStore
from executors.rag.search.milvus import MilvusStore
from executors.rag.search.milvus_client import connect
from executors.rag.search.retrieve import Retriever
from knowledge.corpus.reading import read

SHARED = Path(__file__).parents[2] / "shared" / "data"
SETS = {"handbook_ja": "qa_dev.jsonl", "python_faq": "faq_dev.jsonl"}
MODES = ("dense", "sparse", "hybrid")


def main() -> None:
    session = Session(plain=True, offline=True)
    embedder = open_embedder(choose("starter").id, session)
    work = Path("runs") / "bench-milvus"
    shutil.rmtree(work, ignore_errors=True)
    figures = {}
    for name, file in SETS.items():
        # A folder each: the server in this process keeps the files of the first one open.
        (work / name).mkdir(parents=True)
        figures[name] = measure(SHARED / name, file, embedder, work / name, session)
        print(name, json.dumps(figures[name]), flush=True)
    shutil.rmtree(work, ignore_errors=True)
    print(save("milvus", {"embedder": embedder.id, "sets": figures}))


def measure(folder: Path, file: str, embedder: Any, work: Path, session: Session) -> dict[str, Any]:
    lines = (folder / file).read_text(encoding="utf-8").splitlines()
    questions = [json.loads(line)["question"] for line in lines]
    index = build_index(
        read(folder / "corpus.jsonl").documents,
        embedder,
        chunk_tokens=int(DEFAULTS["rag.chunk_tokens"]),
        overlap_tokens=int(DEFAULTS["rag.overlap_tokens"]),
        ram_bytes=ram_bytes(),
    )
    store = MilvusStore(connect(str(work / "m.db"), session), "bench", work, index.facts)
    started = time.perf_counter()
    store.sync(index, "bench")
    synced = time.perf_counter() - started
    out: dict[str, Any] = {"chunks": len(index.ids), "questions": len(questions)}
    for mode in MODES:
        ours, quick = _timed(FaissStore(index), embedder, questions, mode)
        theirs, slow = _timed(store, embedder, questions, mode)
        same = [
            float([i for i, _ in a[:5]] == [i for i, _ in b[:5]])
            for a, b in zip(ours, theirs, strict=True)
        ]
        sets = [
            float({i for i, _ in a[:5]} == {i for i, _ in b[:5]})
            for a, b in zip(ours, theirs, strict=True)
        ]
        off = [
            abs(score - dict(b)[id_])
            for a, b in zip(ours, theirs, strict=True)
            for id_, score in a[:5]
            if id_ in dict(b)
        ]
        interval = mean_interval(sets)
        out[mode] = {
            "same_five_in_order": sum(same) / len(same),
            "same_five": {"value": interval.value, "low": interval.low, "high": interval.high},
            "largest_score_difference": max(off, default=0.0),
            "seconds_per_question": {"faiss": quick, "milvus_lite": slow},
        }
    store.close()
    return {**out, "sync_seconds": round(synced, 2)}


def _timed(store: Any, embedder: Any, questions: list[str], mode: Any) -> tuple[Any, float]:
    started = time.perf_counter()
    found = Retriever(store, embedder, mode).find(questions)
    return [[(hit.id, hit.score) for hit in one.hits] for one in found], round(
        (time.perf_counter() - started) / len(questions), 4
    )


if __name__ == "__main__":
    main()
