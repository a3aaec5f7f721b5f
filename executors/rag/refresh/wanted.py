"""What an index should hold: the files of a data folder, or what it knows with changes applied."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from advisor.errors import UsageError
from executors.rag.refresh.seen import Seen
from knowledge.corpus.readers import FileRead
from knowledge.corpus.reading import known_file, read_files
from knowledge.corpus.source import name_below
from knowledge.corpus.types import Document, KnownFile, Problem
from knowledge.corpus.walking import walk

DELETION_LISTS = ("deleted.txt", "deletions.txt")
"""At the top of a folder of changes: a path, a folder or a document id on each line."""
_PASSING = frozenset({"reader-missing", "unreadable-file", "too-much-memory"})
"""What may be gone next time though the file has not changed."""


@dataclass(slots=True)
class Wanted:
    """Files as they should be known, and the documents of those that were read for it."""

    files: dict[str, KnownFile]
    fresh: dict[str, list[Document]] = field(default_factory=dict)
    refused: list[tuple[str, Problem]] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    """Lines of the deletion list that name nothing in the index."""


def wanted_of_folder(
    root: Path,
    known: Mapping[str, KnownFile],
    seen: Seen,
    *,
    cache: Path | None,
    again: bool = False,
) -> Wanted:
    """What the data folder holds now; only files whose bytes changed are read.

    Args:
        root: the data folder, or a single file.
        known: the files the index was made of, by path.
        seen: digests of files that did not change since they were hashed.
        cache: of what was read before.
        again: read every file: another release may read it otherwise.
    """
    base = root if root.is_dir() else root.parent
    paths = {name_below(path, base): path for path in walk(root)}
    wanted = Wanted({})
    digests = {name: seen.digest(path, name) for name, path in paths.items()}
    same = {
        name
        for name, digest in digests.items()
        if not again and digest and name in known and known[name].digest == digest
    }
    for name in same:
        wanted.files[name] = known[name]
    changed = [(path, name) for name, path in paths.items() if name not in same]
    _read_into(wanted, changed, digests.get, cache)
    return wanted


def wanted_of_changes(
    folder: Path, known: Mapping[str, KnownFile], *, cache: Path | None
) -> Wanted:
    """What the index knows, with the files of `folder` in place of those of the same path.

    Records of a corpus.jsonl take the place of the records with their ids, wherever those stand;
    the other records stay. Files of the deletion list go, whether or not `folder` has them.

    Raises:
        UsageError: the folder is none, or its deletion list cannot be read.
    """
    if not folder.is_dir():
        raise UsageError("path-missing", where=str(folder), path=str(folder))
    wanted = Wanted(dict(known))
    lists = [folder / name for name in DELETION_LISTS if (folder / name).is_file()]
    for line in [line for path in lists for line in _lines(path)]:
        if not _delete(wanted.files, line):
            wanted.absent.append(line)
    read = Wanted({})
    paths = [path for path in walk(folder) if path not in lists]
    _read_into(read, [(path, name_below(path, folder)) for path in paths], lambda _: "", cache)
    for name, file in read.files.items():
        records = {document.id for document in file.documents if document.record}
        _without(wanted.files, records, name)
        before = wanted.files.get(name)
        stays = () if before is None or not records else before.documents
        # Without a digest the folder's own file of this name is read when that is asked for.
        wanted.files[name] = replace(file, digest="", documents=(*stays, *file.documents))
    wanted.fresh, wanted.refused = read.fresh, read.refused
    return wanted


def read_again(root: Path | None, name: str, cache: Path | None) -> list[Document]:
    """The documents of a file that did not change but whose text is needed."""
    if root is None:
        return []
    base = root if root.is_dir() else root.parent
    path = next((p for p in [base / name] if p.is_file()), None)
    if path is None:
        path = next((p for p in walk(root) if name_below(p, base) == name), None)
    if path is None:
        return []
    return [d for _, reads in read_files([(path, name)], cache=cache) for d in _documents(reads)]


def _read_into(
    wanted: Wanted,
    files: Sequence[tuple[Path, str]],
    digest_of: Callable[[str], str | None],
    cache: Path | None,
) -> None:
    for name, reads in read_files(files, cache=cache):
        file = known_file(name, reads)
        problems = [p for p in reads[0].report.problems if p.severity == "error"]
        passing = any(problem.id in _PASSING for problem in problems)
        digest = "" if passing else file.digest or digest_of(name) or ""
        wanted.files[name] = replace(file, digest=digest)
        wanted.fresh[name] = _documents(reads)
        if reads[0].report.status == "refused" and problems:
            wanted.refused.append((name, problems[0]))


def _documents(reads: Sequence[FileRead]) -> list[Document]:
    return [document for read in reads for document in read.documents]


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else error.reason
        raise UsageError("file-unreadable", where=str(path), path=str(path), why=why) from None
    return [line.strip() for line in text.splitlines() if line.strip()]


def _delete(files: dict[str, KnownFile], line: str) -> bool:
    """Take out the file, the files below the folder, or the document that a line names."""
    name = unicodedata.normalize("NFC", line).replace("\\", "/").removeprefix("./")
    below = name.rstrip("/") + "/"
    paths = [path for path in files if path == name or path.startswith(below)]
    for path in paths:
        del files[path]
    return bool(paths) or _without(files, {name, line}, None)


def _without(files: dict[str, KnownFile], ids: set[str], but: str | None) -> bool:
    """Take documents out of their files by id."""
    found = False
    for path, file in list(files.items()) if ids else []:
        stays = tuple(d for d in file.documents if d.id not in ids)
        if len(stays) == len(file.documents):
            continue
        found = True
        if stays or path == but:
            files[path] = replace(file, digest="", documents=stays)
        else:
            del files[path]
    return found
