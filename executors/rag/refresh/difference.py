"""In what an index differs from what it should hold, and who may see each document now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from advisor.errors import RunError
from executors.rag.index.catalogue import Catalogue
from executors.rag.refresh.wanted import Wanted, read_again
from knowledge.corpus.kinds import PERMISSIONS
from knowledge.corpus.links import unique_documents, without_origins
from knowledge.corpus.permissions import both
from knowledge.corpus.permissions import load as load_permissions
from knowledge.corpus.types import Document, KnownDocument, KnownFile, Problem

Permit = Callable[[str, KnownDocument, KnownDocument], KnownDocument]
"""Takes a file's path, a document as the file gave it, and the same under its id in the index."""


@dataclass(slots=True)
class Diff:
    """Documents to cut anew, each with its file and its name there; and those to forget."""

    cut: list[tuple[str, KnownDocument, KnownDocument]]
    deleted: list[str]
    unchanged: int
    kept: int


def as_files(catalogue: Catalogue) -> dict[str, KnownFile]:
    """Documents of an index that does not know its files, each as a file of its own."""
    return {
        id_: KnownFile(id_, "", (KnownDocument(id_, id_, entry.fingerprint, False),))
        for id_, (_, entry) in catalogue.documents.items()
    }


def undone_by(known: Mapping[str, KnownFile], wanted: Wanted) -> set[str]:
    """Ids in files that came from a folder of changes: the data folder has the last word."""
    applied = [f for path, f in known.items() if not f.digest and wanted.files.get(path) != f]
    stays = {(d.id, d.fingerprint) for f in wanted.files.values() for d in f.documents}
    held = {(d.id, d.fingerprint) for file in applied for d in file.documents}
    return {id_ for id_, _ in held - stays}


def permit_by(
    catalogue: Catalogue, wanted: Wanted, root: Path | None, changes: Path | None
) -> Permit:
    """Gives a document of a file the groups that may see it now.

    A folder of changes says nothing of the documents it does not hold: these keep their groups. Its
    own must meet its permissions file and that of the data folder.

    Raises:
        RunError: the index is restricted, and neither folder says what is open.
    """
    folders = [folder for folder in (root, changes) if folder is not None and folder.exists()]
    rules = [load_permissions(folder) for folder in folders]
    if changes is not None and not (root and root.exists()):
        restricted = any(entry.groups for _, entry in catalogue.documents.values())
        if restricted and not (changes / PERMISSIONS).is_file():
            raise RunError("refresh-permissions-gone", where=str(changes), path=str(root or "-"))
    given = {path: {d.id for d in documents} for path, documents in wanted.fresh.items()}

    def permit(path: str, document: KnownDocument, kept: KnownDocument) -> KnownDocument:
        held = catalogue.documents.get(kept.id)
        stays = changes is not None and document.id not in given.get(path, ())
        if stays and held is not None:
            return replace(kept, groups=frozenset(held[1].groups))
        return replace(kept, groups=both(kept.groups, *(rule.of(kept) for rule in rules)))

    return permit


def compare(catalogue: Catalogue, wanted: Wanted, permit: Permit, again: bool) -> Diff:
    raw = [(path, d) for path, file in sorted(wanted.files.items()) for d in file.documents]
    paths = {id(document): path for path, document in raw}
    records = {id(document) for _, document in raw if document.record}
    named = without_origins([document for _, document in raw], records, defaultdict(list))
    final = unique_documents(named)
    cut = []
    for document, unique in zip(named, final, strict=True):
        kept = permit(paths[id(document)], document, unique)
        held = catalogue.documents.get(kept.id)
        same = held is not None and (
            held[1].fingerprint == kept.fingerprint and held[1].groups == tuple(sorted(kept.groups))
        )
        if again or not same:
            cut.append((paths[id(document)], document, kept))
    ids = {document.id for document in final}
    deleted = sorted(set(catalogue.documents) - ids)
    return Diff(cut, deleted, len(final) - len(cut), len(final))


def texts_of(
    diff: Diff, wanted: Wanted, root: Path | None, cache: Path | None
) -> tuple[list[Document], list[tuple[str, Problem]]]:
    """The documents to cut, under the ids they have in the index; and files that are not there."""
    found: list[Document] = []
    lost: dict[str, Problem] = {}
    by_file: dict[str, dict[tuple[str, str], Document]] = {}
    for path, document, kept in diff.cut:
        if path not in by_file:
            read = wanted.fresh.get(path) or []
            by_file[path] = {(d.id, d.fingerprint): d for d in read}
        key = (document.id, document.fingerprint)
        if key not in by_file[path]:
            more = read_again(root, path, cache)
            by_file[path] |= {(d.id, d.fingerprint): d for d in more}
        text = by_file[path].get(key)
        if text is None:
            lost[path] = Problem("unreadable-file", "error", "", {"why": "FileNotFoundError"})
            continue
        found.append(replace(text, id=kept.id, groups=kept.groups))
    return found, sorted(lost.items())
