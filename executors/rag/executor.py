"""The RAG road: chunk, embed, index and calibrate once; then answer from what is found."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from advisor.errors import RunError
from advisor.files import write_json
from advisor.session import Session
from advisor.types import Plan, Scalar
from executors.base import Context, Generator, Lack, RunData
from executors.generator import generator_lacks, open_generator
from executors.rag.answer.abstain import Threshold, calibrate, risk_coverage, weights_for
from executors.rag.answer.system import RagSystem
from executors.rag.embedding import choose, lacks, open_embedder, refuse_wrong_language
from executors.rag.embedding.spread import cluster, embed_spread, permit_cluster, wants_ray
from executors.rag.index.build import Embed, build_index
from executors.rag.index.disk import index_bytes, open_index, save_index
from executors.rag.index.journal import Journal, clear_journals
from executors.rag.index.rag_index import RagIndex, refuse_changed_embedder
from executors.rag.search.design import design_search, open_search
from executors.rag.search.faiss_store import FaissStore
from executors.rag.search.place import milvus_client, milvus_lacks, milvus_store, on_milvus
from executors.rag.search.retrieve import Retriever
from executors.rag.search.store import Store
from executors.rundir import RunDir
from knowledge.corpus.permissions import NOBODY
from knowledge.corpus.permissions import load as load_permissions
from knowledge.corpus.types import Document, Example

RETRIEVAL_FILE = "retrieval.json"
ABSTENTION_FILE = "abstention.json"
LEFT_OUT_QUESTIONS = 200
"""More near misses would move the line by less than its interval."""
PACKAGES = ("faiss", "numpy", "sudachipy")
DEFAULTS: Mapping[str, Scalar] = {
    "rag.embedder": "auto",
    "rag.chunk_tokens": 400,
    "rag.overlap_tokens": 48,
    "rag.top_k": 5,
    "rag.retrieval": "auto",
    "rag.reranker": "auto",
    "rag.tune": False,
    "rag.answer": "extractive",
    "rag.abstain": True,
    "rag.store": "faiss",
    "rag.milvus_uri": "",
    "rag.workers": 1,
    "rag.ray_address": "",
    "rag.abstain_below": 0.0,
    "rag.unsupported": "drop",
    "generate.max_new_tokens": 128,
}
"""What a plan that does not name a setting means, so that older plans keep working."""
_SAMPLE_CHARACTERS = 4000


class RagExecutor:
    name = "rag"

    def check(self, plan: Plan, data_root: Path | None) -> list[Lack]:
        """Missing packages, embedder, documents or generator; nothing is loaded."""
        found = [Lack("package-missing", {"package": p}) for p in PACKAGES if not find_spec(p)]
        found += milvus_lacks(plan.config)
        spread = wants_ray(
            int(_setting(plan, "rag.workers")), str(_setting(plan, "rag.ray_address"))
        )
        if spread and not find_spec("ray"):
            found.append(Lack("package-missing", {"package": "ray"}))
        wanted = str(_setting(plan, "rag.embedder"))
        if missing := lacks(wanted):
            found.append(Lack("embedder-missing", {"embedder": missing}))
        if data_root is None or not data_root.exists():
            found.append(Lack("rag-documents-missing", {"path": str(data_root or "-")}))
        if _generates(plan):
            found += generator_lacks(plan.config)
        return found

    def build(self, plan: Plan, run: RunDir, data: RunData, context: Context) -> dict[str, float]:
        """Index the corpus and calibrate abstention; returns what it took and what came out."""
        started = time.perf_counter()
        session = context.session
        documents = [d for d in data.corpus.documents if d.text.strip()]
        if not documents:
            raise RunError("corpus-empty", where=str(data.corpus.root))
        # Asked first: nobody should wait for an index that may not go where it is to go.
        client = milvus_client(run, plan.config, session) if on_milvus(plan.config) else None
        choice = choose(str(_setting(plan, "rag.embedder")))
        embedder = open_embedder(choice.id, session)
        languages = _languages(documents)
        refuse_wrong_language(embedder, languages, _sample(documents))
        run.event("embedder", id=choice.id, reason=choice.reason)
        folder = run.index
        embed_started = time.perf_counter()
        built = partial(
            build_index,
            data.corpus.documents,
            embedder,
            overlap_tokens=int(_setting(plan, "rag.overlap_tokens")),
            ram_bytes=ram_bytes(),
        )
        with (
            _embedding(plan, choice.id, embedder.dimension, session) as embed,
            session.progress(session.t("rag.progress.index"), total=1.0) as bar,
        ):
            index = built(
                chunk_tokens=int(_setting(plan, "rag.chunk_tokens")),
                reuse=_earlier(folder, embedder.id),
                on_progress=lambda done, total: bar.update(done / total, f"{done}/{total}"),
                journal=Journal(folder, embedder),
                embed=embed,
            )
        embed_seconds = time.perf_counter() - embed_started
        if index.facts.suspicious:
            session.say(
                "rag.suspicious",
                n=len(index.facts.suspicious),
                documents=", ".join(index.facts.suspicious[:5]),
            )
        _say_restrictions(session, documents, data.corpus.root)
        questions = _questions((*data.split.train, *data.split.validation))
        search = design_search(
            index,
            embedder,
            questions,
            languages,
            session,
            wanted=str(_setting(plan, "rag.retrieval")),
            reranker=str(_setting(plan, "rag.reranker")),
            tuned=bool(_setting(plan, "rag.tune")),
            index_at=lambda tokens: built(chunk_tokens=tokens),
            embed_seconds=embed_seconds,
        )
        retriever, fusion = search.retriever, search.mode
        index = search.index
        save_index(index, folder, data.corpus.known)
        clear_journals(folder)
        if client is not None:
            milvus_store(run, client).close()
        threshold = self._calibrate(plan, run, retriever, questions, context, search.top_k)
        write_json(
            run.artifacts / RETRIEVAL_FILE,
            {
                "schema_version": 1,
                **search.record,
                "top_k": search.top_k or int(_setting(plan, "rag.top_k")),
                "embedder": choice.id,
                "embedder_why": {"reason": choice.reason, **choice.values},
                "languages": languages,
                "index": {"kind": index.facts.policy.kind, "reason": index.facts.policy.reason},
                "threshold": threshold.record(),
                "suspicious_documents": list(index.facts.suspicious),
            },
        )
        if fusion.found_in_five is not None:
            percent = round(100 * fusion.found_in_five)
            session.say("rag.self-test", n=fusion.questions, percent=percent)
        run.metric(stage="index", chunks=len(index.chunks), **fusion.reciprocal_rank)
        return {
            "build_seconds": time.perf_counter() - started,
            "documents": float(len(documents)),
            "chunks": float(len(index.chunks)),
            "chunks_embedded": float(index.embedded),
            "embed_seconds": embed_seconds,
            "documents_per_second": len(documents) / max(embed_seconds, 1e-9),
            "index_bytes": float(index_bytes(folder)),
            "index_recall": index.facts.recall,
        }

    def open(self, run: RunDir, context: Context) -> RagSystem:
        """Load the index, prove it and its embedder unchanged, and open the generator if any.

        Raises:
            RunError: a file is missing or damaged, or the embedder changed.
            MachineError: the embedder is not installed here.
        """
        made = open_generator(run.plan.config, context) if _generates(run.plan) else None
        return self.open_with(run, context, made)

    def open_with(
        self,
        run: RunDir,
        context: Context,
        generator: Generator | None = None,
        *,
        in_memory: bool = False,
    ) -> RagSystem:
        """The same with another generator, or quoting.

        Args:
            in_memory: search the run's own index also where a copy is on Milvus.
        """
        plan = run.plan
        stored = _retrieval(run)
        # Embedder first: torch must be loaded before FAISS, or their OpenMP copies clash on macOS.
        embedder = open_embedder(stored["embedder"], context.session)
        store: Store
        if on_milvus(plan.config) and not in_memory:
            store = milvus_store(run, milvus_client(run, plan.config, context.session))
        else:
            store = FaissStore(open_index(run.index))
        retriever = open_search(stored, store, embedder, context.session)
        refuse_changed_embedder(store.facts, embedder)
        line = float(_setting(plan, "rag.abstain_below")) or stored["threshold"]["value"]
        return _system(
            plan,
            retriever,
            threshold=line if _setting(plan, "rag.abstain") else 0.0,
            generator=generator,
            top_k=stored.get("top_k"),
        )

    def _calibrate(
        self,
        plan: Plan,
        run: RunDir,
        retriever: Retriever,
        questions: Sequence[Example],
        context: Context,
        top_k: int | None,
    ) -> Threshold:
        """Draw the line on questions that are not held out; retrieval itself learns nothing.

        Every answerable question is asked once more without its documents: so even a company that
        has no unanswerable questions learns what its near misses look like.
        """
        system = _system(plan, retriever, threshold=0.0, generator=None, top_k=top_k)
        answerable = [e for e in questions if e.answerable]
        alone = [e for e in answerable if e.doc_ids][:LEFT_OUT_QUESTIONS]
        sure: dict[str, list[float]] = {"answerable": [], "unanswerable": [], "left_out": []}
        label = context.session.t("rag.progress.calibrate")
        total = float(len(questions) + len(alone) or 1)
        with context.session.progress(label, total=total) as bar:
            for example in questions:
                kind = "answerable" if example.answerable else "unanswerable"
                sure[kind] += system.confidences([example.prompt])
                bar.advance()
            for example in alone:
                sure["left_out"].append(system.confidence_without(example.prompt, example.doc_ids))
                bar.advance()
        default = weights_for(retriever.embedder.id).threshold
        threshold = calibrate(**sure, default=default)
        write_json(
            run.artifacts / ABSTENTION_FILE,
            {
                **threshold.record(),
                "curve": risk_coverage(sure["answerable"], sure["unanswerable"]),
                "curve_left_out": risk_coverage(sure["answerable"], sure["left_out"]),
            },
        )
        return threshold


@contextmanager
def _embedding(
    plan: Plan, embedder: str, dimension: int, session: Session
) -> Iterator[Embed | None]:
    """How chunks are embedded: None in this process, else by the plan's workers."""
    workers, address = int(_setting(plan, "rag.workers")), str(_setting(plan, "rag.ray_address"))
    if not wants_ray(workers, address):
        yield None
        return
    permit_cluster(address, session)
    with cluster(workers, address):
        load = partial(open_embedder, embedder, session)
        yield partial(embed_spread, dimension=dimension, open_embedder=load, workers=workers)


