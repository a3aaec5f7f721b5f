"""How searching grows: `python -m bench rag_growth [--sizes=1000,10000,100000] [--largest=1000000]
[--graph-up-to=1000000]`, or with `--training` what vectors for training inverted lists are worth.

Vectors and words are made up: vectors in clusters (384 dimensions), words by Zipf's law, so that
sizes can be had for which nobody here could embed texts. Recall is against exact search on 200
queries. Every size runs in a process of its own, for its peak memory. What changing one document
costs at the same sizes is measured by `bench change_cost` and shown beside.
"""

from __future__ import annotations

import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.machine import RESULTS, about_machine, save
from bench.planted import option

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from executors.rag.index.policy import IndexPolicy

DIMENSION, QUERIES, DEPTH = 384, 200, 10
SEARCH_DEPTH = 100
"""Chunks that the retriever takes from each list."""
CHUNKS_PER_CLUSTER = 50
WORDS_PER_CHUNK, WORDS_PER_QUESTION = 80, 8
LEAST_FOR_LISTS = 10_000
GIB = 2**30
LIMIT_SECONDS = 3000
Record = dict[str, Any]


def clustered(n: int, seed: int = 5) -> NDArray[np.float32]:
    """Unit vectors of shape (n, 384), chunks of one subject near each other.

    The subjects lie in 64 dimensions, as real embeddings have far fewer than they take up.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    basis = rng.standard_normal((64, DIMENSION), dtype=np.float32) / 8
    centres = rng.standard_normal((max(1, n // CHUNKS_PER_CLUSTER), 64), dtype=np.float32)
    out = np.empty((n, DIMENSION), dtype=np.float32)
    for at in range(0, n, 100_000):
        size = min(100_000, n - at)
        near = centres[rng.integers(len(centres), size=size)]
        inner = near + 0.6 * rng.standard_normal((size, 64), dtype=np.float32)
        rows = inner @ basis + 0.1 * rng.standard_normal((size, DIMENSION), dtype=np.float32)
        out[at : at + size] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return out


def questions_near(matrix: NDArray[np.float32], seed: int = 6) -> NDArray[np.float32]:
    """200 unit vectors near some chunks, none equal to one."""
    import numpy as np

    rng = np.random.default_rng(seed)
    rows = matrix[rng.integers(len(matrix), size=QUERIES)]
    rows = rows + 0.03 * rng.standard_normal(rows.shape, dtype=np.float32)
    near: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return near.astype(np.float32)


def exact(matrix: NDArray[np.float32], queries: NDArray[np.float32]) -> list[set[int]]:
    """Rows of the ten nearest of each query."""
    import numpy as np

    best: list[NDArray[Any]] = []
    kept: list[NDArray[Any]] = []
    for at in range(0, len(matrix), 100_000):
        scores = queries @ matrix[at : at + 100_000].T
        rows = np.argpartition(-scores, DEPTH, axis=1)[:, :DEPTH]
        best.append(np.take_along_axis(scores, rows, 1))
        kept.append(rows + at)
    scores, rows = np.concatenate(best, 1), np.concatenate(kept, 1)
    order = np.argsort(-scores, axis=1)[:, :DEPTH]
    return [set(line.tolist()) for line in np.take_along_axis(rows, order, 1)]


def milliseconds(call: Callable[[int], Any], n: int = QUERIES) -> Record:
    """p50 and p95 of `n` calls, by the clock and by this thread's own processor time."""
    import numpy as np

    call(0)
    clock, own = [], []
    for i in range(n):
        started, used = time.perf_counter(), time.thread_time()
        call(i)
        own.append(time.thread_time() - used)
        clock.append(time.perf_counter() - started)
    return {
        name: round(1000 * float(np.percentile(values, q)), 3)
        for name, values, q in (
            ("p50", clock, 50), ("p95", clock, 95), ("cpu_p50", own, 50), ("cpu_p95", own, 95),
        )
    }  # fmt: skip


def policies(n: int, graph_up_to: int) -> list[IndexPolicy]:
    """Every kind of index that makes sense at this size, whichever the policy would choose."""
    from executors.rag.index.policy import HNSW_LINKS, IndexPolicy

    found = [IndexPolicy("flat", "IDMap2,Flat", 4 * DIMENSION * n, "index-exact")]
    if n >= LEAST_FOR_LISTS:
        lists = 2 ** round(math.log2(4 * math.sqrt(n)))
        size = n * (DIMENSION + 8) + lists * 4 * DIMENSION
        found.append(IndexPolicy("ivf_sq8", f"IVF{lists},SQ8", size, "index-lists", nprobe=32))
        if n <= graph_up_to:
            size = n * (4 * DIMENSION + 8 * HNSW_LINKS)
            found.append(IndexPolicy("hnsw", f"IDMap2,HNSW{HNSW_LINKS}", size, "index-graph"))
    return found


