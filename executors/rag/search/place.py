"""Where a run is searched: its index in memory, or a Milvus collection that follows the index."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from advisor.session import Session
from executors import versioned
from executors.base import Lack
from executors.rag.index.disk import open_index, open_stored
from executors.rag.search.milvus import MilvusStore
from executors.rag.search.milvus_client import connect, is_file
from executors.rundir import RunDir

COLLECTION = "okakae"
LOCAL_FILE = "milvus.db"


def on_milvus(config: Mapping[str, Any]) -> bool:
    return str(config.get("rag.store", "faiss")) == "milvus"


def milvus_lacks(config: Mapping[str, Any]) -> list[Lack]:
    """The packages a plan's store needs and this machine has not."""
    if not on_milvus(config):
        return []
    uri = str(config.get("rag.milvus_uri", ""))
    wanted = {"pymilvus": "pymilvus", **({"milvus-lite": "milvus_lite"} if is_file(uri) else {})}
    missing = [name for name, module in wanted.items() if not find_spec(module)]
    return [Lack("package-missing", {"package": name}) for name in missing]


def milvus_client(run: RunDir, config: Mapping[str, Any], session: Session) -> Any:
    """A connection to the plan's Milvus, after consent where it is not this machine.

    Raises:
        Forbidden, MachineError: as `connect`.
    """
    return connect(str(config.get("rag.milvus_uri", "")) or str(run.path / LOCAL_FILE), session)


def milvus_store(run: RunDir, client: Any) -> MilvusStore:
    """The run's collection, brought up to its index where that went on without it.

    Raises:
        RunError: the index is missing or damaged.
    """
    stored = open_stored(run.index)
    facts = open_index(run.index).facts if stored is None else stored.facts
    store = MilvusStore(client, _collection(run), run.path, facts)
    version = versioned.current(run.index) or ""
    if store.version != version:
        store.sync(open_index(run.index), version)
    return store


def _collection(run: RunDir) -> str:
    """One collection a run, so that two runs on one server do not meet."""
    seal = run.manifest.plan_seal[:12]
    started = "".join(c for c in run.manifest.started if c.isdigit())[:14]
    return f"{COLLECTION}_{seal or 'run'}_{started}"