def _system(
    plan: Plan,
    retriever: Retriever,
    *,
    threshold: float,
    generator: Generator | None,
    top_k: int | None = None,
) -> RagSystem:
    return RagSystem(
        retriever,
        threshold=threshold,
        top_k=top_k or int(_setting(plan, "rag.top_k")),
        lang=plan.language,
        generator=generator,
        max_new_tokens=int(_setting(plan, "generate.max_new_tokens")),
        unsupported="mark" if _setting(plan, "rag.unsupported") == "mark" else "drop",
    )


def _generates(plan: Plan) -> bool:
    return _setting(plan, "rag.answer") == "generate"


def stored_embedder(run: RunDir) -> str:
    """The embedder a run's index was made with.

    Raises:
        RunError: the run has no index.
    """
    return str(_retrieval(run)["embedder"])


def _retrieval(run: RunDir) -> dict[str, Any]:
    path = run.artifacts / RETRIEVAL_FILE
    if not path.is_file():
        raise RunError("index-missing", where=str(path), path=str(path))
    stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return stored


def _setting(plan: Plan, id_: str) -> Scalar:
    return plan.config.get(id_, DEFAULTS[id_])


def _say_restrictions(session: Session, documents: Sequence[Document], root: Path) -> None:
    """How many documents are not open to everybody, and patterns that close nothing."""
    restricted = [d for d in documents if d.groups]
    if restricted:
        closed = sum(d.groups == NOBODY for d in restricted)
        session.say("rag.restricted", n=len(restricted) - closed, closed=closed)
    if unused := load_permissions(root).unused(documents):
        session.say("rag.permissions-unused", patterns=", ".join(unused))


def _earlier(folder: Path, embedder: str) -> RagIndex | None:
    """What an interrupted or earlier build left, if it can be trusted."""
    try:
        index = open_index(folder)
    except RunError:
        return None
    return index if index.facts.embedder == embedder else None


def _questions(examples: Sequence[Example]) -> list[Example]:
    return [e for e in examples if e.kind == "qa" and e.prompt.strip()]


def _languages(documents: Sequence[Document]) -> dict[str, float]:
    """Shares of the corpus by language, by characters."""
    sizes: Counter[str] = Counter()
    for document in documents:
        sizes[document.language] += len(document.text)
    total = sizes.total() or 1
    return {language: round(size / total, 4) for language, size in sizes.most_common()}


def _sample(documents: Sequence[Document]) -> str:
    japanese = [d.text for d in documents if d.language == "ja"]
    return "\n".join(japanese)[:_SAMPLE_CHARACTERS]


def ram_bytes() -> int:
    import psutil

    return int(psutil.virtual_memory().total)