def dense(n: int, graph_up_to: int) -> list[Record]:
    """Building, size, recall and speed of every kind of index at `n` chunks."""
    import numpy as np

    from executors.rag.index.vectors import make_faiss, prepare, search_faiss

    matrix = clustered(n)
    queries = questions_near(matrix)
    nearest = exact(matrix, queries)
    ids = np.arange(n)
    rows = []
    for policy in policies(n, graph_up_to):
        started, used = time.perf_counter(), time.process_time()
        index = make_faiss(policy, matrix, ids)
        taken, cpu = time.perf_counter() - started, time.process_time() - used
        prepare(policy, index)
        found = [
            set(search_faiss(index, queries[i : i + 1], DEPTH)[1][0].tolist())
            for i in range(QUERIES)
        ]
        hits = sum(len(a & b) for a, b in zip(nearest, found, strict=True))
        rows.append({
            "factory": policy.factory,
            "build_seconds": round(taken, 2),
            "build_cpu_seconds": round(cpu, 2),
            "bytes": stored_bytes(index),
            "recall@10": round(hits / (QUERIES * DEPTH), 4),
            "query_ms": milliseconds(
                lambda i, index=index: search_faiss(index, queries[i : i + 1], SEARCH_DEPTH)
            ),
        })  # fmt: skip
        print(n, json.dumps(rows[-1]), file=sys.stderr, flush=True)
        del index
    return rows


def stored_bytes(index: Any) -> int:
    import faiss

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vectors"
        faiss.write_index(index, str(path))
        return path.stat().st_size


def zipf_words(n: int, seed: int = 7) -> list[dict[str, int]]:
    """Word counts of `n` chunks over a vocabulary that grows with the corpus (Heaps' law)."""
    import numpy as np

    rng = np.random.default_rng(seed)
    size = int(30 * math.sqrt(n * WORDS_PER_CHUNK))
    share = np.cumsum(1 / np.arange(10, size + 10))
    drawn = np.searchsorted(share, rng.random((n, WORDS_PER_CHUNK)) * share[-1])
    found = []
    for line in drawn:
        words, counts = np.unique(line, return_counts=True)
        names = (f"w{word}" for word in words.tolist())
        found.append(dict(zip(names, counts.tolist(), strict=True)))
    return found


def sparse(n: int, graph_up_to: int) -> Record:
    """Building, size and speed of keyword search at `n` chunks; questions in the chunks' words."""
    import numpy as np

    from executors.rag.index.sparse import SparseIndex, best_rows

    chunks = zipf_words(n)
    rng = np.random.default_rng(8)
    asked = [
        list(rng.choice(sorted(chunks[row]), min(WORDS_PER_QUESTION, len(chunks[row])), False))
        for row in rng.integers(n, size=QUERIES)
    ]
    started, used = time.perf_counter(), time.process_time()
    index = SparseIndex.build(chunks)
    taken, cpu = time.perf_counter() - started, time.process_time() - used
    with tempfile.TemporaryDirectory() as folder:
        index.save(Path(folder))
        size = sum(f.stat().st_size for f in Path(folder).iterdir())
    return {
        "words": len(index.vocabulary),
        "build_seconds": round(taken, 2),
        "build_cpu_seconds": round(cpu, 2),
        "bytes": size,
        "query_ms": milliseconds(lambda i: best_rows(index.scores(asked[i]), SEARCH_DEPTH)),
    }


class Pictured:
    """An embedder that knows the questions' vectors already: what is left is searching."""

    id = "pictured"
    dimension = DIMENSION
    max_tokens = 400

    def __init__(self, known: dict[str, NDArray[np.float32]]) -> None:
        self.known = known

    def queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        import numpy as np

        return np.stack([self.known[text] for text in texts])

    passages = queries

    def count_tokens(self, text: str) -> int:
        return len(text.split())


