"""Brings an index up to date: only what changed is read, cut, embedded and written."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.errors import MachineError, RunError, UsageError
from executors import versioned
from executors.rag.catalogue import Catalogue
from executors.rag.counts import WordCounts
from executors.rag.embed import Embedder, refuse_wrong_language
from executors.rag.index import (
    IndexFacts,
    Known,
    OnProgress,
    count_words,
    cut_documents,
    embed_chunks,
    make_faiss,
    recipe,
    refuse_changed_embedder,
)
from executors.rag.journal import Journal, clear_journals
from executors.rag.policy import index_policy
from executors.rag.seen import Seen
from executors.rag.segment import Segment, chunk_line
from executors.rag.store import (
    Stored,
    add_part,
    open_index,
    open_stored,
    save_index,
    settle,
    written,
)
from executors.rag.wanted import Wanted, read_again, wanted_of_changes, wanted_of_folder
from executors.rag.words import needs_sudachi, words_by
from knowledge.corpus.kinds import PERMISSIONS
from knowledge.corpus.links import unique_documents, without_origins
from knowledge.corpus.permissions import both
from knowledge.corpus.permissions import load as load_permissions
from knowledge.corpus.types import Document, KnownDocument, KnownFile, Problem

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

OpenEmbedder = Callable[[], Embedder]
Permit = Callable[[str, KnownDocument, KnownDocument], KnownDocument]
"""Takes a file's path, a document as the file gave it, and the same under its id in the index."""
_SAMPLE_CHARACTERS = 4000


