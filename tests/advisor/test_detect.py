"""What the machine and the data say by themselves."""

from __future__ import annotations

import os
import sys

import pytest

from advisor.detect import detected_answers, gpus, machine
from advisor.types import GpuFact, MachineFacts


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
