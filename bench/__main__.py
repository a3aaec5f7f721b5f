"""Runs measurements and writes bench/results: `python -m bench [NAME …] [--options of NAME]`."""

from __future__ import annotations

import sys
from importlib import import_module

ALL = (
    "startup",
    "retrieval",
    "refresh",
    "change_cost",
    "milvus",
    "rag_plan",
    "retrieval_choices",
    "roads",
    "prompt_search",
    "verdicts",
    "evidence",
    "coding",
    "estimate_speed",
    "time_published",
    "memory_published",
    "traces",
    "memory_cpu",
    "memory_gpu",
    "memory_peers",
    "torture",
    "planted",
    "reading_speed",
    "fuzz_reading",
    "abstention",
    "citations",
    "redteam",
    "whole_corpus",
    "rag_peers",
    "tuning_peers",
    "rag_growth",
    "silent_faults",
    "resume",
    "adapters",
    "out_of_memory",
    "encoder",
    "statistics",
    "curve",
    "forgetting",
    "pilots",
    "interrupted_compare",
    "sharing",
)


def main() -> None:
    names = [word for word in sys.argv[1:] if not word.startswith("-")]
    options = [word for word in sys.argv[1:] if word.startswith("-")]
    for name in names or ALL:
        print(f"== {name}", flush=True)
        sys.argv = [f"bench.{name}", *options]
        import_module(f"bench.{name}").main()


if __name__ == "__main__":
    main()
