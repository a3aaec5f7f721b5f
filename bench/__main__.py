"""Runs every measurement and writes bench/results: `python -m bench [NAME …]`."""

from __future__ import annotations

import sys
from importlib import import_module

ALL = ("startup", "retrieval", "roads", "evidence")


def main() -> None:
    flags = [word for word in sys.argv[1:] if word.startswith("--")]
    for name in [word for word in sys.argv[1:] if word not in flags] or ALL:
        print(f"== {name}", flush=True)
        sys.argv = [f"bench.{name}", *flags]
        import_module(f"bench.{name}").main()


if __name__ == "__main__":
    main()
