"""One part of an index on disk: the chunks of some documents, and what became of others.

chunks.jsonl      the chunks, sorted by document and position
rows.npz          per chunk: where its line ends, its id, and the digest of what was embedded
documents.json    per document: what it was and which rows are its; or that it is gone
files.json        per file: its digest and the documents it gave; or that it is gone
vectors.faiss     vectors over chunk ids       } absent in a part
words.npz words.json   word counts of each row } without chunks

A later part has the last word on every document and file it names, so that a change costs a part
of its own size and an earlier part never changes.
"""

from __future__ import annotations

import hashlib
import json
import mmap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from executors.rag.chunking.chunk import Chunk
from executors.rag.index.counts import WordCounts
from knowledge.corpus.types import KnownDocument, KnownFile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CHUNKS = "chunks.jsonl"
ROWS = "rows.npz"
DOCUMENTS = "documents.json"
FILES = "files.json"
VECTORS = "vectors.faiss"
# JSON escapes U+2028 and its like only when asked; a line must stay one line.
_LINE_BREAKS = {ord(mark): f"\\u{ord(mark):04x}" for mark in "\x85\u2028\u2029"}


class Entry(NamedTuple):
    """A document of the index and its rows in its part."""

    id: str
    fingerprint: str
    """Of the document as read; empty when it was indexed by an earlier release."""
    digest: str
    groups: tuple[str, ...]
    language: str
    characters: int
    suspicious: bool
    """Whether text stands in it that reads like an instruction to a model."""
    first: int
    rows: int


@dataclass(slots=True)
class Segment:
    """What goes into one part, or came out of it; rows of all fields belong together."""

    lines: Sequence[bytes]
    """One chunk each, as JSON without its line break."""
    ids: NDArray[np.int64]
    keys: NDArray[np.int64]
    entries: list[Entry]
    gone_documents: list[str] = field(default_factory=list)
    files: list[KnownFile] = field(default_factory=list)
    gone_files: list[str] = field(default_factory=list)
    vectors: Any = None
    """A FAISS index over `ids`; None without rows."""
    words: WordCounts | None = None


def content_key(text: str) -> int:
    """63 bits of what an embedder was given: equal keys mean an equal vector."""
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "replace")).digest()[:8], "big") >> 1


def chunk_line(chunk: Chunk) -> bytes:
    line = json.dumps(chunk.record(), ensure_ascii=False).translate(_LINE_BREAKS)
    return line.encode("utf-8", "surrogatepass")


def write_segment(segment: Segment, home: Path) -> None:
    """Write a part into an empty folder.

    Raises:
        OSError: it could not be written.
    """
    import faiss
    import numpy as np

    ends = np.cumsum([len(line) + 1 for line in segment.lines], dtype=np.int64)
    with (home / CHUNKS).open("wb") as stream:
        stream.writelines(line + b"\n" for line in segment.lines)
    np.savez(home / ROWS, ends=ends, ids=segment.ids, keys=segment.keys)
    _write_table(home / DOCUMENTS, segment.entries, segment.gone_documents)
    _write_table(home / FILES, map(_file_record, segment.files), segment.gone_files)
    if segment.words is not None and len(segment.ids):
        segment.words.save(home)
        try:
            faiss.write_index(segment.vectors, str(home / VECTORS))
        except RuntimeError as error:
            raise OSError(str(error)) from None


