"""Every awkward file of the loader set against its manifest line: `python -m bench torture`."""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.machine import RESULTS, save
from knowledge.corpus.reading import read
from knowledge.corpus.types import Corpus

DATA = Path(__file__).parents[2] / "shared" / "data"
MANIFEST = DATA / "loader_torture" / "manifest.jsonl"
STATUS = {
    "text": {"ok"},
    "text-warn": {"warn"},
    "garbled-warn": {"warn"},
    "empty-warn": {"warn"},
    "refuse": {"refused"},
    "refuse-or-text": {"refused", "warn", "ok"},
}
"""What a file's report may say under each expectation of the manifest."""
COUNTED = {
    "exact_duplicates": "exact-duplicate",
    "near_duplicates": "near-duplicate",
    "contradictions": "contradiction",
}


def manifest() -> list[dict[str, Any]]:
    """The lines of the manifest; none where the shared data is not here."""
    if not MANIFEST.exists():
        return []
    return [json.loads(line) for line in MANIFEST.read_text(encoding="utf-8").splitlines()]


def text_of(corpus: Corpus) -> str:
    return "\n".join(
        [d.text for d in corpus.documents]
        + [f"{e.prompt}\n{e.completion}" for e in corpus.examples]
    )


def needles(line: dict[str, Any], text: str) -> Iterator[tuple[str, bool]]:
    """What the text must hold, and whether it does."""
    bare = re.sub(r"\s", "", text)
    for needle in line.get("must_contain", []):
        yield needle, needle in text
    for needle in line.get("must_contain_ws", []):
        yield needle, "".join(needle.split()) in bare
    for needle in line.get("must_contain_nfkc", []):
        yield needle, needle in unicodedata.normalize("NFKC", text)


def unmet(line: dict[str, Any], corpus: Corpus) -> list[str]:
    """What the manifest asks of this file and reading did not give; empty is good."""
    (report,) = corpus.files
    text = text_of(corpus)
    wrong = [f"{needle!r} is missing" for needle, there in needles(line, text) if not there]
    wrong += [f"{n!r} is there" for n in line.get("must_not_contain", []) if n in text]
    if report.status not in STATUS[line["expect"]]:
        wrong.append(f"status {report.status}")
    if line["expect"] == "empty-warn" and text.strip():
        wrong.append("text from nothing")
    if "encoding" in line and not line["encoding"].startswith(str(report.encoding)):
        wrong.append(f"encoding {report.encoding}")
    if report.rows != line.get("rows", report.rows):
        wrong.append(f"{report.rows} rows")
    if report.examples != line.get("usable_rows", report.examples):
        wrong.append(f"{report.examples} usable rows")
    counted = {p.id: p.values.get("n") for p in report.problems}
    for key, problem in COUNTED.items():
        if key in line and counted.get(problem) != line[key]:
            wrong.append(f"{counted.get(problem)} × {problem}")
    return wrong


def figures() -> list[dict[str, Any]]:
    found = []
    for line in manifest():
        corpus = read(MANIFEST.parent / line["file"], workers=0)
        (report,) = corpus.files
        found.append(
            {
                "file": Path(line["file"]).name,
                "origin": line["kind"],
                "expect": line["expect"],
                "status": report.status,
                "encoding": report.encoding,
                "rows": report.rows,
                "problems": sorted({p.id for p in report.problems}),
                "needles": len(list(needles(line, ""))),
                "unmet": unmet(line, corpus),
            }
        )
    return found


def table(rows: list[dict[str, Any]]) -> str:
    met = sum(not row["unmet"] for row in rows)
    lines = [
        "# Awkward files, one by one",
        "",
        f"{met} of {len(rows)} files meet their line of the manifest (`python -m bench torture`).",
        "",
        "| file | expected | status | encoding | rows | problems found | met |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [
            row["file"],
            row["expect"],
            row["status"],
            row["encoding"] or "",
            "" if row["rows"] is None else str(row["rows"]),
            ", ".join(row["problems"]),
            "; ".join(row["unmet"]) or "yes",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    if not MANIFEST.exists():
        print(f"skipped: {MANIFEST.parent} is not here", file=sys.stderr)
        return
    rows = figures()
    text = table(rows)
    print(text)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "torture.md").write_text(text, encoding="utf-8")
    print(save("torture", {"met": sum(not row["unmet"] for row in rows), "files": rows}))


if __name__ == "__main__":
    main()
