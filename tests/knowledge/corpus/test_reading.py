"""Reading a folder: the same by any number of processes, and only what changed is read again."""

from __future__ import annotations

import os
import sys
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.corpus import workers
from knowledge.corpus.cache import ReadCache, code
from knowledge.corpus.facts import facts
from knowledge.corpus.reading import read, survey
from knowledge.corpus.types import Document
from knowledge.corpus.workers import Job, read_all

needs_limits = pytest.mark.skipif(sys.platform != "linux", reason="limits are the system's")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    data.mkdir()
    (data / "規程.md").write_text("# 休暇\n有給は10日です。\n", encoding="utf-8")
    (data / "faq.csv").write_text("質問,回答\n有給は？,10日\n有給は？,12日\n", encoding="cp932")
    (data / "bad.bin").write_bytes(bytes(range(256)) * 4)
    (data / "empty.txt").write_text("")
    return data


def test_processes_find_what_one_process_finds(folder: Path) -> None:
    alone, together = read(folder, workers=0), read(folder, workers=2)
    assert alone == together
    assert len(alone.files) == 4


def test_a_survey_counts_what_reading_holds(folder: Path) -> None:
    passed: list[Document] = []
    corpus, seen = read(folder, workers=0), survey(folder, workers=2, on_document=passed.append)
    assert seen.facts == facts(corpus)
    assert (seen.files, seen.examples, seen.digest) == (
        corpus.files,
        corpus.examples,
        corpus.digest,
    )
    assert tuple(passed) == corpus.documents


def test_a_second_pass_reads_only_what_changed(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = read(folder, workers=0, cache=cache)
    before = {p.name for p in cache.iterdir()}
    assert read(folder, workers=0, cache=cache) == first
    assert {p.name for p in cache.iterdir()} == before
    (folder / "規程.md").write_text("# 休暇\n有給は20日になりました。\n", encoding="utf-8")
    changed = read(folder, workers=0, cache=cache)
    assert len({p.name for p in cache.iterdir()} - before) == 1
    assert "20日" in changed.documents[0].text
    assert changed == read(folder, workers=0)


def test_a_damaged_entry_is_read_again(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = read(folder, workers=0, cache=cache)
    for entry in cache.iterdir():
        entry.write_bytes(b"not compressed")
    assert read(folder, workers=0, cache=cache) == first


def test_the_cache_is_the_users_alone_and_bounded(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    read(folder, workers=0, cache=cache)
    assert cache.stat().st_mode & 0o077 == 0
    ReadCache(cache).prune(most_bytes=0)
    assert not list(cache.iterdir())


def test_a_pipe_is_no_file_and_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "pipe.txt")
    assert len(read(folder, workers=1).files) == 4


@needs_limits
def test_a_file_that_takes_its_reader_along_costs_that_file_alone(folder: Path) -> None:
    """A reader is killed from outside while it reads, as the kernel does when memory runs out."""
    import signal

    jobs = [Job(folder / "faq.csv", "faq.csv"), Job(folder / "規程.md", "規程.md")]
    pool = workers._Pool(1, None, True)
    os.kill(pool._readers[0].process.pid or 0, signal.SIGSTOP)
    found = pool.run(jobs)
    try:
        pool._readers[0].process.kill()
        first, second = next(found), next(found)
    finally:
        pool.close()
    assert first[0].report.problems[0].id == "reader-crashed"
    assert second[0].report.status == "ok"


@needs_limits
@pytest.mark.slow
def test_memory_and_time_of_one_file_are_bounded(tmp_path: Path) -> None:
    import zipfile

    heavy = tmp_path / "heavy.xlsx"
    rows = b"<row>" + b'<c t="inlineStr"><is><t>x</t></is></c>' * 40 + b"</row>"
    sheet = (
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        b"<sheetData>" + rows * 60_000 + b"</sheetData></worksheet>"
    )
    with zipfile.ZipFile(heavy, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        archive.writestr("xl/worksheets/sheet1.xml", sheet[:90_000_000])
    light = tmp_path / "z.txt"
    light.write_text("よい", encoding="utf-8")
    jobs = [Job(heavy, "heavy.xlsx"), Job(light, "z.txt")]
    found = list(read_all(jobs, workers=1))
    assert found[0][0].report.status == "refused"
    assert found[1][0].report.status == "ok"


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.integers(1, 3))
def test_results_come_in_the_order_asked_for(order: list[int], count: int) -> None:
    here = Path(__file__)
    jobs = [Job(here, f"{number}-{at}.txt") for at, number in enumerate(order)]
    found = [reads[0].report.path for reads in read_all(jobs, workers=count)]
    assert found == [job.id for job in jobs]


def test_reading_without_checks_gives_the_same_texts(tmp_path: Path) -> None:
    text = "# 連絡先\n山田太郎 090-1234-5678 \n\n# 手順\n{{名前}} を入れてください。\n"
    (tmp_path / "a.md").write_text(text, encoding="utf-8")
    (tmp_path / "qa.csv").write_text("質問,回答\n期限は,10日です\n期限は,10日です\n", "utf-8")
    (tmp_path / "empty.txt").write_bytes(b"")
    whole, bare = read(tmp_path, workers=0), read(tmp_path, workers=0, checked=False)
    assert bare.documents == whole.documents
    assert bare.examples == whole.examples
    assert bare.digest == whole.digest
    told = {problem.id for file in whole.files for problem in file.problems}
    assert {"personal-data", "unfilled-placeholder", "exact-duplicate"} <= told
    assert [p.id for file in bare.files for p in file.problems] == ["empty-file"]


def test_a_cache_filled_without_checks_does_not_hide_what_is_wrong(tmp_path: Path) -> None:
    folder, cache = tmp_path / "in", tmp_path / "cache"
    folder.mkdir()
    (folder / "a.txt").write_text("担当 {{名前}} 090-1234-5678", encoding="utf-8")
    bare = read(folder, workers=0, cache=cache, checked=False)
    whole = read(folder, workers=0, cache=cache)
    assert not bare.files[0].problems
    assert whole.files[0].problems
    assert read(folder, workers=0, cache=cache, checked=False).documents == whole.documents


def test_a_change_of_any_detector_reads_everything_again() -> None:
    names = {part.name for part in code(files("knowledge.corpus"))}
    assert {"cache.py", "patterns.toml", "orders.toml", "orders.py"} <= names
