"""Measures the memory of real CPU training steps and holds the closed forms against it.

`python -m bench memory_cpu` measures what is missing; `--again` measures all, `--compare` nothing.
"""

from __future__ import annotations

import argparse

from bench.machine import save
from bench.memory_errors import compare, show
from bench.memory_setups import cpu_setups
from bench.memory_sweep import Sweep, stored_document

NAME = "memory_cpu"
LIMIT_S = 600


def main() -> None:
    parser = argparse.ArgumentParser(prog=f"python -m bench {NAME}", description=__doc__)
    parser.add_argument("--compare", action="store_true", help="measure nothing again")
    parser.add_argument("--again", action="store_true", help="measure every set-up again")
    parser.add_argument("--jobs", type=int, default=1, help="shapes measured at the same time")
    given = parser.parse_args()
    if not given.compare:
        sweep = Sweep(NAME, again=given.again)
        sweep.run(cpu_setups(), limit_s=LIMIT_S, jobs=given.jobs)
        sweep.save()
    document = stored_document(NAME)
    figures = document["figures"]
    figures["comparison"] = compare(figures["rows"], figures["configs"])
    show(figures["comparison"])
    print(save(NAME, figures, document["machine"]))


if __name__ == "__main__":
    main()
