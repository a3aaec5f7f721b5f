"""A batch that is cut off: what was finished in it is kept, and only the rest is written again."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny import EOS, byte_tokenizer, memorise, save_tiny, tiny_llama

from executors.generate import generate
from executors.journal import FILE, GenerationJournal, keeping
from executors.models import LoadedModel, load
from executors.prefix import SharedPrefix
from executors.template import render_chat


def asked(question: str) -> str:
    return render_chat(byte_tokenizer(), [{"role": "user", "content": question}])


SHORT, STOPPED, LONG = asked("a"), asked("b"), asked("c")
ANSWERS = ["番茶", "green", "0123456789" * 2]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    torch.set_num_threads(1)
    model, tokenizer = tiny_llama(), byte_tokenizer()
    endings = (EOS, "\n\n### User\nand then" + EOS, EOS)
    written = zip((SHORT, STOPPED, LONG), ANSWERS, endings, strict=True)
    memorise(model, tokenizer, ["".join(parts) for parts in written])
    return load(str(save_tiny(tmp_path_factory.mktemp("m"), model, tokenizer)), dtype="float32")


@pytest.fixture
def batches(loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The size of every batch that is put to the model."""
    sizes: list[int] = []
    real = loaded.model.generate

    def counted(**given: object) -> object:
        sizes.append(len(given["input_ids"]))  # type: ignore[arg-type]
        return real(**given)

    monkeypatch.setattr(loaded.model, "generate", counted)
    return sizes


class Killed(Exception):
    """Stands for whatever ends a process between two steps."""


def kill_after(writes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    real, seen = GenerationJournal.write, []

    def write(self: GenerationJournal, *given: object) -> None:
        real(self, *given)  # type: ignore[arg-type]
        seen.append(given)
        if len(seen) == writes:
            raise Killed

    monkeypatch.setattr(GenerationJournal, "write", write)


@pytest.mark.parametrize("finished", [1, 2])
def test_what_was_finished_in_a_batch_is_not_written_again(
    loaded: LoadedModel,
    batches: list[int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    finished: int,
) -> None:
    prompts = [SHORT, STOPPED, LONG]
    with monkeypatch.context() as patch, pytest.raises(Killed), keeping(tmp_path):
        kill_after(finished, patch)
        generate(loaded, prompts, max_new_tokens=40)
    with keeping(tmp_path) as journal:
        found = generate(loaded, prompts, max_new_tokens=40)
        journal.clear()
    assert batches == [3, 3 - finished]
    plain = generate(loaded, prompts, max_new_tokens=40)
    assert [g.text for g in found] == ANSWERS == [g.text for g in plain]
    assert [g.tokens_out for g in found] == [g.tokens_out for g in plain]
    assert [g.finish_reason for g in found] == ["stop"] * 3
    assert not list(tmp_path.iterdir())


def test_a_shared_beginning_keeps_them_too(
    loaded: LoadedModel, batches: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    length = min(map(len, (SHORT, LONG))) - 30
    prefix = SharedPrefix(loaded, SHORT[:length])
    endings = [SHORT[length:], LONG[length:]]
    with monkeypatch.context() as patch, pytest.raises(Killed), keeping(tmp_path):
        kill_after(1, patch)
        prefix.complete(endings, max_new_tokens=40)
    with keeping(tmp_path):
        found = prefix.complete(endings, max_new_tokens=40)
    assert [g.text for g in found] == [ANSWERS[0], ANSWERS[2]]
    assert batches == [2, 1]


def test_a_damaged_line_counts_for_nothing_and_another_limit_asks_anew(
    loaded: LoadedModel, batches: list[int], tmp_path: Path
) -> None:
    with keeping(tmp_path):
        generate(loaded, [SHORT, STOPPED], max_new_tokens=40)
    kept = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(b"\x00\xff\n[]\n" + kept[:-5])
    with keeping(tmp_path):
        found = generate(loaded, [SHORT, STOPPED], max_new_tokens=40)
    assert batches == [2, 1] and [g.text for g in found] == ANSWERS[:2]
    assert (tmp_path / FILE).read_bytes().count(b"\n") == 4
    with keeping(tmp_path):
        generate(loaded, [SHORT], max_new_tokens=39)
    assert batches == [2, 1, 1]


def test_an_answer_that_is_cut_off_is_kept_as_it_was_cut(
    loaded: LoadedModel, batches: list[int], tmp_path: Path
) -> None:
    for _ in range(2):
        with keeping(tmp_path):
            (found,) = generate(loaded, [LONG], max_new_tokens=5)
        assert (found.text, found.finish_reason, found.tokens_out) == ("01234", "length", 5)
    assert batches == [1]


def test_a_warm_answer_is_never_taken_for_a_cold_one(
    loaded: LoadedModel, batches: list[int], tmp_path: Path
) -> None:
    with keeping(tmp_path):
        for seed in (1, 2):
            generate(loaded, [SHORT], max_new_tokens=20, temperature=9.0, seed=seed)
    assert batches == [1, 1] and not list(tmp_path.iterdir())
