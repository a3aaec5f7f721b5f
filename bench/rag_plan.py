"""What 10 million and 1 billion chunks would need, on paper: `python -m bench rag_plan`.

Nothing here was run at that size. Bytes in memory are FAISS's formulas, checked at 1 M chunks;
prices and cards are the catalog's; hours of embedding follow from the cards' peaks; what was
assumed is listed at the end. Writes bench/results/rag_plan.json and rag_plan.md.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

from bench.machine import RESULTS, save
from knowledge.catalog.loader import load

SIZES = (10_000_000, 1_000_000_000)
DIMENSION = 384
TOKENS_PER_CHUNK = 250
"""Assumed: of the 400 a chunk may have."""
EMBEDDER_PARAMETERS = 21.3e6
"""multilingual-e5-small without its vocabulary: 12 layers of 384, 12 x 12 x 384^2 (model card)."""
SHARE_OF_PEAK = (0.05, 0.15, 0.30)
"""Low, likely, high: small encoders feed a card badly. Assumed; the widest term of this plan."""
CHUNK_TEXT_BYTES = 1_500
"""A chunk as JSON, about 400 Japanese characters of 3 bytes and its names."""
WORDS_BYTES = 40 * 8
"""Distinct words of a chunk, a number and a count each."""
SPARSE_BYTES = 40 * 8
"""The same as a sparse vector: a number and a float each (Milvus's own form)."""
HNSW_LINKS = 32
SERVER_RAM_GIB, SHARE_OF_RAM = (16, 32, 64, 128, 256, 512), 0.7
USD_PER_GIB_HOUR = 4.0 / 512
"""Of a memory-heavy machine on demand, its cores included; assumed."""
NVME_USD_TB_MONTH = 80.0
"""Assumed."""
CARDS = ("aws-g6.xlarge", "gcp-a3-highgpu-8g")
IN_PARALLEL = {10_000_000: 1, 1_000_000_000: 8}


@dataclass(frozen=True, slots=True)
class Layout:
    """A way to hold vectors; bytes are of memory for one chunk."""

    name: str
    bytes_per_chunk: float
    source: str


LAYOUTS = (
    Layout("HNSW32, fp32", 4 * DIMENSION + 8 * HNSW_LINKS, "FAISS wiki: 4d + 8M"),
    Layout("IVF, SQ8", DIMENSION + 8, "FAISS wiki: d + 8; 398 MB at 1 M measured"),
    Layout("IVF, PQ96", 96 + 8, "FAISS wiki: m + 8; recall .85 at 100 k measured"),
    Layout("on disk (DiskANN)", DIMENSION / 4, "Milvus docs: a compressed copy, assumed d/4"),
)


def main() -> None:
    usd_jpy = load("rates")["usd_jpy"]
    yen = (usd_jpy.low, usd_jpy.likely, usd_jpy.high)
    plans = [plan(n, yen) for n in SIZES]
    path = save("rag_plan", plans)
    text = RESULTS / "rag_plan.md"
    text.write_text(written(plans), encoding="utf-8")
    print(path, text)


def plan(n: int, yen: tuple[float, float, float]) -> dict[str, Any]:
    layouts = []
    for layout in LAYOUTS:
        memory = n * (layout.bytes_per_chunk + SPARSE_BYTES)
        needed = memory / SHARE_OF_RAM / 2**30
        size = next((gib for gib in SERVER_RAM_GIB if gib >= needed), SERVER_RAM_GIB[-1])
        machines = math.ceil(needed / size)
        usd = machines * size * USD_PER_GIB_HOUR * 730
        layouts.append(
            {
                "layout": layout.name,
                "memory_gib": round(memory / 2**30),
                "machines": f"{machines} x {size} GiB",
                "jpy_per_month": [round(usd * rate) for rate in yen],
                "source": layout.source,
            }
        )
    disk = n * (CHUNK_TEXT_BYTES + 4 * DIMENSION + WORDS_BYTES)
    return {
        "chunks": n,
        "disk_tb": round(disk / 1e12, 2),
        "disk_jpy_per_month": [round(disk / 1e12 * NVME_USD_TB_MONTH * rate) for rate in yen],
        "embedding": [embedding(n, offer, yen) for offer in CARDS],
        "serving": layouts,
        "one_document_changed": "its own chunks: embedded, one part or upsert; not the rest",
    }


def embedding(n: int, offer_id: str, yen: tuple[float, float, float]) -> dict[str, Any]:
    """Hours and yen to embed all chunks once, worst to best share of the card's peak."""
    offer = load("offers")[offer_id]
    gpu = load("gpus")[offer.gpu]
    peak = gpu.bf16_dense_tflops * 1e12 * offer.gpu_count
    flops = 2 * EMBEDDER_PARAMETERS * TOKENS_PER_CHUNK * n
    hours = [flops / (peak * share) / 3600 for share in SHARE_OF_PEAK]
    machines = IN_PARALLEL[n]
    costs = [h * offer.usd_per_hour * rate for h, rate in zip(hours, yen[::-1], strict=True)]
    return {
        "offer": offer_id,
        "gpu": f"{offer.gpu_count} x {offer.gpu}",
        "machine_hours": [round(h, 1) for h in hours],
        "machines": machines,
        "hours_of_the_clock": [round(h / machines, 1) for h in hours],
        "jpy": [round(cost) for cost in costs],
        "price_date": str(offer.date),
    }


def written(plans: list[dict[str, Any]]) -> str:
    lines = [
        "# 10 million and 1 billion chunks, on paper",
        "",
        "Computed by `python -m bench rag_plan`; nothing was run at these sizes. Triples are",
        "worst, likely, best for embedding and low, likely, high for the yen rate elsewhere.",
        f"Vectors of {DIMENSION} numbers, {TOKENS_PER_CHUNK} tokens a chunk (assumed),",
        f"machines at {USD_PER_GIB_HOUR:.4f} USD a GiB and hour (assumed), no replicas.",
    ]
    for one in plans:
        lines += [
            "",
            f"## {one['chunks']:,} chunks",
            "",
            f"On disk (text, fp32 vectors, word counts): {one['disk_tb']} TB, "
            f"{_triple(one['disk_jpy_per_month'])} yen a month.",
            "",
            "| embedding once | machines | hours of the clock | yen |",
            "|---|---|---|---|",
            *(
                f"| {e['offer']} ({e['gpu']}) | {e['machines']} | "
                f"{_triple(e['hours_of_the_clock'])} | {_triple(e['jpy'])} |"
                for e in one["embedding"]
            ),
            "",
            "| serving from memory | GiB | machines | yen a month | bytes from |",
            "|---|---|---|---|---|",
            *(
                f"| {s['layout']} | {s['memory_gib']:,} | {s['machines']} | "
                f"{_triple(s['jpy_per_month'])} | {s['source']} |"
                for s in one["serving"]
            ),
        ]
    return "\n".join([*lines, "", "```json", json.dumps(assumed(), indent=1), "```", ""])


def assumed() -> dict[str, Any]:
    """Every figure that was neither measured nor looked up."""
    return {
        "tokens_per_chunk": TOKENS_PER_CHUNK,
        "share_of_peak": SHARE_OF_PEAK,
        "chunk_text_bytes": CHUNK_TEXT_BYTES,
        "usd_per_gib_hour": USD_PER_GIB_HOUR,
        "share_of_ram": SHARE_OF_RAM,
        "nvme_usd_tb_month": NVME_USD_TB_MONTH,
        "replicas": 1,
    }


def _triple(values: list[float]) -> str:
    return " / ".join(f"{value:,}" for value in values)


if __name__ == "__main__":
    main()
