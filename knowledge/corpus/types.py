"""What a company's own material becomes once read: documents, examples, and what was wrong."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

Severity = Literal["info", "warn", "error"]
ExampleKind = Literal["qa", "rewrite", "labelled", "grounded"]
Part = Literal["train", "validation", "test"]
FileStatus = Literal["ok", "warn", "refused"]


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of a document under one heading path, on one page or sheet."""

    text: str
    where: str = ""
    headings: tuple[str, ...] = ()
    kind: Literal["text", "table"] = "text"


@dataclass(frozen=True, slots=True)
class Document:
    """One file (or one corpus.jsonl record), in reading order.

    `id` is the `_id` of a corpus.jsonl record, else the path relative to the data root.
    """

    id: str
    title: str
    source: str
    sections: tuple[Section, ...]
    digest: str
    modified: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Fields of a corpus.jsonl record beyond those with a meaning of their own."""
    groups: frozenset[str] = frozenset()
    """Who may see it; empty means everybody."""

    @property
    def text(self) -> str:
        """The whole text, with each heading once before what it heads."""
        parts: list[str] = []
        shown: tuple[str, ...] = ()
        for section in self.sections:
            for depth, heading in enumerate(section.headings):
                if shown[: depth + 1] != section.headings[: depth + 1]:
                    parts.append(f"{'#' * (depth + 1)} {heading}")
            shown = section.headings
            parts.append(section.text)
        return "\n\n".join(part for part in parts if part)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over all of it but its id and groups: equal means equal chunks.

        Who may see it is compared by itself, since a permissions file closes what did not change.
        """
        apart = ("id", "groups")
        held = {name: value for name, value in asdict(self).items() if name not in apart}
        plain = json.dumps(held, ensure_ascii=False, sort_keys=True, default=sorted)
        return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def language(self) -> str:
        """The main language of the text: ja, en, zh, ko or other."""
        from knowledge.corpus.languages import language

        return language(self.text)


@dataclass(frozen=True, slots=True)
class Example:
    """One question–answer pair, one rewriting pair, or one labelled text."""

    id: str
    kind: ExampleKind
    prompt: str
    completion: str
    source: str
    where: str
    answerable: bool = True
    doc_ids: tuple[str, ...] = ()
    must_contain: tuple[tuple[str, ...], ...] = ()
    label: str | None = None
    group: str | None = None
    gold_passage: str | None = None
    type: str | None = None
    part: Part | None = None
    """The part of a split that its owner put it in; None leaves that to okakae."""


@dataclass(frozen=True, slots=True)
class FieldMap:
    """The names under which a record carries an example."""

    kind: ExampleKind
    prompt: str
    completion: str
    context: str | None = None


@dataclass(frozen=True, slots=True)
class TakenFields:
    """How `rows` examples of a file came about: which names were taken, in which known format.

    `format` is columns, alpaca, prompt_completion, messages or sharegpt; the chat formats have
    roles in place of names.
    """

    fields: FieldMap
    format: str
    rows: int


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a file; text, reason and fix stand in the texts catalog under its id.

    `where` is for people and may end in "..."; `places` names every row, page or section, and
    `of`, one for one, what a row repeats.
    """

    id: str
    severity: Severity
    where: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    excerpt: str = ""
    places: tuple[str, ...] = ()
    of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FileReport:
    """What one file was, what came out of it, and what is wrong with it."""

    path: str
    kind: str
    encoding: str | None
    status: FileStatus
    documents: int
    examples: int
    characters: int
    problems: tuple[Problem, ...] = ()
    rows: int | None = None
    """Rows of data in a table or a JSONL file, its header not counted; None for other kinds."""
    columns: tuple[str, ...] = ()
    """Names of columns or keys, in the order in which they were met."""
    taken: tuple[TakenFields, ...] = ()
    """What was taken as question and answer."""


@dataclass(frozen=True, slots=True)
class KnownDocument:
    """What is remembered of a document as its file gave it, before ids were made unique."""

    id: str
    source: str
    fingerprint: str
    """Changes with whatever of it could be searched or shown; see `fingerprint`."""
    record: bool
    """Whether it is a record of a corpus.jsonl."""
    groups: frozenset[str] = frozenset()
    """Who may see it, as far as the document itself says."""


@dataclass(frozen=True, slots=True)
class KnownFile:
    """What is remembered of a file, so that only changed files are read again."""

    path: str
    digest: str
    """SHA-256 of its bytes; empty when they could not be read."""
    documents: tuple[KnownDocument, ...] = ()


@dataclass(frozen=True, slots=True)
class Corpus:
    """Everything read from a data folder; `digest` changes when any byte of it does.

    `problems` are those between files; what concerns one file stands in its report.
    """

    root: Path
    documents: tuple[Document, ...]
    examples: tuple[Example, ...]
    files: tuple[FileReport, ...]
    digest: str
    problems: tuple[Problem, ...] = ()
    known: tuple[KnownFile, ...] = ()
    """The files in reading order, members of archives with what holds them."""


@dataclass(frozen=True, slots=True)
class DataFacts:
    """What the advice needs to know of the data, as counts."""

    path: str
    n_documents: int
    n_examples: int
    n_qa_pairs: int
    n_rewrites: int
    n_labelled: int
    n_classes: int
    n_unanswerable: int
    n_refused: int
    corpus_characters: int
    corpus_tokens: int
    example_tokens_mean: float
    example_tokens_max: int
    languages: Mapping[str, float]
    newest: str | None
    digest: str
    encodings: Mapping[str, int] = field(default_factory=dict)
    """How many files were read in which character encoding."""
    days: tuple[str, ...] = ()
    """The days on which documents were last changed, oldest first, each once."""
