"""The benches of the readers: the fuzzing on few files, and how places of reports are counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.fuzz_reading import FILES, mutant, run_batch
from bench.fuzz_seeds import seeds
from bench.planted import records_of_lines, share
from knowledge.catalog.texts import languages_of
from knowledge.corpus.patterns import patterns

needs_shared = pytest.mark.skipif(not FILES.is_dir(), reason="../shared is not here")


def test_lines_of_a_table_are_counted_as_records(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('question,answer\na,"one\ntwo"\nb,three\n', encoding="utf-8")
    assert records_of_lines(path) == {1: 0, 2: 1, 3: 1, 4: 2}


def test_a_share_comes_with_its_interval() -> None:
    assert share(0, 0)["share"] is None
    low, high = share(107, 110)["interval"]
    assert low < 107 / 110 < high < 1


@needs_shared
def test_a_mutant_is_made_from_its_number_alone() -> None:
    whole = seeds(FILES)
    assert [mutant(n, whole) for n in range(40)] == [mutant(n, whole) for n in range(40)]
    assert any(mutant(n, whole)[1] not in whole.values() for n in range(40))


@needs_shared
@pytest.mark.slow
def test_300_broken_files_break_nothing() -> None:
    assert run_batch(range(20_000, 20_300), seeds(FILES))["wrong"] == []


def test_every_pattern_has_a_name_in_both_languages() -> None:
    for pattern in patterns():
        assert set(languages_of(f"pattern.{pattern.name}")) == {"ja", "en"}