def whole(n: int, graph_up_to: int) -> Record:
    """A hybrid question from text to hits at `n` chunks, without the embedder."""
    import numpy as np

    from executors.rag.chunking.chunk import Chunk
    from executors.rag.chunking.words import WORDS_BY_CHARACTERS
    from executors.rag.index.policy import index_policy
    from executors.rag.index.rag_index import IndexFacts, RagIndex
    from executors.rag.index.sparse import SparseIndex
    from executors.rag.index.vectors import make_faiss, prepare
    from executors.rag.search.faiss_store import FaissStore
    from executors.rag.search.retrieve import Retriever

    matrix, words = clustered(n), zipf_words(n)
    near = questions_near(matrix)
    rng = np.random.default_rng(8)
    asked = [
        " ".join(rng.choice(sorted(words[row]), WORDS_PER_QUESTION)) + f" q{i}"
        for i, row in enumerate(rng.integers(n, size=QUERIES))
    ]
    policy = index_policy(n, DIMENSION, ram_bytes=64 * GIB)
    chunks = [Chunk(f"d{i // 4}", i % 4, "", f"d{i // 4}", "", (), str(i)) for i in range(n)]
    vectors = prepare(policy, make_faiss(policy, matrix, [c.id for c in chunks]))
    names = IndexFacts.__dataclass_fields__
    given = {
        "embedder": "pictured", "dimension": DIMENSION, "probe": (), "policy": policy,
        "words_by": WORDS_BY_CHARACTERS, "chunk_tokens": 400, "overlap_tokens": 48,
        "recall": 1.0, "documents": {},
    }  # fmt: skip
    facts = IndexFacts(**{name: value for name, value in given.items() if name in names})
    index = RagIndex(chunks, vectors, SparseIndex.build(words), facts)
    embedder = Pictured(dict(zip(asked, near, strict=True)))
    started = time.perf_counter()
    retriever = Retriever(FaissStore(index), embedder, "hybrid")
    opening = time.perf_counter() - started
    return {
        "policy": policy.factory,
        "retriever_seconds": round(opening, 3),
        "query_ms": milliseconds(lambda i: retriever.find([asked[i]])),
    }


def training(n: int, graph_up_to: int) -> list[Record]:
    """Inverted lists trained on few vectors each and on as many as FAISS would take."""
    import faiss
    import numpy as np

    from executors.rag.index import vectors

    matrix = clustered(n)
    queries = questions_near(matrix)
    nearest = exact(matrix, queries)
    (policy,) = (one for one in policies(n, 0) if one.kind == "ivf_sq8")
    rows = []
    faiss.omp_set_num_threads(1)
    for most in (64, 256):
        vectors._TRAINED_BY = most
        used = time.process_time()
        index = vectors.make_faiss(policy, matrix, np.arange(n))
        cpu = time.process_time() - used
        vectors.prepare(policy, index)
        found = [index.search(queries[i : i + 1], DEPTH)[1][0].tolist() for i in range(QUERIES)]
        hits = sum(len(a & set(b)) for a, b in zip(nearest, found, strict=True))
        rows.append({
            "factory": policy.factory,
            "most_vectors_per_list": most,
            "build_cpu_seconds": round(cpu, 2),
            "recall@10": round(hits / (QUERIES * DEPTH), 4),
        })  # fmt: skip
    return rows


PARTS: dict[str, Callable[[int, int], Any]] = {"dense": dense, "sparse": sparse, "whole": whole}


CHILDREN = {**PARTS, "training": training}


def in_child(part: str, n: int, graph_up_to: int) -> Any:
    words = [sys.executable, "-m", "bench.rag_growth", "--child", part, str(n), str(graph_up_to)]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, timeout=LIMIT_SECONDS)
    if done.returncode != 0:
        return {"failed": done.returncode}
    return json.loads(done.stdout.splitlines()[-1])


def changes() -> Any:
    """What changing one document cost when `bench change_cost` last ran; None before."""
    path = RESULTS / "change_cost.json"
    return json.loads(path.read_text(encoding="utf-8"))["figures"] if path.is_file() else None


def main() -> None:
    words = sys.argv[1:]
    sizes = [int(n) for n in option("sizes", "1000,10000,100000", words).split(",") if n]
    largest = int(option("largest", "1000000", words))
    graph = int(option("graph-up-to", "1000000", words))
    machine = about_machine()
    if "--training" in words:
        figures = {str(n): in_child("training", n, 0) for n in sizes if n >= LEAST_FOR_LISTS}
        print(save("rag_training", figures, machine))
        return
    figures: Record = {"note": option("note", "", words), "sizes": {}}
    for n in [*sizes, *([largest] if largest else [])]:
        parts = ("dense",) if n == largest else tuple(PARTS)
        figures["sizes"][str(n)] = {part: in_child(part, n, graph) for part in parts}
        print(n, json.dumps(figures["sizes"][str(n)]), flush=True)
        figures["changing_one_document"] = changes()
        save("rag_growth", figures, machine)
    print(RESULTS / "rag_growth.json")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        said = CHILDREN[sys.argv[2]](int(sys.argv[3]), int(sys.argv[4]))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"figures": said, "peak_mib": round(peak)}))
    else:
        main()
