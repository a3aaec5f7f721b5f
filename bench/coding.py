"""How far the back-test hangs on one reader's coding: `python -m bench coding`.

second_coding.json holds 20 studies, one of each of 20 papers, coded again from title, setting and
options by somebody who saw neither the first coding nor the outcome table. Coding is compared by
Cohen's kappa, and the advice by the share of studies for which both codings lead to the same pick.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from bench.machine import save

HERE = Path(__file__).parent
SHARED = HERE.parents[1] / "shared" / "evidence" / "cases.yaml"
FIELDS = ("goal", "breadth", "data_kind", "freshness", "long_tail_facts")
FIELDS += ("frontier_api_is_an_option",)


def kappa(pairs: list[tuple[Any, Any]]) -> float | None:
    """Cohen's kappa of two codings; None where one value is all there is."""
    n = len(pairs)
    agreed = sum(a == b for a, b in pairs) / n
    first, second = Counter(str(a) for a, _ in pairs), Counter(str(b) for _, b in pairs)
    by_chance = sum(first[value] * second[value] for value in first) / n**2
    return None if by_chance == 1 else (agreed - by_chance) / (1 - by_chance)


def _advised(cases: list[dict[str, Any]]) -> dict[str, tuple[str, bool]]:
    from advisor.cases_file import read_cases
    from advisor.evidence import backtest

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cases.json"
        path.write_text(json.dumps({"cases": cases}, default=str), encoding="utf-8")
        picks = backtest(read_cases(path)[0])
    return {pick.case.id: (pick.said, pick.right) for pick in picks}


def main() -> None:
    if not SHARED.is_file():
        print("skipped: ../shared/evidence/cases.yaml is not here")
        return
    import yaml

    again = {row["id"]: row for row in json.loads((HERE / "second_coding.json").read_text("utf-8"))}
    document = yaml.safe_load(SHARED.read_text(encoding="utf-8"))
    first = [case for case in document["cases"] if case["id"] in again]
    pairs = {
        field: [
            (case["a_priori"].get(field), again[case["id"]][field])
            for case in first
            if None not in (case["a_priori"].get(field), again[case["id"]][field])
        ]
        for field in FIELDS
    }
    recoded = [
        {
            **case,
            "a_priori": {
                **case["a_priori"],
                **{f: again[case["id"]][f] for f in FIELDS if again[case["id"]][f] is not None},
            },
        }
        for case in first
    ]
    one, other = _advised(first), _advised(recoded)
    found = {
        "studies": len(first),
        "coding": {
            field: {"n": len(rows), "kappa": None if not rows else kappa(rows)}
            for field, rows in pairs.items()
        },
        "same_pick": sum(one[id_][0] == other[id_][0] for id_ in one),
        "acceptable": {
            "first": sum(right for _, right in one.values()),
            "second": sum(right for _, right in other.values()),
        },
    }
    print(json.dumps(found, indent=1))
    save("coding", found)


if __name__ == "__main__":
    main()
