"""Recall and precision of the health report on planted faults: `python -m bench planted`.

Three people who never read the detectors wrote the planters. The detectors were tuned on what the
first one makes from seed 1; its seed 2 has the same phrases in other places. The figures of the
second and third are only held out until somebody has looked at the misses, so both are kept.

Options: --set=one-1,one-2,two,three (default all), --misses (print what was missed and wrongly
flagged).
"""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.machine import RESULTS, save
from executors.evaluate.statistics import wilson
from knowledge.corpus.encoding import decode
from knowledge.corpus.reading import Survey, survey

DATA = Path(__file__).parents[2] / "shared" / "data"
PROBLEMS = {
    "exact_duplicate": {"exact-duplicate", "duplicate-document"},
    "near_duplicate": {"near-duplicate", "exact-duplicate"},
    "contradiction": {"contradiction"},
    "leakage": {"train-test-leak"},
    "placeholder": {"unfilled-placeholder"},
    "personal_data": {"personal-data"},
    "injection": {"instruction-like-text"},
    "secrets": {"secret"},
    "garbled": {
        "garbled-text",
        "garbled-rows",
        "broken-bytes",
        "mixed-encoding",
        "guessed-encoding",
    },
    "format": {
        "inconsistent-format",
        "language-mix",
        "answer-repeats-question",
        "answer-too-short",
        "answer-too-long",
        "row-without-answer",
    },
}
"""Which problems of a report count as finding a planted kind."""
_ALIKE = {
    "exact-duplicate",
    "near-duplicate",
    "duplicate-document",
    "near-duplicate-document",
    "repeated-document",
}
# The third planter calls copies exact that differ in width or case, and plants documents too.
OWN_PROBLEMS = {"three": {"exact_duplicate": _ALIKE, "near_duplicate": _ALIKE}}
_NUMBERED = re.compile(r"(?:line|row) (\d+(?:-\d+)?(?:, \d+(?:-\d+)?)*)")

Place = tuple[str, int | None]
"""A file below the folder and its record, from 1; None for the document as a whole."""


def records_of_lines(path: Path) -> dict[int, int]:
    """Which record of a CSV file (from 1, after the header) each of its lines belongs to."""
    reader = csv.reader(io.StringIO(decode(path.read_bytes()).text, newline=""))
    found: dict[int, int] = {}
    start = 1
    for record, _ in enumerate(reader):
        found.update(dict.fromkeys(range(start, reader.line_num + 1), record))
        start = reader.line_num + 1
    return found


class Places:
    """The places that the problems of a report point at, as records of files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._records: dict[str, dict[int, int]] = {}
        documents = folder / "corpus.jsonl"
        lines = documents.read_text(encoding="utf-8").splitlines() if documents.exists() else []
        self._documents = {json.loads(line)["_id"]: i for i, line in enumerate(lines, 1)}

    def flagged(self, seen: Survey, ids: set[str]) -> set[Place]:
        found: set[Place] = set()
        for file in seen.files:
            for problem in file.problems:
                if problem.id in ids:
                    named = [*(problem.places or (problem.where,)), *problem.of]
                    found.update(p for where in named for p in self._at(file.path, where))
        for problem in seen.problems:
            if problem.id in ids:
                for named in (*problem.places, *problem.of):
                    match = re.fullmatch(r"(.*\.\w+) ((?:line|row) \d+)", named)
                    found.update(self._at(match[1], match[2]) if match else self._at(named, ""))
        return found

    def _at(self, file: str, where: str) -> Iterator[Place]:
        match = _NUMBERED.search(where)
        if match is None:
            record = self._documents.get(file)
            yield (file, None) if record is None else ("corpus.jsonl", record)
            return
        for stretch in match[1].split(", "):
            first, _, last = stretch.partition("-")
            for number in range(int(first), int(last or first) + 1):
                yield file, self._record(file, number)

    def _record(self, file: str, number: int) -> int:
        if not file.endswith(".csv"):
            return number
        if file not in self._records:
            self._records[file] = records_of_lines(self._folder / file)
        return self._records[file].get(number, number)


def place(said: dict[str, Any] | None) -> Place | None:
    """A truth line's place, relative to the folder of its kind."""
    return (said["file"].split("/", 1)[1], said["row"]) if said else None


def judge(
    kind: str, root: Path, *, misses: bool, problems: set[str] | None = None
) -> dict[str, Any]:
    """Counts for one kind; an item is found when either side of its pair is pointed at."""
    truth = json.loads((root / f"{kind}.truth.json").read_text(encoding="utf-8"))
    planted = [t for t in truth if t["kind"] != "decoy"]
    decoys = [t for t in truth if t["kind"] == "decoy"]
    seen = survey(root / kind, workers=0)
    flagged = Places(root / kind).flagged(seen, problems or PROBLEMS[kind])
    files = {file for file, _ in flagged}
    found, missed = [], []
    for item in planted:
        mine, other = place(item), place(item["of"])
        assert mine is not None
        there = mine in flagged or other in flagged or (mine[1] is None and mine[0] in files)
        (found if there else missed).append(item)
    allowed = {place(t) for t in planted} | {place(t["of"]) for t in planted}
    whole = {file for at in allowed if at for file, row in [at] if row is None}
    wrong = sorted(p for p in flagged - allowed if p[0] not in whole)  # type: ignore[operator]
    of_decoys = {place(t) for t in decoys} | {place(t["of"]) for t in decoys}
    if misses:
        for item in missed:
            print("  missed", item["file"], item["row"], item["detail"], "|", item["value"])
        for at in wrong:
            print(
                "  wrong", *at, "(decoy)" if at in of_decoys or (at[0], None) in of_decoys else ""
            )
    flags = len(found) + len(wrong)
    return {
        "n": len(planted),
        "found": len(found),
        "recall": share(len(found), len(planted)),
        "wrong": len(wrong),
        "precision": share(len(found), flags),
        "decoys": len(decoys),
        "decoys_flagged": sum(at in of_decoys for at in wrong),
    }


