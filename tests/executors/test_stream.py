"""A streamed answer is the answer, and comes in pieces."""

from __future__ import annotations

import pytest
import torch
from tiny import EOS, byte_tokenizer, memorise, save_tiny, tiny_llama

from executors.generate import generate
from executors.models import LoadedModel, load
from executors.stream import stream, without_stops
from executors.template import render_chat


def asked(question: str) -> str:
    return render_chat(byte_tokenizer(), [{"role": "user", "content": question}])


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    torch.set_num_threads(1)
    model, tokenizer = tiny_llama(), byte_tokenizer()
    memorise(
        model,
        tokenizer,
        [asked("a") + "green tea" + EOS, asked("b") + "red one\n\n### User\nno" + EOS],
    )
    return load(str(save_tiny(tmp_path_factory.mktemp("m"), model, tokenizer)), dtype="float32")


@pytest.mark.parametrize("question", ["a", "b"])
def test_the_pieces_joined_are_the_whole_answer(loaded: LoadedModel, question: str) -> None:
    (whole,) = generate(loaded, [asked(question)], max_new_tokens=30)
    pieces = list(stream(loaded, asked(question), max_new_tokens=30))
    assert "".join(pieces) == whole.text
    assert len(pieces) > 1


def test_leaving_early_stops_the_model(loaded: LoadedModel) -> None:
    reading = stream(loaded, asked("a"), max_new_tokens=200)
    next(reading)
    reading.close()
    assert loaded.model.training is False


@pytest.mark.parametrize(
    ("pieces", "shown"),
    [
        (["ab", "c\n\n#", "## User"], "abc"),
        (["ab\n", "#1 is it"], "ab\n#1 is it"),
        (["  ab ", " "], "ab"),
        ([], ""),
    ],
)
def test_a_stop_text_is_never_shown_even_in_parts(pieces: list[str], shown: str) -> None:
    assert "".join(without_stops(iter(pieces), ("\n###",))) == shown
