"""Chunks embedded by two Ray workers have the vectors one process gives; a stop loses little."""

from __future__ import annotations

import sys
from importlib.util import find_spec

import numpy as np
import pytest
from small_corpus import HashingEmbedder, document

from advisor.errors import Forbidden
from advisor.session import Session
from executors.rag.embedding.spread import cluster, embed_spread, permit_cluster
from executors.rag.index.build import cut_documents, embed_chunks
from executors.rag.index.journal import Journal

NEEDS_RAY = pytest.mark.skipif(
    not find_spec("ray"), reason="the extra okakae[ray] is not installed"
)


def _hashing(*_: object) -> HashingEmbedder:
    return HashingEmbedder()


@pytest.mark.slow
@NEEDS_RAY
@pytest.mark.filterwarnings("ignore")
def test_a_plan_that_names_workers_spreads_its_embedding(tmp_path, monkeypatch, handbook) -> None:
    import ray
    from rag_runs import data, plan

    from executors.base import Context
    from executors.rag.executor import RagExecutor
    from executors.rag.index.disk import open_index
    from executors.rundir import RunDir

    ray.cloudpickle.register_pickle_by_value(__import__("small_corpus"))
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    monkeypatch.setattr("executors.rag.executor.open_embedder", _hashing)
    context = Context(Session(lang="en", plain=True, no_input=True, offline=True))
    made = []
    for workers in (1, 2):
        asked = plan(**{"rag.workers": workers})
        run = RunDir.create(tmp_path / str(workers), asked, tmp_path)
        RagExecutor().build(asked, run, data(handbook, tmp_path), context)
        made.append(open_index(run.index))
    assert made[0].ids == made[1].ids
    for row in range(len(made[0].ids)):
        assert np.allclose(made[0].vector(row), made[1].vector(row), atol=1e-6)


@pytest.mark.slow
@NEEDS_RAY
@pytest.mark.filterwarnings("ignore")
def test_two_workers_give_what_one_process_gives_and_resume(tmp_path) -> None:
    import ray

    documents = [document(f"{n}.md", f"第{n}条。" * (n % 7 + 1)) for n in range(60)]
    embedder = HashingEmbedder()
    cut = cut_documents(documents, embedder, chunk_tokens=60, overlap_tokens=0)
    alone, _ = embed_chunks(cut, embedder, lambda _: {})
    # Workers know nothing of the test's own modules: the class goes to them by value.
    ray.cloudpickle.register_pickle_by_value(__import__("small_corpus"))
    journal = Journal(tmp_path, embedder)

    def stop_after(limit: int):
        def keep(keys, vectors) -> None:
            journal.add(keys, vectors)
            if journal.path.stat().st_size > limit:
                raise KeyboardInterrupt

        return keep

    with cluster(2, ""):
        assert ray.cluster_resources()["CPU"] == 2
        with pytest.raises(KeyboardInterrupt):
            embed_spread(
                cut,
                embedder.dimension,
                HashingEmbedder,
                journal.known,
                workers=2,
                on_batch=stop_after(20_000),
                batch=8,
            )
        again = Journal(tmp_path, embedder)
        done: list[int] = []
        spread, embedded = embed_spread(
            cut,
            embedder.dimension,
            HashingEmbedder,
            again.known,
            workers=2,
            on_progress=lambda n, total: done.append(n),
            on_batch=again.add,
            batch=8,
        )
    assert np.allclose(spread, alone, atol=1e-6)
    assert 0 < embedded < len(set(cut.keys))
    assert done[-1] == len(set(cut.keys))


def test_another_machines_cluster_needs_a_yes() -> None:
    session = Session(lang="en", plain=True, no_input=True)
    permit_cluster("", session)
    with pytest.raises(Forbidden):
        permit_cluster("ray://10.0.0.5:10001", session)
    agreed = Session(no_input=True, allow=frozenset({"upload"}))
    permit_cluster("ray://10.0.0.5:10001", agreed)
    with pytest.raises(Forbidden):
        permit_cluster("ray://10.0.0.5:10001", agreed.with_confidential("all"))
