"""The store on Milvus: a local file here, a server or a cluster by its URI, one client for all.

A collection holds per chunk its id, its vector, BM25's half that is the chunk's own
(tf / (tf + k1 (1 - b + b length / average))), its words with their counts, who may see it, and
the chunk. The other half, how rare a word is, goes into the query, so that a search by inner
product gives BM25 without any tokenizer of the engine. Words and how often each occurs stand in a
file of ours beside the collection; what a filter leaves is counted anew, see `milvus_view`.

Chunks come from the index on disk, which stays the place where documents are taken up: `sync`
brings what changed since. Stored halves are written anew when the average length has drifted.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advisor.errors import RunError
from advisor.files import read_json, write_json
from executors.rag.chunking.chunk import Chunk
from executors.rag.index.rag_index import IndexFacts, RagIndex
from executors.rag.index.segment import chunk_line
from executors.rag.index.sparse import K1, B
from executors.rag.search.filter import Filter
from executors.rag.search.milvus_view import MilvusView
from executors.rag.search.store import BACKGROUND, Scored

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


SIDECAR = "milvus-words.json"
DRIFT = 0.01
"""Stored halves are written anew once the average length is off by this share: BM25 scores are
off by at most b times as much until then."""
_BATCH = 500
_IN_A_RANGE = 4000
_LONGEST = 2000
_KEPT = 16
"""Views kept for the next question."""
MOST = 16_000
"""Rows that Milvus gives at once are at most 16,384."""
_MOST_TERMS = 4096
"""The longest array of Milvus; of more distinct words in one chunk the rarest there are left out
where a filter counts anew."""


class MilvusStore:
    """A collection and the words beside it."""

    def __init__(self, client: Any, collection: str, folder: Path, facts: IndexFacts) -> None:
        self._client, self._collection, self._folder = client, collection, folder
        self.facts = facts
        side = _sidecar(folder)
        self.number: dict[str, int] = {word: i for i, word in enumerate(side["words"])}
        self.frequency: list[int] = side["frequency"]
        self.n, self.average = int(side["chunks"]), float(side["average"])
        self.background: list[int] = side["background"]
        self._version: str = side["version"]
        self._kept: OrderedDict[str, MilvusView] = OrderedDict()

    @property
    def version(self) -> str:
        """Of the index whose chunks it holds."""
        return self._version

    def sync(self, index: RagIndex, version: str) -> tuple[int, int]:
        """Bring the collection to an index; returns chunks written and deleted.

        Raises:
            MilvusException: the server refused.
        """
        counts = index.sparse.word_counts()
        lengths = _lengths(counts)
        average = float(lengths.mean())
        self._make(index.facts.dimension)
        held = dict(self._held())
        gone = sorted(held.keys() - set(index.ids))
        # An interrupted sync is begun again: until the words are written, all is written anew.
        drifted = not self.average or abs(average / self.average - 1) > DRIFT
        drifted = drifted or self._version == ""
        digests = [content_digest(chunk) for chunk in index.chunks]
        rows = [
            row
            for row, (id_, digest) in enumerate(zip(index.ids, digests, strict=True))
            if drifted or held.get(id_) != digest
        ]
        if drifted:
            self.average = average
        for word in counts.vocabulary:
            self.number.setdefault(word, len(self.number))
        self._save("")
        for at in range(0, len(gone), _BATCH):
            self._client.delete(self._collection, ids=gone[at : at + _BATCH])
        for at in range(0, len(rows), _BATCH):
            batch = [self._record(index, counts, lengths, row) for row in rows[at : at + _BATCH]]
            self._client.upsert(self._collection, batch)
        self.frequency = [0] * len(self.number)
        names = counts.vocabulary
        for column, frequency in enumerate(_document_frequency(counts)):
            self.frequency[self.number[names[column]]] = frequency
        self.n, self.background = len(index.ids), sorted(index.ids)[:BACKGROUND]
        self._save(version)
        self._kept.clear()
        self.facts = index.facts
        return len(rows), len(gone)

    def within(self, where: Filter | None) -> MilvusView:
        told = expression(where)
        if told not in self._kept:
            self._kept[told] = MilvusView(self, told)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(told)
        return self._kept[told]

    def vectors(self, ids: Sequence[int]) -> NDArray[np.float32]:
        import numpy as np

        held = self._rows(ids, "vector")
        shape = (len(ids), self.facts.dimension)
        return np.array([held[id_] for id_ in ids], dtype=np.float32).reshape(shape)

    def chunks(self, ids: Sequence[int]) -> list[Chunk]:
        held = self._rows(ids, "chunk")
        return [Chunk.from_record(dict(held[id_])) for id_ in ids]

    def document(self, doc_id: str) -> list[Chunk]:
        rows = self.query(f'chunk["doc_id"] == {json.dumps(doc_id, ensure_ascii=False)}', "chunk")
        chunks = [Chunk.from_record(dict(row["chunk"])) for row in rows]
        return sorted(chunks, key=lambda chunk: chunk.position)

    def query(self, told: str, *fields: str) -> list[dict[str, Any]]:
        """Fields of at most `MOST` chunks that an expression names, in any order."""
        found: list[dict[str, Any]] = self._client.query(
            self._collection,
            filter=told,
            output_fields=["id", *fields],
            limit=MOST,
            consistency_level="Strong",
        )
        return found

    def count(self, told: str) -> int:
        """How many chunks an expression names."""
        (row,) = self._client.query(
            self._collection,
            filter=told,
            output_fields=["count(*)"],
            consistency_level="Strong",
        )
        return int(row["count(*)"])

    def search(self, field: str, queries: Sequence[Any], depth: int, told: str) -> list[Scored]:
        """The best by inner product among the chunks that an expression names."""
        found = self._client.search(
            self._collection,
            data=list(queries),
            anns_field=field,
            limit=depth,
            filter=told,
            search_params={"metric_type": "IP"},
            consistency_level="Strong",
        )
        return [[(int(hit["id"]), float(hit["distance"])) for hit in line] for line in found]

    def close(self) -> None:
        self._client.close()

    def _rows(self, ids: Sequence[int], field: str) -> dict[int, Any]:
        held = {}
        for at in range(0, len(ids), _BATCH):
            part = list(ids[at : at + _BATCH])
            for row in self._client.get(self._collection, ids=part, output_fields=["id", field]):
                held[int(row["id"])] = row[field]
        if missing := set(ids) - set(held):
            raise RunError("milvus-row-missing", where=self._collection, n=len(missing))
        return held

    def _held(self) -> Iterator[tuple[int, int]]:
        """Id and digest of every chunk; by ranges, as ids are digests: they hold equally many."""
        count = int(self._client.get_collection_stats(self._collection)["row_count"])
        ranges = count // _IN_A_RANGE + 1
        width = (1 << 63) // ranges + 1
        for low in range(0, 1 << 63, width):
            named = f"id >= {low} and id <= {min(low + width, 1 << 63) - 1}"
            rows = self._client.query(
                self._collection,
                filter=named,
                output_fields=["id", "digest"],
                limit=4 * _IN_A_RANGE,
            )
            yield from ((int(row["id"]), int(row["digest"])) for row in rows)

    def _make(self, dimension: int) -> None:
        from pymilvus import DataType

        if self._client.has_collection(self._collection):
            return
        schema = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dimension)
        schema.add_field("words", DataType.SPARSE_FLOAT_VECTOR)
        for name in ("digest", "length"):
            schema.add_field(name, DataType.INT64)
        for name in ("terms", "counts"):
            numbers = {"element_type": DataType.INT64, "max_capacity": _MOST_TERMS}
            schema.add_field(name, DataType.ARRAY, **numbers)
        for name in ("groups", "metadata"):
            text = {"element_type": DataType.VARCHAR, "max_length": _LONGEST}
            schema.add_field(name, DataType.ARRAY, max_capacity=256, **text)
        schema.add_field("chunk", DataType.JSON)
        indexes = self._client.prepare_index_params()
        kind = "FLAT" if self.facts.policy.kind == "flat" else "HNSW"
        parameters = {} if kind == "FLAT" else {"M": 32, "efConstruction": 200}
        indexes.add_index("vector", index_type=kind, metric_type="IP", params=parameters)
        indexes.add_index("words", index_type="SPARSE_INVERTED_INDEX", metric_type="IP")
        self._client.create_collection(
            self._collection, schema=schema, index_params=indexes, consistency_level="Strong"
        )

    def _record(self, index: RagIndex, counts: Any, lengths: Any, row: int) -> dict[str, Any]:
        chunk = index.chunks[row]
        span = slice(int(counts.starts[row]), int(counts.starts[row + 1]))
        norm = K1 * (1 - B + B * float(lengths[row]) / (self.average or 1.0))
        pairs = zip(counts.columns[span].tolist(), counts.counts[span].tolist(), strict=True)
        tf = {self.number[counts.vocabulary[column]]: count for column, count in pairs}
        often = sorted(tf.items(), key=lambda item: -item[1])[:_MOST_TERMS]
        return {
            "id": index.ids[row],
            "vector": index.vector(row).tolist(),
            # An empty sparse vector is refused; a word nobody asks for is the same.
            "words": {n: c / (c + norm) for n, c in tf.items()} or {(1 << 32) - 2: 1e-6},
            "length": int(lengths[row]),
            "terms": [number for number, _ in often],
            "counts": [count for _, count in often],
            "digest": content_digest(chunk),
            "groups": sorted(chunk.groups),
            "metadata": [_pair(*item) for item in sorted(chunk.metadata.items())],
            "chunk": chunk.record(),
        }

    def _save(self, version: str) -> None:
        self._version = version
        write_json(
            self._folder / SIDECAR,
            {
                "schema_version": 1,
                "version": version,
                "chunks": self.n,
                "average": self.average,
                "background": self.background,
                "words": list(self.number),
                "frequency": self.frequency,
            },
        )


def expression(where: Filter | None) -> str:
    """A filter as a boolean expression of Milvus; empty for none."""
    if where is None:
        return ""
    parts = []
    if where.groups is not None:
        open_ = "array_length(groups) == 0"
        named = json.dumps(sorted(where.groups), ensure_ascii=False)
        parts.append(
            f"({open_} or array_contains_any(groups, {named}))" if where.groups else f"({open_})"
        )
    for name, values in sorted(where.metadata.items()):
        wanted = json.dumps([_pair(name, v) for v in sorted(values)], ensure_ascii=False)
        parts.append(f"array_contains_any(metadata, {wanted})")
    return " and ".join(parts)


def content_digest(chunk: Chunk) -> int:
    """63 bits of everything in a chunk: its id leaves out who may see it and its metadata."""
    return int.from_bytes(hashlib.sha256(chunk_line(chunk)).digest()[:8], "big") >> 1


def _pair(name: str, value: str) -> str:
    return f"{name}={value}"[: _LONGEST // 4]


def _sidecar(folder: Path) -> dict[str, Any]:
    path = folder / SIDECAR
    if path.is_file():
        return read_json(path, dict)
    empty: list[int] = []
    return {
        **{"version": "", "chunks": 0, "average": 0.0},
        **{"words": [], "frequency": empty, "background": empty},
    }


def _lengths(counts: Any) -> Any:
    import numpy as np

    rows = np.repeat(np.arange(len(counts.starts) - 1), np.diff(counts.starts))
    return np.bincount(rows, weights=counts.counts, minlength=len(counts.starts) - 1)


def _document_frequency(counts: Any) -> list[int]:
    import numpy as np

    found: list[int] = np.bincount(counts.columns, minlength=len(counts.vocabulary)).tolist()
    return found
