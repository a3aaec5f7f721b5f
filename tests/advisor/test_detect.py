"""What the machine and the data say by themselves."""

from __future__ import annotations

import os
import sys
from datetime import datetime
from pathlib import Path

import pytest

from advisor.detect import detected_answers, gpus, how_often, machine
from advisor.types import GpuFact, MachineFacts
from knowledge.corpus.facts import facts
from knowledge.corpus.reading import read


def test_this_machine_has_memory_disk_and_cores() -> None:
    facts = machine()
    assert facts.ram_gib > 0.5 and facts.disk_free_gib > 0
    assert 1 <= facts.cpu_cores <= (os.cpu_count() or 1)
    assert facts.python.startswith("3.")


def test_no_driver_library_is_normal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert gpus() == ()


@pytest.mark.parametrize(
    ("name", "gib", "value"),
    [
        ("NVIDIA GeForce RTX 3060", 12.0, "RTX 3060 12GB"),
        ("Tesla T4", 15.0, "T4"),
        ("NVIDIA Unheard-Of 9000", 99.0, "NVIDIA Unheard-Of 9000"),
    ],
)
def test_a_card_becomes_its_catalog_name_if_there_is_one(name: str, gib: float, value: str) -> None:
    facts = MachineFacts((GpuFact(name, gib, "8.6"),), 32.0, 100.0, 8, "Linux", "3.11")
    answer = detected_answers(facts, None, "", "ja")["gpu"]
    assert (answer.value, answer.source) == (value, "detected")
    assert name in answer.why


@pytest.mark.parametrize(
    ("days", "often"),
    [
        ([], ""),
        (["2026-11-24"], ""),
        (["2000-01-01", "2026-11-24"], ""),
        (["2026-11-20", "2026-11-21", "2026-11-24"], ""),
        (["2022-01-01", "2024-05-05", "2026-11-24"], "yearly"),
        ([f"2026-{month:02}-10" for month in range(1, 12)], "monthly"),
        (
            [f"2026-{month:02}-{day:02}" for month in range(1, 12) for day in (1, 8, 15, 22)],
            "weekly",
        ),
        ([f"2026-{month:02}-{day:02}" for month in range(1, 12) for day in range(1, 29)], "daily"),
    ],
)
def test_dates_of_change_say_how_often_papers_change(days: list[str], often: str) -> None:
    assert how_often(days) == often


def test_a_default_from_dates_says_which(tmp_path: Path) -> None:
    for month in range(1, 10):
        path = tmp_path / f"{month}.md"
        path.write_text("# Rules\n\nLeave is ten days.\n", encoding="utf-8")
        changed = datetime(2026, month, 3, 12).timestamp()
        os.utime(path, (changed, changed))
    counted = facts(read(tmp_path))
    answer = detected_answers(None, counted, "new_facts", "en")["data.changes"]
    assert (answer.value, answer.source) == ("monthly", "detected")
    assert "2026-01-03" in answer.why and "2026-09-03" in answer.why
    assert counted.encodings == {"utf-8": 9}
