"""The memory ladder: each step smaller, the effective batch the same, nothing left out unasked."""

from __future__ import annotations

import pytest
from made import TUNING

from executors.finetune.ladder import Lengths, Rung, next_rung, shorter
from executors.finetune.memory import died_of_memory, is_out_of_memory
from executors.finetune.rehearsal import tolerated

LENGTHS = Lengths((100,) * 19 + (900,), spare=2)


def walk(rung: Rung, *, may_shorten: bool = False, four_bits: bool = True) -> list[Rung]:
    rungs = []
    found: Rung | None = rung
    while (
        found := next_rung(
            found, LENGTHS, may_shorten=lambda _length, _n: may_shorten, four_bits=four_bits
        )
    ) is not None:
        rungs.append(found)
        assert len(rungs) < 20, "a ladder without an end"
    return rungs


def start(method: str = "lora", **over: object) -> Rung:
    config = TUNING | {"finetune.batch_size": 8, "finetune.grad_accum": 2, "finetune.seq_len": 1024}
    return Rung(method, config | {f"finetune.{key}": v for key, v in over.items()})  # type: ignore[arg-type]


def test_the_order_is_batch_recomputation_length_four_bits() -> None:
    steps = [rung.step for rung in walk(start(), may_shorten=True)]
    assert steps == ["smaller-micro-batch"] * 3 + ["checkpointing", "shorter", "qlora"]


@pytest.mark.parametrize("batch", [1, 2, 3, 6, 7, 8, 12, 30])
def test_the_effective_batch_never_changes(batch: int) -> None:
    for method in ("full", "lora", "qlora"):
        rungs = walk(start(method, batch_size=batch), may_shorten=True)
        assert {rung.effective_batch for rung in rungs} == {2 * batch}
        assert rungs[-1].config["finetune.batch_size"] == 1


def test_rows_are_left_out_only_with_a_yes() -> None:
    assert "shorter" not in [rung.step for rung in walk(start())]
    (cut,) = [rung for rung in walk(start(), may_shorten=True) if rung.step == "shorter"]
    assert (cut.config["finetune.seq_len"], cut.left_out, cut.restarts) == (100, 1, True)


def test_rows_of_one_length_cannot_be_made_shorter() -> None:
    assert shorter(Lengths((50,) * 30, spare=3), 1024) == (50, 0)
    assert shorter(Lengths(), 1024) == (1024, 0)


def test_general_rows_longer_than_the_task_go_first() -> None:
    assert shorter(Lengths((50,) * 30, (40, 90), spare=0), 1024) == (50, 1)


@pytest.mark.parametrize("n", [20, 99, 100, 101, 300])
@pytest.mark.parametrize("long_before", [0, 1, 7])
def test_a_shorter_length_leaves_out_no_more_than_a_training_is_refused_for(
    n: int, long_before: int
) -> None:
    """Rows that were too long before count as well, and the same length is found again."""
    bad = min(long_before, tolerated(n))
    task = tuple(range(100, 100 + n - bad))
    length, left_out = shorter(Lengths(task, (30, 40), tolerated(n) - bad), 1024)
    assert bad + left_out == tolerated(n)
    kept = tuple(one for one in task if one <= length)
    assert shorter(Lengths(kept, (30, 40), 0), length) == (length, 0)


def test_four_bits_are_the_last_step_and_take_the_rate_of_an_adapter() -> None:
    last = walk(start("full", learning_rate=2e-5))[-1]
    assert (last.method, last.restarts) == ("qlora", True)
    assert last.config["finetune.learning_rate"] == pytest.approx(2e-4)
    assert walk(start("lora", learning_rate=2e-4))[-1].config["finetune.learning_rate"] == 2e-4
    assert [rung.step for rung in walk(start("qlora"))][-1] == "checkpointing"
    assert "qlora" not in [rung.step for rung in walk(start(), four_bits=False)]


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"),
        OSError(12, "Cannot allocate memory"),
        type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory."),
    ],
)
def test_every_form_of_too_little_memory_is_known(error: Exception) -> None:
    assert is_out_of_memory(error)
    wrapped = ValueError("loading failed")
    wrapped.__cause__ = error
    assert is_out_of_memory(wrapped)


def test_other_errors_are_not_taken_for_it() -> None:
    assert not is_out_of_memory(RuntimeError("shape mismatch"))
    assert not is_out_of_memory(OSError(28, "No space left on device"))
    assert [died_of_memory(code) for code in (-9, 137, 1, -11, -15)] == [
        True, True, False, False, False,
    ]  # fmt: skip
