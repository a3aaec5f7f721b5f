"""Cuts documents into chunks that end at sentence and heading boundaries and keep tables whole."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import PurePosixPath
from typing import Any

from executors.rag.chunking.sentences import Span, blocks, sentences
from knowledge.corpus.types import Document

CountTokens = Callable[[str], int]
_LEAST_TOKENS = 32
"""However long a heading path is, this much room stays for the text below it."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of one document under one heading path, on one page or sheet."""

    doc_id: str
    position: int
    """Its place among the document's chunks, from 0; neighbours are its parents' context."""
    title: str
    source: str
    where: str
    headings: tuple[str, ...]
    text: str
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)
    """What can be searched within: source, kind, date, title, and fields of the company's own."""
    groups: frozenset[str] = frozenset()
    """Who may see it; empty means everybody."""

    @property
    def context(self) -> str:
        """Title and heading path, each part once: what the text alone does not say."""
        parts: list[str] = []
        for part in (self.title, *self.headings):
            if part and not any(part in kept for kept in parts):
                parts.append(part)
        return " > ".join(parts)

    @property
    def embedded_text(self) -> str:
        """What retrieval sees."""
        return f"{self.context}\n{self.text}" if self.context else self.text

    @property
    def id(self) -> int:
        """63 bits of what it holds and where: equal ids mean an equal embedding.

        Who may see it is left out: a changed permission costs no embedding.
        """
        key = "\0".join((self.doc_id, str(self.position), self.context, self.text))
        return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") >> 1

    def record(self) -> dict[str, Any]:
        return {**asdict(self), "groups": sorted(self.groups)}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Chunk:
        """A chunk from what `record` wrote, in this release or an earlier one."""
        sets = {
            "headings": tuple(record["headings"]),
            "groups": frozenset(record.get("groups", ())),
        }
        return cls(**{**record, **sets})


@dataclass(frozen=True, slots=True)
class _Piece:
    span: Span
    tokens: int
    table: bool


def chunk_document(
    document: Document, count_tokens: CountTokens, *, chunk_tokens: int, overlap_tokens: int
) -> list[Chunk]:
    """The document's chunks in reading order; headings without text make none.

    Args:
        document: as read.
        count_tokens: of the embedder, so that nothing is cut off when it is embedded.
        chunk_tokens: most tokens of a chunk, heading path included.
        overlap_tokens: how much of the end of a chunk is said again at the start of the next.
    """
    found: list[Chunk] = []
    metadata = metadata_of(document)
    for (where, headings), group in groupby(document.sections, lambda s: (s.where, s.headings)):
        text = "\n\n".join(section.text for section in group if section.text.strip())
        if not text:
            continue
        bare = Chunk(document.id, 0, document.title, document.source, where, headings, "")
        room = max(_LEAST_TOKENS, chunk_tokens - count_tokens(bare.context))
        for part in _parts(text, count_tokens, room, min(overlap_tokens, room // 3)):
            found.append(
                Chunk(
                    document.id,
                    len(found),
                    document.title,
                    document.source,
                    where,
                    headings,
                    part,
                    metadata,
                    document.groups,
                )
            )
    return found


def metadata_of(document: Document) -> dict[str, str]:
    """What every document can be searched by; a record's own fields of these names win."""
    kind = PurePosixPath(document.source).suffix.lstrip(".").lower()
    general = {
        "source": document.source,
        "kind": kind,
        "date": (document.modified or "")[:10],
        "title": document.title,
    }
    return {**{name: value for name, value in general.items() if value}, **document.metadata}


def _parts(text: str, count_tokens: CountTokens, room: int, overlap: int) -> Iterator[str]:
    if count_tokens(text) <= room:
        yield text.strip("\n")
        return
    held: list[_Piece] = []
    fresh = 0
    for piece in _pieces(text, count_tokens, room):
        if isinstance(piece, str):
            # A part of a table too long for one chunk, with its header repeated.
            if fresh:
                yield _joined(text, held)
            held, fresh = [], 0
            yield piece
            continue
        if fresh and sum(p.tokens for p in held) + piece.tokens > room:
            yield _joined(text, held)
            held, fresh = _tail(held, min(overlap, room - piece.tokens)), 0
        held.append(piece)
        fresh += 1
    if fresh:
        yield _joined(text, held)


def _joined(text: str, pieces: Sequence[_Piece]) -> str:
    line_start = text.rfind("\n", 0, pieces[0].span.start) + 1
    start = pieces[0].span.start
    # The indentation of a list item says whose item it is.
    if not text[line_start:start].strip():
        start = line_start
    return text[start : pieces[-1].span.end]


def _tail(pieces: Sequence[_Piece], overlap: int) -> list[_Piece]:
    kept: list[_Piece] = []
    for piece in reversed(pieces):
        if piece.table or sum(p.tokens for p in kept) + piece.tokens > overlap:
            break
        kept.insert(0, piece)
    return kept if len(kept) < len(pieces) else []


def _pieces(text: str, count_tokens: CountTokens, room: int) -> Iterator[_Piece | str]:
    for block in blocks(text):
        body = block.span.of(text)
        if block.kind == "table":
            tokens = count_tokens(body)
            if tokens <= room:
                yield _Piece(block.span, tokens, True)
            else:
                yield from _table_parts(body, count_tokens, room)
            continue
        for span in sentences(body):
            inside = Span(block.span.start + span.start, block.span.start + span.end)
            tokens = count_tokens(inside.of(text))
            if tokens <= room:
                yield _Piece(inside, tokens, False)
            else:
                yield from _cut(text, inside, count_tokens, room)


def _table_parts(table: str, count_tokens: CountTokens, room: int) -> Iterator[str]:
    lines = table.splitlines()
    head, rows = lines[:2], lines[2:]
    size = base = count_tokens("\n".join(head))
    held: list[str] = []
    for row in rows:
        tokens = count_tokens(row)
        if held and size + tokens > room:
            yield "\n".join([*head, *held])
            held, size = [], base
        held.append(row)
        size += tokens
    if held:
        yield "\n".join([*head, *held])


def _cut(text: str, span: Span, count_tokens: CountTokens, room: int) -> Iterator[_Piece]:
    """A sentence too long for one chunk, cut at a comma or space near where the room ends."""
    start = span.start
    while start < span.end:
        end = span.end
        while (tokens := count_tokens(text[start:end])) > room:
            end = start + max(1, min(end - start - 1, int((end - start) * room / tokens)))
        if end < span.end:
            breaks = [text.rfind(mark, start + (end - start) // 2, end) for mark in "、，,; 　"]
            end = max(breaks) + 1 or end
        yield _Piece(Span(start, end), count_tokens(text[start:end]), False)
        start = end
