"""Files at the edge: whole or not at all, and every fault of one named at once."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.errors import MachineError, UsageError
from advisor.files import (
    canonical,
    check_writable,
    read_json,
    sha256_bytes,
    sha256_file,
    write_json,
    write_text,
)


@dataclass(frozen=True)
class Thing:
    name: str
    size: int
    share: float = 0.5
    schema_version: int = 1


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    thing = Thing("規程", 3)
    write_json(tmp_path / "deep" / "er" / "thing.json", thing)
    assert read_json(tmp_path / "deep" / "er" / "thing.json", Thing) == thing
    assert "規程" in (tmp_path / "deep" / "er" / "thing.json").read_text(encoding="utf-8")


def test_a_failed_write_leaves_the_old_file_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    write_text(path, "old")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX")
def test_colleagues_may_read_what_is_written(tmp_path: Path) -> None:
    write_text(tmp_path / "a", "x")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("content", "ref"),
    [
        (None, "file-missing"),
        (b"{", "file-not-json"),
        (b"\xff\xfe{}", "file-unreadable"),
        (b'{"schema_version": 99}', "file-too-new"),
        (b"[1, 2]", "file-wrong-form"),
        (b'"text"', "file-wrong-form"),
    ],
)
def test_a_file_that_cannot_be_used_is_said_with_its_path(
    tmp_path: Path, content: bytes | None, ref: str
) -> None:
    path = tmp_path / "thing.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read_json(path, Thing)
    assert caught.value.ref == ref
    assert str(path) in caught.value.where


def test_all_faults_come_at_once(tmp_path: Path) -> None:
    path = tmp_path / "thing.json"
    path.write_text(json.dumps({"size": "many", "share": []}))
    with pytest.raises(UsageError) as caught:
        read_json(path, Thing)
    assert sorted(fault.where for fault in caught.value.faults) == ["name", "share", "size"]
    assert caught.value.values["n"] == 3


def test_the_line_of_a_slip_is_named(tmp_path: Path) -> None:
    path = tmp_path / "thing.json"
    path.write_text('{"name": "a",\n "size": 3,,\n}')
    with pytest.raises(UsageError) as caught:
        read_json(path, Thing)
    assert caught.value.where.endswith(":2")


plain: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=4), plain, max_size=4))
def test_canonical_bytes_do_not_depend_on_order_or_on_a_file(value: dict[str, Any]) -> None:
    shuffled = dict(reversed(list(value.items())))
    assert canonical(shuffled) == canonical(value)
    assert canonical(json.loads(json.dumps(value))) == canonical(value)


def test_digests_agree(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256_file(tmp_path / "a") == sha256_bytes(b"abc")
    assert sha256_bytes(b"abc").startswith("ba7816bf")


@pytest.mark.parametrize("use", [lambda path: write_text(path, "x"), check_writable])
def test_where_nothing_can_be_written_is_said_with_the_path(
    tmp_path: Path, use: Callable[[Path], None]
) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file" / "below", tmp_path):
        with pytest.raises(UsageError) as caught:
            use(path)
        assert caught.value.ref == "path-unwritable"
        assert caught.value.values["path"] == str(path)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_full_disk_is_the_machines_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(MachineError) as caught:
        write_text(tmp_path / "a", "x")
    assert caught.value.ref == "disk-full"
    assert list(tmp_path.iterdir()) == []
