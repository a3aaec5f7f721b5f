"""Files at the edge: JSON read with every fault named at once, and written whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

from advisor.errors import Fault, MachineError, OkakaeError, UsageError
from advisor.types import SCHEMA_VERSION

T = TypeVar("T")


def canonical(value: Any) -> bytes:
    """The bytes that a digest of `value` is taken over: sorted keys, no spaces, UTF-8."""
    plain = asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
    return json.dumps(
        plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_plain
    ).encode()


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Path):
        return value.as_posix()
    raise TypeError(type(value).__name__)


def sha256_bytes(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_bytes(path: Path, data: bytes) -> None:
    """Replace `path` in one step: a reader sees the old file or the new one, never half.

    Raises:
        UsageError: nothing can be written there.
        MachineError: the disk is full.
    """
    with replacing(path) as stream:
        stream.write(data)


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A stream whose bytes replace `path` in one step when the block ends well.

    Raises:
        UsageError, MachineError: as `write_bytes`.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise unwritable(path, error) from error
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        # mkstemp makes files nobody else may read; people share runs and plans.
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        raise unwritable(path, error) from error
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def unwritable(path: Path, error: OSError) -> OkakaeError:
    """The error of a place that takes no file: the disk's fault or the named path's."""
    ref = "disk-full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "path-unwritable"
    kind = MachineError if ref == "disk-full" else UsageError
    return kind(ref, where=str(path), path=str(path), why=error.strerror or type(error).__name__)


def check_writable(path: Path) -> None:
    """Refuse an output path before long work, not after it.

    Raises:
        UsageError: nothing can be written there.
    """
    if path.is_dir():
        raise unwritable(path, IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise unwritable(path, error) from error


def write_text(path: Path, text: str) -> None:
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    plain = asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
    write_text(path, json.dumps(plain, ensure_ascii=False, indent=1, default=_plain) + "\n")


def _short(error: OSError | UnicodeDecodeError) -> str:
    """Why a file cannot be read, without the path and bytes that the message says already."""
    return error.reason if isinstance(error, UnicodeDecodeError) else str(error.strerror or error)


def read_json(path: Path, type_: type[T]) -> T:
    """Read and validate `path` as `type_`.

    Raises:
        UsageError: it does not exist, is not JSON, is of a newer schema, or has wrong fields
            (all of them named).
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError("file-missing", where=str(path), path=str(path)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            "file-unreadable", where=str(path), path=str(path), why=_short(error)
        ) from None
    except json.JSONDecodeError as error:
        raise UsageError(
            "file-not-json", where=f"{path}:{error.lineno}", path=str(path), why=error.msg
        ) from None
    version = raw.get("schema_version") if isinstance(raw, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise UsageError("file-too-new", where=str(path), path=str(path), version=version)
    try:
        return TypeAdapter(type_).validate_python(raw, strict=False)
    except ValidationError as error:
        faults = tuple(
            Fault(
                "field-missing" if e["type"] == "missing" else "field-wrong",
                ".".join(map(str, e["loc"])),
                (("why", e["msg"]),),
            )
            for e in error.errors()
        )
        raise UsageError(
            "file-wrong-form", where=str(path), faults=faults, path=str(path), n=len(faults)
        ) from None
