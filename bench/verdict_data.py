"""The rows that `bench verdicts` compares on, each marked as train or test."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

from bench.roads import SHARED, _is_casual_to_polite

Record = dict[str, Any]
DRAFTED = Path(__file__).parent / "drafted" / "handbook_ja.jsonl"
"""Pairs drafted from the rules (CC0) and reviewed by somebody else, neither of whom had seen the
test questions."""
TONE_TESTED, TONE_LEARNED = 150, 400
SUPPORT_TESTED, SUPPORT_LEARNED = 1, 15
"""Requests of each of 22 intents."""
BANKING_TESTED = 1
"""Test texts of each of 77 intents."""


def read_lines(folder: str, name: str) -> list[Record]:
    text = (SHARED / folder / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def handbook_rows() -> list[Record]:
    """The 50 questions to be asked, and the drafted pairs."""
    tested = [{**row, "split": "test"} for row in read_lines("handbook_ja", "qa_dev.jsonl")]
    lines = DRAFTED.read_text(encoding="utf-8").splitlines()
    # Unmarked: okakae takes its validation rows from among these, by document.
    return [*tested, *({**row, "split": ""} for row in map(json.loads, lines))]


def tone_rows() -> list[Record]:
    """Pairs from casual to most polite; whole fields of life are held out."""
    pairs = list(filter(_is_casual_to_polite, read_lines("keico_style", "rewrite_pairs.jsonl")))
    pairs.sort(key=lambda row: _drawn(row["id"]))
    held = {row["field"] for row in pairs if _drawn(row["field"]) < 0.25}
    made = [
        {
            "id": row["id"],
            "source": row["source"],
            "target": row["target"],
            "group": row["field"],
            "split": "test" if row["field"] in held else "",
        }
        for row in pairs
    ]
    return [*_first(made, "test", TONE_TESTED), *_first(made, "", TONE_LEARNED)]


def support_rows() -> list[Record]:
    """Requests and answers of every intent, as many of each."""
    tested = _of_each(read_lines("bitext_support", "qa_dev.jsonl"), "intent", SUPPORT_TESTED)
    learned = _of_each(read_lines("bitext_support", "qa_train.jsonl"), "intent", SUPPORT_LEARNED)
    return [
        {"id": row["id"], "source": row["question"], "target": row["answer"], "split": part}
        for part, rows in (("test", tested), ("", learned))
        for row in rows
    ]


def banking_rows() -> list[Record]:
    """All ten-shot rows, and the first texts of each intent's test rows."""
    tested = _of_each(read_lines("banking77", "test_dev.jsonl"), "label", BANKING_TESTED)
    learned = read_lines("banking77", "train_10shot.jsonl")
    return [
        *({**row, "split": "test"} for row in tested),
        *({**row, "split": ""} for row in learned),
    ]


def _first(rows: list[Record], part: str, most: int) -> list[Record]:
    return [row for row in rows if row["split"] == part][:most]


def _of_each(rows: list[Record], field: str, most: int) -> list[Record]:
    counts: Counter[str] = Counter()
    kept = []
    for row in rows:
        counts[row[field]] += 1
        if counts[row[field]] <= most:
            kept.append(row)
    return kept


def _drawn(name: str) -> float:
    """A number from 0 to 1 that a name always gives."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big") / 2**48
