"""Applies a plan under a memory limit: `python -m bench.limited_apply PLAN RUN BYTES`.

The limit (RLIMIT_AS, as `ulimit -v` sets it) holds for this process and for the one that trains.
0 is no limit.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path


def main() -> None:
    plan, run, limit = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    if limit:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    from advisor.errors import OkakaeError
    from advisor.session import Session
    from executors.apply import apply, check_plan

    session = Session(lang="en", no_input=True, plain=True)
    try:
        apply(check_plan(plan, session)[0], session, run_path=run)
    except OkakaeError as error:
        print(error, file=sys.stderr)
        raise SystemExit(error.exit_code) from None


if __name__ == "__main__":
    main()
