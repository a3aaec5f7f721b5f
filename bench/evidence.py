"""The back-test in full, and the fit of the rules' weights: `python -m bench evidence [--fit]`.

`--fit` writes the fitted effects into knowledge/catalog/rules.toml, beside the priors they started
from, and tells the temperature of the certainties.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from bench.machine import save

RULES = Path(__file__).parents[1] / "knowledge" / "catalog" / "rules.toml"
SHARED = Path(__file__).parents[2] / "shared" / "evidence" / "cases.yaml"
BLURS = (0.1, 0.25, 0.5)
DRAWS = 20


def write_weights() -> dict[str, Any]:
    """Fit, write every rule's effects, and say what the temperature must be."""
    from advisor.fit import fit
    from advisor.validation import fitted, leave_out, temperature
    from knowledge.catalog.loader import forget

    weights = fit(fitted())
    lines, rule = [], ""
    for line in RULES.read_text(encoding="utf-8").splitlines():
        if found := re.fullmatch(r'\["(.+)"\]', line):
            rule = found[1]
        if line.startswith("effects = "):
            pairs = ", ".join(
                f"{_key(key)} = {round(value, 2) + 0.0}"
                for (id_, key), value in weights.items()
                if id_ == rule
            )
            line = f"effects = {{ {pairs} }}"
        lines.append(line)
    RULES.write_text("\n".join(lines) + "\n", encoding="utf-8")
    forget()
    return {"temperature": temperature(leave_out(fitted())), "weights": len(weights)}


def _key(name: str) -> str:
    return f'"{name}"' if "." in name else name


def figures() -> dict[str, Any]:
    """The command's own report on the shared cases, else on the catalog's."""
    from advisor.backtest_report import report
    from advisor.cases_file import read_cases
    from advisor.validation import fitted

    cases = read_cases(SHARED)[0] if SHARED.is_file() else fitted()
    document = report(cases, sensitivity=(BLURS, DRAWS))
    del document["picks"]
    return document


def main() -> None:
    if "--fit" in sys.argv:
        print(json.dumps(write_weights(), indent=1))
        return
    print(save("evidence", figures()))


if __name__ == "__main__":
    main()
