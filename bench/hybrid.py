"""Retrieval and tuning together beside each alone, on the same held-out questions of handbook_ja.

`python -m bench hybrid`. All roads answer with the starter, a base model of 270 million
parameters, so that what differs is the road: retrieval hands it the passages and it writes (as
`generate`) instead of quoting. Fewer and shorter passages than the defaults, for a CPU.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from bench.machine import save
from bench.roads import SHARED, compare

SETTINGS = {
    "goal": "new_facts",
    "data.test_share": 0.5,
    "data.validation_share": 0.1,
    "model": "starter",
    "rag.answer": "generate",
    "rag.chunk_tokens": 200,
    "rag.top_k": 3,
}


def main() -> None:
    work = Path("runs") / "bench-hybrid"
    shutil.rmtree(work, ignore_errors=True)
    data = work / "handbook"
    data.mkdir(parents=True)
    for name in ("corpus.jsonl", "qa_dev.jsonl"):
        shutil.copy(SHARED / "handbook_ja" / name, data / name)
    found = compare(work / "run", ("rag", "lora", "hybrid"), {**SETTINGS, "data.path": data})
    print(save("hybrid", {"handbook_ja": found}))


if __name__ == "__main__":
    main()
