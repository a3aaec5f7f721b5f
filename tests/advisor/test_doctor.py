"""The doctor: every check is told in both languages; only a fault fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from advisor import cli, doctor
from advisor.types import GpuFact, MachineFacts

BIG = MachineFacts((), 32.0, 500.0, 8, "Linux x86_64", "3.11.7")
SMALL = MachineFacts((), 2.0, 1.0, 1, "Linux x86_64", "3.11.7")
TURING = MachineFacts((GpuFact("Tesla T4", 15.0, "7.5"),), 32.0, 500.0, 8, "Linux", "3.11.7")


@pytest.mark.parametrize("lang", ["ja", "en"])
@pytest.mark.parametrize("facts", [BIG, SMALL, TURING], ids=["big", "small", "turing"])
def test_every_outcome_has_its_words(
    home: Path, monkeypatch: pytest.MonkeyPatch, facts: MachineFacts, lang: str
) -> None:
    monkeypatch.setattr(doctor, "machine", lambda: facts)
    result = CliRunner().invoke(cli.main, ["--lang", lang, "doctor"])
    assert result.exit_code == (0 if facts is BIG else 4)
    assert "Traceback" not in result.stderr


def test_a_fault_ends_with_4_and_one_json_document(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "machine", lambda: SMALL)
    result = CliRunner().invoke(cli.main, ["doctor", "--json"])
    assert result.exit_code == 4
    document = json.loads(result.stdout)
    assert document["ok"] is False
    failed = [check["id"] for check in document["checks"] if check["status"] == "fail"]
    assert failed == ["ram", "disk"]


def test_no_gpu_is_a_warning_not_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "machine", lambda: BIG)
    assert {c.status for c in doctor.examine() if c.id == "gpu"} == {"warn"}


def test_a_missing_package_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "machine", lambda: BIG)
    monkeypatch.setattr(doctor, "_version", lambda package: None)
    checks = {(c.id, c.values.get("package")): c for c in doctor.examine()}
    found = checks["package-rag", "faiss-cpu"]
    assert (found.status, found.fix) == ("warn", "pip install 'okakae[rag]'")
    assert all(c.status != "fail" for c in checks.values())


def test_a_card_without_bf16_and_a_torch_without_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "machine", lambda: TURING)
    monkeypatch.setattr(doctor, "_version", lambda package: "2.13.0+cpu")
    checks = {c.id: c for c in doctor.examine()}
    assert checks["bf16"].outcome == "emulated"
    assert (checks["torch"].status, checks["torch"].outcome) == ("fail", "cpu-build")


def test_offline_flags_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    offline = next(c for c in doctor.examine() if c.id == "offline")
    assert offline.outcome == "on" and offline.values["flags"] == "HF_HUB_OFFLINE"
