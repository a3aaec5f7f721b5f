"""What many tests share: a quiet session, a tiny model folder, a tiny company, sealed plans."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from advisor.plan import seal, tree_digest
from advisor.session import Session
from advisor.texts import set_lang
from advisor.types import KnowledgeStamp, Plan, PlanInput

os.environ["OKAKAE_READ_CACHE"] = "off"  # made files live for one test
os.environ["HF_HUB_OFFLINE"] = "1"  # read once, when the hub's library is first imported
for folder in (
    "",
    "executors",
    "executors/rag",
):  # made.py, tiny.py and small corpora
    sys.path.insert(0, str(Path(__file__).parent / folder))


@pytest.fixture(autouse=True)
def _language_of_its_own() -> Iterator[None]:
    yield
    set_lang(None)


@pytest.fixture(autouse=True)
def _state_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Runs leave measurements that later estimates read: nobody's but the test's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OKAKAE_STATE_DIR", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture
def session() -> Session:
    return Session(lang="en", no_input=True, plain=True)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of two layers with random weights and a byte tokenizer, as a user has a model."""
    import torch
    from tiny import save_tiny, tiny_llama

    torch.set_num_threads(1)  # tiny matrices: more threads only wait for each other
    return save_tiny(tmp_path_factory.mktemp("model"), tiny_llama(context=4096, hidden=32))


@pytest.fixture
def company(tmp_path: Path) -> Path:
    from made import write_company

    return write_company(tmp_path / "company")


@pytest.fixture
def plan_for() -> Callable[..., Plan]:
    """Makes a sealed plan for data in a folder beside the plan file."""
    from made import CONFIG, TUNING

    def make(
        executor: str, data: Path | None = None, folder: Path | None = None, **over: Any
    ) -> Plan:
        config = CONFIG | (TUNING if executor == "finetune" else {"prompting.shots": 2})
        config |= over.pop("config", {})
        inputs: tuple[PlanInput, ...] = ()
        if data is not None:
            path = os.path.relpath(data, folder or data.parent)
            inputs = (PlanInput("data", Path(path).as_posix(), *tree_digest(data)),)
        fields: dict[str, Any] = {
            "executor": executor,
            "approach": {"finetune": "fine_tuning"}.get(executor, executor),
            "method": "lora" if executor == "finetune" else None,
            "variant": None,
            "place": "local",
            "language": "ja",
            "goal": "new_facts",
            "config": config,
            "config_why": {key: "default" for key in config},
            "inputs": inputs,
            "steps": ("read", "split"),
            "estimates": {},
            "limits": {},
            "expected_machine": {},
            "answers": {"goal": "new_facts"},
            "recommended": "rag",
            "knowledge": KnowledgeStamp("2026.11", "0" * 64),
            "okakae_version": "0.1.0",
            "created": "2026-11-23T00:00:00+00:00",
        }
        return seal(Plan(**(fields | over)))

    return make
