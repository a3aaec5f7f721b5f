"""What changing one document costs at 1k to 1M chunks: `python -m bench change_cost`.

Chunks and vectors are synthetic (ten chunks a document, clusters on the sphere, Zipf words); the
store, the refresh and the merging of parts are the product's. The embedder hashes, so that what
is measured is everything but embedding.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from bench.machine import save
from executors.rag.chunking.chunk import Chunk
from executors.rag.chunking.words import words_by
from executors.rag.index.counts import WordCounts
from executors.rag.index.disk import (
    _listed,
    _publish,
    _write_part,
    index_bytes,
    open_index,
    written,
)
from executors.rag.index.policy import index_policy
from executors.rag.index.rag_index import IndexFacts, probe, recipe
from executors.rag.index.segment import Entry, Segment, chunk_line, content_key
from executors.rag.index.vectors import make_faiss
from executors.rag.refresh.update import refresh_index
from knowledge.corpus.types import KnownDocument, KnownFile

SIZES = (1_000, 10_000, 100_000, 1_000_000)
PER_DOCUMENT, WORDS_PER_CHUNK, VOCABULARY, DIMENSION = 10, 40, 50_000, 384
REPEATS = 5
RAM = 16 << 30


class Hashing:
    """Deterministic unit vectors from a text's digest; costs nothing beside what is measured."""

    id, dimension, max_tokens = "hashing", DIMENSION, 510

    def passages(self, texts: Any) -> Any:
        rows = [np.random.default_rng(content_key(t)).standard_normal(DIMENSION) for t in texts]
        matrix = np.asarray(rows, dtype=np.float32)
        return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)

    queries = passages

    def count_tokens(self, text: str) -> int:
        return len(text) // 2 + 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    options = parser.parse_args()
    work = Path("runs") / "bench-change-cost"
    figures = []
    for size in map(int, options.sizes.split(",")):
        shutil.rmtree(work, ignore_errors=True)
        figures.append(measure(size, work))
        print(json.dumps(figures[-1]), flush=True)
        load = psutil.getloadavg()[0]
        note = "processor time of this process beside the clock: others worked on the same cores"
        save("change_cost", {"note": note, "load_average": load, "sizes": figures})
    shutil.rmtree(work, ignore_errors=True)


def measure(n: int, work: Path) -> dict[str, Any]:
    started = time.perf_counter()
    folder = work / "index"
    _made(n, folder)
    made = time.perf_counter() - started
    whole = index_bytes(folder)
    times: list[float] = []
    cpu_times: list[float] = []
    written_bytes: list[int] = []
    for number in range(REPEATS):
        changes = work / f"changes{number}"
        changes.mkdir()
        document = (number * 7919) % (n // PER_DOCUMENT)
        text = "\n\n".join(f"第{number}版の第{i}条。" + "改めた内容。" * 60 for i in range(10))
        (changes / f"d{document:07}.md").write_text(f"# 改訂 {number}\n\n{text}", encoding="utf-8")
        before = _bytes_below(folder)
        started, cpu = time.perf_counter(), time.process_time()
        done = refresh_index(folder, None, Hashing, changes=changes, ram_bytes=RAM)
        times.append(time.perf_counter() - started)
        cpu_times.append(time.process_time() - cpu)
        written_bytes.append(_bytes_below(folder) - before)
        if (len(done.changed), done.chunks_removed) != (1, PER_DOCUMENT):
            raise SystemExit(f"{done}")
    started, cpu = time.perf_counter(), time.process_time()
    index = open_index(folder)
    opened, opened_cpu = time.perf_counter() - started, time.process_time() - cpu
    return {
        "chunks": n,
        "documents": n // PER_DOCUMENT,
        "index_bytes": whole,
        "seconds_to_write_whole": round(made, 2),
        "seconds_to_change_one_document": [round(t, 3) for t in times],
        "median_seconds": round(float(np.median(times)), 3),
        "median_cpu_seconds": round(float(np.median(cpu_times)), 3),
        "bytes_written_net": written_bytes,
        "seconds_to_open": round(opened, 2),
        "cpu_seconds_to_open": round(opened_cpu, 2),
        "chunks_after": len(index.chunks),
        "kind": index.facts.policy.kind,
        "rss_gib": round(psutil.Process().memory_info().rss / 2**30, 2),
    }


def _made(n: int, folder: Path) -> None:
    """Write an index of `n` synthetic chunks as one part."""
    random = np.random.default_rng(0)
    words, text = _words(random, n), "社員は、次の各号のとおり届け出るものとする。" * 8
    ids, keys = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    lines, entries, files = [], [], []
    for first in range(0, n, PER_DOCUMENT):
        id_ = f"d{first // PER_DOCUMENT:07}.md"
        for position in range(PER_DOCUMENT):
            row = first + position
            chunk = Chunk(id_, position, f"規程{first}", id_, "", (f"第{row}条",), text)
            lines.append(chunk_line(chunk))
            ids[row], keys[row] = chunk.id, content_key(chunk.embedded_text)
        entries.append(Entry(id_, "f" * 64, "d" * 64, (), "ja", 2000, False, first, PER_DOCUMENT))
        files.append(KnownFile(id_, "b" * 64, (KnownDocument(id_, id_, "f" * 64, False),)))
    centres = random.standard_normal((max(20, n // 500), DIMENSION)).astype(np.float32)
    matrix = centres[random.integers(0, len(centres), n)]
    for at in range(0, n, 50_000):
        part = matrix[at : at + 50_000]
        part += 0.5 * random.standard_normal(part.shape).astype(np.float32)
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    policy = index_policy(n, DIMENSION, ram_bytes=RAM)
    if policy.kind == "ivf_sq8":
        # Fewer lists than the policy's: training them is not what is measured here.
        policy = replace(policy, factory="IVF256,SQ8")
    vectors = make_faiss(policy, matrix, ids.tolist())
    del matrix
    facts = IndexFacts(
        embedder="hashing",
        dimension=DIMENSION,
        probe=probe(Hashing()),
        words_by=words_by(),
        chunk_tokens=400,
        overlap_tokens=48,
        policy=policy,
        recall=1.0,
        documents={},
        recipe=recipe(),
    )
    segment = Segment(lines, ids, keys, entries, files=files, vectors=vectors, words=words)
    with written(folder):
        name, digests = _write_part(folder, segment)
        _publish(folder, facts, [_listed(name, segment)], digests)


def _words(random: Any, n: int) -> WordCounts:
    drawn = np.minimum(random.zipf(1.2, (n, WORDS_PER_CHUNK)), VOCABULARY).astype(np.int32) - 1
    drawn.sort(axis=1)
    first = np.ones(drawn.shape, dtype=bool)
    first[:, 1:] = drawn[:, 1:] != drawn[:, :-1]
    at = np.flatnonzero(first.ravel())
    counts = np.diff(np.append(at, drawn.size)).astype(np.int32)
    starts = np.concatenate([[0], np.cumsum(first.sum(axis=1))]).astype(np.int64)
    columns = drawn.ravel()[at]
    used = np.unique(columns)
    closer = np.zeros(VOCABULARY, dtype=np.int32)
    closer[used] = np.arange(len(used), dtype=np.int32)
    return WordCounts([f"w{u:06}" for u in used], starts, closer[columns], counts)


def _bytes_below(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


if __name__ == "__main__":
    main()