class SegmentReader:
    """A part on disk; everything is loaded when it is asked for."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._rows: dict[str, NDArray[np.int64]] | None = None
        self._map: mmap.mmap | None = None
        self._vectors: Any = None

    def documents(self) -> tuple[list[Entry], list[str]]:
        """Entries of documents, and ids of those that are gone."""
        table = _read_table(self.home / DOCUMENTS)
        entries = [Entry(*row[:3], tuple(row[3]), *row[4:]) for row in table["held"]]
        return entries, table["gone"]

    def files(self) -> tuple[list[KnownFile], list[str]]:
        """Files that were read, and paths of those that are gone."""
        table = _read_table(self.home / FILES)
        return [_file_of(*row) for row in table["held"]], table["gone"]

    @property
    def ids(self) -> NDArray[np.int64]:
        return self._arrays()["ids"]

    @property
    def keys(self) -> NDArray[np.int64]:
        return self._arrays()["keys"]

    def line(self, row: int) -> bytes:
        """One chunk as JSON."""
        if self._map is None:
            with (self.home / CHUNKS).open("rb") as stream:
                self._map = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        ends = self._arrays()["ends"]
        return self._map[int(ends[row - 1]) if row else 0 : int(ends[row]) - 1]

    def chunk(self, row: int) -> Chunk:
        return Chunk.from_record(json.loads(self.line(row).decode("utf-8", "surrogatepass")))

    def words(self) -> WordCounts:
        return WordCounts.load(self.home)

    def vectors(self) -> Any:
        """The FAISS index; flat ones stay on disk until a vector is asked for."""
        import faiss

        if self._vectors is None:
            path = str(self.home / VECTORS)
            self._vectors = faiss.read_index(path, faiss.IO_FLAG_MMAP_IFC)
        return self._vectors

    def loaded_vectors(self) -> Any:
        """The FAISS index in memory, free to be changed."""
        import faiss

        return faiss.read_index(str(self.home / VECTORS))

    def matrix(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Vectors of rows, of shape (len(rows), dimension)."""
        return vectors_of(self.vectors(), self.ids, rows)

    def close(self) -> None:
        if self._map is not None:
            self._map.close()
        self._map = self._vectors = self._rows = None

    def _arrays(self) -> dict[str, NDArray[np.int64]]:
        import numpy as np

        if self._rows is None:
            with np.load(self.home / ROWS, allow_pickle=False) as stored:
                self._rows = {name: stored[name] for name in ("ends", "ids", "keys")}
        return self._rows


def vectors_of(index: Any, ids: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Vectors of rows out of a FAISS index whose entries stand in the order of `ids`."""
    import faiss
    import numpy as np

    inner = faiss.downcast_index(index.index) if hasattr(index, "id_map") else index
    if isinstance(inner, faiss.IndexFlat):
        whole = faiss.rev_swig_ptr(inner.get_xb(), inner.ntotal * inner.d)
        return np.array(whole.reshape(inner.ntotal, inner.d)[rows], dtype=np.float32)
    if isinstance(index, faiss.IndexIVF) and not index.direct_map.type:
        index.set_direct_map_type(faiss.DirectMap.Hashtable)
    made = np.empty((len(rows), index.d), dtype=np.float32)
    for place, row in enumerate(rows.tolist()):
        made[place] = index.reconstruct(int(ids[row]))
    return made


def moved_rows(entries: Sequence[Entry]) -> list[Entry]:
    """The same documents with their rows counted through in this order."""
    out, first = [], 0
    for entry in entries:
        out.append(entry._replace(first=first))
        first += entry.rows
    return out


def _file_record(file: KnownFile) -> tuple[Any, ...]:
    documents = [
        (d.id, d.source, d.fingerprint, d.record, sorted(d.groups)) for d in file.documents
    ]
    return (file.path, file.digest, documents)


def _file_of(path: str, digest: str, documents: list[list[Any]]) -> KnownFile:
    known = (KnownDocument(*row[:4], frozenset(row[4])) for row in documents)
    return KnownFile(path, digest, tuple(known))


def _write_table(path: Path, held: Iterable[Any], gone: Sequence[str]) -> None:
    plain = json.dumps({"held": list(held), "gone": gone}, ensure_ascii=False)
    path.write_text(plain, encoding="utf-8", errors="surrogatepass")


def _read_table(path: Path) -> dict[str, Any]:
    table: dict[str, Any] = json.loads(path.read_text(encoding="utf-8", errors="surrogatepass"))
    return table