@dataclass(slots=True)
class Refreshed:
    """What a refresh did; documents by their ids."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    moved: list[tuple[str, str]] = field(default_factory=list)
    """Old and new id of documents whose content is the same."""
    deleted: list[str] = field(default_factory=list)
    unchanged: int = 0
    refused: list[tuple[str, Problem]] = field(default_factory=list)
    """Files that were read this time and gave nothing, each with why."""
    absent: list[str] = field(default_factory=list)
    """Lines of the deletion list that name nothing in the index."""
    undone: list[str] = field(default_factory=list)
    """Documents that an earlier folder of changes gave and the data folder has otherwise."""
    suspicious: list[str] = field(default_factory=list)
    chunks: int = 0
    chunks_embedded: int = 0
    chunks_removed: int = 0
    version: str = ""
    version_before: str = ""
    joins: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class _Diff:
    """Documents to cut anew, each with its file and its name there; and those to forget."""

    cut: list[tuple[str, KnownDocument, KnownDocument]]
    deleted: list[str]
    unchanged: int
    kept: int


def refresh_index(
    folder: Path,
    root: Path | None,
    open_embedder: OpenEmbedder,
    *,
    changes: Path | None = None,
    cache: Path | None = None,
    ram_bytes: int,
    on_progress: OnProgress | None = None,
) -> Refreshed:
    """Make the index what building it from the present documents would give.

    Until the end the last good version stays; killed at any moment, so it does too.

    Args:
        folder: of the index.
        root: the data folder; None where there is none.
        open_embedder: called only when something must be cut or embedded.
        changes: a folder of files and deletions to apply in place of looking at `root`.
        cache: of files read before.
        ram_bytes: memory of this machine, for the choice of index.
        on_progress: called with chunks done and chunks in all.

    Raises:
        UsageError: the data folder or the folder of changes is not there.
        RunError: nothing would be left to search, the index is damaged, the embedder is not the
            one it was made with, or it could not be written.
        MachineError: the embedder or the dictionary the index needs is not here.
    """
    started = time.perf_counter()
    if changes is None and (root is None or not root.exists()):
        raise UsageError("refresh-source-gone", where=str(root), path=str(root or "-"))
    with written(folder):
        stored = _stored(folder)
        done = _refresh(folder, stored, root, open_embedder, changes, cache, ram_bytes, on_progress)
        stored.close()
        versioned.collect(folder, keep=done.version_before)
    done.joins = settle(folder, ram_bytes=ram_bytes)
    if done.joins:
        done.version = versioned.current(folder) or done.version
    done.seconds = time.perf_counter() - started
    return done


def _stored(folder: Path) -> Stored:
    stored = open_stored(folder)
    if stored is None:
        # Of the first form: rewritten once, as one part; its files are read anew below.
        save_index(open_index(folder), folder, lock=False)
        stored = open_stored(folder)
    if stored is None:
        raise RunError("index-missing", where=str(folder), path=str(folder))
    return stored


def _refresh(
    folder: Path,
    stored: Stored,
    root: Path | None,
    open_embedder: OpenEmbedder,
    changes: Path | None,
    cache: Path | None,
    ram_bytes: int,
    on_progress: OnProgress | None,
) -> Refreshed:
    _prove_tables(folder, stored)
    catalogue = Catalogue.of(stored.parts)
    known = {path: file for path, (_, file) in catalogue.files.items()}
    again = stored.facts.recipe != recipe() and changes is None
    seen = Seen(folder)
    undone: set[str] = set()
    if changes is not None:
        wanted = wanted_of_changes(changes, known or _as_files(catalogue), cache=cache)
    elif root is not None:
        wanted = wanted_of_folder(root, known, seen, cache=cache, again=again)
        undone = _undone(known, wanted)
    permit = _permissions(catalogue, wanted, root, changes)
    diff = _compare(catalogue, wanted, permit, again)
    if not diff.kept:
        raise RunError("corpus-empty", where=str(changes or root))
    documents, lost = _texts(diff, wanted, root, cache)
    done = _told(catalogue, diff, documents)
    done.refused, done.absent = wanted.refused + lost, wanted.absent
    gone = {old for old, _ in done.moved} | set(done.deleted)
    done.version = done.version_before = stored.opened.name
    rows = {id_: entry.rows for id_, (_, entry) in catalogue.documents.items()}
    before = sum(rows.values())
    leaving = sum(rows.get(id_, 0) for id_ in {*gone, *(d.id for d in documents)})
    facts = stored.facts
    if again:
        facts = replace(facts, recipe=recipe(), words_by=_words_by(facts))
    segment, done.chunks_embedded = _segment(
        folder, stored, facts, catalogue, documents, open_embedder, ram_bytes, on_progress
    )
    _sort_out_unchanged(done, catalogue, stored, segment)
    done.undone = sorted(undone & (gone | set(done.changed)))
    done.chunks = before - leaving + len(segment.ids)
    done.chunks_removed = leaving
    done.suspicious = [entry.id for entry in segment.entries if entry.suspicious]
    if not done.chunks:
        raise RunError("corpus-empty", where=str(changes or root))
    segment.gone_documents = sorted(gone)
    segment.files = [f for path, f in sorted(wanted.files.items()) if known.get(path) != f]
    segment.gone_files = sorted(set(known) - set(wanted.files))
    if segment.entries or gone or segment.files or segment.gone_files or facts != stored.facts:
        touched = gone | {entry.id for entry in segment.entries}
        dead: Counter[int] = Counter()
        for part, entry in (catalogue.documents[i] for i in touched if i in catalogue.documents):
            dead[part] += entry.rows
        done.version = add_part(folder, stored, segment, facts, dead)
    if changes is None:
        seen.save(set(wanted.files))
    clear_journals(folder)
    return done


def _prove_tables(folder: Path, stored: Stored) -> None:
    """Prove what every refresh reads; vectors are proved where some are taken over."""
    files: Mapping[str, str] = stored.opened.record["files"]
    tables = ("documents.json", "files.json", "rows.npz")
    versioned.prove(folder, {n: d for n, d in files.items() if n.endswith(tables)})


def _as_files(catalogue: Catalogue) -> dict[str, KnownFile]:
    """Documents of an index that does not know its files, each as a file of its own."""
    return {
        id_: KnownFile(id_, "", (KnownDocument(id_, id_, entry.fingerprint, False),))
        for id_, (_, entry) in catalogue.documents.items()
    }


def _undone(known: Mapping[str, KnownFile], wanted: Wanted) -> set[str]:
    """Ids in files that came from a folder of changes: the data folder has the last word."""
    applied = [f for path, f in known.items() if not f.digest and wanted.files.get(path) != f]
    stays = {(d.id, d.fingerprint) for f in wanted.files.values() for d in f.documents}
    held = {(d.id, d.fingerprint) for file in applied for d in file.documents}
    return {id_ for id_, _ in held - stays}


def _permissions(
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


def _compare(catalogue: Catalogue, wanted: Wanted, permit: Permit, again: bool) -> _Diff:
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
    return _Diff(cut, deleted, len(final) - len(cut), len(final))


def _texts(
    diff: _Diff, wanted: Wanted, root: Path | None, cache: Path | None
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


def _told(catalogue: Catalogue, diff: _Diff, documents: Sequence[Document]) -> Refreshed:
    """Which documents are new, moved or gone, and which may have changed."""
    done = Refreshed(unchanged=diff.unchanged)
    gone_by: dict[str, list[str]] = defaultdict(list)
    for id_ in diff.deleted:
        gone_by[catalogue.documents[id_][1].digest].append(id_)
    moved_from: set[str] = set()
    for document in documents:
        held = catalogue.documents.get(document.id)
        if held is None:
            if gone_by.get(document.digest):
                old = gone_by[document.digest].pop(0)
                moved_from.add(old)
                done.moved.append((old, document.id))
            else:
                done.added.append(document.id)
        else:
            done.changed.append(document.id)
    done.deleted = [id_ for id_ in diff.deleted if id_ not in moved_from]
    return done


def _sort_out_unchanged(
    done: Refreshed, catalogue: Catalogue, stored: Stored, segment: Segment
) -> None:
    """Documents that only stand elsewhere in their file, or were cut anew, did not change."""
    made = {entry.id: entry for entry in segment.entries}
    changed = []
    for id_ in done.changed:
        part, old = catalogue.documents[id_]
        new = made[id_]
        before = stored.parts[part].keys[old.first : old.first + old.rows]
        now = segment.keys[new.first : new.first + new.rows]
        same = (old.digest, old.groups) == (new.digest, new.groups)
        if not same or before.tolist() != now.tolist():
            changed.append(id_)
    done.unchanged += len(done.changed) - len(changed)
    done.changed = changed


def _segment(
    folder: Path,
    stored: Stored,
    facts: IndexFacts,
    catalogue: Catalogue,
    documents: Sequence[Document],
    open_embedder: OpenEmbedder,
    ram_bytes: int,
    on_progress: OnProgress | None,
) -> tuple[Segment, int]:
    """The new part, and how many of its chunks had to be embedded."""
    import numpy as np

    empty = np.zeros(0, dtype=np.int64)
    if not documents:
        return Segment([], empty, empty, []), 0
    if needs_sudachi(facts.words_by) and not needs_sudachi(words_by()):
        raise MachineError("package-missing", package="sudachipy")
    embedder = open_embedder()
    refuse_changed_embedder(facts, embedder)
    _refuse_language(catalogue, documents, embedder)
    cut = cut_documents(
        documents,
        embedder,
        chunk_tokens=facts.chunk_tokens,
        overlap_tokens=facts.overlap_tokens,
    )
    journal = Journal(folder, embedder)
    known = _known(folder, stored, journal)
    matrix, embedded = embed_chunks(cut, embedder, known, on_progress, journal.add)
    ids = [chunk.id for chunk in cut.chunks]
    segment = Segment(
        [chunk_line(chunk) for chunk in cut.chunks],
        np.array(ids, dtype=np.int64),
        np.array(cut.keys, dtype=np.int64),
        cut.entries,
    )
    if ids:
        policy = index_policy(len(ids), facts.dimension, ram_bytes=ram_bytes)
        segment.vectors = make_faiss(policy, matrix, ids)
        segment.words = WordCounts.build(count_words(cut.chunks, facts.words_by))
    return segment, embedded


def _words_by(facts: IndexFacts) -> str:
    """How words are counted when all are counted anew: as here, but never worse than before."""
    here = words_by()
    return here if needs_sudachi(here) or not needs_sudachi(facts.words_by) else facts.words_by


def _known(folder: Path, stored: Stored, journal: Journal) -> Known:
    files: Mapping[str, str] = stored.opened.record["files"]

    def known(keys: Sequence[int]) -> dict[int, NDArray[np.float32]]:
        import numpy as np

        found = dict(journal.known(keys))
        asked = np.array(sorted(set(keys) - set(found)), dtype=np.int64)
        for part in stored.parts:
            rows = np.flatnonzero(np.isin(part.keys, asked)) if len(asked) else asked
            if not len(rows):
                continue
            name = f"{versioned.PARTS}/{part.home.name}/vectors.faiss"
            # A damaged vector must not move into a part whose digest then calls it sound.
            versioned.prove(folder, {name: files[name]})
            vectors = part.matrix(rows)
            found |= dict(zip(part.keys[rows].tolist(), vectors, strict=True))
            asked = np.setdiff1d(asked, part.keys[rows])
        return found

    return known


def _refuse_language(
    catalogue: Catalogue, documents: Sequence[Document], embedder: Embedder
) -> None:
    sizes: Counter[str] = Counter()
    fresh = {document.id for document in documents}
    for id_, (_, entry) in catalogue.documents.items():
        if id_ not in fresh:
            sizes[entry.language] += entry.characters
    for document in documents:
        sizes[document.language] += len(document.text)
    total = sizes.total() or 1
    sample = "\n".join(d.text for d in documents if d.language == "ja")[:_SAMPLE_CHARACTERS]
    if sample:
        shares = {language: size / total for language, size in sizes.items()}
        refuse_wrong_language(embedder, shares, sample)
