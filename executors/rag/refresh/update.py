"""Brings an index up to date: only what changed is read, cut, embedded and written."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from advisor.errors import RunError, UsageError
from executors import versioned
from executors.rag.index.build import OnProgress
from executors.rag.index.catalogue import Catalogue
from executors.rag.index.disk import (
    Stored,
    add_part,
    open_index,
    open_stored,
    save_index,
    settle,
    written,
)
from executors.rag.index.journal import clear_journals
from executors.rag.index.rag_index import recipe
from executors.rag.index.segment import Segment
from executors.rag.refresh.difference import Diff, as_files, compare, permit_by, texts_of, undone_by
from executors.rag.refresh.part import OpenEmbedder, new_part, words_counted_by
from executors.rag.refresh.seen import Seen
from executors.rag.refresh.wanted import wanted_of_changes, wanted_of_folder
from knowledge.corpus.types import Document, Problem


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
        wanted = wanted_of_changes(changes, known or as_files(catalogue), cache=cache)
    elif root is not None:
        wanted = wanted_of_folder(root, known, seen, cache=cache, again=again)
        undone = undone_by(known, wanted)
    permit = permit_by(catalogue, wanted, root, changes)
    diff = compare(catalogue, wanted, permit, again)
    if not diff.kept:
        raise RunError("corpus-empty", where=str(changes or root))
    documents, lost = texts_of(diff, wanted, root, cache)
    done = _told(catalogue, diff, documents)
    done.refused, done.absent = wanted.refused + lost, wanted.absent
    gone = {old for old, _ in done.moved} | set(done.deleted)
    done.version = done.version_before = stored.opened.name
    rows = {id_: entry.rows for id_, (_, entry) in catalogue.documents.items()}
    before = sum(rows.values())
    leaving = sum(rows.get(id_, 0) for id_ in {*gone, *(d.id for d in documents)})
    facts = stored.facts
    if again:
        facts = replace(facts, recipe=recipe(), words_by=words_counted_by(facts))
    segment, done.chunks_embedded = new_part(
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


def _told(catalogue: Catalogue, diff: Diff, documents: Sequence[Document]) -> Refreshed:
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
