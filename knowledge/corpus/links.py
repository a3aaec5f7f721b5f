"""What ties files to each other: gold documents of questions, and originals of corpus records."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Sequence, Set
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TypeVar

from knowledge.corpus.facts import DocumentFacts
from knowledge.corpus.source import excerpt, ranges
from knowledge.corpus.types import Document, Example, KnownDocument, Problem

Notes = dict[str, list[Problem]]
# Whole documents, or what was counted or kept of them: only names matter here.
D = TypeVar("D", Document, DocumentFacts, KnownDocument)


def linked(
    documents: Sequence[D], records: Set[int], examples: Sequence[Example]
) -> tuple[tuple[D, ...], tuple[Example, ...], Notes]:
    """All documents and examples with ids that are unique and lead somewhere; notes by file.

    Args:
        documents: in reading order.
        records: the `id()` of those that are records of a corpus.jsonl.
        examples: in reading order.
    """
    notes: Notes = defaultdict(list)
    kept = unique_documents(without_origins(documents, records, notes))
    unique = _unique_examples(examples)
    return tuple(kept), tuple(resolve_links(unique, kept, notes)), notes


def unique_documents(documents: Sequence[D]) -> list[D]:
    """Of two records with one id the second takes its file's name before its own."""
    seen: set[str] = set()
    unique = []
    for document in documents:
        one = document
        if one.id in seen:
            one = replace(one, id=f"{one.source}#{one.id}")
        seen.add(one.id)
        unique.append(one)
    return unique


def _unique_examples(examples: Sequence[Example]) -> list[Example]:
    """Ids that two files share get the file's name before them: answers are matched by id."""
    files: dict[str, set[str]] = defaultdict(set)
    for example in examples:
        files[example.id].add(example.source)
    return [replace(e, id=f"{e.source}:{e.id}") if len(files[e.id]) > 1 else e for e in examples]


def resolve_links(
    examples: Sequence[Example], documents: Sequence[D], notes: Notes
) -> list[Example]:
    """Examples with the ids of documents that exist; what could not be found goes to `notes`.

    `就業規則.md` finds `documents/就業規則.md` when exactly one document ends so. Without any
    documents nothing is said: the questions may come alone.
    """
    known = {document.id for document in documents}
    if not known:
        return list(examples)
    by_end = _by_end(documents)
    missing: dict[str, list[tuple[Example, str]]] = defaultdict(list)
    resolved: list[Example] = []
    for example in examples:
        ids = []
        for given in example.doc_ids:
            found = given if given in known else by_end.get(_plain(given))
            if found is None:
                missing[example.source].append((example, given))
            ids.append(found or given)
        resolved.append(replace(example, doc_ids=tuple(ids)) if ids else example)
    for source, found_missing in missing.items():
        notes[source].append(_problem(found_missing))
    return resolved


def _plain(id_: str) -> str:
    return unicodedata.normalize("NFC", id_).replace("\\", "/").removeprefix("./")


def _by_end(documents: Sequence[D]) -> dict[str, str]:
    """Every ending of a path (with and without extension) that only one document has."""
    ends: dict[str, set[str]] = defaultdict(set)
    for document in documents:
        parts = PurePosixPath(document.id).parts
        for start in range(len(parts)):
            end = "/".join(parts[start:])
            ends[end].add(document.id)
            ends[end.removesuffix(PurePosixPath(end).suffix)].add(document.id)
    return {end: next(iter(ids)) for end, ids in ends.items() if len(ids) == 1}


def _problem(found: Sequence[tuple[Example, str]]) -> Problem:
    unit = found[0][0].where.rsplit(" ", 1)[0]
    rows = [int(e.where.rsplit(" ", 1)[-1]) for e, _ in found]
    shown = ", ".join(dict.fromkeys(given for _, given in found))
    values = {"n": len(found), "ids": excerpt(shown)}
    return Problem("unknown-document", "warn", f"{unit} {ranges(rows)}", values, excerpt(shown))


def without_origins(documents: Sequence[D], records: Set[int], notes: Notes) -> list[D]:
    """Leave out files whose text is already there as records of a corpus.jsonl.

    A record names its file in `source`, or bears its name as `_id`. Read twice, the same text
    would compete with itself in every search. `records` holds the `id()` of the records.
    """
    names: dict[str, str] = {}
    for record in (d for d in documents if id(d) in records):
        names.setdefault(record.id, record.id)
        if not record.source.endswith((".jsonl", ".json")):
            names.setdefault(PurePosixPath(record.source).name, record.id)
    kept: list[D] = []
    for document in documents:
        path = PurePosixPath(document.id)
        by = names.get(path.name) or names.get(path.stem)
        if id(document) in records or by is None:
            kept.append(document)
        else:
            notes[document.id].append(Problem("already-in-corpus", "info", "", {"record": by}))
    return kept
