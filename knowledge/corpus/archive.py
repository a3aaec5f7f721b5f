"""ZIP archives: the files inside, each read as what it is; nothing is ever unpacked to disk."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import PurePosixPath
from typing import Any

from knowledge.corpus.source import LARGEST_BYTES, Reading, Refused, SourceFile, refuse
from knowledge.corpus.types import Problem

MOST_MEMBERS = 20_000
MOST_UNPACKED_BYTES = 1 << 29
"""512 MiB of members in one archive: more is asked to be unpacked by the user."""
MOST_RATIO = 200
"""Deflate reaches about 1000:1 on zeros; real documents stay below 50:1."""
SMALL_BYTES = 1 << 22
"""Members up to 4 MiB are never taken for a bomb."""
_DRIVE = re.compile(r"^[A-Za-z]:")


def read_zip(file: SourceFile) -> Reading:
    """An archive: no document of its own, its members beside it.

    Raises:
        Refused: it cannot be opened, or unpacks to more than this machine should hold.
    """
    archive = opened(file)
    reading = Reading("zip")
    reading.members = _members(archive, file, reading)
    return reading


def opened(file: SourceFile) -> zipfile.ZipFile:
    """The archive, after a look at what it claims to unpack to.

    Office files and e-books are archives as well: their readers call this before a library does.

    Raises:
        Refused: damaged, or a bomb.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(file.data))
        infos = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError):
        raise refuse("damaged-file", why="zip") from None
    total = sum(info.file_size for info in infos)
    if total > MOST_UNPACKED_BYTES or len(infos) > MOST_MEMBERS or any(map(_is_bomb, infos)):
        raise refuse("archive-too-large", mb=round(total / 1e6), files=len(infos))
    return archive


def _is_bomb(info: zipfile.ZipInfo) -> bool:
    return info.file_size > SMALL_BYTES and info.file_size > MOST_RATIO * max(1, info.compress_size)


def _members(
    archive: zipfile.ZipFile, file: SourceFile, reading: Reading
) -> Iterator[SourceFile | tuple[str, Problem]]:
    infos = sorted(archive.infolist(), key=_name)
    wanted = [info for info in infos if not info.is_dir() and not _passed_over(_name(info))]
    if not wanted:
        reading.problems.append(Problem("empty-file", "warn"))
    for info in wanted:
        name = _name(info)
        if _escapes(name):
            yield f"{file.id}/{_shown(name)}", Problem("unsafe-path", "error", "", {"name": name})
            continue
        try:
            data = _content(archive, info)
        except Refused as refusal:
            yield f"{file.id}/{_shown(name)}", refusal.problem
            continue
        digest = hashlib.sha256(data).hexdigest()
        yield SourceFile(file.path, f"{file.id}/{name}", data, digest, _date(info), file.depth + 1)


def _name(info: zipfile.ZipInfo) -> str:
    """The member's name: Windows in Japan packs it in cp932 without saying so."""
    name = info.filename
    if not info.flag_bits & 0x800:
        try:
            raw = name.encode("cp437")
            name = raw.decode("utf-8") if _is_utf8(raw) else raw.decode("cp932")
        except UnicodeError:
            pass
    return name.replace("\\", "/")


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _escapes(name: str) -> bool:
    """Whether a name would leave the folder it is unpacked in."""
    parts = PurePosixPath(name).parts
    return name.startswith("/") or ".." in parts or bool(_DRIVE.match(name)) or "\0" in name


def _shown(name: str) -> str:
    """A name that escapes, made harmless for the report."""
    return name.replace("\0", "").replace("..", "_").lstrip("/") or "_"


def _passed_over(name: str) -> bool:
    from knowledge.corpus.walking import passed_over

    return any(passed_over(part) for part in PurePosixPath(name).parts if part != "..")


def _content(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """A member's bytes, never more than it claims and never more than one file may have.

    Raises:
        Refused: encrypted, damaged, or larger than `LARGEST_BYTES`.
    """
    if info.flag_bits & 0x1:
        raise refuse("locked-file")
    if info.file_size > LARGEST_BYTES:
        raise refuse("file-too-large", mb=round(info.file_size / 1e6), most=LARGEST_BYTES >> 20)
    stream: Any
    try:
        with archive.open(info) as stream:
            return bytes(stream.read(info.file_size))
    except Exception as error:  # every compression method breaks in its own way
        raise refuse("damaged-file", why=type(error).__name__) from None


def _date(info: zipfile.ZipInfo) -> str | None:
    try:
        return date(*info.date_time[:3]).isoformat()
    except ValueError:
        return None
