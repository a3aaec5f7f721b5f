"""One file on its way in: its bytes, its name in the corpus, and what a reader makes of it."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from knowledge.corpus.types import (
    Document,
    Example,
    FieldMap,
    Problem,
    Section,
    TakenFields,
)

LARGEST_BYTES = 1 << 28
"""256 MiB: a larger single file is refused with the advice to part it, so that memory stays
bounded whatever lies in a folder."""


def name_below(path: Path, root: Path) -> str:
    """A file's name below `root` as text: NFC, and readable where its bytes are not UTF-8.

    Archives packed on a Japanese Windows leave cp932 names on Linux; Python hands their bytes
    over as lone surrogates, which no file or digest can hold.
    """
    name = path.relative_to(root).as_posix()
    try:
        name.encode()
    except UnicodeEncodeError:
        raw = os.fsencode(name)
        for encoding in ("utf-8", "cp932"):
            try:
                name = raw.decode(encoding)
                break
            except UnicodeDecodeError:
                continue
        else:
            name = raw.decode("utf-8", "replace")
    return unicodedata.normalize("NFC", name)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file's bytes, read once; `id` is its path relative to the data root.

    A member of an archive or a mail has the path of what holds it, and a depth above 0.
    """

    path: Path
    id: str
    data: bytes
    digest: str
    modified: str | None
    depth: int = 0
    asked: FieldMap | None = None
    """Names that the user gave for its question and answer."""
    checked: bool = True
    """Whether what is wrong with its text is looked for, and not only with the file."""

    @classmethod
    def open(cls, path: Path, id_: str) -> SourceFile:
        """Read the file.

        Raises:
            Refused: it is larger than `LARGEST_BYTES`.
        """
        about = path.stat()
        if about.st_size > LARGEST_BYTES:
            mb, most = round(about.st_size / 1e6), LARGEST_BYTES >> 20
            raise refuse("file-too-large", mb=mb, most=most)
        data = path.read_bytes()
        changed = datetime.fromtimestamp(about.st_mtime, UTC).date().isoformat()
        return cls(path, id_, data, hashlib.sha256(data).hexdigest(), changed)

    @property
    def stem(self) -> str:
        return PurePosixPath(self.id).stem

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.id).suffix.lower()

    def document(
        self, sections: Iterable[Section], *, title: str = "", modified: str | None = None
    ) -> tuple[Document, ...]:
        """The file as one document; no document at all when nothing can be read from it."""
        kept = tuple(s for s in sections if s.text.strip() or s.headings)
        if not any(s.text.strip() for s in kept):
            return ()
        name = " ".join(title.split()) or self.stem
        return (Document(self.id, name, self.id, kept, self.digest, modified or self.modified),)


@dataclass(slots=True)
class Reading:
    """What came out of one file."""

    kind: str
    encoding: str | None = None
    documents: tuple[Document, ...] = ()
    examples: list[Example] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    rows: int | None = None
    members: Iterable[SourceFile | tuple[str, Problem]] = ()
    """Files inside this one, each read by itself; or a name and why it is left out."""
    columns: dict[str, None] = field(default_factory=dict)
    taken: list[TakenFields] = field(default_factory=list)


class Refused(Exception):
    """Nothing can be read from this file, and why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.id)
        self.problem = problem


def refuse(id_: str, where: str = "", **values: object) -> Refused:
    """The refusal of a file, to be raised."""
    return Refused(Problem(id_, "error", where, values))


def excerpt(text: str, width: int = 60) -> str:
    """A short stretch of `text` on one line, for a problem."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 3] + "..."


def ranges(numbers: Iterable[int], limit: int = 6) -> str:
    """Numbers as people write them: 1, 3-5, 9; the rest of a long list is shown as "..."."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    shown = [str(a) if a == b else f"{a}-{b}" for a, b in runs[:limit]]
    return ", ".join(shown + (["..."] if len(runs) > limit else []))
