"""Runs every measurement and writes bench/results: `python -m bench [NAME …]`."""

from __future__ import annotations

import sys
from importlib import import_module

ALL = ("startup", "retrieval", "roads")


def main() -> None:
    for name in sys.argv[1:] or ALL:
        print(f"== {name}", flush=True)
        sys.argv = [f"bench.{name}"]
        import_module(f"bench.{name}").main()


if __name__ == "__main__":
    main()
