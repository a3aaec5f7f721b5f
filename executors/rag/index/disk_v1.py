"""Reads an index of the first form: one folder a version, everything written whole.

index/current.json            which version counts
index/<version>/facts.json    what it was made of, and the SHA-256 of the files beside it
                chunks.jsonl  vectors.faiss  words.npz  words.json
"""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

from advisor.errors import RunError
from advisor.files import sha256_bytes
from executors import versioned
from executors.rag.answer.fence import is_instruction
from executors.rag.chunking.chunk import Chunk
from executors.rag.index.counts import WordCounts, joined
from executors.rag.index.policy import IndexPolicy
from executors.rag.index.rag_index import IndexFacts, RagIndex, entries_of
from executors.rag.index.segment import vectors_of
from executors.rag.index.vectors import make_faiss, prepare

SCHEMA_VERSION = 1


def open_index(folder: Path) -> RagIndex:
    """Open the current version, its documents put in the order of their ids.

    Raises:
        Damaged: a file is missing or not the one written.
        RunError: it is of another form.
    """
    import faiss
    import numpy as np

    home = folder / (versioned.current(folder) or "")
    path = home / versioned.FACTS
    if not path.is_file():
        raise versioned.Damaged(path, path.name, missing=True)
    # The version's name is the digest of its facts, which hold the digests of all else.
    content = path.read_bytes()
    if sha256_bytes(content)[:16] != home.name:
        raise versioned.Damaged(path, path.name, missing=False)
    stored = json.loads(content)
    if stored["schema_version"] > SCHEMA_VERSION:
        raise RunError("index-too-new", where=str(path), version=stored["schema_version"])
    versioned.prove(home, stored["files"])
    policy = IndexPolicy(**stored["policy"])
    known = {field.name for field in fields(IndexFacts)}
    values = {name: value for name, value in stored.items() if name in known}
    told = {name: tuple(stored[name]) for name in ("probe", "suspicious")}
    facts = IndexFacts(**{**values, "policy": policy, **told})
    lines = (home / "chunks.jsonl").read_text(encoding="utf-8").splitlines()
    found = [Chunk.from_record(json.loads(line)) for line in lines]
    order = sorted(range(len(found)), key=lambda row: (found[row].doc_id, found[row].position))
    chunks = [found[row] for row in order]
    rows = np.array(order, dtype=np.int64)
    vectors = faiss.read_index(str(home / "vectors.faiss"))
    if policy.kind == "flat":
        ids = np.array([chunk.id for chunk in found], dtype=np.int64)
        matrix = vectors_of(vectors, ids, rows)
        vectors = make_faiss(policy, matrix, [chunk.id for chunk in chunks])
    entries = entries_of(
        chunks,
        facts.documents,
        {c.doc_id for c in chunks if is_instruction(c.text)},
    )
    words = joined([WordCounts.load(home)], rows)
    return RagIndex(chunks, prepare(policy, vectors), words.index(), facts, entries=entries)