def share(part: int, whole: int) -> dict[str, Any]:
    """A share with its 95 % Wilson interval."""
    if not whole:
        return {"share": None, "interval": None}
    low, high = wilson(part / whole, whole)
    return {"share": round(part / whole, 4), "interval": [round(low, 4), round(high, 4)]}


def false_alarms(root: Path) -> dict[str, Any] | None:
    """Flags per 1,000 records of the clean set, kind by kind; None where none was written."""
    if not (root / "clean").is_dir():
        return None
    seen = survey(root / "clean", workers=0)
    records = sum(file.examples or file.documents for file in seen.files)
    places = Places(root / "clean")
    flags = {kind: len(places.flagged(seen, ids)) for kind, ids in PROBLEMS.items()}
    return {
        "records": records,
        "flags": flags,
        "per_1000": {kind: round(1000 * n / records, 2) for kind, n in flags.items()},
    }


def make(name: str, out: Path) -> None:
    """Write the set `name` (one-SEED, two or three) below `out`."""
    if name.startswith("one-"):
        from bench.planting.one import plant

        plant(DATA, out, int(name.removeprefix("one-")))
        return
    maker = Path(__file__).parent / "planting" / name / "make.py"
    out.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, maker, DATA, out], check=True, stdout=subprocess.DEVNULL)


def measure(name: str, *, misses: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / name
        make(name, out)
        kinds = {}
        for kind in PROBLEMS:
            if (out / f"{kind}.truth.json").exists():
                kinds[kind] = judge(
                    kind, out, misses=misses, problems=OWN_PROBLEMS.get(name, {}).get(kind)
                )
                print(row(kind, kinds[kind]), flush=True)
        figures: dict[str, Any] = {"kinds": kinds}
        if (alarms := false_alarms(out)) is not None:
            figures["clean"] = alarms
            print("clean", alarms["per_1000"], "of", alarms["records"], flush=True)
        return figures


def row(kind: str, counted: dict[str, Any]) -> str:
    def said(value: dict[str, Any]) -> str:
        if value["share"] is None:
            return "–"
        low, high = value["interval"]
        return f"{value['share']:.3f} ({low:.3f}–{high:.3f})"

    decoys = f"{counted['decoys_flagged']} of {counted['decoys']}"
    cells = [kind, str(counted["n"]), said(counted["recall"]), said(counted["precision"]), decoys]
    return f"| {' | '.join(cells)} |"


TITLES = {
    "one-1": "Planter one, seed 1: the development set, the detectors were tuned on it",
    "one-2": "Planter one, seed 2: the same phrases in other places",
    "two": "Planter two, held out: before anybody had looked at it",
    "two-after": "Planter two after looking at its misses: no longer held out",
    "three": "Planter three, held out: before anybody had looked at it",
    "three-after": "Planter three after looking at its misses: no longer held out",
}


def table(sets: dict[str, Any]) -> str:
    lines = ["# Planted faults", ""]
    lines.append("Shares with 95 % Wilson intervals (`python -m bench planted`).")
    for name in (n for n in TITLES if n in sets):
        lines += ["", f"## {TITLES[name]}", ""]
        lines += ["| kind | n | recall | precision | decoys flagged |", "|---|---|---|---|---|"]
        lines += [row(kind, counted) for kind, counted in sets[name]["kinds"].items()]
        if clean := sets[name].get("clean"):
            alarms = ", ".join(f"{kind} {n}" for kind, n in clean["per_1000"].items())
            lines += ["", f"False alarms per 1,000 of {clean['records']} clean records: {alarms}."]
    return "\n".join(lines) + "\n"


def option(name: str, default: str, words: Sequence[str]) -> str:
    return next((w.partition("=")[2] for w in words if w.startswith(f"--{name}=")), default)


def main() -> None:
    if not DATA.is_dir():
        print(f"skipped: {DATA} is not here", file=sys.stderr)
        return
    words = sys.argv[1:]
    kept = RESULTS / "planted.json"
    sets = json.loads(kept.read_text(encoding="utf-8"))["figures"] if kept.exists() else {}
    # A held-out figure was taken once; every later run of that planter comes after looking.
    for name in option("set", "one-1,one-2,two,three", words).split(","):
        key = f"{name}-after" if name in ("two", "three") and name in sets else name
        print(f"== {TITLES[key]}", flush=True)
        sets[key] = measure(name, misses="--misses" in words)
    (RESULTS / "planted.md").write_text(table(sets), encoding="utf-8")
    print(save("planted", sets))


if __name__ == "__main__":
    main()
